//! The health gate: every node fully healthy, the meta group whole, every replica current.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::execute::StopSign;
use super::{Event, OpsError, Site, quorum};
use crate::nats::{Health, Jsz, LedStream, Meta, Varz};
use crate::provider::Provider;

/// How often is asked. An answer costs a server well under a millisecond.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a cluster may take: an election, plus catching up after a restart.
const LIMIT: Duration = Duration::from_secs(90);

/// How long servers may restore their streams and fetch what they missed: with much data, that is not a matter of seconds. A
/// server of 2.15.1 was seen for more than 25 s in its search for the messages of a duplicate window (`rebuildDedupe`), for
/// each of which it read a compressed block anew.
const RESTORE: Duration = Duration::from_secs(1800);

/// How `/healthz` begins when JetStream is at work on what a server holds.
const AT_WORK: [&str; 4] = [
    "JetStream is still recovering",
    "JetStream is not current",
    "JetStream stream ",
    "JetStream consumer ",
];

/// What `/healthz` says of a server that has begun to run and listens to nobody yet.
const NOT_READY: &str = "failed to be ready for connections";

/// How long a replica may be behind because there is much to store.
const MOMENT: Duration = Duration::from_secs(10);

/// A node as the gate sees it.
#[derive(Default)]
pub struct NodeHealth {
    /// What `/varz` tells; none when the node is silent, or when another server answers at its address.
    pub varz: Option<Varz>,
    /// What `/jsz` tells; none as above.
    pub jetstream: Option<Jsz>,
    /// Why it is not healthy; none when it is.
    pub problem: Option<String>,
}

impl NodeHealth {
    /// Whether it restores its streams or catches up with the others.
    fn restores(&self) -> bool {
        let at_work = |problem: &String| {
            problem == RESTORES || AT_WORK.iter().any(|words| problem.starts_with(words))
        };
        self.problem.as_ref().is_some_and(at_work)
    }
}

/// What is said of a server whose monitoring port does not answer.
pub(super) const SILENT: &str = "it does not answer";

/// What is said of a server that is not ready.
const RESTORES: &str = "it restores its streams, and lets nobody in yet";

/// How long it is waited for servers: while nothing is wrong but that some restore their streams, as long as that may take.
pub(super) struct Patience {
    limit: Duration,
    begin: Instant,
    /// Since when it is not only that.
    since: Instant,
}

impl Patience {
    /// Waits so long for everything else.
    pub fn new(limit: Duration) -> Self {
        let now = Instant::now();
        Self { limit, begin: now, since: now }
    }

    /// Fails when it is over; `missing` is what it waits for.
    pub fn check(&mut self, nodes: &[NodeHealth], missing: &str) -> Result<(), OpsError> {
        let mut ill = nodes.iter().filter(|node| node.problem.is_some()).peekable();
        let restored = ill.peek().is_some() && ill.all(NodeHealth::restores);
        if restored && self.begin.elapsed() < RESTORE {
            self.since = Instant::now();
        }
        if self.since.elapsed() <= self.limit {
            return Ok(());
        }
        let seconds = self.begin.elapsed().as_secs();
        Err(OpsError::Unhealthy { seconds, missing: missing.to_owned() })
    }
}

/// Looks at every node, in the order of the model.
pub async fn look<P: Provider>(site: &Site<'_, P>) -> Vec<NodeHealth> {
    join_all(site.cluster.nodes.iter().map(async |node| {
        let monitor = site.monitor(node);
        let (health, varz, jetstream) =
            tokio::join!(monitor.health(), monitor.varz(), monitor.jetstream());
        let stranger = varz.as_ref().ok().filter(|v| v.server_name != node.name.as_str());
        if let Some(stranger) = stranger {
            let name = &stranger.server_name;
            let problem = format!("another server, {name}, answers at its address");
            return NodeHealth { problem: Some(problem), ..NodeHealth::default() };
        }
        let problem = match health {
            Ok(Health::Good) => None,
            Ok(Health::Bad(reason)) if reason.starts_with(NOT_READY) => Some(RESTORES.to_owned()),
            Ok(Health::Bad(reason)) => Some(reason),
            Err(_) => Some(SILENT.to_owned()),
        };
        NodeHealth { varz: varz.ok(), jetstream: jetstream.ok(), problem }
    }))
    .await
}

/// The meta group as its leader sees it, with the leader's name.
pub fn meta(nodes: &[NodeHealth]) -> Option<(&str, &Meta)> {
    nodes.iter().find_map(|node| {
        let name = node.varz.as_ref()?.server_name.as_str();
        let meta = node.jetstream.as_ref()?.meta_cluster.as_ref()?;
        (meta.leader() == Some(name)).then_some((name, meta))
    })
}

