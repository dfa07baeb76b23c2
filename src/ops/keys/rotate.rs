//! What can be replaced, how it is asked for, and how far it has come.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::run::Run;
use super::{
    CacheUser, Signers, Step, authority, cache, client, managed_cache, node, operator, signing,
    user, way_in,
};
use crate::artifacts::{Promotion, promotion, retiring_user};
use crate::model::{AccountName, Client, Cluster, Period};
use crate::ops::execute::StopSign;
use crate::ops::{OpsError, Site};
use crate::provider::Provider;
use crate::secrets::{Change, Index, KeyName, SecretStore};

/// What is replaced.
#[derive(Debug, Clone, Copy)]
pub enum Target<'c> {
    /// The key with which a service or a leafnode signs in.
    User(Client<'c>),
    /// The keys that sign users.
    SigningKey(Signers<'c>),
    /// The key that signs accounts.
    OperatorKey,
    /// The certificate that a node presents, by the node's name; without one, of every node.
    NodeCertificates(Option<&'c str>),
    /// The certificate that a client shows; without one, of every client.
    ClientCertificates(Option<Client<'c>>),
    /// The authority that signs all certificates.
    Authority,
    /// The password with which somebody signs in to the cache.
    CachePassword(CacheUser<'c>),
}

impl Target<'_> {
    /// Whether nothing is changed but claims, which are pushed to the servers.
    pub fn is_in_claims(self) -> bool {
        match self {
            Self::User(_) => true,
            Self::SigningKey(signers) => !matches!(signers, Signers::System),
            _ => false,
        }
    }

    /// The account whose claims are changed, where nothing else is.
    fn account(self) -> Option<AccountName> {
        match self {
            Self::User(client) => Some(client.account().clone()),
            Self::SigningKey(signers) => Some(signers.account()),
            _ => None,
        }
    }

    /// The keys that servers refuse at the end, with every connection that still uses them then. A server does not ask again
    /// for a certificate or a password once somebody is in.
    pub fn ending(self, cluster: &Cluster, index: &Index) -> Vec<KeyName> {
        let now = |retiring: KeyName, current: KeyName| {
            if index.keys.contains_key(&retiring) { retiring } else { current }
        };
        match self {
            Self::User(client) => vec![now(retiring_user(client), KeyName::user_of(client))],
            Self::SigningKey(signers) => {
                let roles = signers.roles(cluster, index);
                roles.iter().map(|role| now(role.retiring(), role.key())).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// How it is replaced.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// How long the old key is let in beside the new one.
    pub overlap: Period,
    /// Whether the old key has leaked: it is revoked first, and only then a new one made.
    pub leaked: bool,
}

/// How far a rotation has come.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Rotated {
    /// Whether the old keys are gone.
    pub done: bool,
    /// What was done in this run.
    pub steps: Vec<Step>,
    /// The keys that were replaced.
    pub keys: Vec<Replaced>,
    /// When the overlap is over, while it is not.
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
    /// The new keys whose overlap begins when everybody can have them.
    #[serde(skip)]
    pub tell: Vec<KeyName>,
    /// The services that must be given their new creds.
    pub redeploy: Vec<String>,
    /// The leafnodes that must be given their new folder.
    pub leafnodes: Vec<String>,
    /// What else is to be known, each a sentence.
    pub remarks: Vec<String>,
}

/// A key that is replaced by another.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Replaced {
    /// Its name.
    pub name: String,
    /// The public key or the fingerprint to be used from now on.
    pub new: Option<String>,
    /// The one that is on its way out, or gone.
    pub old: Option<String>,
    /// How many connections the old one still has.
    pub connections: usize,
    /// What is to be said of both; a word for each stage where it is none of the usual ones.
    #[serde(skip)]
    pub words: Option<Words>,
}

/// What is to be said of a new key and of the old one.
#[derive(Debug)]
pub struct Words {
    /// Of the new one.
    pub new: &'static str,
    /// Of the old one.
    pub old: String,
}

/// What is left to do.
pub fn left(cluster: &Cluster, target: Target<'_>, wish: Wish, index: &Index) -> Vec<Step> {
    match target {
        Target::User(client) => user::left(client, wish, index),
        Target::SigningKey(signers) => signing::left(signers, wish, cluster, index),
        Target::OperatorKey => operator::left(index),
        Target::NodeCertificates(node) => node::left(cluster, node, index),
        Target::ClientCertificates(client) => client::left(cluster, client, wish, index),
        Target::Authority => authority::left(wish, index),
        Target::CachePassword(CacheUser::Service(service)) if is_managed(cluster) => {
            managed_cache::left(service, wish, index)
        }
        Target::CachePassword(user) => cache::left(user, wish, index),
    }
}

/// Whether the platform runs the cache, and no node of it is ours.
fn is_managed(cluster: &Cluster) -> bool {
    cluster.redis_nodes().is_empty()
}

/// Begins a rotation, or continues the one that is under way.
pub async fn rotate<P: Provider>(
    site: &Site<'_, P>,
    target: Target<'_>,
    wish: Wish,
    stop: &StopSign,
) -> Result<Rotated, OpsError> {
    // A user's key and what signs for it are revoked where that can be done.
    let in_claims = target.is_in_claims();
    // Whoever died while nodes restarted may have left one of them stopped; the next restart begins with it.
    let restarting = matches!(target, Target::OperatorKey)
        && promotion(&site.store.index()?) == Promotion::Dropped;
    let leaked = wish.leaked && in_claims;
    let only = if leaked { target.account() } else { None };
    let (mut run, mut world) = Run::ready(site, leaked || restarting, only).await?;
    if matches!(target, Target::SigningKey(Signers::System)) {
        world = way_in::restore(&mut run, world, stop).await?;
    }
    let by_claims = in_claims || matches!(target, Target::OperatorKey);
    if !by_claims {
        // What is handed out, every node must take.
        run.undisturbed(&world).await?;
    }
    match target {
        Target::User(client) => user::rotate(run, client, wish, stop).await,
        Target::SigningKey(signers) => signing::rotate(run, signers, wish, stop).await,
        Target::OperatorKey => operator::rotate(run, &world, stop).await,
        Target::NodeCertificates(node) => node::rotate(run, node, stop).await,
        Target::ClientCertificates(client) => client::rotate(run, client, wish).await,
        Target::Authority => authority::rotate(run, wish, stop).await,
        Target::CachePassword(user) => cache::rotate(run, user, wish, stop).await,
    }
}

/// When the overlap of a new key with the one before it is over, while it is not.
///
/// It begins when whoever uses the key can have it, not when the key was made: whoever died in between told nobody.
pub(super) fn until(new: &KeyName, index: &Index, wish: Wish, now: Timestamp) -> Option<Timestamp> {
    let told = index.keys.get(new).and_then(|entry| entry.told);
    let until = after(told.unwrap_or(now), wish.overlap);
    (!wish.leaked && until > now).then_some(until)
}

/// Notes that whoever uses the new keys can have them: what services and machines fetch is written.
pub fn tell(store: &dyn SecretStore, rotated: &Rotated, now: Timestamp) -> Result<(), OpsError> {
    let index = store.index()?;
    let untold = |name: &&KeyName| index.keys.get(*name).is_some_and(|key| key.told.is_none());
    let told: Vec<_> = rotated.tell.iter().filter(untold).map(|name| (name.clone(), now)).collect();
    if !told.is_empty() {
        store.commit(index.generation, Change { told, ..Change::default() })?;
    }
    Ok(())
}

/// `period` after `time`; what is beyond the calendar never comes.
fn after(time: Timestamp, period: Period) -> Timestamp {
    let span = SignedDuration::try_from(period.duration()).unwrap_or(SignedDuration::MAX);
    time.saturating_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::{KeyEntry, KeyKind};

    #[test]
    fn an_overlap_begins_when_the_key_can_be_had_and_not_when_it_was_made() {
        let day = |days: i64| Timestamp::from_second(days * 86_400).unwrap();
        let name = KeyName::authority();
        let mut index = Index::default();
        let entry = KeyEntry::new(KeyKind::Certificate, "new".to_owned(), day(1));
        index.keys.insert(name.clone(), entry.clone());
        let wish = Wish { overlap: Period::days(2), leaked: false };
        assert_eq!(until(&name, &index, wish, day(9)), Some(day(11)));
        index.keys.insert(name.clone(), KeyEntry { told: Some(day(9)), ..entry });
        assert_eq!(until(&name, &index, wish, day(10)), Some(day(11)));
        assert_eq!(until(&name, &index, wish, day(11)), None);
        assert_eq!(until(&name, &index, Wish { leaked: true, ..wish }, day(10)), None);
        let none = Wish { overlap: Period::seconds(0), leaked: false };
        assert_eq!(until(&name, &Index::default(), none, day(9)), None);
    }
}
