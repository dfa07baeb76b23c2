//! A lost quorum: how it is recognised, and the way back.
//!
//! A server's own health check notices only after 20 to 30 seconds that most of the meta group is gone
//! (measured on 2.15.1). So the members that answer are counted against what `/jsz` says is needed.

use std::fmt;

use super::gate::NodeHealth;

/// Too few members of the meta group are there to decide anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostQuorum {
    /// How many members answer.
    pub present: usize,
    /// How many are needed.
    pub needed: usize,
    /// How many there are.
    pub size: usize,
}

impl fmt::Display for LostQuorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { present, needed, size } = self;
        write!(f, "the quorum is lost: {present} of {size} members answer, {needed} are needed")
    }
}

/// The lost quorum; none while there are enough members, or when nobody is left to tell.
pub fn lost(nodes: &[NodeHealth]) -> Option<LostQuorum> {
    let metas = || nodes.iter().filter_map(|n| n.jetstream.as_ref()?.meta_cluster.as_ref());
    let present = metas().count();
    let size = metas().map(|meta| meta.cluster_size).max()?;
    let needed = metas().map(|meta| meta.quorum()).max()?;
    (present < needed).then_some(LostQuorum { present, needed, size })
}

/// The way back, step by step: first what loses nothing.
pub fn drill(environment: &str, lost: LostQuorum) -> Vec<String> {
    let LostQuorum { present, needed, size } = lost;
    let gone = size - present;
    let returning = needed - present;
    vec![
        format!("start what is only stopped: natsops apply {environment}. {returning} more \
                 members bring the quorum back, and nothing is lost; the steps below are for members \
                 that never come back"),
        format!("make sure that the {gone} members are dead and stay so (stop their machines): \
                 a member that comes back later has another history"),
        format!("as the system account, send $JS.API.META.RESCUE with {{\"quorum_needed\": {present}}}: \
                 the {present} members that are left elect a leader; it holds for 5 minutes"),
        "as the system account, send $JS.API.SERVER.REMOVE with {\"peer\": \"NAME\"} for each dead member, one \
         at a time"
            .to_owned(),
        format!("bring nodes of the same names back with empty disks: natsops apply {environment}"),
        "lower a stream that stays short of a replica to fewer replicas, and raise it again".to_owned(),
        format!("prove it: natsops doctor {environment}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(meta: Option<&str>) -> NodeHealth {
        let jetstream = meta.map(|meta| format!(r#"{{"meta_cluster":{meta}}}"#));
        NodeHealth {
            jetstream: jetstream.map(|page| serde_json::from_str(&page).unwrap()),
            ..NodeHealth::default()
        }
    }

    const LEADERLESS: &str = r#"{"cluster_size":5,"quorum_needed":3}"#;

    #[test]
    fn two_of_five_are_too_few_whatever_they_still_believe() {
        let believing = r#"{"cluster_size":5,"quorum_needed":3,"leader":"a"}"#;
        for meta in [LEADERLESS, believing] {
            let nodes = [Some(meta), Some(meta), None, None, None].map(node);
            assert_eq!(lost(&nodes), Some(LostQuorum { present: 2, needed: 3, size: 5 }));
        }
    }

    #[test]
    fn three_of_five_are_enough() {
        let meta = Some(LEADERLESS);
        assert_eq!(lost(&[meta, meta, meta, None, None].map(node)), None);
    }

    #[test]
    fn when_nobody_answers_nobody_knows() {
        assert_eq!(lost(&[None, None, None].map(node)), None);
    }
}
