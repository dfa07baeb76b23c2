//! `natsops keys`: every credential of an environment.

mod list;
mod rotate;

use super::context::Context;
use super::failure::Failure;

/// The keys of an environment: which there are, who uses them, which are due
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(list::Args),
    Rotate(rotate::Args),
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    match &args.command {
        Command::List(args) => list::run(context, args),
        Command::Rotate(args) => rotate::run(context, args),
    }
}
