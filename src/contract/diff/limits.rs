//! Limits that became smaller or larger.

use super::{Change, Effect, Sides};
use crate::contract::holders;
use crate::model::{Account, KeyPattern, Service};

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
    let mut smaller = |effect, what: &str, from: String, to: String| {
        let words = format!("{what} of the account: {to}, before {from}");
        let change = Change::new(effect, "limit-smaller", &old.name, &old.name, words);
        changes.push(change.affecting(members()));
    };
    if after.payload < before.payload {
        let (from, to) = (before.payload.to_string(), after.payload.to_string());
        smaller(Effect::Breaking, "the largest message", from, to);
    }
    if after.connections < before.connections {
        let (from, to) = (before.connections.to_string(), after.connections.to_string());
        smaller(Effect::Notable, "connections", from, to);
    }
    if after.subscriptions < before.subscriptions {
        let (from, to) = (before.subscriptions.to_string(), after.subscriptions.to_string());
        smaller(Effect::Notable, "subscriptions of a connection", from, to);
    }
    match (&before.jetstream, &after.jetstream) {
        (Some(before), Some(after)) => {
            if after.disk < before.disk {
                let (from, to) = (before.disk.to_string(), after.disk.to_string());
                smaller(Effect::Notable, "the disk of streams", from, to);
            }
            for (what, from, to) in [
                ("streams", before.streams, after.streams),
                ("consumers", before.consumers, after.consumers),
            ] {
                if to < from {
                    smaller(Effect::Notable, what, from.to_string(), to.to_string());
                }
            }
        }
        (Some(before), None) => {
            let from = before.disk.to_string();
            smaller(Effect::Breaking, "the disk of streams", from, "none".to_owned());
        }
        (None, _) => {}
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
    let gone = old.networks.iter().filter(|network| !new.networks.contains(network)).count();
    if !open && (old.networks.is_empty() || gone > 0) {
        narrower(format!("may connect from {} alone", new.networks.join(", ")));
    }
    for kind in old.connections.iter().filter(|kind| !new.connections.contains(kind)) {
        narrower(format!("may make no {kind:?} connection any more").to_lowercase());
    }
}

/// Compares the limits of a service; none is that of the account.
pub fn service(old: &Service, new: &Service, changes: &mut Vec<Change>) {
    let (before, after) = (&old.limits, &new.limits);
    let mut smaller = |effect, what: &str, from: String, to: String| {
        let words = format!("{what}: {to}, before {from}");
        changes.push(Change::new(effect, "limit-smaller", &old.account, &old.name, words));
    };
    let accounts = || "the account's".to_owned();
    if let Some(payload) = after.payload
        && before.payload.is_none_or(|before| payload < before)
    {
        let from = before.payload.map_or_else(accounts, |payload| payload.to_string());
        smaller(Effect::Breaking, "the largest message", from, payload.to_string());
    }
    if let Some(count) = after.subscriptions
        && before.subscriptions.is_none_or(|before| count < before)
    {
        let from = before.subscriptions.map_or_else(accounts, |count| count.to_string());
        smaller(Effect::Notable, "subscriptions of a connection", from, count.to_string());
    }
}
