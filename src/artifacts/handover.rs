//! Signing keys of roles are succeeded by others: where that stands, and what each step writes into the store.
//!
//! All roles of one handover go together, so that each step is one commit, however many there are. Whoever dies leaves
//! a stage behind from which the next run goes on.

use super::{IssueError, Scribe};
use crate::model::{AccountName, Client, Cluster, OWN_ROLE, SYSTEM_ACCOUNT};
use crate::secrets::{Change, Document, Index, KeyName, NewKey, Passing, StoreError};

/// A role of an account, whose signing key is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The account.
    pub account: AccountName,
    /// The role's name in the account's claims.
    pub name: String,
    /// The role's user, where it has one that lasts: its key, and its claims.
    pub user: Option<(KeyName, Document)>,
}

/// Where a handover stands, as the store tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handover {
    /// Nothing is under way.
    Settled,
    /// The new keys are listed beside the old ones, and sign nothing yet.
    Accepted,
    /// The new keys sign, and what the old ones have signed is let in as well.
    Issued,
    /// The old keys are listed no more, and the new ones sign nothing yet.
    Dropped,
    /// The old keys are listed no more, and the new ones sign.
    Retired,
}

impl Role {
    /// The role of a service or a leafnode.
    pub fn of(client: Client<'_>) -> Self {
        let name = match client {
            Client::Service(service) => service.name.to_string(),
            Client::Leafnode(leafnode) => leafnode.role(),
        };
        let user = Some((KeyName::user_of(client), Document::user_of(client)));
        Self { account: client.account().clone(), name, user }
    }

    /// natsops' own role in the system account, which has no other.
    pub fn system() -> Self {
        let account = SYSTEM_ACCOUNT.parse().expect("it has the form of an account");
        Self { account, name: OWN_ROLE.to_owned(), user: None }
    }

    /// Every role of an account, that of natsops first.
    pub fn all(cluster: &Cluster, account: &AccountName) -> Vec<Self> {
        let own = Self { account: account.clone(), name: OWN_ROLE.to_owned(), user: None };
        let clients = Client::of(cluster, account).into_iter().map(Self::of);
        std::iter::once(own).chain(clients).collect()
    }

    /// The name of its signing key.
    pub fn key(&self) -> KeyName {
        KeyName::role(self.account.as_str(), &self.name)
    }

    /// The name under which its former signing key is kept.
    pub fn retiring(&self) -> KeyName {
        KeyName::retiring_role(self.account.as_str(), &self.name)
    }

    /// The name under which its user's claims are kept as the former key has signed them.
    pub fn old_paper(&self) -> Document {
        Document::retiring_issuer(&self.name)
    }

    /// Whether its signing key is being replaced.
    pub fn is_passing(&self, index: &Index) -> bool {
        index.passing.contains_key(&self.retiring())
    }
}

/// Where the handover of these roles stands. They go together, so any of them tells.
pub fn handover(roles: &[Role], index: &Index) -> Handover {
    let stages = roles.iter().filter_map(|role| index.passing.get(&role.retiring()));
    let Some(passing) = stages.copied().reduce(earlier) else {
        return Handover::Settled;
    };
    match passing {
        Passing { issued: None, dropped: false } => Handover::Accepted,
        Passing { issued: Some(_), dropped: false } => Handover::Issued,
        Passing { issued: None, dropped: true } => Handover::Dropped,
        Passing { issued: Some(_), dropped: true } => Handover::Retired,
    }
}

fn earlier(a: Passing, b: Passing) -> Passing {
    Passing {
        issued: a.issued.zip(b.issued).map(|(a, b)| a.max(b)),
        dropped: a.dropped && b.dropped,
    }
}

impl Scribe<'_> {
    /// Makes new keys; the old ones are kept and listed beside them, and go on signing.
    pub fn accept(&self, roles: &[Role], index: &Index) -> Result<Change, IssueError> {
        self.pass(roles, index, |_, passing| passing)
    }

    /// Has the new keys sign. What the old ones have signed is kept: with it is proven that it opens nothing any more.
    pub fn hand_over(&self, roles: &[Role], index: &Index) -> Result<Change, IssueError> {
        let issued = Some(self.now);
        let mut change = self.pass(roles, index, |_, passing| Passing { issued, ..passing })?;
        for role in roles {
            let paper = role.user.as_ref().and_then(|(_, paper)| index.document(paper));
            let paper = paper.map(|paper| (role.old_paper(), paper.to_owned()));
            change.documents.extend(paper);
        }
        Ok(change)
    }

    /// Lists the old keys no more. Where there are no new ones yet, they are made, and sign nothing.
    pub fn drop_old(&self, roles: &[Role], index: &Index) -> Result<Change, IssueError> {
        self.pass(roles, index, |role, passing| Passing {
            // natsops' own users live for one run, and must get in during the next.
            issued: passing.issued.or_else(|| role.user.is_none().then_some(self.now)),
            dropped: true,
        })
    }

    /// Forgets the old keys, and what they have signed.
    pub fn forget_roles(roles: &[Role]) -> Change {
        let gone = roles.iter().map(|role| (role.retiring(), role.old_paper())).collect();
        Change { gone, ..Change::default() }
    }

    fn pass(
        &self,
        roles: &[Role],
        index: &Index,
        further: impl Fn(&Role, Passing) -> Passing,
    ) -> Result<Change, IssueError> {
        let mut next = index.clone();
        let (mut kept, mut passing) = (Vec::new(), Vec::new());
        for role in roles {
            let (key, retiring) = (role.key(), role.retiring());
            let before = next.passing.get(&retiring).copied();
            if before.is_none() {
                let entry = next.keys.remove(&key);
                let entry = entry.ok_or_else(|| StoreError::Missing(key.clone()))?;
                next.keys.insert(retiring.clone(), entry.clone());
                kept.push((retiring.clone(), NewKey { entry, secret: self.store.open(&key)? }));
            }
            let after = further(role, before.unwrap_or_default());
            next.passing.insert(retiring.clone(), after);
            passing.push((retiring, after));
        }
        let mut change = self.issue(&next)?;
        change.keys.extend(kept);
        change.passing = passing;
        Ok(change)
    }
}
