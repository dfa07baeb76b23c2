//! Compares desired records with observed ones. Pure: same input, same plan.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Action, ActionKind, Effect, Field, FieldChange, Kind, NotObserved, OnChange, Plan, Record,
    RecordId,
};

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// The things that were found.
    pub records: Vec<Record>,
    /// The kinds that could not be looked at.
    pub not_observed: Vec<NotObserved>,
}

/// Plans the way from `observed` to `desired`.
///
/// A field that was not observed is not compared. What was found and is not desired is reported as unmanaged
/// and left alone: nothing is deleted because a line of YAML has gone.
pub fn plan(desired: Vec<Record>, observed: Observed) -> Plan {
    let unseen: BTreeSet<Kind> = observed.not_observed.iter().map(|n| n.kind).collect();
    let mut found: BTreeMap<RecordId, Record> =
        observed.records.into_iter().map(|record| (record.id.clone(), record)).collect();
    let actions = desired
        .into_iter()
        .filter(|record| !unseen.contains(&record.id.kind))
        .map(|record| {
            let found = found.remove(&record.id);
            decide(record, found)
        })
        .collect();
    let mut plan = Plan {
        actions,
        not_observed: observed.not_observed,
        unmanaged: found.into_keys().filter(|id| !unseen.contains(&id.kind)).collect(),
    };
    one_restart_at_a_time(&mut plan);
    plan
}

fn decide(desired: Record, found: Option<Record>) -> Action {
    let Record { id, fields, needs, complete: _ } = desired;
    let Some(found) = found else {
        let changes = fields
            .into_iter()
            .map(|(field, value)| FieldChange {
                field,
                from: None,
                to: Some(value.value),
                summary: value.summary,
            })
            .collect();
        let effect = if matches!(id.kind, Kind::Node | Kind::RedisNode) {
            Effect::Start
        } else {
            Effect::None
        };
        return Action {
            id,
            action: ActionKind::Create,
            reason: "it does not exist".to_owned(),
            effect,
            changes,
            blocked: None,
            needs,
        };
    };
    let mut action = Action {
        id,
        action: ActionKind::Keep,
        reason: "it is as it should be".to_owned(),
        effect: Effect::None,
        changes: Vec::new(),
        blocked: None,
        needs,
    };
    let mut reconnecting = BTreeSet::new();
    let mut restart = false;
    for (change, on_change) in differences(fields, found) {
        action.changes.push(change);
        match on_change {
            OnChange::InPlace => {}
            OnChange::Reconnect(service) => {
                reconnecting.insert(service);
            }
            OnChange::Restart => restart = true,
            OnChange::Forbidden(reason) => action.blocked = Some(reason.to_owned()),
        }
    }
    if action.changes.is_empty() {
        return action;
    }
    action.action = ActionKind::Update;
    action.reason = reason(&action.telling_changes());
    action.effect = effect(&action, restart, reconnecting);
    action
}

/// The fields that differ. What was not observed does not; in a complete record, what is missing does.
fn differences(desired: BTreeMap<String, Field>, found: Record) -> Vec<(FieldChange, OnChange)> {
    let mut seen = found.fields;
    let mut differences = Vec::new();
    for (field, wanted) in desired {
        let from = match seen.remove(&field) {
            Some(seen) => Some(seen.value),
            None if found.complete => None,
            None => continue,
        };
        if from.as_ref() != Some(&wanted.value) {
            let to = Some(wanted.value);
            let summary = wanted.summary;
            differences.push((FieldChange { field, from, to, summary }, wanted.on_change));
        }
    }
    for (field, seen) in seen {
        let from = Some(seen.value);
        let summary = seen.summary;
        differences.push((FieldChange { field, from, to: None, summary }, seen.on_change));
    }
    differences
}

/// A node that was found stopped only starts; otherwise a restart outweighs everything else.
fn effect(action: &Action, restart: bool, reconnecting: BTreeSet<String>) -> Effect {
    let stopped = action
        .changes
        .iter()
        .any(|change| change.field == "process" && change.from.as_deref() == Some("stopped"));
    if stopped {
        Effect::Start
    } else if restart {
        Effect::RollingRestart
    } else if reconnecting.is_empty() {
        Effect::None
    } else {
        Effect::Reconnect(reconnecting.into_iter().collect())
    }
}

fn reason(changes: &[&FieldChange]) -> String {
    match changes {
        [one] => format!("{} differs", one.field),
        [one, two] => format!("{} and {} differ", one.field, two.field),
        [one, rest @ ..] => format!("{} and {} more fields differ", one.field, rest.len()),
        [] => String::new(),
    }
}

