//! Looks at the cache once, and plans.

use std::sync::Arc;

use super::settle::views;
use crate::artifacts::prepare_redis;
use crate::model::{Cluster, OWN_ROLE, Redis};
use crate::ops::{OpsError, Site};
use crate::pki::client_config;
use crate::plan::{Kind, NotObserved, Observed, OnChange, Plan, Record, RecordId, plan as compare};
use crate::provider::{Provider, desired_redis, seen_redis};
use crate::redis::{Pass, Session, Shape, Views};
use crate::secrets::{Beside, Index, KeyName};

/// Why a slot stays where it is.
const SLOTS_STAY: &str = "slots do not move between shards yet: run destroy, delete the folders \
                          redis-* of the nodes, and apply; what was cached is lost";

/// What was found of the cache.
#[derive(Debug, Default)]
pub struct CacheWorld {
    /// The nodes that exist, as their machines tell.
    pub nodes: Vec<Record>,
    /// What their servers tell.
    pub views: Views,
    /// Why the servers could not be asked.
    pub hidden: Option<String>,
}

/// natsops' own way in, for the length of this run.
pub fn open<P: Provider>(site: &Site<'_, P>, index: &Index) -> Result<Session, OpsError> {
    let access = site.access(index)?;
    let ticket = &access.certificate;
    let tls = client_config(&access.authority, Some((&ticket.public, &ticket.secret)))?;
    let tls = Some(Arc::new(tls));
    let pass = |name: &KeyName| -> Result<Pass, OpsError> {
        let user = Some((OWN_ROLE.to_owned(), site.store.open(name)?));
        Ok(Pass { tls: tls.clone(), user })
    };
    let name = KeyName::redis_user(OWN_ROLE);
    let old = [Beside::Retiring, Beside::Revoked].map(|beside| name.beside(beside));
    let old = old.iter().find(|old| index.public(old).is_some());
    Ok(Session::new(pass(&name)?).or(old.map(pass).transpose()?))
}

/// Looks at the nodes' machines, and asks their servers.
pub async fn observe<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
) -> Result<CacheWorld, OpsError> {
    let Some(redis) = made_here(site.cluster) else {
        return Ok(CacheWorld::default());
    };
    let nodes = site.provider.observe_cache().await?;
    if nodes.is_empty() {
        return Ok(CacheWorld::default());
    }
    let mut world = CacheWorld { nodes, ..CacheWorld::default() };
    match open(site, index) {
        Ok(session) => {
            world.views = views(&session, redis, &settings(site.cluster, redis, index)?).await;
            if world.views.is_empty() {
                let reason = "no cache node answers; the next apply starts them and then compares";
                world.hidden = Some(reason.to_owned());
            }
        }
        Err(reason) => world.hidden = Some(reason.to_string()),
    }
    Ok(world)
}

/// Plans the nodes of the cache, and the cache as a whole.
pub fn plan<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    world: &CacheWorld,
) -> Result<Plan, OpsError> {
    let Some(redis) = made_here(site.cluster) else {
        return Ok(Plan::empty());
    };
    let mut nodes: Vec<_> = redis.nodes.iter().collect();
    // Replicas first: a primary hands over to one that has what is new already.
    nodes.sort_by_key(|node| {
        world.views.get(&node.name).is_some_and(|view| view.primary().is_none())
    });
    let mut desired = nodes
        .into_iter()
        .map(|node| {
            let prepared = prepare_redis(site.cluster, redis, node, index)?;
            Ok(desired_redis(node, &prepared))
        })
        .collect::<Result<Vec<_>, OpsError>>()?;
    let all = redis.nodes.iter().map(|node| RecordId::new(Kind::RedisNode, &node.name));
    desired.push(shape_record(site.cluster, &Shape::whole(redis)).needs(all));
    Ok(compare(desired, observed(site.cluster, redis, world)))
}

/// What was found, with what was not: the servers together can't be seen where none of them could be asked.
fn observed(cluster: &Cluster, redis: &Redis, world: &CacheWorld) -> Observed {
    let nodes = world.nodes.iter().map(|record| merge(record, &world.views));
    let found = Shape::of(redis, &world.views);
    let whole = (world.hidden.is_none() && !world.nodes.is_empty())
        .then(|| shape_record(cluster, &found).complete());
    let hidden = world.hidden.iter().cloned();
    Observed {
        records: nodes.chain(whole).collect(),
        not_observed: hidden
            .map(|reason| NotObserved { kind: Kind::RedisCluster, reason })
            .collect(),
    }
}

/// The cache, where its nodes are made here and not by the platform.
fn made_here(cluster: &Cluster) -> Option<&Redis> {
    cluster.redis.as_ref().filter(|redis| !redis.nodes.is_empty())
}

/// The names of all settings that our configurations say something about.
fn settings(cluster: &Cluster, redis: &Redis, index: &Index) -> Result<Vec<String>, OpsError> {
    let Some(node) = redis.nodes.first() else {
        return Ok(Vec::new());
    };
    Ok(prepare_redis(cluster, redis, node, index)?.settings.askable().into_keys().collect())
}

fn merge(record: &Record, views: &Views) -> Record {
    let view = views.iter().find(|(name, _)| name.as_str() == record.id.name);
    match view {
        Some((_, view)) => {
            seen_redis(record.clone(), &view.settings, &view.users, &view.replication)
        }
        None => record.clone(),
    }
}

fn shape_record(cluster: &Cluster, shape: &Shape) -> Record {
    Record::new(RecordId::new(Kind::RedisCluster, &cluster.name))
        .field("nodes_answering", shape.answering, OnChange::InPlace)
        .field("nodes_acquainted", shape.acquainted, OnChange::InPlace)
        .field("nodes_content", shape.content, OnChange::InPlace)
        .field("nodes_remembered", shape.ghosts, OnChange::InPlace)
        .field("slots", shape.slots, OnChange::InPlace)
        .field("slots_misplaced", shape.misplaced, OnChange::Forbidden(SLOTS_STAY))
        .field("primaries", shape.primaries, OnChange::InPlace)
        .field("replicas_linked", shape.replicas, OnChange::InPlace)
}