/// What is wrong with the meta group; none when it has a leader that sees every node current.
pub fn meta_problem(nodes: &[NodeHealth]) -> Option<String> {
    if let Some(lost) = quorum::lost(nodes) {
        return Some(lost.to_string());
    }
    let Some((_, meta)) = meta(nodes) else {
        return Some("the meta group has no leader".to_owned());
    };
    let behind: Vec<&str> =
        meta.replicas.iter().filter(|p| !p.is_whole()).map(|p| p.name.as_str()).collect();
    if !behind.is_empty() {
        return Some(format!("in the meta group, {} not current", are(&behind)));
    }
    let members = meta.replicas.len() + 1;
    (members != nodes.len() || meta.cluster_size != nodes.len())
        .then(|| format!("the meta group has {members} of {} members", nodes.len()))
}

fn are(names: &[&str]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}

/// Waits until every node is fully healthy, the meta group whole and every replica of every stream current.
///
/// Under load a replica is behind for moments, so each stream must have been seen whole once, not all at the same time.
/// Gives what it saw last.
pub async fn wait_healthy<P: Provider>(
    site: &Site<'_, P>,
    stop: &StopSign,
) -> Result<Vec<NodeHealth>, OpsError> {
    let mut patience = Patience::new(LIMIT);
    let mut whole = BTreeSet::new();
    loop {
        let nodes = look(site).await;
        let missing = missing(site, &nodes);
        if missing.is_some() {
            // A node that comes back brings replicas that have been away.
            whole.clear();
        }
        whole.extend(led_streams(&nodes).filter(|s| s.behind.is_empty()).map(|s| s.name));
        let Some(missing) = missing.or_else(|| streams_problem(&nodes, &whole)) else {
            return Ok(nodes);
        };
        stop.heed()?;
        patience.check(&nodes, &missing)?;
        site.reporter.event(&Event::Waiting(&missing));
        tokio::time::sleep(PAUSE).await;
    }
}

/// What is still missing of nodes and meta group, in words.
pub fn missing<P>(site: &Site<'_, P>, nodes: &[NodeHealth]) -> Option<String> {
    let ill: Vec<String> = site
        .cluster
        .nodes
        .iter()
        .zip(nodes)
        .filter_map(|(node, health)| Some(format!("{}: {}", node.name, health.problem.as_ref()?)))
        .collect();
    if ill.is_empty() {
        return meta_problem(nodes);
    }
    let healthy = nodes.len() - ill.len();
    let lost = quorum::lost(nodes).map(|lost| format!("{lost}; ")).unwrap_or_default();
    Some(format!("{lost}{healthy} of {} nodes healthy; {}", nodes.len(), ill.join("; ")))
}

/// The streams whose leaders miss a replica, in words; not those that were seen whole.
fn streams_problem(nodes: &[NodeHealth], whole: &BTreeSet<String>) -> Option<String> {
    let behind: Vec<String> = led_streams(nodes)
        .filter(|stream| !stream.behind.is_empty() && !whole.contains(&stream.name))
        .map(|stream| format!("{} on {}", stream.name, stream.behind.join(" and ")))
        .collect();
    (!behind.is_empty()).then(|| format!("not current: {}", behind.join(", ")))
}

/// The streams, as their leaders see them.
pub(super) fn led_streams(nodes: &[NodeHealth]) -> impl Iterator<Item = LedStream> {
    nodes.iter().filter_map(|node| node.jetstream.as_ref()).flat_map(Jsz::led_streams)
}

/// What would stop if `node` left now, in words; none when everything goes on without it.
pub fn depends_on(nodes: &[NodeHealth], node: &str) -> Option<String> {
    if let Some((leader, meta)) = meta(nodes) {
        let peers = meta.replicas.iter().filter(|p| p.is_whole()).map(|p| p.name.as_str());
        let left = std::iter::once(leader).chain(peers).filter(|name| *name != node).count();
        if left < meta.quorum() {
            let quorum = meta.quorum();
            return Some(format!("the meta group would have {left} members and needs {quorum}"));
        }
    }
    led_streams(nodes).find_map(|stream| {
        let members = stream.whole.iter().chain(&stream.behind);
        if !members.into_iter().any(|name| name == node) {
            return None;
        }
        let (left, needed) =
            (stream.whole.iter().filter(|name| *name != node).count(), stream.majority());
        let name = &stream.name;
        (left < needed)
            .then(|| format!("stream {name} would have {left} replicas and needs {needed}"))
    })
}

