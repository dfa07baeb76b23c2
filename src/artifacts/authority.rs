//! The certificate authority is succeeded by another, forward only: both are trusted, then the new one signs, then the
//! old one is dropped.
//!
//! Where that stands follows from the names of the keys alone. While two are trusted, every place that holds the
//! authority holds both, so whoever has taken a step and whoever has not accept each other.

use super::ahead::Ahead;
use super::certificates::wanted;
use super::paper::Paper;
use super::{IssueError, Scribe, issue};
use crate::pki::{self, CertificateKey, Lifetime};
use crate::secrets::{Beside, Change, Document, Index, KeyEntry, KeyName, NewKey, StoreError};

/// Where the succession of the authority stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorityStage {
    /// One authority, and nothing under way.
    Settled,
    /// Another one is trusted as well; it signs nothing yet.
    Accepting,
    /// The new one signs; the old one is still trusted.
    Issuing,
    /// The old one is not trusted any more, which is to be proven.
    Dropping,
}

/// Where it stands, as the store tells.
pub fn authority_stage(index: &Index) -> AuthorityStage {
    let has = |beside| index.keys.contains_key(&KeyName::authority().beside(beside));
    if has(Beside::Revoked) {
        AuthorityStage::Dropping
    } else if has(Beside::Retiring) {
        AuthorityStage::Issuing
    } else if has(Beside::Standby) {
        AuthorityStage::Accepting
    } else {
        AuthorityStage::Settled
    }
}

impl Scribe<'_> {
    /// Makes another authority, which is trusted from now on and signs nothing yet.
    pub fn accept_authority(&self, index: &Index) -> Result<Change, IssueError> {
        let name = KeyName::authority().beside(Beside::Standby);
        let key = self.entropy.make(&name, self.now);
        let own = CertificateKey::from_pem(&key.secret)?;
        let wanted = wanted(self.cluster, &Paper::Authority, index)
            .ok_or_else(|| IssueError::Missing("certificate authority".to_owned()))?;
        let lifetime = Lifetime { now: self.now, validity: wanted.validity };
        let certificate = pki::issue_authority(&wanted.subject, &own, lifetime)?;
        let documents = vec![(Document::certificate(&name), certificate)];
        Ok(Change { keys: vec![(name, key)], documents, ..Change::default() })
    }

    /// The new authority takes the name and signs every certificate anew; the old one stays trusted.
    pub fn succeed_authority(&self, index: &Index) -> Result<Change, IssueError> {
        let name = KeyName::authority();
        let standby = name.beside(Beside::Standby);
        let missing = || StoreError::Missing(standby.clone());
        let entry = index.keys.get(&standby).cloned().ok_or_else(missing)?;
        // Its own certificates have not been handed out yet: a second overlap begins.
        let entry = KeyEntry { told: None, ..entry };
        let paper =
            index.document(&Document::certificate(&standby)).ok_or_else(missing)?.to_owned();
        let mut next = index.clone();
        next.keys.insert(name.clone(), entry.clone());
        next.documents.insert(Document::authority(), paper.clone());
        let signer = NewKey { entry, secret: self.store.open(&standby)? };
        let moved = [(name.clone(), signer)];
        let ahead = Ahead { store: self.store, moved: &moved };
        let mut change = issue(self.cluster, &next, &ahead, self.entropy, self.now, self.newer)?;
        let old = (&name, Some(Document::authority()));
        self.keep(old, name.beside(Beside::Retiring), index, &mut change)?;
        change.keys.extend(moved);
        change.documents.push((Document::authority(), paper));
        change.gone.push((standby.clone(), Document::certificate(&standby)));
        Ok(change)
    }
}
