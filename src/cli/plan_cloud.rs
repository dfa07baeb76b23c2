//! `natsops plan ENV` for an environment on AWS.

use std::collections::BTreeSet;

use super::cloud::{Cloud, settings};
use super::context::{Context, block_on};
use super::failure::Failure;
use super::layers::Shown;
use super::progress::Progress;
use super::reach::Reach;
use super::{exit, plan};
use crate::forecast::{Forecast, forecast};
use crate::model::Cluster;
use crate::ops::execute::StopSign;
use crate::ops::platform::{self, Ground, Planned};
use crate::ops::{Site, reach};
use crate::plan::{Plan, RecordId};
use crate::provider::aws::{AwsProvider, Machines, desired};
use crate::provider::{Applied, Seen};
use crate::secrets::{Index, SecretStore as _};

/// A plan, with what it will take and cost.
pub struct Foreseen {
    /// The plan.
    pub plan: Plan,
    /// What somebody has changed by hand since the last apply.
    pub by_hand: BTreeSet<RecordId>,
    /// What it will take and cost, where that can be told.
    pub forecast: Option<Forecast>,
}

impl Foreseen {
    /// A plan on AWS; `calls` is how many times AWS was asked.
    pub fn of(cluster: &Cluster, planned: Planned, calls: usize) -> Result<Self, Failure> {
        let Planned { plan, desired, seen, by_hand } = planned;
        let forecast = forecast(&settings(cluster).region, &plan, &desired, &seen.records);
        let forecast = forecast.map_err(|cycle| Failure::new(exit::BUG, cycle.to_string()))?;
        let calls = u64::try_from(calls).unwrap_or(u64::MAX);
        let forecast = if calls > 0 { forecast.with_calls(calls) } else { forecast };
        Ok(Self { plan, by_hand, forecast: Some(forecast) })
    }

    /// The same, to be shown.
    pub fn shown<'a>(&'a self, environment: &'a str) -> Shown<'a> {
        let Self { plan, by_hand, forecast } = self;
        Shown { environment, plan, by_hand, forecast: forecast.as_ref() }
    }
}

/// Plans without asking anybody: everything as new.
pub fn offline(cluster: &Cluster) -> Result<Foreseen, Failure> {
    let desired = |index: &Index| desired(cluster, index, None);
    let planned =
        platform::plan(cluster, &desired, &Index::default(), Seen::default(), &Applied::new());
    Foreseen::of(cluster, planned, 0)
}

/// Plans what the platform makes and, where they can be reached, what runs on the servers.
pub async fn look(
    ground: &Ground<'_, AwsProvider<'_>>,
    site: &Site<'_, Machines<'_>>,
    index: &Index,
    (reach, stop): (Reach, &StopSign),
) -> Result<Planned, Failure> {
    let servers = async {
        if reach == Reach::Never {
            return Ok(None);
        }
        reach::survey(site, index, (reach == Reach::Wait).then_some(stop)).await
    };
    let (planned, world) = tokio::join!(ground.plan(index), servers);
    Ok(match world? {
        Some(world) => planned?.with_servers(reach::plan(site, index, &world)?),
        None => planned?,
    })
}

/// Plans from what there is.
pub fn live(context: &Context, cloud: &Cloud, args: &plan::Args) -> Result<Foreseen, Failure> {
    let progress = Progress::new();
    let edges = context.edges(cloud.cluster.environment.as_str());
    let planned = block_on(async |stop| {
        let platform = cloud.provider().await?;
        let ground = cloud.ground(&platform, &progress, args.deep);
        let site = cloud.site(edges, &progress, args.allow.allowed(&cloud.cluster));
        look(&ground, &site, &cloud.store.index()?, (args.reach, stop)).await
    });
    let environment = &cloud.cluster.environment;
    let planned = planned.map_err(|failure| match failure.code {
        exit::PERMISSION => failure.next(format!("natsops policy {environment} plan")),
        _ => failure.next(format!("natsops plan {environment}, when that is mended")),
    })?;
    Foreseen::of(&cloud.cluster, planned, cloud.calls.calls())
}
