//! A store in which a commit that is being made has been made already: what signs next has its name.

use crate::secrets::{Change, Contents, Index, KeyName, NewKey, Secret, SecretStore, StoreError};

/// The store as it will be when keys have moved to other names.
pub(super) struct Ahead<'a> {
    /// The store as it is.
    pub store: &'a dyn SecretStore,
    /// The keys that are about to have these names.
    pub moved: &'a [(KeyName, NewKey)],
}

impl SecretStore for Ahead<'_> {
    fn index(&self) -> Result<Index, StoreError> {
        self.store.index()
    }

    fn open(&self, name: &KeyName) -> Result<Secret<String>, StoreError> {
        match self.moved.iter().find(|(moved, _)| moved == name) {
            Some((_, key)) => Ok(key.secret.clone()),
            None => self.store.open(name),
        }
    }

    fn commit(&self, seen: u64, change: Change) -> Result<Index, StoreError> {
        self.store.commit(seen, change)
    }

    fn entry(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.entry(name)
    }

    fn restore(&self, contents: &Contents) -> Result<(), StoreError> {
        self.store.restore(contents)
    }

    fn delete_everything(&self) -> Result<(), StoreError> {
        self.store.delete_everything()
    }
}
