//! A user's key is succeeded by another: where that stands, and what each step writes into the store.
//!
//! A step is one commit, so that whoever dies leaves a stage behind from which the next run goes on.

use jiff::Timestamp;

use super::{IssueError, Newer, issued_at};
use crate::model::{AccountName, Client, Cluster};
use crate::secrets::{
    Beside, Change, Document, EVERYBODY, Entropy, Index, KeyName, NewKey, Revocation, SecretStore,
    StoreError,
};

/// Where the succession of a user's key stands, as the store tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// One key, and nothing under way.
    Settled,
    /// The new key exists, and the old one is let in as well.
    Overlapping,
    /// The old key is revoked, and there is no new one yet.
    Bare,
    /// The old key is revoked, and the new one exists.
    Succeeded,
}

/// What a step may use.
pub struct Scribe<'a> {
    /// What is meant.
    pub cluster: &'a Cluster,
    /// Where the keys are.
    pub store: &'a dyn SecretStore,
    /// Where new keys come from.
    pub entropy: &'a dyn Entropy,
    /// The time that everything is stamped with.
    pub now: Timestamp,
    /// What the servers hold in a newer version.
    pub newer: &'a Newer,
    /// The account whose papers alone are signed, where not those of all are.
    pub only: Option<&'a AccountName>,
}

/// The name under which the former user key of a client is kept, until nobody lets it in any more.
pub fn retiring_user(client: Client<'_>) -> KeyName {
    KeyName::user_of(client).beside(Beside::Retiring)
}

/// Where the succession of a client's user key stands.
pub fn stage(client: Client<'_>, index: &Index) -> Stage {
    let (user, retiring) = (KeyName::user_of(client), retiring_user(client));
    let Some(old) = index.public(&retiring) else {
        return Stage::Settled;
    };
    let entry = index.keys.get(&user).filter(|entry| entry.public != old);
    match (index.is_revoked(old), entry) {
        (false, Some(_)) => Stage::Overlapping,
        (true, None) => Stage::Bare,
        (true, Some(_)) => Stage::Succeeded,
        // The old key is kept and nothing has happened to it: as if nothing had begun.
        (false, None) => Stage::Settled,
    }
}

impl Scribe<'_> {
    /// Makes a new key and signs for it; the old one is kept beside it, and stays valid.
    pub fn succeed(&self, client: Client<'_>, index: &Index) -> Result<Change, IssueError> {
        let mut next = index.clone();
        next.keys.remove(&KeyName::user_of(client));
        let mut change = self.issue(&next)?;
        if index.public(&retiring_user(client)).is_none() {
            self.keep_old(client, index, &mut change)?;
        }
        Ok(change)
    }

    /// Revokes the old key, which is the current one where there is no new one yet.
    pub fn revoke(&self, client: Client<'_>, index: &Index) -> Result<Change, IssueError> {
        let (user, retiring) = (KeyName::user_of(client), retiring_user(client));
        let (name, paper) = match index.public(&retiring) {
            Some(_) => (&retiring, Document::of_beside(&retiring)),
            None => (&user, Document::user_of(client)),
        };
        let public = index.public(name).ok_or_else(|| StoreError::Missing(name.clone()))?;
        // A machine whose clock was ahead may have issued it.
        let issued = index.document(&paper).and_then(issued_at);
        let revocation = Revocation {
            account: client.account().to_string(),
            user: public.to_owned(),
            until: self.now.as_second().max(issued.unwrap_or(0)),
        };
        let mut next = index.clone();
        next.revoke(revocation.clone());
        let mut change = self.issue(&next)?;
        change.revocations.push(revocation);
        if *name == user {
            self.keep_old(client, index, &mut change)?;
        }
        Ok(change)
    }

    /// Revokes all users of an account that were issued until a time, in unix seconds, and signs for them anew. Whose key was
    /// revoked by itself gets another: claims issued later would make it good again.
    pub fn revoke_everybody(
        &self,
        account: &AccountName,
        until: i64,
        index: &Index,
    ) -> Result<Change, IssueError> {
        let user = EVERYBODY.to_owned();
        let revocation = Revocation { account: account.to_string(), user, until };
        let mut next = index.clone();
        next.revoke(revocation.clone());
        let clients = Client::of(self.cluster, account).into_iter();
        for client in clients.filter(|client| stage(*client, index) == Stage::Bare) {
            next.keys.remove(&KeyName::user_of(client));
        }
        let mut change = self.issue(&next)?;
        change.revocations.push(revocation);
        Ok(change)
    }

    /// Forgets the old key. Its revocation stays.
    pub fn forget(client: Client<'_>) -> Change {
        let key = retiring_user(client);
        let paper = Document::of_beside(&key);
        Change { gone: vec![(key, paper)], ..Change::default() }
    }

    /// The old key and its paper under another name: with them it is proven that they open nothing any more.
    fn keep_old(
        &self,
        client: Client<'_>,
        index: &Index,
        change: &mut Change,
    ) -> Result<(), IssueError> {
        let (user, paper) = (KeyName::user_of(client), Document::user_of(client));
        let missing = || StoreError::Missing(user.clone());
        let entry = index.keys.get(&user).cloned().ok_or_else(missing)?;
        let token = index.document(&paper).ok_or_else(missing)?.to_owned();
        let key = NewKey { entry, secret: self.store.open(&user)? };
        let retiring = retiring_user(client);
        change.documents.push((Document::of_beside(&retiring), token));
        change.keys.push((retiring, key));
        Ok(())
    }
}
