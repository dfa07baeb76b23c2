//! `natsops subjects`: questions to the messaging contract.

mod can;
mod check;
mod diff;
mod list;
mod who;

use super::context::Context;
use super::failure::Failure;

/// Questions to the messaging contract: what subjects there are, who uses them, who may
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(check::Args),
    List(list::ListArgs),
    Tree(list::TreeArgs),
    Who(who::Args),
    Can(can::Args),
    Diff(diff::Args),
}

impl Args {
    /// Runs what needs no project, if that is what was asked for.
    pub fn run_anywhere(&self, json: bool) -> Option<Result<u8, Failure>> {
        match &self.command {
            Command::Check(args) => Some(check::run(json, args)),
            _ => None,
        }
    }
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    match &args.command {
        Command::Check(args) => check::run(context.json, args),
        Command::List(args) => list::list(context, args),
        Command::Tree(args) => list::tree(context, args),
        Command::Who(args) => who::run(context, args),
        Command::Can(args) => can::run(context, args),
        Command::Diff(args) => diff::run(context, args),
    }
}
