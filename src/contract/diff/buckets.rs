//! Buckets: those that go, what they keep for less long, and who may no longer use them.

use super::{Change, Effect, Sides};
use crate::model::{Bucket, BucketName, ByteSize, Cluster, Period, Service};

/// Buckets that went or came, the settings of those that stayed, and who reads and writes them.
pub fn buckets(sides: &Sides<'_>, changes: &mut Vec<Change>) {
    for old in &sides.before.buckets {
        match twin(sides.after, old) {
            None => {
                let what = "the bucket is gone".to_owned();
                let change =
                    Change::new(Effect::Breaking, "bucket-gone", &old.account, &old.name, what);
                changes.push(change.affecting(users(sides.before, old)));
            }
            Some(new) => settings(sides, old, new, changes),
        }
    }
    for new in sides.after.buckets.iter().filter(|new| twin(sides.before, new).is_none()) {
        let what = "the bucket is new".to_owned();
        changes.push(Change::new(Effect::Addition, "bucket-new", &new.account, &new.name, what));
    }
    for old in sides.before.services.values() {
        let same = sides.after.services.get(&old.name);
        if let Some(new) = same.filter(|new| new.account == old.account) {
            grants(old, new, changes);
        }
    }
}

fn twin<'a>(cluster: &'a Cluster, bucket: &Bucket) -> Option<&'a Bucket> {
    let same = |other: &&Bucket| (&other.account, &other.name) == (&bucket.account, &bucket.name);
    cluster.buckets.iter().find(same)
}

/// Services that read or write a bucket.
fn users(cluster: &Cluster, bucket: &Bucket) -> Vec<String> {
    let services = cluster.services_of(&bucket.account);
    let uses = |service: &&Service| {
        service.reads.contains(&bucket.name) || service.writes.contains(&bucket.name)
    };
    services.filter(uses).map(|service| service.name.to_string()).collect()
}

fn settings(sides: &Sides<'_>, old: &Bucket, new: &Bucket, changes: &mut Vec<Change>) {
    let mut add = |effect, code, what: String| {
        let change = Change::new(effect, code, &new.account, &new.name, what);
        changes.push(change.affecting(users(sides.after, new)));
    };
    let direction = |less: bool| match less {
        true => (Effect::Notable, "retention-shorter"),
        false => (Effect::Addition, "retention-longer"),
    };
    let age = |ttl: Option<Period>| ttl.map_or_else(|| "any age".to_owned(), |ttl| ttl.to_string());
    let limit = |ttl: Option<Period>| ttl.map_or(u64::MAX, Period::nanoseconds);
    if old.ttl != new.ttl {
        let (effect, code) = direction(limit(new.ttl) < limit(old.ttl));
        add(effect, code, format!("keeps values to {}, before {}", age(new.ttl), age(old.ttl)));
    }
    if old.history != new.history {
        let (effect, code) = direction(new.history < old.history);
        let what = format!("keeps {} values of a key, before {}", new.history, old.history);
        add(effect, code, what);
    }
    if old.max_bytes != new.max_bytes {
        let (effect, code) = direction(new.max_bytes < old.max_bytes);
        add(effect, code, format!("is full at {}, before {}", new.max_bytes, old.max_bytes));
    }
    let largest = |size: Option<ByteSize>| size.unwrap_or(ByteSize::new(u64::MAX));
    if largest(new.max_value_size) < largest(old.max_value_size) {
        let what = format!("takes no value above {} any more", largest(new.max_value_size));
        add(Effect::Breaking, "limit-smaller", what);
    }
    if new.replicas < old.replicas {
        let what = format!("has {} replicas, before {}", new.replicas, old.replicas);
        add(Effect::Notable, "guard-weaker", what);
    }
}

/// What a service may no longer do with buckets, and what it may do now.
fn grants(old: &Service, new: &Service, changes: &mut Vec<Change>) {
    let mut list =
        |verb: &str, codes: [&'static str; 2], before: &[BucketName], after: &[BucketName]| {
            let [gone, come] = codes;
            let mut add = |effect, code, what: String| {
                changes.push(Change::new(effect, code, &new.account, &new.name, what));
            };
            for bucket in before.iter().filter(|bucket| !after.contains(bucket)) {
                add(Effect::Breaking, gone, format!("may no longer {verb} {bucket}"));
            }
            for bucket in after.iter().filter(|bucket| !before.contains(bucket)) {
                add(Effect::Addition, come, format!("may {verb} {bucket}"));
            }
        };
    list("read", ["read-gone", "read-new"], &old.reads, &new.reads);
    list("write", ["write-gone", "write-new"], &old.writes, &new.writes);
}
