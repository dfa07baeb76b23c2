//! The operator's signing key is succeeded by the first that stands by: where that stands, and what each step writes.

use super::ahead::Ahead;
use super::paper::operator_signing_keys;
use super::{IssueError, Scribe, issue};
use crate::secrets::{Change, Document, Index, KeyName, NewKey, Passing, StoreError};

/// Where the promotion of a key that stands by stands, as the store tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promotion {
    /// Nothing is under way.
    Settled,
    /// The new key has signed every account, and the operator's claims still list the old one.
    Promoted,
    /// The operator's claims list the old key no more.
    Dropped,
}

/// Where the promotion stands.
pub fn promotion(index: &Index) -> Promotion {
    match index.passing.get(&KeyName::retiring_operator_signing()) {
        None => Promotion::Settled,
        Some(passing) if passing.dropped => Promotion::Dropped,
        Some(_) => Promotion::Promoted,
    }
}

impl Scribe<'_> {
    /// Each key that stands by moves up by one, the first signs every account, and a new one is made to stand by.
    pub fn promote(&self, index: &Index) -> Result<Change, IssueError> {
        let retiring = KeyName::retiring_operator_signing();
        let names: Vec<KeyName> = operator_signing_keys().collect();
        let mut next = index.clone();
        let mut moved = Vec::new();
        for (from, to) in names.iter().zip(std::iter::once(&retiring).chain(&names)) {
            let entry = next.keys.remove(from);
            let entry = entry.ok_or_else(|| StoreError::Missing(from.clone()))?;
            next.keys.insert(to.clone(), entry.clone());
            moved.push((to.clone(), NewKey { entry, secret: self.store.open(from)? }));
        }
        let passing = Passing { issued: Some(self.now), dropped: false };
        next.passing.insert(retiring.clone(), passing);
        let store = Ahead { store: self.store, moved: &moved };
        let Self { cluster, entropy, now, newer, .. } = self;
        let mut change = issue(cluster, &next, &store, *entropy, *now, newer)?;
        change.keys.extend(moved);
        change.passing.push((retiring, passing));
        Ok(change)
    }

    /// Signs the operator's claims without the old key, and the system account's, which stand beside them.
    pub fn drop_operator_key(&self, index: &Index) -> Result<Change, IssueError> {
        let retiring = KeyName::retiring_operator_signing();
        let passing = Passing { issued: Some(self.now), dropped: true };
        let mut next = index.clone();
        next.passing.insert(retiring.clone(), passing);
        let mut change = self.issue(&next)?;
        change.passing.push((retiring, passing));
        let old = index.document(&Document::operator()).map(str::to_owned);
        change.documents.extend(old.map(|old| (Document::retiring_operator(), old)));
        Ok(change)
    }

    /// Forgets the old key.
    pub fn forget_operator_key() -> Change {
        let key = KeyName::retiring_operator_signing();
        Change { gone: vec![(key, Document::retiring_operator())], ..Change::default() }
    }
}
