//! What the servers are together: who has which slots, who follows whom.

use std::collections::{BTreeMap, BTreeSet};

use super::{Peer, RedisView};
use crate::model::{NodeName, Redis, RedisNode, SLOTS};

/// What each server that answers tells.
pub type Views = BTreeMap<NodeName, RedisView>;

/// The cache in figures, as far as its servers answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Servers that answer.
    pub answering: usize,
    /// Slots that a member of the right shard serves.
    pub slots: usize,
    /// Slots that a member of another shard serves.
    pub misplaced: usize,
    /// Shards that have exactly one primary.
    pub primaries: usize,
    /// Replicas that follow their shard's primary and have all of its keys.
    pub replicas: usize,
    /// Servers that know every other.
    pub acquainted: usize,
    /// Servers that take the cache for whole.
    pub content: usize,
    /// Servers that somebody still knows and that are no more.
    pub ghosts: usize,
}

impl Shape {
    /// Sees what the servers are together.
    pub fn of(redis: &Redis, views: &Views) -> Self {
        let mut shape = Self { answering: views.len(), ..Self::default() };
        for node in &redis.nodes {
            let Some(view) = views.get(&node.name) else {
                continue;
            };
            let (right, wrong) = served(redis, node, view);
            shape.slots += right;
            shape.misplaced += wrong;
            shape.acquainted += usize::from(strangers(redis, views, node).is_empty());
            shape.content += usize::from(view.state_ok);
        }
        for shard in 1..=redis.shards {
            let Some(primary) = primary(redis, views, shard) else {
                continue;
            };
            shape.primaries += 1;
            let id = views.get(&primary.name).map(|view| view.id.as_str());
            let members = redis.shard(shard).filter_map(|node| views.get(&node.name));
            shape.replicas += members.filter(|view| view.linked && view.primary() == id).count();
        }
        shape.ghosts = ghosts(redis, views).len();
        shape
    }

    /// What it should be.
    pub fn whole(redis: &Redis) -> Self {
        let nodes = redis.nodes.len();
        Self {
            answering: nodes,
            slots: usize::from(SLOTS),
            misplaced: 0,
            primaries: usize::from(redis.shards),
            replicas: nodes - usize::from(redis.shards),
            acquainted: nodes,
            content: nodes,
            ghosts: 0,
        }
    }

    /// What is still missing, in words.
    pub fn missing(&self, redis: &Redis) -> Option<String> {
        let whole = Self::whole(redis);
        let of = |found: usize, wanted: usize, words: &str| {
            (found < wanted).then(|| format!("{found} of {wanted} {words}"))
        };
        of(self.answering, whole.answering, "cache nodes answer")
            .or_else(|| of(self.acquainted, whole.acquainted, "cache nodes know all others"))
            .or_else(|| of(self.slots, whole.slots, "slots of the cache are served"))
            .or_else(|| of(self.primaries, whole.primaries, "shards of the cache have one primary"))
            .or_else(|| of(self.replicas, whole.replicas, "replicas of the cache are linked"))
            .or_else(|| of(self.content, whole.content, "cache nodes take the cache for whole"))
            .or_else(|| {
                (self.ghosts > 0)
                    .then(|| format!("{} former cache nodes are remembered", self.ghosts))
            })
    }
}

/// The primary of a shard: the member that serves the most of its slots, as long as no other member is one.
pub fn primary<'a>(redis: &'a Redis, views: &Views, shard: u8) -> Option<&'a RedisNode> {
    let mut primaries = redis
        .shard(shard)
        .filter(|node| views.get(&node.name).is_some_and(|view| served(redis, node, view).0 > 0));
    let first = primaries.next()?;
    primaries.next().is_none().then_some(first)
}

/// The slots that a server serves: those of its own shard, and those of others.
fn served(redis: &Redis, node: &RedisNode, view: &RedisView) -> (usize, usize) {
    let (from, to) = redis.slots(node.shard);
    let own = view.own().map(|own| own.slots.as_slice()).unwrap_or_default();
    let slots = own.iter().flat_map(|(first, last)| *first..=*last);
    let (right, wrong): (Vec<u16>, Vec<u16>) = slots.partition(|slot| (from..=to).contains(slot));
    (right.len(), wrong.len())
}

/// The servers that a server has not met yet.
pub fn strangers<'a>(redis: &'a Redis, views: &Views, node: &RedisNode) -> Vec<&'a RedisNode> {
    let table = views.get(&node.name).map(|view| view.peers.as_slice()).unwrap_or_default();
    let knows = |other: &RedisNode| match views.get(&other.name) {
        Some(view) => table.iter().any(|peer| peer.id == view.id && !peer.handshake),
        // It is not there to be met.
        None => table.iter().any(|peer| at(peer, other)),
    };
    redis.nodes.iter().filter(|other| other.name != node.name && !knows(other)).collect()
}

/// Whether a line of a table is about the server at a node's address.
pub fn at(peer: &Peer, node: &RedisNode) -> bool {
    peer.address.is_some_and(|address| *address.ip() == node.address)
}

/// Ids that somebody knows and nobody has, such as that of a server whose folder was lost.
///
/// As long as one server does not answer, its id may be any of them.
pub fn ghosts(redis: &Redis, views: &Views) -> BTreeSet<String> {
    if views.len() < redis.nodes.len() {
        return BTreeSet::new();
    }
    let alive: BTreeSet<&str> = views.values().map(|view| view.id.as_str()).collect();
    views
        .values()
        .flat_map(|view| &view.peers)
        .filter(|peer| peer.gone && !peer.handshake && !alive.contains(peer.id.as_str()))
        .map(|peer| peer.id.clone())
        .collect()
}
