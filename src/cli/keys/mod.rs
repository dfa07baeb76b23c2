//! `natsops keys`: every credential of an environment.

mod all_due;
mod audit;
mod backup;
mod custody;
mod due;
mod kms;
mod list;
mod revoke;
mod rotate;
mod rotate_kms;
mod servers;
mod vault;

pub use vault::Vault;

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
    Revoke(revoke::Args),
    Audit(audit::Args),
    Offline(custody::OfflineArgs),
    Online(custody::OnlineArgs),
    Export(backup::ExportArgs),
    Import(backup::ImportArgs),
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    match &args.command {
        Command::List(args) => list::run(context, args),
        Command::Rotate(args) => rotate::run(context, args),
        Command::Revoke(args) => revoke::run(context, args),
        Command::Audit(args) => audit::run(context, args),
        Command::Offline(args) => custody::offline(context, args),
        Command::Online(args) => custody::online(context, args),
        Command::Export(args) => backup::export(context, args),
        Command::Import(args) => backup::import(context, args),
    }
}

/// An age recipient, as it stands on a command line.
fn recipient(text: &str) -> Result<String, String> {
    match crate::secrets::is_recipient(text) {
        true => Ok(text.to_owned()),
        false => {
            Err("it is no age recipient; one begins with age1, and age-keygen -y prints yours"
                .to_owned())
        }
    }
}
