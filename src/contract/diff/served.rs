//! Requests that somebody answers: nobody any more, somebody else, or in another queue group.

use super::{Change, Effect, Sides};
use crate::contract::{Grant, Verb, grants, reaches, who};
use crate::model::matching::covers;
use crate::model::{AccountName, Cluster, SubjectIndex};

/// What each cluster serves.
fn served(cluster: &Cluster) -> Vec<Grant<'_>> {
    let all = cluster.services.values().flat_map(grants);
    all.filter(|grant| grant.verb == Verb::Serves).collect()
}

fn index<'a>(served: &'a [Grant<'a>]) -> SubjectIndex<'a, &'a Grant<'a>> {
    let mut index = SubjectIndex::default();
    served.iter().for_each(|grant| index.insert(grant.subject.as_str(), grant));
    index
}

/// Compares what is served, account by account.
pub fn subjects(sides: &Sides<'_>, changes: &mut Vec<Change>) {
    let (old, new) = (served(sides.before), served(sides.after));
    let (old_index, new_index) = (index(&old), index(&new));
    for grant in &old {
        let now = new_index.covering(grant.subject.as_str());
        let here = now.iter().find(|other| other.account == grant.account);
        let change = match (here, now.first()) {
            (Some(other), _) => compare(grant, other),
            (None, Some(other)) => Some(moved(sides, grant, other)),
            (None, None) => Some(Change::new(
                Effect::Breaking,
                "subject-unserved",
                grant.account,
                grant.holder,
                format!("nobody serves `{}` any more", grant.subject),
            )),
        };
        let kept = |called: &str| here.is_none() && served_in(&new_index, grant.account, called);
        let felt = callers(sides.before, grant).into_iter();
        let felt = felt.filter(|(called, _)| !kept(called)).map(|(_, caller)| caller);
        changes.extend(change.map(|change| change.affecting(felt)));
    }
    for grant in &new {
        let before = old_index.covering(grant.subject.as_str());
        if !before.iter().any(|other| other.account == grant.account) {
            let what = format!("serves `{}`", grant.subject);
            let change =
                Change::new(Effect::Addition, "subject-new", grant.account, grant.holder, what);
            changes.push(change);
        }
    }
}

/// It is served in another account; whoever called it may still reach it there.
fn moved(sides: &Sides<'_>, old: &Grant<'_>, new: &Grant<'_>) -> Change {
    let subject = old.subject.as_str();
    let calls = who(sides.before, subject).calls.into_iter();
    let mut left = calls.filter(|party| {
        reaches(sides.before, party.account, old.account, &party.subject)
            && !reaches(sides.after, party.account, new.account, &party.subject)
    });
    let effect = if left.next().is_some() { Effect::Breaking } else { Effect::Notable };
    let what = format!("`{subject}` is served in account {} only", new.account);
    Change::new(effect, "subject-moved", old.account, old.holder, what)
}

fn compare(old: &Grant<'_>, new: &Grant<'_>) -> Option<Change> {
    let words = |grant: &Grant<'_>| grant.queue.map(ToString::to_string).unwrap_or_default();
    let subject = old.subject;
    if old.queue != new.queue {
        let what = format!(
            "`{subject}` moves from queue group {} to {}, so that both answer while instances of both run",
            words(old),
            words(new)
        );
        let code = "queue-group-moved";
        return Some(Change::new(Effect::Breaking, code, old.account, old.holder, what));
    }
    (old.holder != new.holder).then(|| {
        let what = format!("`{subject}` is served by {}", new.holder);
        Change::new(Effect::Notable, "server-changed", old.account, old.holder, what)
    })
}

/// Whether somebody in an account serves all of a subject.
fn served_in(index: &SubjectIndex<'_, &Grant<'_>>, account: &AccountName, subject: &str) -> bool {
    index.covering(subject).iter().any(|grant| grant.account == account)
}

/// What is called of a served subject, and by whom.
fn callers(cluster: &Cluster, grant: &Grant<'_>) -> Vec<(String, String)> {
    let calls = who(cluster, grant.subject.as_str()).calls.into_iter();
    calls
        .filter(|party| reaches(cluster, party.account, grant.account, &party.subject))
        .filter(|party| covers(grant.subject.as_str(), &party.subject))
        .map(|party| (party.subject, party.holder.to_string()))
        .collect()
}
