//! When a node may have another machine, and when it has caught up. Pure: over what the servers told.

use std::collections::BTreeSet;
use std::fmt;

use super::gate::{NodeHealth, depends_on, led_streams, meta};
use super::notices::called;
use super::quorum;
use super::survey::{Inside, World};
use crate::model::{AccountName, Cluster};
use crate::nats::PlacedStream;

/// Why a node should keep its machine for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objection {
    /// No server can be asked how it is.
    Unreachable,
    /// Something else is not well.
    Unhealthy(String),
    /// Something would stop.
    WouldStop(String),
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str(
                "the servers can't be reached from here, so nobody can tell whether the cluster can spare it",
            ),
            Self::Unhealthy(what) => write!(f, "something else is not well: {what}"),
            Self::WouldStop(what) => f.write_str(what),
        }
    }
}

/// What speaks against giving up the machine of `node`, whether it lives or not. `names` are those of the nodes.
pub fn objection(names: &[&str], nodes: &[NodeHealth], node: &str) -> Option<Objection> {
    if let Some(lost) = quorum::lost(nodes) {
        return Some(Objection::Unhealthy(lost.to_string()));
    }
    let others = names.iter().zip(nodes).filter(|(name, _)| **name != node);
    let ill: Vec<String> = others
        .filter_map(|(name, health)| Some(format!("{name}: {}", health.problem.as_ref()?)))
        .collect();
    if !ill.is_empty() {
        return Some(Objection::Unhealthy(ill.join("; ")));
    }
    let Some((_, meta)) = meta(nodes) else {
        return Some(Objection::Unhealthy("the meta group has no leader".to_owned()));
    };
    let behind = meta.replicas.iter().find(|peer| !peer.is_whole() && peer.name != node);
    if let Some(peer) = behind {
        return Some(Objection::Unhealthy(format!("{} is behind in the meta group", peer.name)));
    }
    let short = led_streams(nodes).find_map(|stream| {
        let behind = stream.behind.into_iter().find(|name| name != node)?;
        Some(format!("stream {} is not current on {behind}", stream.name))
    });
    short.map(Objection::Unhealthy).or_else(|| depends_on(nodes, node).map(Objection::WouldStop))
}

/// What a node that came back still lacks, in words; none when it is well and has everything. Under load a replica is
/// behind for moments, so each stream counts from when it was first seen whole.
pub fn lacking(
    names: &[&str],
    nodes: &[NodeHealth],
    node: &str,
    whole: &mut BTreeSet<String>,
) -> Option<String> {
    let health = names.iter().zip(nodes).find(|(name, _)| **name == node).map(|(_, health)| health);
    if let Some(problem) = health.and_then(|health| health.problem.as_ref()) {
        whole.clear();
        return Some(format!("{node}: {problem}"));
    }
    let Some((leader, meta)) = meta(nodes) else {
        return Some("the meta group has no leader".to_owned());
    };
    let member = meta.replicas.iter().any(|peer| peer.name == node && peer.is_whole());
    if leader != node && !member {
        return Some(format!("{node} is not current in the meta group"));
    }
    let streams: Vec<_> = led_streams(nodes).collect();
    let current = streams.iter().filter(|stream| stream.whole.iter().any(|name| name == node));
    whole.extend(current.map(|stream| stream.name.clone()));
    let lacks = |stream: &String| !whole.contains(stream);
    let behind = streams.iter().filter(|stream| stream.behind.iter().any(|name| name == node));
    let behind: Vec<&str> =
        behind.map(|stream| &stream.name).filter(|name| lacks(name)).map(String::as_str).collect();
    (!behind.is_empty()).then(|| format!("{node} catches up: {}", behind.join(", ")))
}

/// What has no current copy but that of `node`, by account and name. Where nobody could be asked, whatever the catalog
/// keeps once.
pub fn only_there(cluster: &Cluster, world: Option<&World>, node: &str) -> Vec<String> {
    match world {
        Some(world) if matches!(world.inside, Inside::Seen(_)) => {
            let alone = world.streams().filter(|(_, stream)| is_alone(stream, node));
            alone.map(|(account, stream)| bare(account, &stream.name)).collect()
        }
        _ => {
            let streams = cluster.streams.iter().filter(|stream| stream.replicas == 1);
            let streams = streams.map(|stream| format!("{}/{}", stream.account, stream.name));
            let buckets = cluster.buckets.iter().filter(|bucket| bucket.replicas == 1);
            streams.chain(buckets.map(|b| format!("{}/{}", b.account, b.name))).collect()
        }
    }
}

/// A stream whose leader nobody knows may be there alone.
fn is_alone(stream: &PlacedStream, node: &str) -> bool {
    !stream.current().any(|name| name != node)
}