/// Waits a moment until everything goes on without a node; refuses when it does not. Gives what it saw last.
pub async fn may_leave<P: Provider>(
    site: &Site<'_, P>,
    mut nodes: Vec<NodeHealth>,
    node: &str,
) -> Result<Vec<NodeHealth>, OpsError> {
    let begin = Instant::now();
    while let Some(what) = depends_on(&nodes, node) {
        if begin.elapsed() > MOMENT {
            return Err(OpsError::WouldInterrupt { node: node.to_owned(), what });
        }
        site.reporter.event(&Event::Waiting(&what));
        tokio::time::sleep(PAUSE).await;
        nodes = look(site).await;
    }
    Ok(nodes)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A node that tells of the meta group and of streams.
    pub fn with_streams(name: &str, meta: &str, streams: &str) -> NodeHealth {
        let varz = format!(
            r#"{{"server_id":"N","server_name":"{name}","version":"2.15.1","uptime":"1s",
                "connections":0,"mem":0}}"#
        );
        let jetstream = format!(
            r#"{{"meta_cluster":{meta},
                "account_details":[{{"name":"GAME","stream_detail":[{streams}]}}]}}"#
        );
        NodeHealth {
            varz: serde_json::from_str(&varz).unwrap(),
            jetstream: serde_json::from_str(&jetstream).unwrap(),
            problem: None,
        }
    }

    fn node(name: &str, meta: &str) -> NodeHealth {
        with_streams(name, meta, "")
    }

    const WHOLE: &str =
        r#"{"leader":"a","cluster_size":2,"replicas":[{"name":"b","current":true}]}"#;

    #[test]
    fn who_restores_streams_is_waited_for_beyond_the_limit_and_nobody_else() {
        let ill =
            |problem: &str| NodeHealth { problem: Some(problem.to_owned()), ..node("b", WHOLE) };
        let mut patience = Patience::new(Duration::from_millis(20));
        std::thread::sleep(Duration::from_millis(30));
        patience.check(&[node("a", WHOLE), ill(RESTORES)], "b").unwrap();
        // What follows has its own time.
        patience.check(&[ill("it does not answer")], "b").unwrap();
        std::thread::sleep(Duration::from_millis(30));
        patience.check(&[ill("JetStream stream 'S' is not current: …")], "b").unwrap();
        std::thread::sleep(Duration::from_millis(30));
        // A stream may not be current because somebody is away, and will not be while it is so.
        let nodes = [ill(RESTORES), ill("it does not answer")];
        let over = patience.check(&nodes, "b is away").unwrap_err();
        assert!(over.to_string().contains("b is away"), "{over}");
    }

    #[test]
    fn a_whole_meta_group_is_well() {
        let follower = r#"{"leader":"a","cluster_size":2}"#;
        assert_eq!(meta_problem(&[node("a", WHOLE), node("b", follower)]), None);
    }

    #[test]
    fn a_group_without_leader_is_named() {
        let lost = r#"{"cluster_size":2}"#;
        let problem = meta_problem(&[node("a", lost), node("b", lost)]).unwrap();
        assert!(problem.contains("no leader"));
    }

    #[test]
    fn a_member_that_is_behind_or_missing_is_named() {
        let behind = WHOLE.replace("true", "false");
        let problem = meta_problem(&[node("a", &behind), node("b", WHOLE)]).unwrap();
        assert_eq!(problem, "in the meta group, b is not current");
        let three = [node("a", WHOLE), node("b", WHOLE), node("c", WHOLE)];
        assert_eq!(meta_problem(&three).unwrap(), "the meta group has 2 of 3 members");
    }

    /// A stream `S`, as its leader tells of it.
    pub fn stream(leader: &str, followers: &[(&str, bool)]) -> String {
        let followers: Vec<String> = followers
            .iter()
            .map(|(name, current)| format!(r#"{{"name":"{name}","current":{current}}}"#))
            .collect();
        let followers = followers.join(",");
        format!(r#"{{"name":"S","cluster":{{"leader":"{leader}","replicas":[{followers}]}}}}"#)
    }

    /// A meta group of three that is well.
    pub const THREE: &str = r#"{"leader":"a","cluster_size":3,"quorum_needed":2,"replicas":[
        {"name":"b","current":true},{"name":"c","current":true}]}"#;

    #[test]
    fn a_replica_that_is_behind_is_named_with_its_stream() {
        let nodes = [with_streams("a", THREE, &stream("a", &[("b", true), ("c", false)]))];
        assert_eq!(streams_problem(&nodes, &BTreeSet::new()).unwrap(), "not current: GAME/S on c");
        assert_eq!(streams_problem(&nodes, &["GAME/S".to_owned()].into()), None);
    }

    #[test]
    fn a_node_may_leave_while_majorities_stay() {
        let nodes = [with_streams("a", THREE, &stream("a", &[("b", true), ("c", true)]))];
        assert_eq!(depends_on(&nodes, "b"), None);
        assert_eq!(depends_on(&nodes, "a"), None);
    }

    #[test]
    fn a_node_may_not_leave_when_a_majority_goes_with_it() {
        let nodes = [with_streams("a", THREE, &stream("a", &[("b", true), ("c", false)]))];
        assert!(depends_on(&nodes, "b").unwrap().contains("GAME/S would have 1 replicas"));
        let alone = [with_streams("a", THREE, &stream("a", &[]))];
        assert!(depends_on(&alone, "a").is_some());
        assert_eq!(depends_on(&alone, "b"), None);
        let two = [node("a", WHOLE)];
        assert!(depends_on(&two, "b").unwrap().contains("meta group"));
    }
}
