//! The log of the store: one entry for each commit, each with the hash of the one before it.
//!
//! An entry is written before the index that names it, under a name that holds its hash. So whoever dies in between leaves
//! an entry that nothing leads to, and nobody can alter one without altering all that follow, and the index.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Change, Index, KeyName, SecretStore, StoreError};

/// Who changes the keys, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Author {
    /// The engineer and their machine, as far as known.
    pub who: String,
    /// The command.
    pub what: String,
    /// The reason that they gave.
    pub why: Option<String>,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The generation that the commit made.
    pub generation: u64,
    /// When.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// Who.
    pub who: String,
    /// The command.
    pub what: String,
    /// The reason that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The keys that were made or replaced, with their public sides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, String>,
    /// The documents that were signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signed: Vec<String>,
    /// The users that were revoked, by account and public key, and the signing keys that are accepted no more, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revoked: Vec<String>,
    /// The keys that were forgotten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forgotten: Vec<String>,
    /// The keys whose secret side left the store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offline: Vec<String>,
    /// The keys whose overlap with the key before them has begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<String>,
    /// The hash of the entry before; none in the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
}

/// Where the log is not what it was.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An entry is not there.
    #[error("the entry of generation {0} is missing")]
    Missing(u64),
    /// An entry says something else than it once did.
    #[error(
        "the entry of generation {0} was altered: it does not have the hash that the next one names"
    )]
    Altered(u64),
    /// The log and the index disagree.
    #[error("the index holds {found} for {key}, and by the log it is {logged}")]
    Disagrees {
        /// The key.
        key: String,
        /// What the index holds.
        found: String,
        /// What the log says.
        logged: String,
    },
    /// An entry that somebody has kept does not lead here.
    #[error("no entry has the hash {0}")]
    Unknown(String),
}

impl Entry {
    /// What a change does on top of `index`.
    pub(super) fn of(author: &Author, time: Timestamp, index: &Index, change: &Change) -> Self {
        let Author { who, what, why } = author.clone();
        let keys = change.keys.iter();
        let known = |name: &KeyName| index.passing.get(name).is_some_and(|before| before.dropped);
        let dropped = change.passing.iter().filter(|(name, now)| now.dropped && !known(name));
        Self {
            generation: index.generation + 1,
            time,
            who,
            what,
            why,
            keys: keys.map(|(name, key)| (name.to_string(), key.entry.public.clone())).collect(),
            signed: change.documents.iter().map(|(name, _)| name.as_str().to_owned()).collect(),
            revoked: change
                .revocations
                .iter()
                .map(|r| format!("{} {}", r.account, r.user))
                .chain(dropped.map(|(name, _)| name.to_string()))
                .collect(),
            forgotten: change.gone.iter().map(|(name, _)| name.to_string()).collect(),
            offline: change.offline.iter().map(KeyName::to_string).collect(),
            told: change.told.iter().map(|(name, _)| name.to_string()).collect(),
            previous: index.audit.clone(),
        }
    }

    /// The entry as it is kept, with its hash.
    pub(super) fn written(&self) -> (String, Vec<u8>) {
        let text = serde_json::to_vec(self).expect("an entry always has a JSON form");
        (hash(&text), text)
    }
}

/// The name of an entry in the store.
pub(crate) fn entry_name(generation: u64, hash: &str) -> String {
    format!("{generation:08}-{hash}.json")
}

fn hash(text: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

/// The log, newest first, each entry with its hash. Every hash is computed anew.
///
/// A store that is older than its log begins it with the first commit that knew of logs.
pub fn history(store: &dyn SecretStore, index: &Index) -> Result<Vec<(String, Entry)>, AuditError> {
    let (mut generation, mut next) = (index.generation, index.audit.clone());
    let mut entries = Vec::new();
    while let Some(expected) = next {
        let text = store.entry(&entry_name(generation, &expected))?;
        let text = text.ok_or(AuditError::Missing(generation))?;
        let altered = || AuditError::Altered(generation);
        if hash(&text) != expected {
            return Err(altered());
        }
        let entry: Entry = serde_json::from_slice(&text).map_err(|_| altered())?;
        if entry.generation != generation {
            return Err(altered());
        }
        next = entry.previous.clone();
        entries.push((expected, entry));
        generation = generation.saturating_sub(1);
    }
    Ok(entries)
}

/// Looks whether the log tells how the index came to be: every key that it speaks of, and every key at all where it has
/// the first commit.
pub fn agree(entries: &[(String, Entry)], index: &Index) -> Result<(), AuditError> {
    let mut logged: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for (_, entry) in entries.iter().rev() {
        let made = entry.keys.iter().map(|(name, public)| (name.as_str(), Some(public.as_str())));
        logged.extend(made);
        logged.extend(entry.forgotten.iter().map(|name| (name.as_str(), None)));
    }
    let complete = entries.last().is_some_and(|(_, first)| first.generation == 1);
    let held = index.keys.iter().map(|(name, entry)| (name.as_str(), entry.public.as_str()));
    let held: BTreeMap<&str, &str> = held.collect();
    let spoken = logged.iter().map(|(name, public)| (*name, *public));
    let unspoken = held.keys().filter(|name| complete && !logged.contains_key(*name));
    for (key, public) in spoken.chain(unspoken.map(|name| (*name, None))) {
        let found = held.get(key).copied();
        if found != public {
            let words = |public: Option<&str>| public.unwrap_or("nothing").to_owned();
            let (found, logged) = (words(found), words(public));
            return Err(AuditError::Disagrees { key: key.to_owned(), found, logged });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