fn bare(account: &AccountName, stream: &str) -> String {
    let name = called(account, stream);
    name.split_once(' ').map_or(name.clone(), |(_, bare)| bare.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::gate::tests::{THREE, stream, with_streams};
    use super::*;

    const NAMES: [&str; 3] = ["a", "b", "c"];
    const FOLLOWER: &str = r#"{"leader":"a","cluster_size":3,"quorum_needed":2}"#;

    fn cluster(streams: &str) -> [NodeHealth; 3] {
        [
            with_streams("a", THREE, streams),
            with_streams("b", FOLLOWER, ""),
            with_streams("c", FOLLOWER, ""),
        ]
    }

    fn silent() -> NodeHealth {
        NodeHealth { problem: Some("it does not answer".to_owned()), ..NodeHealth::default() }
    }

    fn words(nodes: &[NodeHealth], node: &str) -> String {
        objection(&NAMES, nodes, node).map(|objection| objection.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_machine_of_a_whole_cluster_may_go_alive_or_dead() {
        let nodes = cluster(&stream("a", &[("b", true), ("c", true)]));
        assert_eq!(objection(&NAMES, &nodes, "c"), None);
        let without_c = THREE.replace(r#""c","current":true"#, r#""c","current":false"#);
        let streams = stream("a", &[("b", true), ("c", false)]);
        let nodes =
            [with_streams("a", &without_c, &streams), with_streams("b", FOLLOWER, ""), silent()];
        assert_eq!(objection(&NAMES, &nodes, "c"), None);
        // The one that is dead is the one that may go.
        assert!(words(&nodes, "b").contains("c: it does not answer"));
    }

    #[test]
    fn nothing_goes_while_the_quorum_is_lost_or_hangs_on_it() {
        let leaderless = r#"{"cluster_size":3,"quorum_needed":2}"#;
        let nodes = [with_streams("a", leaderless, ""), silent(), silent()];
        assert!(words(&nodes, "b").contains("the quorum is lost: 1 of 3"));
        let nodes =
            [with_streams("a", leaderless, ""), with_streams("b", leaderless, ""), silent()];
        assert!(words(&nodes, "c").contains("no leader"));
    }

    #[test]
    fn nothing_goes_while_another_replica_is_behind() {
        let nodes = cluster(&stream("a", &[("b", false), ("c", true)]));
        assert!(words(&nodes, "c").contains("GAME/S is not current on b"));
        let behind = THREE.replace(r#""b","current":true"#, r#""b","current":false"#);
        let nodes = [
            with_streams("a", &behind, ""),
            with_streams("b", FOLLOWER, ""),
            with_streams("c", FOLLOWER, ""),
        ];
        assert!(words(&nodes, "c").contains("b is behind in the meta group"));
    }

    #[test]
    fn what_lives_on_it_alone_would_stop() {
        let nodes = cluster(&stream("a", &[]));
        assert!(matches!(objection(&NAMES, &nodes, "a"), Some(Objection::WouldStop(_))));
        assert_eq!(objection(&NAMES, &nodes, "b"), None);
    }

    #[test]
    fn a_new_machine_is_waited_for_until_it_has_everything() {
        let lacks = |streams: &str, node: &str| {
            lacking(&NAMES, &cluster(streams), node, &mut BTreeSet::new())
        };
        let behind = stream("a", &[("b", true), ("c", false)]);
        assert_eq!(lacks(&behind, "c").unwrap(), "c catches up: GAME/S");
        assert_eq!(lacks(&behind, "b"), None);
        let mut nodes = cluster("");
        nodes[2] = silent();
        let mut whole = BTreeSet::from(["GAME/S".to_owned()]);
        assert!(lacking(&NAMES, &nodes, "c", &mut whole).unwrap().contains("does not answer"));
        assert!(whole.is_empty(), "what was seen of the machine before does not count");
    }

    #[test]
    fn a_stream_that_was_seen_whole_may_fall_behind_for_a_moment() {
        let mut whole = BTreeSet::new();
        let caught_up = cluster(&stream("a", &[("b", true), ("c", true)]));
        assert_eq!(lacking(&NAMES, &caught_up, "c", &mut whole), None);
        let behind = cluster(&stream("a", &[("b", true), ("c", false)]));
        assert_eq!(lacking(&NAMES, &behind, "c", &mut whole), None);
    }

    #[test]
    fn a_copy_that_nobody_else_has_is_the_only_one() {
        let placed = |leader: Option<&str>, followers: &[(&str, bool)]| PlacedStream {
            leader: leader.map(str::to_owned),
            followers: followers
                .iter()
                .map(|(name, current)| ((*name).to_owned(), *current))
                .collect(),
            ..PlacedStream::default()
        };
        assert!(is_alone(&placed(Some("a"), &[]), "a"));
        assert!(is_alone(&placed(Some("a"), &[("b", false)]), "a"));
        assert!(is_alone(&placed(None, &[]), "a"), "nobody knows where it is");
        assert!(!is_alone(&placed(Some("b"), &[]), "a"));
        assert!(!is_alone(&placed(Some("a"), &[("b", true)]), "a"));
    }
}
