//! `natsops doctor ENV`

use anstream::println;

use super::candidates;
use super::cloud::{Cloud, on_aws};
use super::context::{Context, Programs, block_on};
use super::exit;
use super::failure::Failure;
use super::progress::{Progress, check_line};
use super::reach::demand;
use crate::model::Cluster;
use crate::ops::checks::{Outcome, Report, examine};
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
    let report = match on_aws(context, &args.environment)? {
        Some(cluster) => on_machines(context, cluster)?,
        None => on_this_machine(context, args)?,
    };
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

fn on_this_machine(context: &Context, args: &Args) -> Result<Report, Failure> {
    let workplace = context.open_local(&args.environment)?;
    // Without the program, one check fails and says so; the others need none.
    let server = context.nats_server(&workplace.cluster).ok();
    let progress = Progress::new();
    let printer = Printer { json: context.json };
    block_on(async |stop| {
        let programs = Programs { nats_server: server, ..Programs::default() };
        let mut site = workplace.site(programs, &progress, Allowed::default());
        site.reporter = &printer;
        let index = site.store.index()?;
        Ok(examine(&site, &index, stop).await?)
    })
}

fn on_machines(context: &Context, cluster: Cluster) -> Result<Report, Failure> {
    let edges = context.edges(cluster.environment.as_str());
    let server = context.nats_server(&cluster).unwrap_or_default();
    let cloud = Cloud::open(cluster)?.with_server(server);
    let printer = Printer { json: context.json };
    block_on(async |stop| {
        let site = cloud.site(edges, &printer, Allowed::default());
        demand(&cloud, &site).await?;
        Ok(examine(&site, &site.store.index()?, stop).await?)
    })
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
