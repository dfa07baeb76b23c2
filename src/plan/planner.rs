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

/// What the user allows by name, because it can't be undone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permits {
    /// Things that may go, with their data, when nobody asks for them any more.
    pub remove: BTreeSet<RecordId>,
    /// Things that may be made anew, without their data, when they can't be changed.
    pub replace: BTreeSet<RecordId>,
}

/// Plans the way from `observed` to `desired`.
///
/// A field that was not observed is not compared. What was found and is not desired is reported as unmanaged
/// and left alone: nothing is deleted because a line of YAML has gone.
pub fn plan(desired: Vec<Record>, observed: Observed) -> Plan {
    plan_with(desired, observed, &Permits::default())
}

/// Like [`plan`], and does what `permits` names.
pub fn plan_with(desired: Vec<Record>, observed: Observed, permits: &Permits) -> Plan {
    let unseen: BTreeSet<Kind> = observed.not_observed.iter().map(|n| n.kind).collect();
    let mut found: BTreeMap<RecordId, Record> =
        observed.records.into_iter().map(|record| (record.id.clone(), record)).collect();
    let mut actions: Vec<Action> = desired
        .into_iter()
        .filter(|record| !unseen.contains(&record.id.kind))
        .map(|record| {
            let found = found.remove(&record.id);
            decide(record, found, permits)
        })
        .collect();
    let (removed, unmanaged): (Vec<RecordId>, Vec<RecordId>) = found
        .into_keys()
        .filter(|id| !unseen.contains(&id.kind))
        .partition(|id| permits.remove.contains(id));
    actions.extend(removed.into_iter().map(remove));
    with_their_stream(&mut actions);
    let mut plan =
        Plan { actions, not_observed: observed.not_observed, unmanaged, notices: Vec::new() };
    one_node_at_a_time(&mut plan);
    plan
}

/// What is lost with a thing.
fn loss(id: &RecordId) -> Effect {
    if id.kind == Kind::Consumer { Effect::LosesPosition } else { Effect::LosesData }
}

fn remove(id: RecordId) -> Action {
    Action {
        effect: loss(&id),
        id,
        action: ActionKind::Delete,
        reason: "nobody asks for it, and its removal was asked for".to_owned(),
        changes: Vec::new(),
        blocked: None,
        needs: Vec::new(),
    }
}

fn create(record: Record) -> Action {
    let changes = record.fields.into_iter().map(|(field, value)| FieldChange {
        field,
        from: None,
        to: Some(value.value),
        summary: value.summary,
    });
    let starts = matches!(record.id.kind, Kind::Node | Kind::RedisNode);
    let effect = if starts { Effect::Start } else { Effect::None };
    Action {
        changes: changes.collect(),
        id: record.id,
        action: ActionKind::Create,
        reason: "it does not exist".to_owned(),
        effect,
        blocked: None,
        needs: record.needs,
    }
}

fn decide(desired: Record, found: Option<Record>, permits: &Permits) -> Action {
    let Some(found) = found else {
        return create(desired);
    };
    let Record { id, fields, needs, complete: _ } = desired;
    let mut action = Action {
        id,
        action: ActionKind::Keep,
        reason: "it is as it should be".to_owned(),
        effect: Effect::None,
        changes: Vec::new(),
        blocked: None,
        needs,
    };
    let mut impact = Impact::default();
    for (change, on_change) in differences(fields, found) {
        impact.add(&change, on_change);
        action.changes.push(change);
    }
    if action.changes.is_empty() {
        return action;
    }
    action.action = ActionKind::Update;
    action.reason = reason(&action.telling_changes());
    action.effect = impact.effect(is_stopped(&action));
    if let Some(reason) = impact.forbidden {
        if permits.replace.contains(&action.id) {
            action.action = ActionKind::Replace;
            action.effect = loss(&action.id);
        } else {
            action.blocked = Some(reason);
        }
    }
    action
}

/// A stream that is made anew takes its consumers with it.
fn with_their_stream(actions: &mut [Action]) {
    let anew: BTreeSet<String> = actions
        .iter()
        .filter(|a| a.id.kind == Kind::Stream && a.action == ActionKind::Replace)
        .map(|action| format!("{}/", action.id.name))
        .collect();
    let consumers = actions.iter_mut().filter(|action| action.id.kind == Kind::Consumer);
    for action in consumers.filter(|a| anew.iter().any(|stream| a.id.name.starts_with(stream))) {
        if action.action != ActionKind::Create {
            action.action = ActionKind::Replace;
            action.reason = "its stream is made anew".to_owned();
            action.effect = Effect::LosesPosition;
            action.blocked = None;
        }
    }
}

/// What the changes of one thing come to, taken together.
#[derive(Default)]
struct Impact {
    reload: bool,
    restart: bool,
    /// A digest differs: what stands behind it says what that means, and without that only a restart is sure.
    summary: bool,
    reconnecting: BTreeSet<String>,
    forbidden: Option<String>,
}

impl Impact {
    fn add(&mut self, change: &FieldChange, on_change: OnChange) {
        match on_change {
            OnChange::Restart if change.summary => self.summary = true,
            OnChange::InPlace => {}
            OnChange::Grow(_) if grows(change) => {}
            OnChange::Grow(reason) => self.forbidden = Some(reason.to_owned()),
            OnChange::Reload => self.reload = true,
            OnChange::ReloadLarger if grows(change) => self.reload = true,
            OnChange::ReloadLarger | OnChange::Restart => self.restart = true,
            OnChange::Reconnect(service) => {
                self.reconnecting.insert(service);
            }
            OnChange::Forbidden(reason) => self.forbidden = Some(reason.to_owned()),
            OnChange::ByCommand(words) => self.forbidden = Some(words),
        }
    }

