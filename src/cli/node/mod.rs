//! `natsops node`: what is done on the machine of one node, and another machine for it.

mod drain;
mod logs;
mod machine;
mod replace;
mod run;
mod shell;

use super::context::Context;
use super::failure::Failure;

/// Operate the machine of a node
///
/// On AWS by Run Command of Systems Manager, so that nobody needs a way into the machine; that takes the policies plan and
/// operate. Of a local environment, the node's process is meant.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Run(run::Args),
    Drain(drain::Args),
    Logs(logs::Args),
    Replace(replace::Args),
    Shell(shell::Args),
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    match &args.command {
        Command::Run(args) => run::run(context, args),
        Command::Drain(args) => drain::run(context, args),
        Command::Logs(args) => logs::run(context, args),
        Command::Replace(args) => replace::run(context, args),
        Command::Shell(args) => shell::run(context, args),
    }
}
