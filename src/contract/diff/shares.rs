//! What accounts share: an account that loses a subject of another, and one that may have a further one.

use super::{Change, Effect, Sides};
use crate::contract::{Verb, grants};
use crate::model::matching::covers;
use crate::model::{Account, AccountName, Cluster, Service, Subject};

/// Compares what each account shares with each other.
pub fn shares(sides: &Sides<'_>, changes: &mut Vec<Change>) {
    for old in sides.before.accounts.values() {
        for (subject, with) in offers(old) {
            if shared(sides.after, &old.name, with, subject) {
                continue;
            }
            let users = users(sides.before, with, subject);
            let effect = if users.is_empty() { Effect::Notable } else { Effect::Breaking };
            let what = format!("shares `{subject}` with {with} no longer");
            let change = Change::new(effect, "share-gone", &old.name, &old.name, what);
            changes.push(change.affecting(users));
        }
    }
    for new in sides.after.accounts.values() {
        for (subject, with) in offers(new) {
            if !shared(sides.before, &new.name, with, subject) {
                let what = format!("shares `{subject}` with {with}");
                let effect = Effect::Addition;
                changes.push(Change::new(effect, "share-new", &new.name, &new.name, what));
            }
        }
    }
}

/// What an account offers, and to whom.
fn offers(account: &Account) -> impl Iterator<Item = (&Subject, &AccountName)> {
    let shares = account.shares.iter();
    shares.flat_map(|share| share.with.iter().map(move |with| (&share.subject, with)))
}

fn shared(cluster: &Cluster, owner: &AccountName, with: &AccountName, subject: &Subject) -> bool {
    let account = cluster.accounts.get(owner);
    let mut offers = account.into_iter().flat_map(offers);
    offers.any(|(offered, to)| to == with && covers(offered.as_str(), subject.as_str()))
}

/// The services of an account that need a subject of another.
fn users(cluster: &Cluster, account: &AccountName, subject: &Subject) -> Vec<String> {
    let pulls = |service: &Service| {
        let mut abroad = service.consumes.iter().filter(|c| c.is_abroad(account));
        abroad.any(|consumer| {
            let mut filters = consumer.filter.iter();
            filters.any(|filter| covers(subject.as_str(), filter.as_str()))
        })
    };
    let needs = |grant: &crate::contract::Grant<'_>| {
        matches!(grant.verb, Verb::Calls | Verb::Subscribes)
            && covers(subject.as_str(), grant.subject.as_str())
    };
    let services = cluster.services_of(account);
    let users = services.filter(|service| grants(*service).iter().any(needs) || pulls(service));
    users.map(|service| service.name.to_string()).collect()
}
