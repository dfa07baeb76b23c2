//! Passages: subjects that cross from one account into another, each in the one direction that its kind demands.
//!
//! | what | who exports | who imports | as |
//! |---|---|---|---|
//! | events | the account that publishes them and shares them | the account that subscribes | a stream |
//! | requests | the account that serves them and shares them | the account that calls | a service |
//! | audit records | the account whose stream keeps them | the account that publishes | a service |
//! | stored events | the account that keeps them and shares them | the account that pulls | services: the API of its consumer |
//!
//! Audit records go the other way, because a stream import would bring no acknowledgement back to the publisher.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Account, AccountName, Category, Consumer, Service, ServiceName, Stream, Subject, SubjectIndex,
};

/// One subject that crosses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Passage {
    /// The account that exports it.
    pub owner: AccountName,
    /// The account that imports it.
    pub user: AccountName,
    /// What it is.
    pub kind: PassageKind,
    /// What is imported.
    pub subject: Subject,
    /// What is exported. It may cover more than this account imports.
    pub exported: Subject,
}

/// What crosses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PassageKind {
    /// Messages of the owner, for whoever listens in the user.
    Events,
    /// Requests of the user, which the owner answers.
    Requests,
    /// Records of the user, which a stream of the owner keeps and acknowledges.
    Audit,
    /// Messages that a stream of the owner keeps, for a consumer of the user.
    Stored,
}

impl PassageKind {
    /// Whether its messages go from the user to the owner.
    pub fn goes_to_owner(self) -> bool {
        matches!(self, Self::Requests | Self::Audit)
    }
}

/// Everything that crosses between these accounts, sorted.
///
/// An account imports each subject once: what a wider import of the same owner covers is left out.
pub fn passages(
    accounts: &BTreeMap<AccountName, Account>,
    services: &BTreeMap<ServiceName, Service>,
    streams: &[Stream],
) -> Vec<Passage> {
    let (shares, trails) = (shares(accounts), trails(streams));
    let mut all = BTreeSet::new();
    for service in services.values() {
        let subscribed = service.subscribes.iter().map(|(subject, _)| subject);
        for subject in service.calls.iter().chain(subscribed) {
            all.extend(shared(&shares, service, subject));
        }
        for subject in service.publishes.iter().filter(|s| s.category() == Category::Audit) {
            all.extend(kept(&trails, service, subject));
        }
        for consumer in service.consumes.iter().filter(|c| c.is_abroad(&service.account)) {
            all.extend(pulled(&shares, service, consumer));
        }
    }
    widest(all)
}

/// What is shared with each account, with who shares it.
type Shares<'a> = BTreeMap<&'a AccountName, SubjectIndex<'a, (&'a AccountName, &'a Subject)>>;

fn shares(accounts: &BTreeMap<AccountName, Account>) -> Shares<'_> {
    let mut shares = Shares::new();
    for account in accounts.values() {
        for share in &account.shares {
            for with in &share.with {
                let index = shares.entry(with).or_default();
                index.insert(share.subject.as_str(), (&account.name, &share.subject));
            }
        }
    }
    shares
}

fn trails(streams: &[Stream]) -> SubjectIndex<'_, &AccountName> {
    let mut trails = SubjectIndex::default();
    for stream in streams {
        let patterns = stream.subjects.iter().map(|pattern| pattern.as_str());
        let audit = |pattern: &&str| Category::of_subject(pattern) == Some(Category::Audit);
        patterns.filter(audit).for_each(|pattern| trails.insert(pattern, &stream.account));
    }
    trails
}

fn shared(shares: &Shares<'_>, service: &Service, subject: &Subject) -> Option<Passage> {
    let found = shares.get(&service.account)?.covering(subject.as_str());
    let (owner, exported) = found.into_iter().find(|(owner, _)| **owner != service.account)?;
    let kind = match subject.category() {
        Category::Service => PassageKind::Requests,
        Category::Event | Category::Audit => PassageKind::Events,
    };
    Some(Passage {
        owner: (*owner).clone(),
        user: service.account.clone(),
        kind,
        subject: subject.clone(),
        exported: (*exported).clone(),
    })
}

fn kept(
    trails: &SubjectIndex<'_, &AccountName>,
    service: &Service,
    subject: &Subject,
) -> Option<Passage> {
    let found = trails.covering(subject.as_str());
    let owner = found.into_iter().find(|owner| **owner != &service.account)?;
    Some(Passage {
        owner: (*owner).clone(),
        user: service.account.clone(),
        kind: PassageKind::Audit,
        subject: subject.clone(),
        exported: subject.clone(),
    })
}

/// Whoever may hear what is shared may also pull it.
fn pulled(shares: &Shares<'_>, service: &Service, consumer: &Consumer) -> Vec<Passage> {
    let Some(offered) = shares.get(&service.account) else {
        return Vec::new();
    };
    let found = consumer.filter.iter().flat_map(|filter| offered.covering(filter.as_str()));
    let own = found.filter(|(owner, _)| **owner == consumer.account);
    own.map(|(_, subject)| Passage {
        owner: consumer.account.clone(),
        user: service.account.clone(),
        kind: PassageKind::Stored,
        subject: (*subject).clone(),
        exported: (*subject).clone(),
    })
    .collect()
}

/// Two accounts with one of the ways between both.
type Way<'a> = (&'a AccountName, &'a AccountName, PassageKind);

fn widest(all: BTreeSet<Passage>) -> Vec<Passage> {
    let mut index: BTreeMap<Way<'_>, SubjectIndex<'_, &Subject>> = BTreeMap::new();
    for passage in &all {
        let of = index.entry((&passage.owner, &passage.user, passage.kind)).or_default();
        of.insert(passage.subject.as_str(), &passage.subject);
    }
    let covered = |passage: &Passage| {
        let found = index.get(&(&passage.owner, &passage.user, passage.kind));
        let found = found.map(|index| index.covering(passage.subject.as_str()));
        found.unwrap_or_default().into_iter().any(|other| **other != passage.subject)
    };
    all.iter().filter(|passage| !covered(passage)).cloned().collect()
}

/// The accounts that take part, each after those that it imports from.
///
/// Two accounts may import from each other, and one of them has to come first; when the other's exports arrive,
/// a server looks at the imports again.
pub fn exporters_first(passages: &[Passage]) -> Vec<&AccountName> {
    let mut owners: BTreeMap<&AccountName, BTreeSet<&AccountName>> = BTreeMap::new();
    for passage in passages {
        owners.entry(&passage.user).or_default().insert(&passage.owner);
    }
    let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
    for user in owners.keys() {
        visit(user, &owners, &mut seen, &mut order);
    }
    order
}

fn visit<'a>(
    account: &'a AccountName,
    owners: &BTreeMap<&'a AccountName, BTreeSet<&'a AccountName>>,
    seen: &mut BTreeSet<&'a AccountName>,
    order: &mut Vec<&'a AccountName>,
) {
    if seen.insert(account) {
        for owner in owners.get(account).into_iter().flatten() {
            visit(owner, owners, seen, order);
        }
        order.push(account);
    }
}

#[cfg(test)]
mod tests;
