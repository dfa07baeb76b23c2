//! `natsops validate ENV`

use anstream::{eprint, println};

use super::context::Context;
use super::failure::Failure;
use super::{candidates, exit, paint};

/// Check an environment and its catalog
///
/// Every problem is reported in one run, with its file, line and column. Warnings do not fail;
/// those that the files accept are only counted, and `natsops lint` lists them with their reasons.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let (cluster, diagnostics) = context.read(&args.environment)?;
    let (errors, all) = (diagnostics.errors(), diagnostics.items.len());
    let accepted = diagnostics.accepted.len();
    let valid = !diagnostics.has_errors();
    if context.json {
        let value = serde_json::json!({
            "format": 1, "environment": args.environment, "valid": valid,
            "diagnostics": diagnostics.json(), "accepted": diagnostics.accepted_json(),
        });
        println!("{value:#}");
    } else {
        eprint!("{}", diagnostics.text());
    }
    let Some(cluster) = cluster else {
        let next = format!("mend what is marked, then run natsops validate {}", args.environment);
        let what = format!("environment `{}` has {}", args.environment, count(errors, "error"));
        return Err(Failure::new(exit::INVALID, what).next(next));
    };
    if !context.json {
        println!(
            "{} {}: {}, {}, {}, {}{}{}",
            paint::good("valid"),
            args.environment,
            count(cluster.nodes.len(), "node"),
            count(cluster.accounts.len(), "account"),
            count(cluster.services.len(), "service"),
            count(cluster.streams.len(), "stream"),
            if all > 0 { format!("; {}", count(all, "warning")) } else { String::new() },
            if accepted > 0 {
                format!("; {} accepted", count(accepted, "finding"))
            } else {
                String::new()
            },
        );
    }
    Ok(exit::DONE)
}

/// A number with its noun.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
