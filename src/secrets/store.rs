//! The store port: where secrets live, and how they change.

use std::path::PathBuf;

use jiff::Timestamp;

use super::audit::{Author, Entry, entry_name};
use super::{Index, KeyEntry, KeyName, Passing, Revocation, Secret, index::Document};

/// Keeps secrets. A change is committed whole or not at all, and only on top of what its author has seen.
pub trait SecretStore: Sync {
    /// The public index; an empty one where nothing has been committed yet.
    fn index(&self) -> Result<Index, StoreError>;

    /// Opens the current version of a key: an NKey seed, a PKCS#8 private key as PEM, or a password.
    fn open(&self, name: &KeyName) -> Result<Secret<String>, StoreError>;

    /// Commits a change on top of generation `seen`, and gives the new index.
    fn commit(&self, seen: u64, change: Change) -> Result<Index, StoreError>;

    /// An entry of the log, by its name.
    fn entry(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Fills an empty store with what another one held.
    fn restore(&self, contents: &Contents) -> Result<(), StoreError>;

    /// Deletes every secret and the index.
    fn delete_everything(&self) -> Result<(), StoreError>;
}

/// A key that is to be kept.
pub struct NewKey {
    /// Its public side; `version` is set by the store.
    pub entry: KeyEntry,
    /// Its secret side.
    pub secret: Secret<String>,
}

/// What a commit adds, replaces and forgets.
#[derive(Default)]
pub struct Change {
    /// New keys.
    pub keys: Vec<(KeyName, NewKey)>,
    /// New documents.
    pub documents: Vec<(Document, String)>,
    /// Users whose papers become void.
    pub revocations: Vec<Revocation>,
    /// Signing keys on their way out, and how far each is now.
    pub passing: Vec<(KeyName, Passing)>,
    /// Keys that are forgotten, each with its document.
    pub gone: Vec<(KeyName, Document)>,
    /// Keys whose secret side leaves the store; what is known of them in public stays.
    pub offline: Vec<KeyName>,
    /// New keys that whoever uses them can have, since when.
    pub told: Vec<(KeyName, Timestamp)>,
}

/// A commit, ready to be written: the secrets and the log first, then the index, and last what it no longer needs.
pub(crate) struct Draft {
    /// The index as it will be.
    pub index: Index,
    /// The secrets to be sealed, each with its version.
    pub secrets: Vec<(KeyName, u32, Secret<String>)>,
    /// The entry of the log: its name and its text.
    pub entry: (String, Vec<u8>),
    /// The keys whose secrets must be in the store no more, each with its last version.
    pub needless: Vec<(KeyName, u32)>,
}

/// Everything that a store holds.
pub struct Contents {
    /// The public index.
    pub index: Index,
    /// Every secret that is in the store.
    pub secrets: Vec<(KeyName, Secret<String>)>,
    /// The log: names and texts.
    pub entries: Vec<(String, Vec<u8>)>,
}

impl Change {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        let Self { keys, documents, revocations, passing, gone, offline, told } = self;
        keys.is_empty()
            && documents.is_empty()
            && revocations.is_empty()
            && passing.is_empty()
            && gone.is_empty()
            && offline.is_empty()
            && told.is_empty()
    }

    /// What it makes of `index`.
    pub(crate) fn draft(self, mut index: Index, author: &Author, now: Timestamp) -> Draft {
        let entry = Entry::of(author, now, &index, &self);
        let (hash, text) = entry.written();
        let Self { keys, documents, revocations, passing, gone, offline, told } = self;
        let mut secrets = Vec::new();
        for (name, NewKey { mut entry, secret }) in keys {
            entry.version = index.keys.get(&name).map_or(1, |old| old.version + 1);
            secrets.push((name.clone(), entry.version, secret));
            index.keys.insert(name, entry);
        }
        index.documents.extend(documents);
        revocations.into_iter().for_each(|revocation| index.revoke(revocation));
        index.passing.extend(passing);
        for (name, time) in told {
            if let Some(entry) = index.keys.get_mut(&name) {
                entry.told = Some(time);
            }
        }
        let mut needless = Vec::new();
        for name in offline {
            if let Some(entry) = index.keys.get_mut(&name) {
                entry.offline = true;
                needless.push((name, entry.version));
            }
        }
        for (name, document) in gone {
            index.passing.remove(&name);
            let old = index.keys.remove(&name);
            needless.extend(old.map(|old| (name, old.version)));
            index.documents.remove(&document);
        }
        index.format = Index::FORMAT;
        index.generation = entry.generation;
        let name = entry_name(entry.generation, &hash);
        index.audit = Some(hash);
        Draft { index, secrets, entry: (name, text), needless }
    }
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else committed first.
    #[error("the keys were changed by somebody else (generation {found}, {seen} was expected)")]
    Moved {
        /// What the change was made on.
        seen: u64,
        /// What is there.
        found: u64,
    },
    /// The key does not exist.
    #[error("there is no key `{0}`")]
    Missing(KeyName),
    /// The secret side of the key is not in the store.
    #[error("`{0}` is offline: its secret is kept elsewhere")]
    Offline(KeyName),
    /// The store is to be filled, and holds something already.
    #[error("there are keys already (generation {0})")]
    Filled(u64),
    /// None of our identities opens it.
    #[error("{path} can't be opened with the identity of {identity}")]
    Sealed {
        /// The sealed file.
        path: PathBuf,
        /// The identity that was tried.
        identity: PathBuf,
    },
    /// A file is damaged.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The disk or its rights.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A store elsewhere did not do it.
    #[error(transparent)]
    Remote(Box<dyn std::error::Error + Send + Sync>),
    /// The identity.
    #[error(transparent)]
    Identity(#[from] super::IdentityError),
}
