//! Services, and what they may no longer do, or may do now.

use super::{Change, Effect, Sides, limits};
use crate::contract::{Grant, Verb, grants, meet, who};
use crate::model::{Cluster, Permissions, Service};

/// Services that went, came or moved, and the grants of those that stayed.
pub fn services(sides: &Sides<'_>, changes: &mut Vec<Change>) {
    for (name, old) in &sides.before.services {
        match sides.after.services.get(name) {
            None => changes.push(Change::new(
                Effect::Breaking,
                "service-gone",
                &old.account,
                name,
                "the service is gone, and its creds open nothing".to_owned(),
            )),
            Some(new) if new.account != old.account => changes.push(Change::new(
                Effect::Breaking,
                "service-moved",
                &old.account,
                name,
                format!("the service moves to account {}, and its creds open nothing", new.account),
            )),
            Some(new) => {
                taken(sides, old, new, changes);
                added(old, new, changes);
                limits::service(old, new, changes);
                limits::connections(old, new, changes);
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

/// Whether permissions let through what a grant allows.
fn allows(permissions: &Permissions, grant: &Grant<'_>) -> bool {
    let subject = grant.subject.as_str();
    if grant.verb.speaks() {
        return permissions.may_publish_all(subject).is_some();
    }
    permissions.may_subscribe(subject, grant.queue.map(|queue| queue.as_str())).is_ok()
}

/// Grants that are gone. What was served is compared by account, not by service, and so elsewhere.
fn taken(sides: &Sides<'_>, old: &Service, new: &Service, changes: &mut Vec<Change>) {
    let left = new.permissions();
    for grant in grants(old).iter().filter(|grant| grant.verb != Verb::Serves) {
        let (subject, account) = (grant.subject, &old.account);
        let now = new.subscribes.iter().find(|(other, _)| other == subject).map(|(_, queue)| queue);
        let push = |changes: &mut Vec<Change>, effect, code, what: String| {
            let affected = affected(sides, grant);
            changes.push(Change::new(effect, code, account, &old.name, what).affecting(affected));
        };
        let group = |queue: Option<&crate::model::QueueName>| {
            queue
                .map_or_else(|| "no queue group".to_owned(), |queue| format!("queue group {queue}"))
        };
        match (allows(&left, grant), grant.verb, now) {
            (false, Verb::Subscribes, Some(queue)) => {
                let what = format!(
                    "subscribes `{subject}` in {}, not in {} any more",
                    group(queue.as_ref()),
                    group(grant.queue)
                );
                push(changes, Effect::Breaking, "subscription-regrouped", what);
            }
            (false, verb, _) => {
                let (code, what) = gone(verb);
                push(changes, Effect::Breaking, code, format!("{what} `{subject}`"));
            }
            (true, Verb::Subscribes, Some(queue)) if queue.as_ref() != grant.queue => {
                let what = format!(
                    "subscribes `{subject}` in {}, before in {}",
                    group(queue.as_ref()),
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

/// Those who hear nothing any more when a publisher falls silent and nobody else publishes the same.
fn affected(sides: &Sides<'_>, grant: &Grant<'_>) -> Vec<String> {
    if grant.verb != Verb::Publishes || published(sides.after, grant) {
        return Vec::new();
    }
    let all = who(sides.before, grant.subject.as_str());
    let subject = grant.subject.as_str();
    let hear = all.subscribes.iter().map(|party| (party.account, party.service));
    let pull = all.consumes.iter().map(|puller| (puller.account, puller.service));
    let met = |account| meet(sides.before, grant.account, account, subject);
    let listeners = hear.chain(pull).filter(|(account, _)| met(account));
    listeners.map(|(_, service)| service.to_string()).collect()
}

fn published(cluster: &Cluster, grant: &Grant<'_>) -> bool {
    let publishers = who(cluster, grant.subject.as_str()).publishes;
    publishers.iter().any(|party| party.account == grant.account)
}

fn added(old: &Service, new: &Service, changes: &mut Vec<Change>) {
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
        changes.push(Change::new(Effect::Addition, code, &new.account, &new.name, what));
    }
}
