//! What crosses between accounts, as every server that has to do with an account has it.
//!
//! A server that reads the claims of two accounts at once may leave out what passes between both, and then never looks
//! again (seen on 2.15.1, with accounts that import from each other). So an apply looks, and has such claims signed anew:
//! a newer version makes every server read them again.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::Site;
use crate::model::{Account, AccountName, Category, Node};
use crate::nats::{AccountInForce, MonitorError};
use crate::provider::Provider;
use crate::secrets::{Index, KeyName};

/// What a server has made of the claims of each account that it has had to do with.
pub type Seen<'a> = Vec<(&'a Account, AccountInForce)>;

/// Looks at one server. It reads the claims of an account when somebody signs in to it.
pub async fn look<'a, P: Provider>(
    site: &Site<'a, P>,
    index: &Index,
    node: &Node,
) -> Result<Seen<'a>, MonitorError> {
    let monitor = site.monitor(node);
    let known: BTreeSet<String> = monitor.accounts().await?.into_iter().collect();
    let mut seen = Seen::new();
    for account in site.cluster.accounts.values() {
        let key = index.public(&KeyName::of_account(&account.name)).unwrap_or_default();
        if known.contains(key) {
            seen.push((account, monitor.account(key).await?));
        }
    }
    Ok(seen)
}

/// The accounts that lack an import on some server that answers.
pub async fn lacking<P: Provider>(site: &Site<'_, P>, index: &Index) -> BTreeSet<AccountName> {
    if site.cluster.passages.is_empty() {
        return BTreeSet::new();
    }
    let looks = site.cluster.nodes.iter().map(|node| look(site, index, node));
    let seen = join_all(looks).await.into_iter().flatten().flatten();
    let short = seen.filter(|(account, in_force)| {
        !Imports::of(site, index, account, in_force).missing().is_empty()
    });
    short.map(|(account, _)| account.name.clone()).collect()
}

/// The imports of an account: those that the catalog asks for, and those that a server has in force.
pub struct Imports<'a> {
    wanted: BTreeMap<(&'a str, &'a str), &'a AccountName>,
    found: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Imports<'a> {
    /// Those of one account on one server.
    pub fn of<P>(
        site: &'a Site<'_, P>,
        index: &'a Index,
        account: &'a Account,
        in_force: &'a AccountInForce,
    ) -> Self {
        let key = |name| index.public(&KeyName::of_account(name)).unwrap_or_default();
        let passages = site.cluster.imports_of(&account.name);
        let wanted = passages.map(|p| ((p.subject.as_str(), key(&p.owner)), &p.owner)).collect();
        // What has no category is the servers' own, such as the way to JetStream.
        let found = in_force
            .imports
            .iter()
            .filter(|import| !import.invalid && Category::of_subject(&import.subject).is_some())
            .map(|import| (import.subject.as_str(), import.account.as_str()))
            .collect();
        Self { wanted, found }
    }

    /// What is not in force: the subject and its owner.
    pub fn missing(&self) -> Vec<(&'a str, &'a AccountName)> {
        let missing = self.wanted.iter().filter(|(key, _)| !self.found.contains(*key));
        missing.map(|((subject, _), owner)| (*subject, *owner)).collect()
    }

    /// What is in force and not in the catalog.
    pub fn stray(&self) -> Vec<&'a str> {
        let stray = self.found.iter().filter(|key| !self.wanted.contains_key(*key));
        stray.map(|(subject, _)| *subject).collect()
    }
}
