//! Streams: what they no longer store, and what they keep for less long.

use super::{Change, Effect, Sides};
use crate::contract::{handed_out, meet, who};
use crate::model::matching::{covers, overlaps};
use crate::model::{
    ByteSize, Category, Cluster, Consumer, Discard, Period, Retention, Stream, SubjectPattern,
};

/// Streams that went or came, and the settings of those that stayed.
pub fn streams(sides: &Sides<'_>, changes: &mut Vec<Change>) {
    for old in &sides.before.streams {
        match namesake(sides.after, old) {
            None => {
                let what = "the stream is gone; its consumers find nothing".to_owned();
                let change =
                    Change::new(Effect::Breaking, "stream-gone", &old.account, &old.name, what);
                let publishers = publishers(sides.before, old).into_iter();
                changes.push(change.affecting(publishers.chain(pullers(sides.before, old))));
            }
            Some(new) => {
                if new.account != old.account {
                    changes.push(moved(sides, old, new));
                }
                subjects(sides, old, new, changes);
                retention(sides, old, new, changes);
                guards(sides, old, new, changes);
            }
        }
    }
    for new in &sides.after.streams {
        if namesake(sides.before, new).is_none() {
            let what = "the stream is new".to_owned();
            let change = Change::new(Effect::Addition, "stream-new", &new.account, &new.name, what);
            changes.push(change);
        }
    }
}

/// The stream of the same name; a catalog has no two, in whatever accounts.
fn namesake<'a>(cluster: &'a Cluster, stream: &Stream) -> Option<&'a Stream> {
    cluster.streams.iter().find(|other| other.name == stream.name)
}

/// A stream in another account is another stream to the servers: it begins empty, and the old one stays as it is.
fn moved(sides: &Sides<'_>, old: &Stream, new: &Stream) -> Change {
    let what = format!(
        "the stream moves to account {}, where it begins empty; what it has kept stays in {}",
        new.account, old.account
    );
    let pull: Vec<String> = pullers(sides.before, old).collect();
    let effect = if pull.is_empty() { Effect::Notable } else { Effect::Breaking };
    Change::new(effect, "stream-moved", &old.account, &old.name, what).affecting(pull)
}

/// Services that pull from a stream.
fn pullers<'a>(cluster: &'a Cluster, stream: &'a Stream) -> impl Iterator<Item = String> {
    let all = cluster.consumers_of(&stream.account);
    let own = all.filter(|(_, consumer)| consumer.stream == stream.name);
    own.map(|(service, _)| service.name.to_string())
}

/// Services whose messages a stream stores.
fn publishers(cluster: &Cluster, stream: &Stream) -> Vec<String> {
    let all = stream.subjects.iter().flat_map(|pattern| who(cluster, pattern.as_str()).publishes);
    all.filter(|party| meet(cluster, party.account, &stream.account, &party.subject))
        .map(|party| party.holder.to_string())
        .collect()
}

fn subjects(sides: &Sides<'_>, old: &Stream, new: &Stream, changes: &mut Vec<Change>) {
    let stores = |stream: &Stream, subject: &str| {
        stream.subjects.iter().any(|pattern| covers(pattern.as_str(), subject))
    };
    for pattern in old.subjects.iter().filter(|pattern| !stores(new, pattern.as_str())) {
        let lost = |subject: &str| overlaps(pattern.as_str(), subject) && !stores(new, subject);
        let losers: Vec<_> = who(sides.after, pattern.as_str())
            .publishes
            .into_iter()
            .filter(|party| {
                meet(sides.before, party.account, &old.account, &party.subject)
                    && lost(&party.subject)
            })
            .collect();
        let others = sides.after.streams_of(&old.account).filter(|other| other.name != old.name);
        let mut others = others.filter(|other| losers.iter().all(|l| stores(other, &l.subject)));
        let (effect, what) = match (losers.first(), others.next()) {
            (None, _) => (
                Effect::Notable,
                format!("stores `{pattern}` no longer, where the contract publishes nothing"),
            ),
            (Some(_), Some(other)) => (
                Effect::Breaking,
                format!("`{pattern}` is stored by {} instead; consumers must follow", other.name),
            ),
            (Some(_), None) => (Effect::Breaking, format!("`{pattern}` is no longer stored")),
        };
        let handed = |consumer: &Consumer| {
            let mut handed = handed_out(consumer, old).iter();
            handed.any(|handed| overlaps(handed.as_str(), pattern.as_str()))
        };
        let all = sides.before.consumers_of(&old.account);
        let own = all.filter(|(_, consumer)| consumer.stream == old.name && handed(consumer));
        // What nobody publishes, nobody misses.
        let pull = own.filter(|_| !losers.is_empty()).map(|(service, _)| service.name.to_string());
        let lose = losers.iter().map(|party| party.holder.to_string());
        let change = Change::new(effect, "subject-unstored", &old.account, &old.name, what);
        changes.push(change.affecting(lose.chain(pull)));
    }
    for pattern in new.subjects.iter().filter(|pattern| !stores(old, pattern.as_str())) {
        let what = format!("stores `{pattern}`");
        let change = Change::new(Effect::Addition, "subject-stored", &new.account, &new.name, what);
        changes.push(change);
    }
}

