//! `natsops node drain ENV NODE`

use super::machine::{Order, Wish, operate};
use super::run::show;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::{candidates, exit};

/// Stop the server of a node by lame duck, and leave it stopped
///
/// Refused with exit code 5 when the meta group would lose its quorum, or a stream its majority. Started again by natsops
/// node run ENV NODE apply; of a local environment, by natsops apply.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  natsops node drain prod nats-3
  natsops node drain prod nats-3 --yes --json")]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// The node
    #[arg(value_name = "NODE", add = candidates::nodes())]
    node: String,
    /// Do it although something stops meanwhile, such as a stream with one replica
    #[arg(long)]
    allow_interruption: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let wish = Wish {
        environment: &args.environment,
        node: &args.node,
        order: Order::Drain,
        allow_interruption: args.allow_interruption,
        yes: args.yes,
    };
    let output = operate(context, &wish)?;
    show(context, &wish, &output);
    Ok(exit::DONE)
}
