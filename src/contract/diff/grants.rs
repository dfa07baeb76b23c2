//! Services and leafnodes, and what they may no longer do, or may do now.

use super::{Change, Effect, Sides, limits};
use crate::contract::{Grant, Holder, Verb, grants, meet, who};
use crate::model::matching::{covers, shared};
use crate::model::{AccountName, Cluster, Permissions};

/// Services that went, came or moved, and the grants of those that stayed.
pub fn services(sides: &Sides<'_>, changes: &mut Vec<Change>) {
    for (name, old) in &sides.before.services {
        match sides.after.services.get(name) {
            None => {
                let what = "the service is gone, and its creds open nothing".to_owned();
                let change =
                    Change::new(Effect::Breaking, "service-gone", &old.account, name, what);
                changes.push(change.affecting(all_affected(sides, old.into())));
            }
            Some(new) if new.account != old.account => {
                let account = &new.account;
                let what =
                    format!("the service moves to account {account}, and its creds open nothing");
                let change =
                    Change::new(Effect::Breaking, "service-moved", &old.account, name, what);
                changes.push(change.affecting(all_affected(sides, old.into())));
            }
            Some(new) => {
                taken(sides, old.into(), new.into(), changes);
                added(old.into(), new.into(), changes);
                limits::service(sides, old, new, changes);
                limits::connections(old, new, changes);
                limits::cache(old, new, changes);
            }
        }
    }
    for new in sides.after.services.values() {
        if !sides.before.services.contains_key(&new.name) {
            let what = "the service is new".to_owned();
            changes.push(Change::new(
                Effect::Addition,
                "service-new",
                &new.account,
                &new.name,
                what,
            ));
        }
    }
}

/// Leafnodes that went, came or moved, and the grants of those that stayed.
pub fn leafnodes(sides: &Sides<'_>, changes: &mut Vec<Change>) {
    let (before, after) = (&sides.before.leafnodes, &sides.after.leafnodes);
    for (name, old) in before {
        let gone = |code, what: String| {
            let change = Change::new(Effect::Breaking, code, &old.account, Holder::from(old), what);
            change.affecting(all_affected(sides, old.into()))
        };
        match after.get(name) {
            None => {
                let what = "the leafnode is gone, and its creds open nothing".to_owned();
                changes.push(gone("leafnode-gone", what));
            }
            Some(new) if new.account != old.account => {
                let account = &new.account;
                let what =
                    format!("the leafnode moves to account {account}, and its creds open nothing");
                changes.push(gone("leafnode-moved", what));
            }
            Some(new) => {
                taken(sides, old.into(), new.into(), changes);
                added(old.into(), new.into(), changes);
            }
        }
    }
    for new in after.values().filter(|new| !before.contains_key(&new.name)) {
        let what = "the leafnode is new".to_owned();
        let (effect, holder) = (Effect::Addition, Holder::from(new));
        changes.push(Change::new(effect, "leafnode-new", &new.account, holder, what));
    }
}

/// Whether permissions let through what a grant allows.
fn allows(permissions: &Permissions, grant: &Grant<'_>) -> bool {
    let subject = grant.subject.as_str();
    if grant.verb.speaks() {
        return permissions.may_publish_all(subject).is_some();
    }
    permissions.may_subscribe(subject, grant.queue.map(|queue| queue.as_str())).is_ok()
}

