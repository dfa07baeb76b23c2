//! Keys of a running cluster on AWS: changed over the servers' own ports, by their machines and in the cache, and handed to
//! whoever uses them. All of it is done under the lease.

use crate::cli::cloud::Cloud;
use crate::cli::context::{Context, block_on};
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::reach::demand;
use crate::ops::execute::StopSign;
use crate::ops::platform::Ground;
use crate::ops::{Allowed, OpsError, Site, platform};
use crate::provider::aws::{AwsProvider, Machines};

/// Does `work` with the servers, writes what services and machines fetch (parameters, and bundles that `work` had no need to
/// hand over), and then does what follows from that. `command` is what the lease says.
///
/// Whoever dies in between leaves that to the next run, or to the next apply.
pub fn on_servers<T>(
    context: &Context,
    cloud: &Cloud,
    (command, allowed): (&str, Allowed),
    work: impl AsyncFnOnce(&Site<'_, Machines<'_>>, &StopSign) -> Result<T, OpsError>,
    delivered: impl FnOnce(&Site<'_, Machines<'_>>, &T) -> Result<(), OpsError>,
) -> Result<T, Failure> {
    let progress = Progress::new();
    let edges = context.edges(cloud.cluster.environment.as_str());
    block_on(async |stop| {
        let site = cloud.site(edges, &progress, allowed);
        let provider = demand(cloud, &site).await?;
        let ground = cloud.ground(&provider, &progress, false);
        let work = async {
            let done = work(&site, stop).await?;
            platform::deliver(&ground, stop).await?;
            delivered(&site, &done)?;
            Ok::<T, OpsError>(done)
        };
        let done = cloud.under_lease(&provider, (command, &progress, stop), work).await?;
        progress.finish();
        Ok(done)
    })
}

/// Does `work` with what AWS makes; no server needs to be reached. `command` is what the lease says.
pub fn on_platform<T>(
    cloud: &Cloud,
    command: &str,
    work: impl AsyncFnOnce(&Ground<'_, AwsProvider<'_>>, &StopSign) -> Result<T, OpsError>,
) -> Result<T, Failure> {
    let progress = Progress::new();
    block_on(async |stop| {
        let provider = cloud.provider().await?;
        let ground = cloud.ground(&provider, &progress, false);
        let work = work(&ground, stop);
        let done = cloud.under_lease(&provider, (command, &progress, stop), work).await?;
        progress.finish();
        Ok(done)
    })
}
