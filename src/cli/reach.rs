//! Whether the servers of an environment on AWS are reached from here, over their own ports.

use super::cloud::Cloud;
use super::exit;
use super::failure::Failure;
use crate::ops::{Site, reach};
use crate::provider::aws::{AwsProvider, Machines};

/// How the servers are reached (environments on AWS).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Reach {
    /// Look whether they can be reached, as from inside of their network; if not, they are not observed
    #[default]
    Auto,
    /// Do not try
    Never,
    /// Wait until they are healthy, and in an apply until machines that it made have booted
    Wait,
}

/// The provider, with credentials of the right account; fails unless the servers can be reached as well.
pub async fn demand<'c>(
    cloud: &'c Cloud,
    site: &Site<'_, Machines<'_>>,
) -> Result<AwsProvider<'c>, Failure> {
    let provider = cloud.provider().await?;
    if reach::is_open(site).await {
        return Ok(provider);
    }
    let environment = &cloud.cluster.environment;
    let what = format!("the servers of {environment} can't be reached from here");
    Err(Failure::new(exit::FAILED, what)
        .safe("nothing was changed")
        .next("run it where their ports 4222 and 8222 are open, as monitoring.allow permits"))
}
