//! `natsops doctor ENV`

use anstream::println;

use super::candidates;
use super::context::{Context, Programs, block_on};
use super::exit;
use super::failure::Failure;
use super::progress::{Progress, check_line};
use crate::ops::checks::{Outcome, examine};
use crate::ops::{Allowed, Event, Reporter};

/// Run the checks of an apply, and change nothing
///
/// Tries on every node what must work and what must be refused. Exits with 8 when a check fails.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let workplace = context.open_local(&args.environment)?;
    // Without the program, one check fails and says so; the others need none.
    let server = context.nats_server(&workplace.cluster).ok();
    let progress = Progress::new();
    let printer = Printer { json: context.json };
    let report = block_on(async |stop| {
        let programs = Programs { nats_server: server, ..Programs::default() };
        let mut site = workplace.site(programs, &progress, Allowed::default());
        site.reporter = &printer;
        let index = site.store.index()?;
        Ok(examine(&site, &index, stop).await?)
    })?;
    if context.json {
        println!("{:#}", serde_json::json!({ "format": 1, "checks": report.checks }));
    }
    let failed = report.failed();
    if failed.is_empty() {
        return Ok(exit::DONE);
    }
    let what =
        format!("{} of {} checks failed: {}", failed.len(), report.checks.len(), failed.join(", "));
    Err(Failure::new(exit::UNHEALTHY, what)
        .safe("the checks only looked")
        .next(format!("natsops plan {}", args.environment)))
}

/// Checks are the result here, so they go to stdout.
struct Printer {
    json: bool,
}

impl Reporter for Printer {
    fn event(&self, event: &Event<'_>) {
        if let (Event::Check(outcome), false) = (event, self.json) {
            let outcome: &Outcome = outcome;
            println!("{}", check_line(outcome));
        }
    }
}
