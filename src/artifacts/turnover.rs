//! Certificates and passwords are renewed: a new key takes the name, and the old one is kept beside it for a while.
//!
//! The name under which the old one is kept says how it stands, so that whoever dies leaves a stage behind.

use super::certificates;
use super::paper::Paper;
use super::{IssueError, Scribe};
use crate::secrets::{Beside, Change, Document, Index, KeyName, NewKey, StoreError};

impl Scribe<'_> {
    /// Makes new keys of these names, and signs for them; the old ones are kept beside them.
    pub fn renew(
        &self,
        names: &[KeyName],
        beside: Beside,
        index: &Index,
    ) -> Result<Change, IssueError> {
        let mut next = index.clone();
        next.keys.retain(|name, _| !names.contains(name));
        let mut change = self.issue(&next)?;
        for name in names {
            let paper = self.certificate_of(name);
            self.keep((name, paper), name.beside(beside), index, &mut change)?;
        }
        Ok(change)
    }

    /// Old keys that were still accepted are to be refused from now on.
    pub fn dismiss(&self, names: &[KeyName], index: &Index) -> Result<Change, IssueError> {
        let mut change = Change::default();
        for name in names {
            let old = name.beside(Beside::Retiring);
            let paper = Some(Document::certificate(&old));
            self.keep((&old, paper), name.beside(Beside::Revoked), index, &mut change)?;
            change.gone.push((old.clone(), Document::certificate(&old)));
        }
        Ok(change)
    }

    /// Forgets old keys.
    pub fn forget_old(names: &[KeyName], beside: Beside) -> Change {
        let old = names.iter().map(|name| name.beside(beside));
        let gone = old.map(|old| (old.clone(), Document::certificate(&old))).collect();
        Change { gone, ..Change::default() }
    }

    /// Keeps a key and its certificate, where it has one, under another name.
    pub(super) fn keep(
        &self,
        (name, paper): (&KeyName, Option<Document>),
        to: KeyName,
        index: &Index,
        change: &mut Change,
    ) -> Result<(), IssueError> {
        let entry = index.keys.get(name).cloned();
        let entry = entry.ok_or_else(|| StoreError::Missing(name.clone()))?;
        if let Some(text) = paper.and_then(|paper| index.document(&paper)) {
            change.documents.push((Document::certificate(&to), text.to_owned()));
        }
        change.keys.push((to, NewKey { entry, secret: self.store.open(name)? }));
        Ok(())
    }

    /// Where the certificate of a key is kept; none for what has none.
    fn certificate_of(&self, name: &KeyName) -> Option<Document> {
        let papers = Paper::all(self.cluster).into_iter();
        let mut own = papers.filter(|paper| paper.subject() == *name);
        own.find(certificates::is_certificate).map(|paper| paper.document())
    }
}
