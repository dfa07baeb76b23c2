//! `natsops plan ENV` for an environment on AWS.

use super::cloud::Cloud;
use super::context::block_on;
use super::failure::Failure;
use super::progress::Progress;
use crate::model::Cluster;
use crate::ops::platform;
use crate::plan::Plan;
use crate::provider::Seen;
use crate::provider::aws::desired;
use crate::secrets::{Index, SecretStore as _};

/// A plan, and the number of calls that it took.
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Calls of AWS.
    pub calls: usize,
}

/// Plans without asking anybody: everything as new.
pub fn offline(cluster: &Cluster) -> Planned {
    let seen = Seen::default();
    let plan = platform::plan(cluster, &|index| desired(cluster, index), &Index::default(), &seen);
    Planned { plan, calls: 0 }
}

/// Plans from what there is.
pub fn live(cloud: &Cloud, deep: bool) -> Result<Planned, Failure> {
    let progress = Progress::new();
    let plan = block_on(async |_| {
        let platform = cloud.provider().await?;
        let ground = cloud.ground(&platform, &progress, deep);
        let index = cloud.store.index()?;
        Ok(ground.plan(&index).await?.0)
    })?;
    Ok(Planned { plan, calls: cloud.calls.calls() })
}
