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

#[cfg(test)]
mod tests {
    use super::super::{Peer, RedisView, Shape};
    use super::*;
    use crate::model::ByteSize;

    /// Two shards of two members each.
    fn cache() -> Redis {
        let node = |number: u8| RedisNode {
            name: format!(
                "redis-{}-{}",
                number.div_ceil(2),
                if number % 2 == 1 { "a" } else { "b" }
            )
            .parse()
            .unwrap(),
            shard: number.div_ceil(2),
            zone: "zone-a".parse().unwrap(),
            address: std::net::Ipv4Addr::new(127, 0, 0, number),
        };
        Redis {
            shards: 2,
            replicas_per_shard: 1,
            max_memory: ByteSize::new(1 << 26),
            node_type: None,
            nodes: (1..=4).map(node).collect(),
            endpoint: None,
        }
    }

    /// What a line of a table says of a server, by its number: its primary, and its slots.
    type Said<'a> = (&'a str, Option<&'a str>, &'a [(u16, u16)]);

    const WHOLE: [Said<'static>; 4] = [
        ("id1", None, &[(0, 8191)]),
        ("id2", Some("id1"), &[]),
        ("id3", None, &[(8192, 16383)]),
        ("id4", Some("id3"), &[]),
    ];

    fn peer(said: Said<'_>, number: u8) -> Peer {
        let address = std::net::SocketAddrV4::new([127, 0, 0, number].into(), 6379);
        Peer {
            id: said.0.to_owned(),
            address: Some(address),
            myself: false,
            handshake: false,
            gone: false,
            primary: said.1.map(str::to_owned),
            slots: said.2.to_vec(),
        }
    }

    /// Every server knows the same, and all follow well.
    fn views(said: [Said<'_>; 4]) -> Views {
        let peers: Vec<Peer> = (1..).zip(said).map(|(n, said)| peer(said, n)).collect();
        let view = |index: usize| {
            let mut peers = peers.clone();
            peers[index].myself = true;
            let id = peers[index].id.clone();
            RedisView { id, peers, state_ok: true, epoch: 1, linked: true, ..Default::default() }
        };
        let nodes = cache().nodes.into_iter().enumerate();
        nodes.map(|(index, node)| (node.name, view(index))).collect()
    }

    fn told(views: &Views) -> Vec<String> {
        let cache = cache();
        let steps = steps(&cache, views);
        steps
            .iter()
            .map(|step| {
                format!("{step:?}").split("RedisNode").next().unwrap().to_owned()
                    + step.node().name.as_str()
            })
            .collect()
    }

    #[test]
    fn a_whole_cache_is_left_alone() {
        let views = views(WHOLE);
        assert_eq!(steps(&cache(), &views), []);
        assert_eq!(Shape::of(&cache(), &views), Shape::whole(&cache()));
    }

    #[test]
    fn new_servers_meet_and_serve() {
        let alone = |node: &RedisNode, id: &str| {
            let mut own = peer((id, None, &[]), node.shard);
            own.myself = true;
            RedisView { id: id.to_owned(), peers: vec![own], ..Default::default() }
        };
        let views: Views = cache()
            .nodes
            .iter()
            .zip(["id1", "id2", "id3", "id4"])
            .map(|(node, id)| (node.name.clone(), alone(node, id)))
            .collect();
        let cache = cache();
        let steps = steps(&cache, &views);
        let count =
            |wanted: fn(&Step<'_>) -> bool| steps.iter().filter(|step| wanted(step)).count();
        assert_eq!(count(|step| matches!(step, Step::Epoch(..))), 4);
        assert_eq!(count(|step| matches!(step, Step::Meet(..))), 12);
        assert!(steps.contains(&Step::Serve(&cache.nodes[0], vec![(0, 8191)])));
        assert!(steps.contains(&Step::Serve(&cache.nodes[2], vec![(8192, 16383)])));
        assert_eq!(steps.len(), 18);
    }

    #[test]
    fn a_member_that_follows_nobody_follows_its_primary() {
        let mut said = WHOLE;
        said[1].1 = None;
        let cache = cache();
        assert_eq!(steps(&cache, &views(said)), [Step::Follow(&cache.nodes[1], "id1".to_owned())]);
    }

    #[test]
    fn a_replica_takes_over_from_a_server_that_is_no_more_and_then_that_is_forgotten() {
        // The first node came back with another id.
        let ghost = ("old", None, &[(0, 8191)][..]);
        let mut said = WHOLE;
        said[0] = ("id1", None, &[]);
        said[1].1 = Some("old");
        let mut views = views(said);
        for view in views.values_mut() {
            view.peers.push(Peer { gone: true, ..peer(ghost, 1) });
        }
        assert_eq!(told(&views), ["TakeOver(redis-1-b"]);

        for view in views.values_mut() {
            for peer in &mut view.peers {
                match peer.id.as_str() {
                    "id2" => (peer.primary, peer.slots) = (None, vec![(0, 8191)]),
                    "old" => peer.slots.clear(),
                    _ => {}
                }
            }
        }
        let steps = told(&views);
        assert_eq!(steps[0], "Follow(redis-1-a");
        assert_eq!(steps.iter().filter(|step| step.starts_with("Forget(")).count(), 4);
        assert_eq!(steps.len(), 5);
    }

    #[test]
    fn slots_of_a_server_that_is_no_more_are_served_only_when_it_is_forgotten() {
        let ghost = ("old", None, &[(0, 8191)][..]);
        let mut said = WHOLE;
        said[0] = ("id1", None, &[]);
        said[1] = ("id2", None, &[]);
        let mut views = views(said);
        for view in views.values_mut() {
            view.peers.push(Peer { gone: true, ..peer(ghost, 1) });
        }
        assert_eq!(
            told(&views),
            vec!["Forget(redis-1-a", "Forget(redis-1-b", "Forget(redis-2-a", "Forget(redis-2-b"]
        );
        for view in views.values_mut() {
            view.peers.pop();
        }
        assert_eq!(told(&views), ["Serve(redis-1-a"]);
    }

    #[test]
    fn a_silent_server_is_waited_for() {
        let mut said = WHOLE;
        said[1].1 = None;
        let mut views = views(said);
        views.remove("redis-2-a");
        assert_eq!(steps(&cache(), &views), []);
        let missing = Shape::of(&cache(), &views).missing(&cache()).unwrap();
        assert_eq!(missing, "3 of 4 cache nodes answer");
    }
}
