//! `status`: what runs, in figures.

use schemars::JsonSchema;
use serde::Serialize;

use super::cache::{self, RedisStatus};
use super::notices::notices;
use super::survey::{Inside, World, observe_all};
use super::{OpsError, Site, gate};
use crate::model::Bucket;
use crate::plan::Record;
use crate::provider::{MachineSeen, PROCESS, Provider};
use crate::secrets::Index;

/// The state of an environment.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Status {
    /// The environment.
    pub environment: String,
    /// Whether every node is fully healthy, the meta group whole, and the cache as well.
    pub healthy: bool,
    /// What is missing.
    pub missing: Option<String>,
    /// What is wrong besides, in words.
    pub problems: Vec<String>,
    /// The meta leader.
    pub meta_leader: Option<String>,
    /// The nodes.
    pub nodes: Vec<NodeStatus>,
    /// The streams; none when they could not be looked at.
    pub streams: Option<Vec<StreamStatus>>,
    /// Why not.
    pub not_observed: Option<String>,
    /// The nodes of the cache.
    pub cache: Vec<RedisStatus>,
    /// Why the cache's servers could not be asked.
    pub cache_not_observed: Option<String>,
}

/// The state of a node.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// Its zone.
    pub zone: String,
    /// Its client address.
    pub address: String,
    /// Whether its process runs.
    pub process: String,
    /// What its health check says.
    pub health: String,
    /// Its version.
    pub version: Option<String>,
    /// How long it has been running.
    pub uptime: Option<String>,
    /// Client connections.
    pub connections: Option<u64>,
    /// Resident memory, in bytes.
    pub memory: Option<u64>,
    /// Its machine, where one is made for it; none where it has none, or was not looked at.
    pub machine: Option<MachineSeen>,
}

impl Status {
    /// The nodes whose servers do not answer.
    pub fn silent(&self) -> impl Iterator<Item = &NodeStatus> {
        self.nodes.iter().filter(|node| node.version.is_none())
    }

    /// Adds what the platform tells of the nodes' machines.
    pub fn add_machines(&mut self, machines: Vec<(String, MachineSeen)>) {
        for (name, machine) in machines {
            if let Some(node) = self.nodes.iter_mut().find(|node| node.name == name) {
                node.machine = Some(machine);
            }
        }
        if self.silent().count() == self.nodes.len() {
            self.missing = Some(UNREACHED.to_owned());
            self.not_observed = Some("no server answers here".to_owned());
        }
    }
}

/// What is missing where no server answers.
const UNREACHED: &str = "no server answers here, as is always so from outside of their network; their machines are shown";

/// The state of a stream.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StreamStatus {
    /// Its account.
    pub account: String,
    /// Its name; of a bucket, the bucket's.
    pub name: String,
    /// Whether it holds the keys of a bucket.
    pub bucket: bool,
    /// Its leader.
    pub leader: Option<String>,
    /// How many replicas are current.
    pub current: usize,
    /// How many its configuration asks for.
    pub replicas: usize,
    /// Messages.
    pub messages: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Looks at everything.
pub async fn status<P: Provider>(site: &Site<'_, P>, index: &Index) -> Result<Status, OpsError> {
    let world = observe_all(site, index).await?;
    let missing = gate::missing(site, &world.health).or_else(|| cache_missing(site, &world));
    let process = |name: &str, answers: bool| {
        let record = world.nodes.iter().find(|record| record.id.name == name);
        match record.map(|record| record.fields.get(PROCESS)) {
            None => "absent".to_owned(),
            Some(Some(field)) => field.value.clone(),
            // Its machine can't be looked at.
            Some(None) if answers => "running".to_owned(),
            Some(None) => "unknown".to_owned(),
        }
    };
    let nodes = site.cluster.nodes.iter().zip(&world.health).map(|(node, health)| {
        let varz = health.varz.as_ref();
        NodeStatus {
            name: node.name.to_string(),
            zone: node.zone.to_string(),
            address: format!("{}:{}", node.address, site.cluster.ports.client),
            process: process(node.name.as_str(), varz.is_some()),
            health: health.problem.clone().unwrap_or_else(|| "healthy".to_owned()),
            version: varz.map(|varz| varz.version.clone()),
            uptime: varz.map(|varz| varz.uptime.clone()),
            connections: varz.map(|varz| varz.connections),
            memory: varz.map(|varz| varz.mem),
            machine: None,
        }
    });
    let (streams, not_observed) = streams(&world);
    Ok(Status {
        environment: site.cluster.environment.to_string(),
        healthy: missing.is_none(),
        missing,
        problems: notices(site, &world),
        meta_leader: world.servers().find_map(|varz| varz.meta_leader()).map(str::to_owned),
        nodes: nodes.collect(),
        streams,
        not_observed,
        cache: cache::status(site.cluster, &world.cache),
        cache_not_observed: world.cache.hidden.clone(),
    })
}

/// What the cache lacks. Where its servers could not be asked, only what their machines tell counts.
fn cache_missing<P>(site: &Site<'_, P>, world: &World) -> Option<String> {
    let redis = site.cluster.redis.as_ref().filter(|redis| !redis.nodes.is_empty())?;
    let runs = |record: &&Record| record.fields.get(PROCESS).is_some_and(|f| f.value == "running");
    let running = world.cache.nodes.iter().filter(runs).count();
    if running < redis.nodes.len() {
        return Some(format!("{running} of {} cache nodes run", redis.nodes.len()));
    }
    if world.cache.hidden.is_some() {
        return None;
    }
    cache::missing(redis, &world.cache.views)
}

fn streams(world: &World) -> (Option<Vec<StreamStatus>>, Option<String>) {
    let contents = match &world.inside {
        Inside::Seen(contents) => contents,
        Inside::Hidden(reason) => return (None, Some(reason.clone())),
        Inside::Pristine => return (None, Some("nothing has been applied yet".to_owned())),
    };
    let streams = contents.streams.iter().flat_map(|(account, streams)| {
        let bucket = |name: &str| name.strip_prefix(Bucket::STREAM_PREFIX).map(str::to_owned);
        streams.iter().map(move |(_, stream)| StreamStatus {
            account: account.to_string(),
            name: bucket(&stream.name).unwrap_or_else(|| stream.name.clone()),
            bucket: bucket(&stream.name).is_some(),
            leader: stream.leader.clone(),
            current: stream.current().count(),
            replicas: stream.wanted,
            messages: stream.messages,
            bytes: stream.bytes,
        })
    });
    (Some(streams.collect()), contents.hidden.clone())
}
