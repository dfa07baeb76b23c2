//! The cache: looked at, planned, made, changed and healed. Where the environment has none, nothing happens here.
//!
//! 1. Nodes start, all at once; users, passwords and certificates change in place.
//! 2. The servers are led to what they should be, round by round, each after a new look.
//! 3. Nodes that must restart do, one at a time; a primary hands over to a replica first.

mod settle;
mod status;
mod survey;

use std::collections::BTreeMap;

pub use settle::missing;
pub use status::{RedisStatus, status};
pub use survey::{CacheWorld, observe, open, plan};

use super::execute::{StopSign, execute};
use super::{OpsError, Site};
use crate::artifacts::{PreparedRedis, prepare_redis};
use crate::model::{NodeName, Redis, RedisNode};
use crate::plan::{Action, Effect, Kind};
use crate::provider::Provider;
use crate::redis::{Session, put_files, put_replication, put_users};
use crate::secrets::{Index, KeyName};

/// Makes the cache what the environment asks.
pub async fn apply<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    stop: &StopSign,
) -> Result<(), OpsError> {
    let Some(redis) = site.cluster.redis.as_ref().filter(|redis| !redis.nodes.is_empty()) else {
        return Ok(());
    };
    let session = open(site, index)?;
    let at_work = Work { site, redis, session, prepared: prepare(site, redis, index)?, stop };
    let world = observe(site, index).await?;
    let all = plan(site, index, &world)?;
    let (restarts, rest): (Vec<&Action>, Vec<&Action>) = all
        .changes()
        .filter(|action| action.id.kind == Kind::RedisNode)
        .partition(|action| action.effect == Effect::RollingRestart && serves(&world, action));
    execute(&rest, site.reporter, stop, async |action| at_work.change(action).await).await?;
    at_work.form(index).await?;
    execute(&restarts, site.reporter, stop, async |action| at_work.restart(action).await).await
}

/// Whether a node is of use to somebody. A replica that has lost its primary is not, and what it runs may be the
/// reason; so it restarts at once, and the others wait for it.
fn serves(world: &CacheWorld, action: &Action) -> bool {
    let view = world.views.iter().find(|(name, _)| name.as_str() == action.id.name);
    view.is_none_or(|(_, view)| view.linked || view.primary().is_none())
}

/// Every node's files.
fn prepare<P>(
    site: &Site<'_, P>,
    redis: &Redis,
    index: &Index,
) -> Result<BTreeMap<NodeName, PreparedRedis>, OpsError> {
    let nodes = redis.nodes.iter();
    nodes
        .map(|node| Ok((node.name.clone(), prepare_redis(site.cluster, redis, node, index)?)))
        .collect()
}

/// A cache at work.
struct Work<'s, 'a, P> {
    site: &'s Site<'a, P>,
    redis: &'s Redis,
    session: Session,
    prepared: BTreeMap<NodeName, PreparedRedis>,
    stop: &'s StopSign,
}

impl<P: Provider> Work<'_, '_, P> {
    /// Starts a node, or changes it while it runs.
    async fn change(&self, action: &Action) -> Result<(), OpsError> {
        self.site.provider.perform(action).await?;
        if action.effect != Effect::None {
            return Ok(());
        }
        let node = self.redis.nodes.iter().find(|node| node.name.as_str() == action.id.name);
        let users = node.and_then(|node| Some((node, self.prepared.get(&node.name)?)));
        match users {
            Some((node, prepared)) => {
                put_users(&self.session, node, &prepared.users_file).await?;
                let password = self.site.store.open(&KeyName::redis_replication())?;
                put_replication(&self.session, node, &password).await?;
                Ok(put_files(&self.session, node, &prepared.settings.tls_files()).await?)
            }
            None => Ok(()),
        }
    }

    /// Leads the servers to what they should be: as an action where that was not so, and without a word otherwise.
    async fn form(&self, index: &Index) -> Result<(), OpsError> {
        let world = observe(self.site, index).await?;
        let all = plan(self.site, index, &world)?;
        let actions: Vec<&Action> =
            all.changes().filter(|action| action.id.kind == Kind::RedisCluster).collect();
        execute(&actions, self.site.reporter, self.stop, async |_| self.settle().await).await?;
        self.settle().await
    }

    /// Restarts a node without losing what its shard keeps, where a replica can take over.
    async fn restart(&self, action: &Action) -> Result<(), OpsError> {
        let node = self.redis.nodes.iter().find(|node| node.name.as_str() == action.id.name);
        self.settle().await?;
        if let Some(node) = node {
            self.hand_over(node).await?;
        }
        self.site.provider.perform(action).await?;
        self.settle().await
    }

    /// The replica that could take over from a node; none when the node is no primary, or has no replica.
    fn heir(&self, node: &RedisNode, views: &crate::redis::Views) -> Option<&RedisNode> {
        let id = &views.get(&node.name)?.id;
        self.redis.shard(node.shard).find(|other| {
            views.get(&other.name).is_some_and(|view| view.linked && view.primary() == Some(id))
        })
    }
}
