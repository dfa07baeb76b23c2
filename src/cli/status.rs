//! `natsops status ENV`

use std::time::{Duration, Instant};

use anstream::println;

use super::cloud::{Cloud, on_aws};
use super::context::{Context, Programs, block_on};
use super::failure::Failure;
use super::progress::Progress;
use super::shown::StatusShown;
use super::{candidates, exit, tables};
use crate::ops::execute::StopSign;
use crate::ops::status::{Status, status};
use crate::ops::{Allowed, Event, Site};
use crate::provider::Provider;

/// Show what runs, in figures
///
/// On AWS, also the state of the machine of each node whose server does not answer, and what it last said on its console:
/// the failure of its boot, or how far it has come. Exits with 8 when something is not healthy.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// Wait until everything is healthy, at most so many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "60")]
    wait: Option<u64>,
}

/// How often a waiting status looks.
const PAUSE: Duration = Duration::from_millis(250);

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let progress = Progress::new();
    let limit = Duration::from_secs(args.wait.unwrap_or(0));
    let status = match on_aws(context, &args.environment)? {
        Some(cluster) => {
            let edges = context.edges(&args.environment);
            let cloud = Cloud::open(cluster)?;
            block_on(async |stop| {
                let site = cloud.site(edges, &progress, Allowed::default());
                let platform = cloud.provider().await?;
                let mut status = look(&site, limit, stop).await?;
                let silent: Vec<String> = status.silent().map(|node| node.name.clone()).collect();
                status.add_machines(platform.machines(&silent).await?);
                Ok(status)
            })?
        }
        None => {
            let workplace = context.open_local(&args.environment)?;
            block_on(async |stop| {
                let site = workplace.site(Programs::default(), &progress, Allowed::default());
                look(&site, limit, stop).await
            })?
        }
    };
    show(context, &status);
    Ok(if status.healthy { exit::DONE } else { exit::UNHEALTHY })
}

/// Looks, and as long as something is missing and `limit` has not passed, looks again.
async fn look<P: Provider>(
    site: &Site<'_, P>,
    limit: Duration,
    stop: &StopSign,
) -> Result<Status, Failure> {
    let index = site.store.index()?;
    let begin = Instant::now();
    loop {
        let status = status(site, &index).await?;
        let Some(missing) = status.missing.as_ref().filter(|_| begin.elapsed() < limit) else {
            return Ok(status);
        };
        if stop.is_raised() {
            return Err(Failure::new(exit::INTERRUPTED, "interrupted"));
        }
        site.reporter.event(&Event::Waiting(missing));
        tokio::time::sleep(PAUSE).await;
    }
}

fn show(context: &Context, status: &Status) {
    if context.json {
        println!("{:#}", serde_json::json!(StatusShown::new(status)));
    } else {
        let parts =
            [Some(tables::nodes(status)), tables::cache(status), Some(tables::streams(status))];
        println!("{}", parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n"));
    }
}
