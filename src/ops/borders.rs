//! What crosses between accounts, as every server that has to do with an account has it.
//!
//! A server that reads the claims of two accounts at once may leave out what passes between both, and then never looks
//! again (seen on 2.15.1, with accounts that import from each other). So an apply looks, and has such claims signed anew:
//! a newer version makes every server read them again.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::Site;
use crate::model::{Account, AccountName, Lane, Node, SYSTEM_ACCOUNT};
use crate::nats::{AccountInForce, LiveImport, MonitorError};
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
    wanted: BTreeMap<Way, AccountName>,
    found: BTreeSet<Way>,
    account: &'a AccountName,
}

/// How the importer calls something, how the exporter calls it, and the exporter's public key.
type Way = (String, String, String);

impl<'a> Imports<'a> {
    /// Those of one account on one server.
    pub fn of<P>(
        site: &'a Site<'_, P>,
        index: &'a Index,
        account: &'a Account,
        in_force: &'a AccountInForce,
    ) -> Self {
        let key = |name: &AccountName| public(index, name).to_owned();
        let way = |lane: Lane| ((lane.local, lane.subject, key(&lane.owner)), lane.owner);
        let wanted = site.cluster.imports_of(&account.name).map(way).collect();
        // What comes from the system account is the servers' own doing: the way to JetStream.
        let system = index.public(&KeyName::account(SYSTEM_ACCOUNT)).unwrap_or_default();
        let valid = in_force.imports.iter().filter(|i| !i.invalid && i.account != system);
        Self { wanted, found: valid.map(found).collect(), account: &account.name }
    }

    /// What is not in force, each in words.
    pub fn missing(&self) -> Vec<String> {
        let missing = self.wanted.iter().filter(|(way, _)| !self.found.contains(*way));
        missing
            .map(|((_, subject, _), owner)| {
                format!("{} does not get `{subject}` from {owner}", self.account)
            })
            .collect()
    }

    /// What is in force and not in the catalog, each in words.
    pub fn stray(&self) -> Vec<String> {
        let stray = self.found.iter().filter(|way| !self.wanted.contains_key(*way));
        stray
            .map(|(_, subject, _)| {
                format!("{} imports `{subject}`, which the catalog does not say", self.account)
            })
            .collect()
    }
}

fn public<'a>(index: &'a Index, account: &AccountName) -> &'a str {
    index.public(&KeyName::of_account(account)).unwrap_or_default()
}

fn found(import: &LiveImport) -> Way {
    let LiveImport { subject, local_subject, account, invalid: _ } = import;
    let local = if local_subject.is_empty() { subject } else { local_subject };
    (local.clone(), subject.clone(), account.clone())
}
