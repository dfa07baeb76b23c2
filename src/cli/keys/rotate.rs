//! `natsops keys rotate ENV WHAT NAME`

use anstream::println;

use crate::artifacts::stage;
use crate::cli::ask::confirm;
use crate::cli::context::{Context, Programs, block_on};
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::{candidates, exit, lookup};
use crate::model::{Period, Service};
use crate::ops::Allowed;
use crate::ops::keys::{Rotated, Step, Wish, rotate, steps};
use crate::secrets::SecretStore as _;

/// Replace a key, step by step; an interrupted rotation is continued by the next run
///
/// A service gets a new user key, which every node must let in. The old one stays valid until the overlap is over: give
/// the service its new creds meanwhile, then run the same command again. It revokes the old key, has every server close
/// its connections, and proves that each refuses it. No other credential of the service changes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// What to replace
    #[arg(value_name = "WHAT", value_enum)]
    what: What,
    /// The service
    #[arg(value_name = "SERVICE", add = candidates::services())]
    service: String,
    /// How long the old key is let in after the new one was made
    #[arg(long, value_name = "PERIOD", default_value = "24h")]
    overlap: Period,
    /// The old key has leaked: revoke it at once, whoever is cut off by that, and prove it before anything else
    #[arg(long, conflicts_with = "overlap")]
    now: bool,
    /// Show the steps that are left, and do none
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// The overlap, unless another one is asked for.
const USUAL: Period = Period::days(1);

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum What {
    /// The key with which a service signs in
    User,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let What::User = args.what;
    let (environment, wish) = (&args.environment, Wish { overlap: args.overlap, leaked: args.now });
    let workplace = context.open_local(environment)?;
    let service = lookup::service(&workplace.cluster, &args.service)?;
    if args.dry_run {
        let left = steps(&stage(service, &workplace.store.index()?), wish);
        show_steps(context, args, &left);
        return Ok(exit::DONE);
    }
    let question = match args.now {
        true => format!("Revoke the user key of {} in {environment} at once?", service.name),
        false => format!("Rotate the user key of {} in {environment}?", service.name),
    };
    confirm(&question, "yes", args.yes)?;
    let _lease = context.lease(environment, "keys rotate")?;
    let progress = Progress::new();
    let outcome = block_on(async |stop| {
        let site = workplace.site(Programs::default(), &progress, Allowed::default());
        let rotated = rotate(&site, service, wish, stop).await?;
        progress.finish();
        Ok(rotated)
    });
    let again = format!("natsops keys rotate {environment} user {}", service.name);
    let rotated = outcome.map_err(|failure| failure.next(again.clone()))?;
    show(context, args, service, &rotated);
    Ok(exit::DONE)
}

fn show_steps(context: &Context, args: &Args, left: &[Step]) {
    if context.json {
        let value = serde_json::json!({
            "format": 1, "environment": args.environment, "service": args.service, "left": left,
        });
        println!("{value:#}");
        return;
    }
    for (number, step) in (1..).zip(left) {
        println!("{number}. {}", step.words());
    }
}

fn show(context: &Context, args: &Args, service: &Service, rotated: &Rotated) {
    let Args { environment, .. } = args;
    if context.json {
        let value = serde_json::json!({
            "format": 1, "environment": environment, "service": service.name, "rotation": rotated,
        });
        println!("{value:#}");
        return;
    }
    let name = &service.name;
    let new = rotated.new.as_deref().unwrap_or("-");
    println!("new key: {new}, let in by every node");
    let old = rotated.old.as_deref().unwrap_or("-");
    match rotated.until {
        Some(until) => {
            let connections = rotated.connections;
            println!("old key: {old}, let in as well, with {connections} connections");
            println!("next: natsops creds export {environment} {name} --out DIR");
            // Without it, the same command would wait for the usual overlap.
            let overlap = if args.overlap == USUAL {
                String::new()
            } else {
                format!(" --overlap {}", args.overlap)
            };
            println!(
                "then, after {until:.0}: natsops keys rotate {environment} user {name}{overlap}"
            );
        }
        None => {
            println!("old key: {old}, refused by every node, no connection is left");
            println!("next: natsops creds export {environment} {name} --out DIR");
        }
    }
}
