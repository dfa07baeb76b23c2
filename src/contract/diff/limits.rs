//! Limits that became smaller or larger.

use std::cmp::Ordering;

use super::{Change, Effect, Sides};
use crate::contract::holders;
use crate::model::{Account, ByteSize, Cluster, KeyPattern, Service};

/// Accounts that went or came, and the limits of those that stayed.
pub fn accounts(sides: &Sides<'_>, changes: &mut Vec<Change>) {
    for (name, old) in &sides.before.accounts {
        match sides.after.accounts.get(name) {
            None => changes.push(Change::new(
                Effect::Breaking,
                "account-gone",
                name,
                name,
                "the account is gone".to_owned(),
            )),
            Some(new) => account(sides, old, new, changes),
        }
    }
    for name in sides.after.accounts.keys() {
        if !sides.before.accounts.contains_key(name) {
            let what = "the account is new".to_owned();
            changes.push(Change::new(Effect::Addition, "account-new", name, name, what));
        }
    }
}

fn account(sides: &Sides<'_>, old: &Account, new: &Account, changes: &mut Vec<Change>) {
    let (before, after) = (&old.limits, &new.limits);
    let members = || {
        let all = holders(sides.before).filter(|holder| holder.account() == &old.name);
        all.map(|holder| holder.to_string())
    };
    let mut tell = |what: &str, smaller: Effect, order: Ordering, from: String, to: String| {
        let words = format!("{what} of the account: {to}, before {from}");
        let of = |effect, code| Change::new(effect, code, &old.name, &old.name, words);
        match order {
            Ordering::Less => changes.push(of(smaller, "limit-smaller").affecting(members())),
            Ordering::Greater => changes.push(of(Effect::Addition, "limit-larger")),
            Ordering::Equal => {}
        }
    };
    let (from, to) = (before.payload, after.payload);
    let words = (from.to_string(), to.to_string());
    tell("the largest message", Effect::Breaking, to.cmp(&from), words.0, words.1);
    for (what, from, to) in [
        ("connections", before.connections, after.connections),
        ("subscriptions of a connection", before.subscriptions, after.subscriptions),
    ] {
        tell(what, Effect::Notable, to.cmp(&from), from.to_string(), to.to_string());
    }
    let disk = "the disk of streams";
    match (&before.jetstream, &after.jetstream) {
        (Some(before), Some(after)) => {
            let (from, to) = (before.disk, after.disk);
            tell(disk, Effect::Notable, to.cmp(&from), from.to_string(), to.to_string());
            for (what, from, to) in [
                ("streams", before.streams, after.streams),
                ("consumers", before.consumers, after.consumers),
            ] {
                tell(what, Effect::Notable, to.cmp(&from), from.to_string(), to.to_string());
            }
        }
        (Some(before), None) => {
            let from = before.disk.to_string();
            tell(disk, Effect::Breaking, Ordering::Less, from, "none".to_owned());
        }
        (None, Some(after)) => {
            let to = after.disk.to_string();
            tell(disk, Effect::Breaking, Ordering::Greater, "none".to_owned(), to);
        }
        (None, None) => {}
    }
}

/// Keys of the cache that a service may no longer use, or may use now.
pub fn cache(old: &Service, new: &Service, changes: &mut Vec<Change>) {
    let mut add = |effect, code, what: String| {
        changes.push(Change::new(effect, code, &new.account, &new.name, what));
    };
    let has = |all: &[KeyPattern], key: &KeyPattern| all.iter().any(|other| other.covers(key));
    for gone in old.caches.iter().filter(|key| !has(&new.caches, key)) {
        add(Effect::Breaking, "cache-gone", format!("may no longer cache `{gone}`"));
    }
    for come in new.caches.iter().filter(|key| !has(&old.caches, key)) {
        add(Effect::Addition, "cache-new", format!("may cache `{come}`"));
    }
}

/// Compares where a service may connect from, and how.
pub fn connections(old: &Service, new: &Service, changes: &mut Vec<Change>) {
    let mut narrower = |what: String| {
        let (account, name) = (&new.account, &new.name);
        changes.push(Change::new(Effect::Breaking, "connection-refused", account, name, what));
    };
    let open = new.networks.is_empty();
    let lost = old.networks.iter().any(|network| !inside(network, &new.networks));
    if !open && (old.networks.is_empty() || lost) {
        narrower(format!("may connect from {} alone", new.networks.join(", ")));
    }
    for kind in old.connections.iter().filter(|kind| !new.connections.contains(kind)) {
        narrower(format!("may make no {kind:?} connection any more").to_lowercase());
    }
    let mut wider = |what: String| {
        let (account, name) = (&new.account, &new.name);
        changes.push(Change::new(Effect::Addition, "connection-allowed", account, name, what));
    };
    if open && !old.networks.is_empty() {
        wider("may connect from everywhere".to_owned());
    } else if !old.networks.is_empty() {
        let come = new.networks.iter().filter(|network| !inside(network, &old.networks));
        come.for_each(|network| wider(format!("may connect from {network}")));
    }
    for kind in new.connections.iter().filter(|kind| !old.connections.contains(kind)) {
        wider(format!("may make a {kind:?} connection").to_lowercase());
    }
}

/// Whether a network lies in one of others. What is no network is compared as it stands.
fn inside(network: &str, others: &[String]) -> bool {
    let of = |text: &str| text.parse::<ipnet::IpNet>().ok();
    others.iter().any(|other| match (of(network), of(other)) {
        (Some(network), Some(other)) => other.contains(&network),
        _ => network == other,
    })
}

/// Compares the limits of a service, which has those of its account where it has none of its own. What changes with the
/// account alone is told of the account.
pub fn service(sides: &Sides<'_>, old: &Service, new: &Service, changes: &mut Vec<Change>) {
    let of_account = |cluster: &Cluster| {
        let limits = cluster.accounts.get(&old.account).map(|account| &account.limits);
        let none = (ByteSize::new(u64::MAX), u32::MAX);
        limits.map_or(none, |limits| (limits.payload, limits.subscriptions))
    };
    let (before, after) = (of_account(sides.before), of_account(sides.after));
    let mut tell = |what: &str, smaller: Effect, order: Ordering, from: String, to: String| {
        let (effect, code) = match order {
            Ordering::Less => (smaller, "limit-smaller"),
            Ordering::Greater => (Effect::Addition, "limit-larger"),
            Ordering::Equal => return,
        };
        let words = format!("{what}: {to}, before {from}");
        changes.push(Change::new(effect, code, &old.account, &old.name, words));
    };
    let (own_before, own_after) = (&old.limits, &new.limits);
    if own_before.payload != own_after.payload {
        let from = own_before.payload.unwrap_or(before.0);
        let to = own_after.payload.unwrap_or(after.0);
        let (what, order) = ("the largest message", to.cmp(&from));
        tell(what, Effect::Breaking, order, from.to_string(), to.to_string());
    }
    if own_before.subscriptions != own_after.subscriptions {
        let from = own_before.subscriptions.unwrap_or(before.1);
        let to = own_after.subscriptions.unwrap_or(after.1);
        let (what, order) = ("subscriptions of a connection", to.cmp(&from));
        tell(what, Effect::Notable, order, from.to_string(), to.to_string());
    }
}
