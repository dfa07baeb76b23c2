//! What there is before an apply, and what there will be after it.

use std::collections::BTreeMap;

use crate::plan::{Action, ActionKind, Plan, Record, RecordId};

/// The things of an environment at two moments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worlds {
    /// As they were found.
    pub before: Vec<Record>,
    /// As they are when everything that is not blocked has been done.
    pub after: Vec<Record>,
}

/// The worlds around a plan that was made of `desired` and `observed`.
///
/// What nobody asks for is left alone, so it is in both. A field that was not looked at is taken to be as it should be.
pub fn worlds(plan: &Plan, desired: &[Record], observed: &[Record]) -> Worlds {
    let wanted: BTreeMap<&RecordId, &Record> = desired.iter().map(|r| (&r.id, r)).collect();
    let found: BTreeMap<&RecordId, &Record> = observed.iter().map(|r| (&r.id, r)).collect();
    let mut worlds = Worlds { before: Vec::new(), after: Vec::new() };
    for action in &plan.actions {
        let wanted = wanted.get(&action.id).copied();
        let before = found.get(&action.id).map(|found| filled(found, wanted));
        worlds.after.extend(after(action, before.as_ref(), wanted));
        worlds.before.extend(before);
    }
    for id in &plan.unmanaged {
        let left = found.get(id).map(|found| (*found).clone());
        worlds.before.extend(left.clone());
        worlds.after.extend(left);
    }
    worlds
}

fn after(action: &Action, before: Option<&Record>, wanted: Option<&Record>) -> Option<Record> {
    if action.blocked.is_some() {
        return before.cloned();
    }
    match action.action {
        ActionKind::Keep => before.or(wanted).cloned(),
        ActionKind::Create | ActionKind::Update | ActionKind::Replace => wanted.cloned(),
        ActionKind::Delete => None,
    }
}

/// What was found, with the wanted value of what was not looked at.
fn filled(found: &Record, wanted: Option<&Record>) -> Record {
    let mut record = found.clone();
    if let Some(wanted) = wanted.filter(|_| !found.complete) {
        for (name, field) in &wanted.fields {
            record.fields.entry(name.clone()).or_insert_with(|| field.clone());
        }
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Kind, Observed, OnChange, Permits, plan_with};

    fn record(name: &str, value: &str) -> Record {
        let id = RecordId::new(Kind::Instance, name);
        Record::new(id).field("type", value, OnChange::InPlace)
    }

    fn types(records: &[Record]) -> Vec<String> {
        let line = |record: &Record| {
            let kind = record.fields.get("type").map_or("-", |field| field.value.as_str());
            format!("{} {kind}", record.id.name)
        };
        records.iter().map(line).collect()
    }

    fn around(desired: &[Record], found: &[Record], permits: &Permits) -> Worlds {
        let observed = Observed { records: found.to_vec(), not_observed: vec![] };
        worlds(&plan_with(desired.to_vec(), observed, permits), desired, found)
    }

    #[test]
    fn each_action_leaves_what_it_says() {
        let gone = RecordId::new(Kind::Instance, "gone");
        let permits = Permits { remove: [gone].into(), ..Permits::default() };
        let desired = [record("kept", "1"), record("new", "1"), record("other", "2")];
        let found =
            [record("gone", "1"), record("kept", "1"), record("other", "1"), record("stray", "1")];
        let Worlds { before, after } = around(&desired, &found, &permits);
        assert_eq!(types(&before), ["kept 1", "other 1", "gone 1", "stray 1"]);
        assert_eq!(types(&after), ["kept 1", "new 1", "other 2", "stray 1"]);
    }

    #[test]
    fn what_is_blocked_stays_as_it_was() {
        let id = RecordId::new(Kind::Instance, "a");
        let desired = [Record::new(id).field("type", "2", OnChange::Forbidden("never"))];
        let Worlds { before, after } = around(&desired, &[record("a", "1")], &Permits::default());
        assert_eq!(before, after);
        assert_eq!(types(&after), ["a 1"]);
    }

    #[test]
    fn what_was_not_looked_at_is_taken_to_be_as_it_should() {
        let bare = Record::new(RecordId::new(Kind::Instance, "a"));
        let worlds = around(&[record("a", "1")], std::slice::from_ref(&bare), &Permits::default());
        assert_eq!(types(&worlds.before), ["a 1"]);
        let worlds = around(&[record("a", "1")], &[bare.complete()], &Permits::default());
        assert_eq!(types(&worlds.before), ["a -"]);
    }
}