/// Chains the restarts, so that at most one node is away; nodes that start come before them,
/// since a cluster that is short of a node can't spare another.
fn one_restart_at_a_time(plan: &mut Plan) {
    let mut before: Vec<RecordId> = plan
        .changes()
        .filter(|action| action.effect == Effect::Start)
        .map(|action| action.id.clone())
        .collect();
    for action in &mut plan.actions {
        if action.effect == Effect::RollingRestart && action.blocked.is_none() {
            action.needs.extend(before.iter().cloned());
            before = vec![action.id.clone()];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, value: &str, on_change: OnChange) -> Record {
        Record::new(RecordId::new(Kind::Node, name)).field("setting", value, on_change)
    }

    fn seen(records: Vec<Record>) -> Observed {
        Observed { records, not_observed: vec![] }
    }

    #[test]
    fn what_is_as_it_should_be_is_kept() {
        let found = seen(vec![record("a", "1", OnChange::InPlace)]);
        let plan = plan(vec![record("a", "1", OnChange::Restart)], found);
        assert!(plan.is_empty());
        assert_eq!(plan.count(ActionKind::Keep), 1);
    }

    #[test]
    fn what_is_missing_is_created() {
        let plan = plan(vec![record("a", "1", OnChange::Restart)], Observed::default());
        assert_eq!(plan.count(ActionKind::Create), 1);
        assert_eq!(plan.actions[0].effect, Effect::Start);
    }

    #[test]
    fn what_nobody_asks_for_is_reported_and_left_alone() {
        let plan = plan(vec![], seen(vec![record("a", "1", OnChange::InPlace)]));
        assert!(plan.is_empty());
        assert_eq!(plan.unmanaged.len(), 1);
    }

    #[test]
    fn a_field_that_was_not_seen_is_no_change() {
        let bare = Record::new(RecordId::new(Kind::Node, "a"));
        let plan = plan(vec![record("a", "1", OnChange::Restart)], seen(vec![bare]));
        assert!(plan.is_empty());
    }

    #[test]
    fn a_field_that_is_known_to_be_missing_is_a_change() {
        let bare = Record::new(RecordId::new(Kind::Node, "a")).complete();
        let plan = plan(vec![record("a", "1", OnChange::InPlace)], seen(vec![bare]));
        assert_eq!(plan.actions[0].changes[0].from, None);
    }

    #[test]
    fn a_field_that_should_not_be_there_is_a_change() {
        let bare = Record::new(RecordId::new(Kind::Node, "a"));
        let plan = plan(vec![bare], seen(vec![record("a", "1", OnChange::Restart)]));
        assert_eq!(plan.actions[0].changes[0].to, None);
        assert_eq!(plan.actions[0].effect, Effect::RollingRestart);
    }

    #[test]
    fn a_kind_that_was_not_seen_is_no_change() {
        let observed = Observed {
            records: vec![],
            not_observed: vec![NotObserved { kind: Kind::Node, reason: "no way there".to_owned() }],
        };
        let plan = plan(vec![record("a", "1", OnChange::Restart)], observed);
        assert!(plan.is_empty());
        assert_eq!(plan.not_observed.len(), 1);
    }

    #[test]
    fn restarts_follow_one_another() {
        let desired = ["a", "b", "c"].map(|n| record(n, "2", OnChange::Restart)).into();
        let found = ["a", "b", "c"].map(|n| record(n, "1", OnChange::Restart)).into();
        let plan = plan(desired, seen(found));
        let needs: Vec<usize> = plan.actions.iter().map(|a| a.needs.len()).collect();
        assert_eq!(needs, [0, 1, 1]);
        assert_eq!(plan.actions[2].needs[0].name, "b");
    }

    #[test]
    fn a_stopped_node_starts_before_another_restarts() {
        let stopped = |state| {
            Record::new(RecordId::new(Kind::Node, "b")).field("process", state, OnChange::Restart)
        };
        let plan = plan(
            vec![record("a", "2", OnChange::Restart), stopped("running")],
            seen(vec![record("a", "1", OnChange::Restart), stopped("stopped")]),
        );
        assert_eq!(plan.actions[1].effect, Effect::Start);
        assert_eq!(plan.actions[0].needs, [RecordId::new(Kind::Node, "b")]);
    }

    #[test]
    fn a_forbidden_change_is_blocked_with_its_reason() {
        let plan = plan(
            vec![record("a", "2", OnChange::Forbidden("never"))],
            seen(vec![record("a", "1", OnChange::InPlace)]),
        );
        assert_eq!(plan.blocked().count(), 1);
        assert_eq!(plan.changes().count(), 0);
        assert!(!plan.is_empty());
    }
}
