//! How long an apply takes: the longest chain of what waits for each other.
//!
//! Times are typical ones, not limits. Where a range was seen, its upper end stands here, since a wait that is
//! shorter than announced annoys nobody. Sources are the run logs of terraform users with these resources.

use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::{Action, ActionKind, Cycle, Kind, Plan, RecordId, order};

/// One call that answers at once. What has no time of its own below is one.
const CALL: u64 = 1;

/// Fields of the cache whose change makes its nodes anew, one after another.
const RESHAPES_CACHE: [&str; 4] = ["node_type", "engine", "shards", "replicas_per_shard"];

/// How long an apply is expected to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Expected {
    /// The whole of it, in seconds.
    pub seconds: u64,
    /// The chain that takes longest, in its order.
    pub chain: Vec<Step>,
}

/// One action of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// The thing.
    #[serde(flatten)]
    pub id: RecordId,
    /// What is done to it.
    pub action: ActionKind,
    /// How long that typically takes.
    pub seconds: u64,
}

impl Expected {
    /// The step of the chain that takes longest.
    pub fn dominated_by(&self) -> Option<&Step> {
        // Of equals the first one.
        self.chain.iter().rev().max_by_key(|step| step.seconds)
    }
}

/// How long an action typically takes, in seconds.
pub fn typical(action: &Action) -> u64 {
    let kind = action.id.kind;
    match action.action {
        ActionKind::Keep => 0,
        ActionKind::Create => creation(kind),
        ActionKind::Update => update(action),
        ActionKind::Replace => removal(kind) + creation(kind),
        ActionKind::Delete => removal(kind),
    }
}

fn creation(kind: Kind) -> u64 {
    match kind {
        // 5m37 to 9m15 for small groups (5 runs); cluster mode made and removed again in 9 to 11 minutes.
        Kind::ReplicationGroup => 10 * 60,
        // 2m22 to 2m41 (3 runs).
        Kind::LoadBalancer => 160,
        // 13 to 35 s to `running` (8 runs), then 21 to 37 s until its volume is attached (6 runs).
        Kind::Instance => 70,
        // About 35 s until every server of the zone knows it (1 run). Nobody waits for a zone without records.
        Kind::DnsRecord => 35,
        // Seconds, until every member is taken in.
        Kind::CacheUserGroup => 20,
        // A fresh instance profile is known to EC2 after about 10 s.
        Kind::Role => 10,
        // Seconds.
        Kind::Volume | Kind::EncryptionKey => 5,
        _ => CALL,
    }
}

fn removal(kind: Kind) -> u64 {
    match kind {
        // 3 to 6 minutes.
        Kind::ReplicationGroup => 6 * 60,
        // Fast, but its interfaces, and so its security group, linger for minutes.
        Kind::LoadBalancer => 2 * 60,
        // 20 to 31 s (5 runs).
        Kind::Instance => 30,
        Kind::DnsRecord => 35,
        // Seconds to minutes in `deleting`.
        Kind::Volume => 30,
        _ => CALL,
    }
}

fn update(action: &Action) -> u64 {
    let changes = |fields: &[&str]| {
        action.changes.iter().any(|change| fields.contains(&change.field.as_str()))
    };
    match action.id.kind {
        Kind::ReplicationGroup if changes(&RESHAPES_CACHE) => creation(Kind::ReplicationGroup),
        // Another type needs a stop and a start.
        Kind::Instance if changes(&["type"]) => removal(Kind::Instance) + creation(Kind::Instance),
        Kind::DnsRecord => creation(Kind::DnsRecord),
        _ => CALL,
    }
}

/// How long an apply of a plan takes when everything that can run beside each other does.
pub fn expected(plan: &Plan) -> Result<Expected, Cycle> {
    let actions: Vec<&Action> = plan.changes().collect();
    let needs = order(&actions)?;
    let ends = ends(&actions, &needs);
    let mut chain = Vec::new();
    let mut at = last(&ends, 0..actions.len());
    let seconds = at.map_or(0, |at| ends[at]);
    while let Some(index) = at {
        let action = actions[index];
        let (id, seconds) = (action.id.clone(), typical(action));
        chain.push(Step { id, action: action.action, seconds });
        at = last(&ends, needs[index].iter().copied());
    }
    chain.reverse();
    Ok(Expected { seconds, chain })
}

/// When each action ends, counted from the beginning. There is no cycle: the order was found before.
fn ends(actions: &[&Action], needs: &[Vec<usize>]) -> Vec<u64> {
    let mut waiting: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut followers = vec![Vec::new(); actions.len()];
    for (index, needs) in needs.iter().enumerate() {
        for &need in needs {
            followers[need].push(index);
        }
    }
    let mut ready: Vec<usize> = (0..actions.len()).filter(|&index| waiting[index] == 0).collect();
    let mut ends = vec![0; actions.len()];
    while let Some(index) = ready.pop() {
        let begin = needs[index].iter().map(|&need| ends[need]).max().unwrap_or(0);
        ends[index] = begin + typical(actions[index]);
        for &follower in &followers[index] {
            waiting[follower] -= 1;
            if waiting[follower] == 0 {
                ready.push(follower);
            }
        }
    }
    ends
}

