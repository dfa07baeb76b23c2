//! The nodes of the cache, in figures.

use schemars::JsonSchema;
use serde::Serialize;

use super::CacheWorld;
use crate::model::{Cluster, Redis, RedisNode};
use crate::provider::PROCESS;
use crate::redis::{RedisView, Views};

/// The state of a node of the cache.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RedisStatus {
    /// Its name.
    pub name: String,
    /// Its zone.
    pub zone: String,
    /// Its client address.
    pub address: String,
    /// Its shard.
    pub shard: u8,
    /// Whether its process runs.
    pub process: String,
    /// Whether it is a primary or a replica; none when it was not asked, or does not answer.
    pub role: Option<&'static str>,
    /// The slots that it serves, or those of its primary.
    pub slots: Option<String>,
    /// How a replica stands to its primary.
    pub link: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// How long it has been running, in seconds.
    pub uptime: Option<u64>,
    /// Client connections, natsops' own not counted.
    pub connections: Option<u64>,
    /// The number of keys that it keeps.
    pub keys: Option<u64>,
    /// Memory in use, in bytes.
    pub memory: Option<u64>,
}

/// The state of every node of the cache.
pub fn status(cluster: &Cluster, world: &CacheWorld) -> Vec<RedisStatus> {
    let Some(redis) = &cluster.redis else {
        return Vec::new();
    };
    redis.nodes.iter().map(|node| one(redis, node, world)).collect()
}

fn one(redis: &Redis, node: &RedisNode, world: &CacheWorld) -> RedisStatus {
    let record = world.nodes.iter().find(|record| record.id.name == node.name.as_str());
    let process = record.and_then(|record| record.fields.get(PROCESS));
    let view = world.views.get(&node.name);
    RedisStatus {
        name: node.name.to_string(),
        zone: node.zone.to_string(),
        address: format!("{}:{}", node.address, Redis::PORT),
        shard: node.shard,
        process: process.map_or("absent".to_owned(), |field| field.value.clone()),
        role: view.map(|view| if view.primary().is_some() { "replica" } else { "primary" }),
        slots: view.and_then(|view| slots(view, &world.views)),
        link: view.and_then(|view| link(redis, view, &world.views)),
        version: view.map(|view| view.version.clone()),
        uptime: view.map(|view| view.uptime),
        connections: view.map(|view| view.clients.saturating_sub(1)),
        keys: view.map(|view| view.keys),
        memory: view.map(|view| view.memory),
    }
}

fn slots(view: &RedisView, views: &Views) -> Option<String> {
    let id = view.primary().unwrap_or(&view.id);
    let server = views.values().find(|view| view.id == id)?;
    let ranges = server.own()?.slots.iter().map(|(first, last)| format!("{first}-{last}"));
    Some(ranges.collect::<Vec<_>>().join(", "))
}

fn link(redis: &Redis, view: &RedisView, views: &Views) -> Option<String> {
    let id = view.primary()?;
    let mut nodes = redis.nodes.iter();
    let primary = nodes.find(|node| views.get(&node.name).is_some_and(|view| view.id == id));
    let primary = primary.map_or("a server that does not answer", |node| node.name.as_str());
    Some(if view.linked { format!("linked to {primary}") } else { format!("behind {primary}") })
}
