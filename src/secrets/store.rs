//! The store port: where secrets live, and how they change.

use std::path::PathBuf;

use super::{Index, KeyEntry, KeyName, Passing, Revocation, Secret, index::Document};

/// Keeps secrets. A change is committed whole or not at all, and only on top of what its author has seen.
pub trait SecretStore {
    /// The public index; an empty one where nothing has been committed yet.
    fn index(&self) -> Result<Index, StoreError>;

    /// Opens the current version of a key: an NKey seed, a PKCS#8 private key as PEM, or a password.
    fn open(&self, name: &KeyName) -> Result<Secret<String>, StoreError>;

    /// Commits a change on top of generation `seen`, and gives the new index.
    fn commit(&self, seen: u64, change: Change) -> Result<Index, StoreError>;

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
}

/// A change without its keys, which each store keeps in its own way.
pub(crate) struct Papers {
    pub documents: Vec<(Document, String)>,
    pub revocations: Vec<Revocation>,
    pub passing: Vec<(KeyName, Passing)>,
    pub gone: Vec<(KeyName, Document)>,
}

impl Change {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        let Self { keys, documents, revocations, passing, gone } = self;
        keys.is_empty()
            && documents.is_empty()
            && revocations.is_empty()
            && passing.is_empty()
            && gone.is_empty()
    }

    /// The keys, and the rest.
    pub(crate) fn split(self) -> (Vec<(KeyName, NewKey)>, Papers) {
        let Self { keys, documents, revocations, passing, gone } = self;
        (keys, Papers { documents, revocations, passing, gone })
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
