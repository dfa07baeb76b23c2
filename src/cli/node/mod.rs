//! `natsops node`: the machine of a node.

mod replace;

use super::context::Context;
use super::failure::Failure;

/// The machine of a node
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Replace(replace::Args),
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    match &args.command {
        Command::Replace(args) => replace::run(context, args),
    }
}
