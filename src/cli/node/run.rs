//! `natsops node run ENV NODE OPERATION`

use anstream::println;

use super::machine::{Order, Wish, operate};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::{candidates, exit};
use crate::shell::{ShellOutput, Take};

/// Run an operation of natsops-node on the machine of a node
///
/// A server that would leave is asked for first whether everything goes on without it; if not, that is refused with exit
/// code 5. What was ordered by a run that died is followed, and not done twice.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  natsops node run prod nats-3 status
  natsops node run prod nats-3 apply                    take what the bucket holds, with a restart
  natsops node run prod nats-3 rollback --reload        back to the generation before, without one")]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// The node
    #[arg(value_name = "NODE", add = candidates::nodes())]
    node: String,
    /// The operation
    #[arg(value_name = "OPERATION", value_enum)]
    operation: Operation,
    /// Have the server read its configuration again, where it would restart (apply and rollback)
    #[arg(long)]
    reload: bool,
    /// Do it although something stops meanwhile, such as a stream with one replica
    #[arg(long)]
    allow_interruption: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Operation {
    /// Tell what runs there, in which generation, and what has failed last
    Status,
    /// Stop the server by lame duck, and leave it stopped
    Drain,
    /// Go back to the generation before
    Rollback,
    /// Take the generation that the bucket holds; this starts a server again that was drained
    Apply,
    /// Do again what a boot does, after one that has failed: disk, files, start
    Boot,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let take = if args.reload { Take::Reload } else { Take::Restart };
    let taken = matches!(args.operation, Operation::Rollback | Operation::Apply);
    if args.reload && !taken {
        let what = "only apply and rollback have a configuration read again; leave --reload out";
        return Err(Failure::new(exit::USAGE, what));
    }
    let order = match args.operation {
        Operation::Status => Order::Status,
        Operation::Drain => Order::Drain,
        Operation::Boot => Order::Boot,
        Operation::Rollback => Order::Rollback(take),
        Operation::Apply => Order::Apply(take),
    };
    let wish = Wish {
        environment: &args.environment,
        node: &args.node,
        order,
        allow_interruption: args.allow_interruption,
        yes: args.yes,
    };
    let output = operate(context, &wish)?;
    match args.operation {
        Operation::Status => show_status(context, &wish, &output)?,
        _ => show(context, &wish, &output),
    }
    Ok(exit::DONE)
}

/// Shows what an operation has said.
pub fn show(context: &Context, wish: &Wish<'_>, output: &ShellOutput) {
    let Wish { environment, node, order, .. } = wish;
    let lines: Vec<&str> = output.stdout.lines().collect();
    if context.json {
        let value = serde_json::json!({
            "format": 1, "environment": environment, "node": node, "operation": order.name(), "output": lines,
        });
        println!("{value:#}");
        return;
    }
    lines.iter().for_each(|line| println!("{line}"));
    println!("done {node}: {}", order.name());
}

/// A status is JSON already; in words, it is a line for each fact.
fn show_status(context: &Context, wish: &Wish<'_>, output: &ShellOutput) -> Result<(), Failure> {
    let Wish { environment, node, .. } = wish;
    let status: serde_json::Value = serde_json::from_str(&output.stdout).map_err(|error| {
        Failure::new(exit::FAILED, format!("{node} tells a status that is none: {error}"))
    })?;
    if context.json {
        let value = serde_json::json!({
            "format": 1, "environment": environment, "node": node, "operation": "status", "status": status,
        });
        println!("{value:#}");
        return Ok(());
    }
    for (name, value) in status.as_object().into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let text = if value.is_null() { "-" } else { &text };
        println!("{name:<18} {text}");
    }
    Ok(())
}
