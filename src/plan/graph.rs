//! The order of a plan's actions.

use std::collections::BTreeMap;

use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

use super::{Action, RecordId};

/// Actions that wait for each other, which is a bug of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("these wait for each other: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
pub struct Cycle(pub Vec<RecordId>);

/// For each action, the actions (by index) that must be done before it. What is not in `actions` is done already.
pub fn order(actions: &[&Action]) -> Result<Vec<Vec<usize>>, Cycle> {
    let index: BTreeMap<&RecordId, usize> =
        actions.iter().enumerate().map(|(index, action)| (&action.id, index)).collect();
    let needs: Vec<Vec<usize>> = actions
        .iter()
        .map(|action| action.needs.iter().filter_map(|id| index.get(id).copied()).collect())
        .collect();
    let edges = needs
        .iter()
        .enumerate()
        .flat_map(|(to, from)| from.iter().map(move |&from| (node(from), node(to))));
    let mut graph = DiGraph::<(), ()>::from_edges(edges);
    while graph.node_count() < actions.len() {
        graph.add_node(());
    }
    for group in tarjan_scc(&graph) {
        let itself = group.len() == 1 && needs[group[0].index()].contains(&group[0].index());
        if group.len() > 1 || itself {
            let ids = group.iter().map(|at| actions[at.index()].id.clone());
            return Err(Cycle(ids.collect()));
        }
    }
    Ok(needs)
}

fn node(index: usize) -> u32 {
    u32::try_from(index).expect("a plan has far fewer actions")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Kind, Observed, Record, plan};

    fn needing(pairs: &[(&str, &[&str])]) -> Vec<Action> {
        let id = |name: &str| RecordId::new(Kind::Node, name);
        let records = pairs
            .iter()
            .map(|(name, needs)| Record::new(id(name)).needs(needs.iter().map(|n| id(n))))
            .collect();
        plan(records, Observed::default()).actions
    }

    #[test]
    fn needs_outside_the_plan_are_met_already() {
        let actions = needing(&[("a", &["z"]), ("b", &["a"])]);
        let order = order(&actions.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(order, [vec![], vec![0]]);
    }

    #[test]
    fn a_cycle_is_named_whole() {
        let actions = needing(&[("a", &["c"]), ("b", &["a"]), ("c", &["b"])]);
        let cycle = order(&actions.iter().collect::<Vec<_>>()).unwrap_err();
        assert_eq!(cycle.0.len(), 3);
    }
}
