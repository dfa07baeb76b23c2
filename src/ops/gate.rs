//! The health gate: every node fully healthy, and the meta group whole.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::execute::StopSign;
use super::{Event, OpsError, Site};
use crate::nats::{Health, Varz};
use crate::provider::Provider;

/// How often is asked. An answer costs a server well under a millisecond.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a cluster may take: an election, plus catching up after a restart.
const LIMIT: Duration = Duration::from_secs(90);

/// A node as the gate sees it.
pub struct NodeHealth {
    /// What `/varz` tells; none when the node is silent.
    pub varz: Option<Varz>,
    /// Why it is not healthy; none when it is.
    pub problem: Option<String>,
}

/// Looks at every node, in the order of the model.
pub async fn look<P: Provider>(site: &Site<'_, P>) -> Vec<NodeHealth> {
    join_all(site.cluster.nodes.iter().map(async |node| {
        let monitor = site.monitor(node);
        let (health, varz) = tokio::join!(monitor.health(), monitor.varz());
        let problem = match &health {
            Ok(Health::Good) => None,
            Ok(Health::Bad(reason)) => Some(reason.clone()),
            Err(_) => Some("it does not answer".to_owned()),
        };
        let varz = varz.ok();
        let stranger = varz.as_ref().filter(|varz| varz.server_name != node.name.as_str());
        let problem = stranger
            .map(|varz| format!("another server, {}, answers at its address", varz.server_name))
            .or(problem);
        NodeHealth { varz, problem }
    }))
    .await
}

/// What is wrong with the meta group; none when it has a leader that sees every node current.
pub fn meta_problem(nodes: &[NodeHealth]) -> Option<String> {
    let servers = || nodes.iter().filter_map(|node| node.varz.as_ref());
    let Some(leader) = servers().find(|varz| varz.meta_leader() == Some(&varz.server_name)) else {
        return Some("the meta group has no leader".to_owned());
    };
    let meta = leader.jetstream.meta.as_ref()?;
    let behind: Vec<&str> = meta
        .replicas
        .iter()
        .filter(|peer| !peer.current || peer.offline)
        .map(|peer| peer.name.as_str())
        .collect();
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

/// Waits until every node is fully healthy and the meta group whole.
pub async fn wait_healthy<P: Provider>(
    site: &Site<'_, P>,
    stop: &StopSign,
) -> Result<(), OpsError> {
    let begin = Instant::now();
    loop {
        let nodes = look(site).await;
        let Some(missing) = missing(site, &nodes) else {
            return Ok(());
        };
        if stop.is_raised() {
            return Err(OpsError::Interrupted);
        }
        if begin.elapsed() > LIMIT {
            return Err(OpsError::Unhealthy { seconds: LIMIT.as_secs(), missing });
        }
        site.reporter.event(&Event::Waiting(&missing));
        tokio::time::sleep(PAUSE).await;
    }
}

/// What is still missing, in words.
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
    Some(format!("{healthy} of {} nodes healthy; {}", nodes.len(), ill.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, meta: &str) -> NodeHealth {
        let varz = format!(
            r#"{{"server_id":"N","server_name":"{name}","version":"2.15.1","uptime":"1s",
                "connections":0,"mem":0,"jetstream":{{"meta":{meta}}}}}"#
        );
        NodeHealth { varz: serde_json::from_str(&varz).unwrap(), problem: None }
    }

    const WHOLE: &str =
        r#"{"leader":"a","cluster_size":2,"replicas":[{"name":"b","current":true}]}"#;

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
}