    /// The strongest effect. A node that was found stopped only starts.
    fn effect(&self, stopped: bool) -> Effect {
        if stopped {
            Effect::Start
        } else if self.restart || (self.summary && !self.reload) {
            Effect::RollingRestart
        } else if self.reload {
            Effect::Reload
        } else if self.reconnecting.is_empty() {
            Effect::None
        } else {
            Effect::Reconnect(self.reconnecting.iter().cloned().collect())
        }
    }
}

/// Whether a number becomes larger. What is no number does not.
fn grows(change: &FieldChange) -> bool {
    let number = |text: &Option<String>| text.as_ref()?.split(' ').next()?.parse::<u64>().ok();
    matches!((number(&change.from), number(&change.to)), (Some(from), Some(to)) if to > from)
}

fn is_stopped(action: &Action) -> bool {
    let mut changes = action.changes.iter();
    changes.any(|c| c.field == "process" && c.from.as_deref() == Some("stopped"))
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

fn reason(changes: &[&FieldChange]) -> String {
    match changes {
        [one] => format!("{} differs", one.field),
        [one, two] => format!("{} and {} differ", one.field, two.field),
        [one, rest @ ..] => format!("{} and {} more fields differ", one.field, rest.len()),
        [] => String::new(),
    }
}

/// Chains restarts and reloads, so that at most one node is away, and a setting that is refused stops at the first.
/// Nodes that start come before them, since a cluster that is short of a node can't spare another.
fn one_node_at_a_time(plan: &mut Plan) {
    let mut before: Vec<RecordId> = plan
        .changes()
        .filter(|action| action.effect == Effect::Start)
        .map(|action| action.id.clone())
        .collect();
    for action in &mut plan.actions {
        let in_turn = matches!(action.effect, Effect::RollingRestart | Effect::Reload);
        if in_turn && action.blocked.is_none() {
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

    fn digest(value: &str) -> Record {
        record("a", value, OnChange::Reload).summary("digest", value, OnChange::Restart)
    }

    #[test]
    fn a_digest_means_what_stands_behind_it() {
        let plan = plan(vec![digest("2")], seen(vec![digest("1")]));
        assert_eq!(plan.actions[0].effect, Effect::Reload);
    }

    #[test]
    fn a_digest_alone_is_only_surely_right_after_a_restart() {
        let desired = digest("2");
        let found = Record::new(desired.id.clone()).summary("digest", "1", OnChange::Restart);
        let plan = plan(vec![desired], seen(vec![found]));
        assert_eq!(plan.actions[0].effect, Effect::RollingRestart);
    }

    #[test]
    fn a_mixed_change_restarts_since_a_reload_is_all_or_nothing() {
        let mixed = |value: &str| digest(value).field("other", value, OnChange::Restart);
        let plan = plan(vec![mixed("2")], seen(vec![mixed("1")]));
        assert_eq!(plan.actions[0].effect, Effect::RollingRestart);
    }

    #[test]
    fn storage_grows_while_the_server_runs_and_shrinks_at_its_start() {
        let storage = |size: &str| record("a", size, OnChange::ReloadLarger);
        for (from, to, effect) in [("9", "10", Effect::Reload), ("10", "9", Effect::RollingRestart)]
        {
            let plan = plan(vec![storage(to)], seen(vec![storage(from)]));
            assert_eq!(plan.actions[0].effect, effect);
        }
    }

    #[test]
    fn what_can_not_be_changed_is_replaced_only_where_that_is_permitted() {
        let id = RecordId::new(Kind::Node, "a");
        let permits = Permits { replace: [id].into(), ..Permits::default() };
        let desired = vec![record("a", "2", OnChange::Forbidden("never"))];
        let plan = plan_with(desired, seen(vec![record("a", "1", OnChange::InPlace)]), &permits);
        assert_eq!(plan.actions[0].action, ActionKind::Replace);
        assert!(plan.loses_data());
    }

    #[test]
    fn what_nobody_asks_for_is_removed_only_where_that_is_permitted() {
        let id = RecordId::new(Kind::Node, "a");
        let permits = Permits { remove: [id].into(), ..Permits::default() };
        let found = ["a", "b"].map(|name| record(name, "1", OnChange::InPlace)).into();
        let plan = plan_with(vec![], seen(found), &permits);
        assert_eq!(plan.count(ActionKind::Delete), 1);
        assert_eq!(plan.unmanaged, [RecordId::new(Kind::Node, "b")]);
    }

    #[test]
    fn consumers_go_with_a_stream_that_is_made_anew() {
        let stream = |value| {
            Record::new(RecordId::new(Kind::Stream, "A/S")).field(
                "storage",
                value,
                OnChange::Forbidden("no"),
            )
        };
        let consumer = |name: &str| {
            Record::new(RecordId::new(Kind::Consumer, name)).field("ack", 1, OnChange::InPlace)
        };
        let desired = || vec![stream("1"), consumer("A/S/c"), consumer("A/SS/c")];
        let observed = || seen(vec![stream("2"), consumer("A/S/c"), consumer("A/SS/c")]);
        let permits =
            Permits { replace: [RecordId::new(Kind::Stream, "A/S")].into(), ..Permits::default() };
        let plan = plan_with(desired(), observed(), &permits);
        let kinds: Vec<ActionKind> = plan.actions.iter().map(|action| action.action).collect();
        assert_eq!(kinds, [ActionKind::Replace, ActionKind::Replace, ActionKind::Keep]);
        assert_eq!(plan.actions[1].effect, Effect::LosesPosition);
    }
}
