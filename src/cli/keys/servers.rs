//! Keys of a running cluster on AWS: changed over the servers' own ports and by their machines, and then handed to whoever
//! uses them.

use crate::cli::cloud::Cloud;
use crate::cli::context::{Context, block_on};
use crate::cli::exit;
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::reach::demand;
use crate::ops::execute::StopSign;
use crate::ops::{Allowed, OpsError, Site, platform};
use crate::provider::aws::Machines;

/// Does `work` with the servers, then writes what services and machines fetch: parameters, and bundles that `work` had no
/// need to hand over. `command` is what the lease says.
///
/// Whoever dies in between leaves that to the next run, or to the next apply.
pub fn on_servers<T>(
    context: &Context,
    cloud: &Cloud,
    (command, allowed): (&str, Allowed),
    work: impl AsyncFnOnce(&Site<'_, Machines<'_>>, &StopSign) -> Result<T, OpsError>,
) -> Result<T, Failure> {
    let progress = Progress::new();
    let edges = context.edges(cloud.cluster.environment.as_str());
    block_on(async |stop| {
        let site = cloud.site(edges, &progress, allowed);
        let provider = demand(cloud, &site).await?;
        let lease = cloud.lease(&provider, command, &progress).await?;
        let ground = cloud.ground(&provider, &progress, false);
        let outcome = async {
            let done = work(&site, stop).await?;
            platform::deliver(&ground, stop).await?;
            Ok::<T, OpsError>(done)
        };
        let outcome = outcome.await;
        let lost = lease.is_lost();
        let given = lease.give_back().await;
        let done = outcome?;
        given?;
        if lost {
            return Err(Failure::new(exit::LEASE, "somebody else took the lease over meanwhile")
                .safe("what was done stands; the same command goes on"));
        }
        progress.finish();
        Ok(done)
    })
}
