//! Nodes fully healthy, the meta group whole.

use super::grouped::grouped;
use super::{Finding, Scene};
use crate::ops::gate;

/// Every node answers its full health check with "ok".
pub fn nodes<P>(scene: &Scene<'_, '_, P>) -> Finding {
    let all = scene.nodes.len();
    let ill: Vec<(&str, &str)> = scene
        .site
        .cluster
        .nodes
        .iter()
        .zip(&scene.nodes)
        .filter_map(|(node, health)| Some((node.name.as_str(), health.problem.as_deref()?)))
        .collect();
    let Some((name, _)) = ill.first() else {
        return Ok(format!("{all} of {all} nodes fully healthy"));
    };
    let environment = &scene.site.cluster.environment;
    let told = grouped(ill.iter().map(|(name, problem)| (*name, (*problem).to_owned())));
    Err((
        format!("{} of {all} nodes fully healthy; {told}", all - ill.len()),
        format!("natsops logs {environment} {name}"),
    ))
}

/// The meta group has a leader, and every node is a current member.
pub fn meta<P>(scene: &Scene<'_, '_, P>) -> Finding {
    let all = scene.nodes.len();
    if let Some(problem) = gate::meta_problem(&scene.nodes) {
        return Err((problem, format!("natsops status {}", scene.site.cluster.environment)));
    }
    let leader = gate::meta(&scene.nodes).map_or("unknown", |(leader, _)| leader);
    Ok(format!("leader {leader}, {all} of {all} members current"))
}
