//! The next steps from what the servers are to what they should be. Pure; after each round, it is looked again.

use super::Peer;
use super::shape::{Views, at, ghosts, primary, strangers};
use crate::model::{Redis, RedisNode};

/// Something that a server is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// A server that knows nobody takes an epoch of its own, so that its first claims meet no other's.
    Epoch(&'a RedisNode, u64),
    /// A server meets another.
    Meet(&'a RedisNode, &'a RedisNode),
    /// A server serves slots that nobody does.
    Serve(&'a RedisNode, Vec<(u16, u16)>),
    /// A server becomes the replica of an id.
    Follow(&'a RedisNode, String),
    /// A replica whose primary is no more takes its place.
    TakeOver(&'a RedisNode),
    /// A server forgets one that is no more.
    Forget(&'a RedisNode, String),
}

impl Step<'_> {
    /// Who is told.
    pub fn node(&self) -> &RedisNode {
        match self {
            Self::Epoch(node, _)
            | Self::Meet(node, _)
            | Self::Serve(node, _)
            | Self::Follow(node, _)
            | Self::TakeOver(node)
            | Self::Forget(node, _) => node,
        }
    }
}

/// What comes next. Nothing while a server does not answer: it may hold what seems to be missing.
pub fn steps<'a>(redis: &'a Redis, views: &Views) -> Vec<Step<'a>> {
    if views.len() < redis.nodes.len() {
        return Vec::new();
    }
    let mut steps = acquaint(redis, views);
    for shard in 1..=redis.shards {
        match primary(redis, views, shard) {
            Some(primary) => {
                steps.extend(complete(redis, views, primary));
                steps.extend(follow(redis, views, primary));
            }
            None => steps.extend(enthrone(redis, views, shard)),
        }
    }
    steps.extend(forget(redis, views));
    steps
}

/// Everybody meets everybody: waiting until word gets round would take seconds.
fn acquaint<'a>(redis: &'a Redis, views: &Views) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    for (number, node) in (1..).zip(&redis.nodes) {
        let Some(view) = views.get(&node.name) else {
            continue;
        };
        if view.peers.len() <= 1 && view.epoch == 0 {
            steps.push(Step::Epoch(node, number));
        }
        let introduced =
            |other: &RedisNode| view.peers.iter().any(|peer| peer.handshake && at(peer, other));
        let strangers = strangers(redis, views, node).into_iter();
        steps.extend(strangers.filter(|other| !introduced(other)).map(|o| Step::Meet(node, o)));
    }
    steps
}

/// A shard without primary: a replica of what was one, or else a member that follows nobody.
fn enthrone<'a>(redis: &'a Redis, views: &Views, shard: u8) -> Option<Step<'a>> {
    let ghosts = ghosts(redis, views);
    let follows = |node: &RedisNode| views.get(&node.name).and_then(|view| view.primary());
    let heir = redis.shard(shard).find(|node| follows(node).is_some_and(|id| ghosts.contains(id)));
    if let Some(heir) = heir {
        return Some(Step::TakeOver(heir));
    }
    let free = redis.shard(shard).find(|node| follows(node).is_none())?;
    complete(redis, views, free)
}

/// Slots of a primary's shard that nobody serves.
fn complete<'a>(redis: &'a Redis, views: &Views, primary: &'a RedisNode) -> Option<Step<'a>> {
    let (from, to) = redis.slots(primary.shard);
    // A server's own word counts. What is said of one that is no more still counts, until that is forgotten.
    let alive = |peer: &Peer| views.values().any(|view| view.id == peer.id);
    let lines = views.values().flat_map(|view| &view.peers);
    let taken: Vec<(u16, u16)> = lines
        .filter(|peer| peer.myself || !alive(peer))
        .flat_map(|peer| peer.slots.clone())
        .collect();
    let is_free = |slot: &u16| !taken.iter().any(|(first, last)| (*first..=*last).contains(slot));
    let mut free: Vec<(u16, u16)> = Vec::new();
    for slot in (from..=to).filter(is_free) {
        match free.last_mut() {
            Some((_, last)) if *last + 1 == slot => *last = slot,
            _ => free.push((slot, slot)),
        }
    }
    (!free.is_empty()).then_some(Step::Serve(primary, free))
}

/// The other members of a primary's shard follow it, as soon as they know it.
fn follow<'a>(redis: &'a Redis, views: &Views, primary: &RedisNode) -> Vec<Step<'a>> {
    let Some(id) = views.get(&primary.name).map(|view| view.id.as_str()) else {
        return Vec::new();
    };
    let astray = |node: &&RedisNode| {
        views.get(&node.name).is_some_and(|view| {
            let known = view.peers.iter().any(|peer| peer.id == id && !peer.handshake);
            let serves = view.own().is_some_and(|own| !own.slots.is_empty());
            node.name != primary.name && known && !serves && view.primary() != Some(id)
        })
    };
    let members = redis.shard(primary.shard).filter(astray);
    members.map(|node| Step::Follow(node, id.to_owned())).collect()
}

/// Servers that are no more, once nobody follows them.
fn forget<'a>(redis: &'a Redis, views: &Views) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    for ghost in ghosts(redis, views) {
        if views.values().any(|view| view.primary() == Some(&ghost)) {
            continue;
        }
        let knows = |node: &&RedisNode| {
            views.get(&node.name).is_some_and(|view| view.peers.iter().any(|p| p.id == ghost))
        };
        let nodes = redis.nodes.iter().filter(knows);
        steps.extend(nodes.map(|node| Step::Forget(node, ghost.clone())));
    }
    steps
}