/// Grants that are gone. What was served is compared by account, not by service, and so elsewhere.
fn taken(sides: &Sides<'_>, old: Holder<'_>, new: Holder<'_>, changes: &mut Vec<Change>) {
    let (left, granted) = (new.permissions(), grants(new));
    for grant in grants(old).iter().filter(|grant| grant.verb != Verb::Serves) {
        let (subject, account) = (grant.subject, old.account());
        let heard = |other: &&Grant<'_>| other.verb == Verb::Subscribes && other.subject == subject;
        let now = granted.iter().find(heard).map(|other| other.queue);
        let push = |changes: &mut Vec<Change>, effect, code, what: String| {
            let affected = affected(sides, grant);
            changes.push(Change::new(effect, code, account, old, what).affecting(affected));
        };
        let group = |queue: Option<&crate::model::QueueName>| {
            queue
                .map_or_else(|| "no queue group".to_owned(), |queue| format!("queue group {queue}"))
        };
        match (allows(&left, grant), grant.verb, now) {
            (false, Verb::Subscribes, Some(queue)) => {
                let what = format!(
                    "subscribes `{subject}` in {}, not in {} any more",
                    group(queue),
                    group(grant.queue)
                );
                push(changes, Effect::Breaking, "subscription-regrouped", what);
            }
            (false, verb, _) => {
                let (code, what) = gone(verb);
                push(changes, Effect::Breaking, code, format!("{what} `{subject}`"));
            }
            (true, Verb::Subscribes, Some(queue)) if queue != grant.queue => {
                let what = format!(
                    "subscribes `{subject}` in {}, before in {}",
                    group(queue),
                    group(grant.queue)
                );
                push(changes, Effect::Notable, "subscription-regrouped", what);
            }
            _ => {}
        }
    }
}

fn gone(verb: Verb) -> (&'static str, &'static str) {
    match verb {
        Verb::Serves => ("serve-gone", "may no longer serve"),
        Verb::Calls => ("call-gone", "may no longer call"),
        Verb::Publishes => ("publish-gone", "may no longer publish"),
        Verb::Subscribes => ("subscribe-gone", "may no longer subscribe"),
        Verb::Consumes => ("consumer-gone", "may no longer pull"),
    }
}

/// The same of everything that somebody published who is gone from the account.
fn all_affected(sides: &Sides<'_>, old: Holder<'_>) -> Vec<String> {
    grants(old).iter().flat_map(|grant| affected(sides, grant)).collect()
}

/// Those who heard what nobody publishes any more when a publisher falls silent.
fn affected(sides: &Sides<'_>, grant: &Grant<'_>) -> Vec<String> {
    if grant.verb != Verb::Publishes {
        return Vec::new();
    }
    let subject = grant.subject.as_str();
    let all = who(sides.before, subject);
    let left = published(sides.after, grant.account, subject);
    let hear = all
        .subscribes
        .iter()
        .map(|party| (party.account, &*party.subject, party.holder.to_string()));
    let pull = all
        .consumes
        .iter()
        .map(|puller| (puller.account, puller.pattern, puller.service.to_string()));
    let misses = |heard: &str| {
        shared(subject, heard).is_some_and(|part| !left.iter().any(|other| covers(other, &part)))
    };
    let listeners = hear.chain(pull).filter(|(account, heard, _)| {
        misses(heard) && meet(sides.before, grant.account, account, subject)
    });
    listeners.map(|(_, _, name)| name).collect()
}

/// What is published in an account and overlaps a subject.
fn published(cluster: &Cluster, account: &AccountName, subject: &str) -> Vec<String> {
    let all = who(cluster, subject).publishes.into_iter();
    all.filter(|party| party.account == account).map(|party| party.subject).collect()
}

fn added(old: Holder<'_>, new: Holder<'_>, changes: &mut Vec<Change>) {
    let before = old.permissions();
    for grant in grants(new).iter().filter(|grant| grant.verb != Verb::Serves) {
        let known = grants(old)
            .iter()
            .any(|other| other.verb == grant.verb && other.subject == grant.subject);
        if known || allows(&before, grant) {
            continue;
        }
        let (code, what) = match grant.verb {
            // Consumers are compared one by one, elsewhere.
            Verb::Serves | Verb::Consumes => continue,
            Verb::Calls => ("call-new", "may call"),
            Verb::Publishes => ("publish-new", "may publish"),
            Verb::Subscribes => ("subscribe-new", "may subscribe"),
        };
        let what = format!("{what} `{}`", grant.subject);
        changes.push(Change::new(Effect::Addition, code, new.account(), new, what));
    }
}
