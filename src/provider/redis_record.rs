//! The record of a node of the cache.
//!
//! Its fields come from two sides: the machine tells whether the process runs and what its files say, the server tells
//! which settings and which users it really has.

use std::collections::BTreeMap;

use super::{CONFIG_FILE, PROCESS, SETTING};
use crate::artifacts::PreparedRedis;
use crate::model::RedisNode;
use crate::plan::{Kind, OnChange, PENDING, Record, RecordId};
use crate::render::{SeenUsers, TLS_FILES, grants, users_digest};

/// The digest of the file of users that its next start would read.
pub const USERS_FILE: &str = "users_file";
/// The mark of the users that it has read.
const USERS: &str = "users";
/// What stands before the name of a user.
pub const USER: &str = "user.";
/// The password with which it signs in to its primary, by fingerprint.
pub const REPLICATION: &str = "replication";

/// What a node of the cache should be.
pub fn desired_redis(node: &RedisNode, prepared: &PreparedRedis) -> Record {
    let known = |text: String| if prepared.pending { PENDING.to_owned() } else { text };
    let record = Record::new(RecordId::new(Kind::RedisNode, &node.name))
        .field(PROCESS, "running", OnChange::Restart)
        .summary(CONFIG_FILE, known(prepared.settings.digest()), OnChange::InPlace)
        .summary(USERS_FILE, known(users_digest(&prepared.users_file)), OnChange::InPlace)
        .summary(USERS, known(prepared.users.mark()), OnChange::InPlace)
        .field(REPLICATION, fingerprint(&prepared.replication), OnChange::InPlace);
    let settings = prepared.settings.askable().into_iter();
    let record = settings.fold(record, |record, (name, value)| {
        let value = if value.contains("(known") { PENDING.to_owned() } else { value };
        let on_change = on_change(&name);
        record.field(&format!("{SETTING}{name}"), value, on_change)
    });
    prepared.users.iter().fold(record, |record, user| {
        let grants = known(grants(user));
        record.field(&format!("{USER}{}", user.name), grants, OnChange::InPlace)
    })
}

/// Puts what a running server tells beside what its machine tells.
pub fn seen_redis(
    record: Record,
    settings: &BTreeMap<String, String>,
    users: &[String],
    replication: &str,
) -> Record {
    let seen = SeenUsers::read(users);
    let record = record
        .summary(USERS, seen.mark.as_deref().unwrap_or("unknown"), OnChange::InPlace)
        .field(REPLICATION, fingerprint(replication), OnChange::InPlace)
        .complete();
    let record = settings.iter().fold(record, |record, (name, value)| {
        record.field(&format!("{SETTING}{name}"), value, on_change(name))
    });
    seen.users.into_iter().fold(record, |record, (name, grants)| {
        record.field(&format!("{USER}{name}"), grants, OnChange::InPlace)
    })
}

/// A running server takes other certificates, and keeps the connections that it has.
fn on_change(setting: &str) -> OnChange {
    if TLS_FILES.contains(&setting) { OnChange::InPlace } else { OnChange::Restart }
}

/// As much of a digest as tells one from another.
fn fingerprint(digest: &str) -> String {
    if digest == PENDING { digest.to_owned() } else { digest.chars().take(12).collect() }
}
