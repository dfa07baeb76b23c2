//! `natsops node logs ENV NODE`

use anstream::{eprintln, println};

use super::machine::{Order, Wish, operate};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::{candidates, exit, paint};
use crate::render::LOG_BYTES;

/// Show the end of the log of a node's server
///
/// On AWS at most 23,000 bytes of it come through, which are the last.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  natsops node logs prod nats-3
  natsops node logs prod nats-3 -n 200 --json")]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// The node
    #[arg(value_name = "NODE", add = candidates::nodes())]
    node: String,
    /// How many lines of the end
    #[arg(long, short = 'n', value_name = "LINES", default_value_t = 50)]
    lines: usize,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let wish = Wish {
        environment: &args.environment,
        node: &args.node,
        order: Order::Logs(args.lines),
        allow_interruption: false,
        yes: true,
    };
    let output = operate(context, &wish)?;
    let lines: Vec<&str> = output.stdout.lines().collect();
    if context.json {
        let value = serde_json::json!({
            "format": 1, "environment": args.environment, "node": args.node, "lines": lines,
        });
        println!("{value:#}");
        return Ok(exit::DONE);
    }
    lines.iter().for_each(|line| println!("{line}"));
    if lines.len() < args.lines && output.stdout.len() >= LOG_BYTES {
        let count = lines.len();
        eprintln!("{} {count} lines are as many as come through", paint::change("note:"));
    }
    Ok(exit::DONE)
}