fn retention(sides: &Sides<'_>, old: &Stream, new: &Stream, changes: &mut Vec<Change>) {
    let mut add = |effect, code, what: String, affects: Vec<String>| {
        changes.push(Change::new(effect, code, &new.account, &new.name, what).affecting(affects));
    };
    // What is kept for less long may be gone before whoever pulls has it.
    let felt = |shorter: bool| -> Vec<String> {
        if shorter { pullers(sides.before, old).collect() } else { Vec::new() }
    };
    let age = |age: Option<Period>| age.map_or_else(|| "any age".to_owned(), |age| age.to_string());
    let limit = |age: Option<Period>| age.unwrap_or(Period::seconds(u64::from(u32::MAX)));
    if old.max_age != new.max_age {
        let shorter = limit(new.max_age) < limit(old.max_age);
        let (effect, code) = direction(shorter);
        let what = format!("keeps messages to {}, before {}", age(new.max_age), age(old.max_age));
        add(effect, code, what, felt(shorter));
    }
    if old.max_bytes != new.max_bytes {
        let shorter = new.max_bytes < old.max_bytes;
        let (effect, code) = direction(shorter);
        let what = format!("is full at {}, before {}", new.max_bytes, old.max_bytes);
        add(effect, code, what, felt(shorter));
    }
    let largest = |size: Option<ByteSize>| size.unwrap_or(ByteSize::new(u64::MAX));
    if largest(new.max_message_size) < largest(old.max_message_size) {
        let size = largest(new.max_message_size);
        let what = format!("takes no message above {size} any more");
        add(Effect::Breaking, "limit-smaller", what, publishers(sides.before, old));
    }
    for (unit, before, after) in [
        ("messages", old.max_messages, new.max_messages),
        ("messages of a subject", old.max_messages_per_subject, new.max_messages_per_subject),
    ] {
        let count =
            |most: Option<u32>| most.map_or_else(|| "any number of".to_owned(), |n| n.to_string());
        if before != after {
            let shorter = after.unwrap_or(u32::MAX) < before.unwrap_or(u32::MAX);
            let (effect, code) = direction(shorter);
            let what = format!("keeps {} {unit}, before {}", count(after), count(before));
            add(effect, code, what, felt(shorter));
        }
    }
    if old.retention != new.retention {
        let what = format!("{}, before {}", kept(new.retention), kept(old.retention));
        add(Effect::Breaking, "retention-changed", what, felt(true));
    }
    if (old.discard, new.discard) == (Discard::Old, Discard::New) {
        let what = "refuses new messages when it is full".to_owned();
        add(Effect::Notable, "discard-changed", what, publishers(sides.before, old));
    }
    if (old.discard, new.discard) == (Discard::New, Discard::Old) {
        let what = "drops the oldest messages when it is full".to_owned();
        add(Effect::Notable, "discard-changed", what, Vec::new());
    }
}

fn direction(shorter: bool) -> (Effect, &'static str) {
    match shorter {
        true => (Effect::Notable, "retention-shorter"),
        false => (Effect::Addition, "retention-longer"),
    }
}

fn kept(retention: Retention) -> &'static str {
    match retention {
        Retention::Limits => "keeps messages up to its limits",
        Retention::Interest => "keeps messages until every consumer has them",
        Retention::WorkQueue => "keeps messages until one consumer has them",
    }
}

/// Whether a stream is an audit trail.
fn keeps_records(stream: &Stream) -> bool {
    let of = |pattern: &SubjectPattern| Category::of_subject(pattern.as_str());
    stream.subjects.iter().any(|pattern| of(pattern) == Some(Category::Audit))
}

/// What protects the messages. A trail that may be changed afterwards is none any more, for all who write it.
fn guards(sides: &Sides<'_>, old: &Stream, new: &Stream, changes: &mut Vec<Change>) {
    let mut weaker = |effect, what: String| {
        let change = Change::new(effect, "guard-weaker", &new.account, &new.name, what);
        changes.push(match effect {
            Effect::Breaking => change.affecting(publishers(sides.after, new)),
            Effect::Notable | Effect::Addition => change,
        });
    };
    if new.replicas < old.replicas {
        let what = format!("has {} replicas, before {}", new.replicas, old.replicas);
        weaker(Effect::Notable, what);
    }
    if new.duplicate_window < old.duplicate_window {
        let (to, from) = (new.duplicate_window, old.duplicate_window);
        weaker(Effect::Notable, format!("remembers message ids for {to}, before {from}"));
    }
    let effect = if keeps_records(new) { Effect::Breaking } else { Effect::Notable };
    if old.deny_delete && !new.deny_delete {
        weaker(effect, "lets messages be deleted".to_owned());
    }
    if old.deny_purge && !new.deny_purge {
        weaker(effect, "lets itself be purged".to_owned());
    }
}
