//! Lanes: what crosses between two accounts as servers know it, an export of the one and an import of the other.
//!
//! A [`Passage`] says what crosses in the words of the contract. Most are one lane; a subject that is pulled from another
//! account's stream is none itself: what crosses is the API of the consumer that hands it out.

use super::{AccountName, Cluster, Passage, PassageKind};

/// One export with one import.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane {
    /// The account that exports.
    pub owner: AccountName,
    /// The account that imports.
    pub user: AccountName,
    /// What is exported. It may cover more than this account imports.
    pub exported: String,
    /// What is imported, as the owner calls it.
    pub subject: String,
    /// The same, as the user calls it.
    pub local: String,
    /// Which way it goes.
    pub flow: Flow,
}

/// The way of what crosses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// Messages of the owner, for whoever listens in the user.
    Messages,
    /// Requests of the user, with one answer each.
    Requests,
    /// Requests of the user, with as many answers as each asks for.
    Pulls,
}

impl Flow {
    /// Whether it is a service to NATS, whose messages go from the user to the owner.
    pub fn is_service(self) -> bool {
        self != Self::Messages
    }
}

impl Lane {
    fn of(passage: &Passage) -> Option<Self> {
        let flow = match passage.kind {
            PassageKind::Events => Flow::Messages,
            PassageKind::Requests | PassageKind::Audit => Flow::Requests,
            PassageKind::Stored => return None,
        };
        Some(Self {
            owner: passage.owner.clone(),
            user: passage.user.clone(),
            exported: passage.exported.to_string(),
            subject: passage.subject.to_string(),
            local: passage.subject.to_string(),
            flow,
        })
    }
}

impl Cluster {
    /// Everything that crosses, as servers know it.
    pub fn lanes(&self) -> impl Iterator<Item = Lane> {
        let pulled = self.services.values().flat_map(|service| {
            service.consumes.iter().flat_map(|consumer| consumer.lanes(&service.account))
        });
        self.passages.iter().filter_map(Lane::of).chain(pulled)
    }

    /// What an account takes from others.
    pub fn imports_of<'a>(&'a self, account: &'a AccountName) -> impl Iterator<Item = Lane> + 'a {
        let pulled = self.services_of(account).flat_map(|service| {
            service.consumes.iter().flat_map(|consumer| consumer.lanes(&service.account))
        });
        let own = self.passages.iter().filter(move |passage| passage.user == *account);
        own.filter_map(Lane::of).chain(pulled)
    }

    /// What an account gives to others.
    pub fn exports_of<'a>(&'a self, account: &'a AccountName) -> impl Iterator<Item = Lane> + 'a {
        let pulled = self.consumers_of(account);
        let pulled = pulled.flat_map(|(service, consumer)| consumer.lanes(&service.account));
        let own = self.passages.iter().filter(move |passage| passage.owner == *account);
        own.filter_map(Lane::of).chain(pulled)
    }
}