/// The one that ends last; of equals the first one.
fn last(ends: &[u64], among: impl DoubleEndedIterator<Item = usize>) -> Option<usize> {
    among.rev().max_by_key(|&index| ends[index])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::{FieldChange, Observed, Record, plan};

    fn id(kind: Kind, name: &str) -> RecordId {
        RecordId::new(kind, name)
    }

    fn created(records: Vec<Record>) -> Plan {
        plan(records, Observed::default())
    }

    fn names(expected: &Expected) -> Vec<&str> {
        expected.chain.iter().map(|step| step.id.name.as_str()).collect()
    }

    #[test]
    fn an_empty_plan_takes_no_time() {
        let expected = expected(&Plan::empty()).unwrap();
        assert_eq!((expected.seconds, expected.chain.len()), (0, 0));
        assert_eq!(expected.dominated_by(), None);
    }

    #[test]
    fn the_cache_dominates_a_first_apply() {
        let group = id(Kind::SecurityGroup, "cache");
        let cache = id(Kind::ReplicationGroup, "prod");
        let balancer = id(Kind::LoadBalancer, "prod");
        let expected = expected(&created(vec![
            Record::new(group.clone()),
            Record::new(balancer).needs([group.clone()]),
            Record::new(id(Kind::Instance, "nats-1")).needs([group.clone()]),
            Record::new(cache.clone()).needs([group]),
        ]))
        .unwrap();
        assert_eq!(names(&expected), ["cache", "prod"]);
        assert_eq!(expected.seconds, 601);
        assert_eq!(expected.dominated_by().unwrap().id, cache);
    }

    #[test]
    fn a_plan_that_waits_for_itself_has_no_duration() {
        let (a, b) = (id(Kind::Role, "a"), id(Kind::Role, "b"));
        let records = vec![Record::new(a.clone()).needs([b.clone()]), Record::new(b).needs([a])];
        assert_eq!(expected(&created(records)).unwrap_err().0.len(), 2);
    }

    #[test]
    fn another_shape_takes_longer_than_another_setting() {
        let change = |field: &str| {
            let mut plan = created(vec![Record::new(id(Kind::ReplicationGroup, "prod"))]);
            let action = &mut plan.actions[0];
            action.action = ActionKind::Update;
            let (from, to) = (Some("1".to_owned()), Some("2".to_owned()));
            let field = field.to_owned();
            action.changes = vec![FieldChange { field, from, to, summary: false }];
            typical(action)
        };
        assert!(change("node_type") > 60 * change("snapshot_window"));
    }

    #[test]
    fn what_is_blocked_takes_no_time() {
        let mut plan = created(vec![Record::new(id(Kind::ReplicationGroup, "prod"))]);
        plan.actions[0].blocked = Some("never".to_owned());
        assert_eq!(expected(&plan).unwrap().seconds, 0);
    }

    const KINDS: [Kind; 6] = [
        Kind::ReplicationGroup,
        Kind::LoadBalancer,
        Kind::Instance,
        Kind::DnsRecord,
        Kind::Role,
        Kind::SecurityRule,
    ];

    /// Plans without a cycle: each thing needs only things before it. They are told in another order.
    fn plans() -> impl Strategy<Value = Plan> {
        let thing = (0..KINDS.len(), proptest::collection::vec(any::<prop::sample::Index>(), 0..3));
        proptest::collection::vec(thing, 1..12).prop_map(|things| {
            let ids: Vec<RecordId> = (0..things.len())
                .map(|number| id(KINDS[things[number].0], &number.to_string()))
                .collect();
            let record = |(number, (_, needs)): (usize, &(usize, Vec<prop::sample::Index>))| {
                let needs = needs.iter().filter(|_| number > 0).map(|need| need.index(number));
                Record::new(ids[number].clone()).needs(needs.map(|need| ids[need].clone()))
            };
            created(things.iter().enumerate().rev().map(record).collect())
        })
    }

    /// The length of the longest chain that ends with an action, told by walking every chain.
    fn longest(plan: &Plan, action: &Action) -> u64 {
        let before = action.needs.iter().map(|need| {
            let need = plan.actions.iter().find(|other| other.id == *need).unwrap();
            longest(plan, need)
        });
        before.max().unwrap_or(0) + typical(action)
    }

    proptest! {
        #[test]
        fn no_chain_is_longer_and_one_is_as_long(plan in plans()) {
            let expected = expected(&plan).unwrap();
            let longest = plan.actions.iter().map(|action| longest(&plan, action)).max().unwrap();
            prop_assert_eq!(expected.seconds, longest);
        }

        #[test]
        fn the_chain_is_one_and_takes_the_whole_time(plan in plans()) {
            let expected = expected(&plan).unwrap();
            let sum: u64 = expected.chain.iter().map(|step| step.seconds).sum();
            prop_assert_eq!(sum, expected.seconds);
            for pair in expected.chain.windows(2) {
                let later = plan.actions.iter().find(|action| action.id == pair[1].id).unwrap();
                prop_assert!(later.needs.contains(&pair[0].id));
            }
            let dominating = expected.dominated_by().unwrap().seconds;
            prop_assert!(expected.chain.iter().all(|step| step.seconds <= dominating));
        }
    }
}
