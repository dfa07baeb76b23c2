//! Makes missing keys and signs what has changed: one signing per change.

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cores::on_all_cores;
use super::paper::{Paper, keys_within};
use super::passing::role_signer;
use super::review::{is_current, void_until};
use super::{Newer, Scribe, certificates, claims, leafnode_claims, sharing};
use crate::jwt::{Claims, Signer, TokenError, UserBody, decode, issued_after, sign};
use crate::model::{Cluster, OWN_ACCOUNT, OWN_ROLE, Period, SYSTEM_ACCOUNT};
use crate::pki::{self, CertificateError, CertificateKey, CertificatePublicKey, Lifetime, Purpose};
use crate::secrets::{
    Change, Document, Entropy, Index, KeyName, NewKey, Secret, SecretStore, StoreError, Ticket,
};

/// Why something could not be issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The signer's key.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A paper that its signer does not have yet.
    #[error("there is no `{0}` yet; run `natsops apply` first")]
    Missing(String),
}

/// Keys that were just made, or are in the store; those that sign are read once.
struct Keys<'a> {
    store: &'a dyn SecretStore,
    made: BTreeMap<KeyName, Secret<String>>,
    signers: Mutex<BTreeMap<KeyName, Arc<Signer>>>,
    /// The authority's key, read once: reading one costs as much as signing with it.
    authority: OnceLock<CertificateKey>,
}

impl Keys<'_> {
    fn get(&self, name: &KeyName) -> Result<Secret<String>, StoreError> {
        match self.made.get(name) {
            Some(secret) => Ok(secret.clone()),
            None => self.store.open(name),
        }
    }

    fn signer(&self, name: &KeyName) -> Result<Arc<Signer>, IssueError> {
        // Whoever panicked meanwhile left whole keys behind.
        let signers = || self.signers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signer) = signers().get(name) {
            return Ok(Arc::clone(signer));
        }
        let signer = Signer::new(&self.get(name)?);
        let signer = signer.ok_or_else(|| TokenError::WrongSeed(name.to_string()))?;
        let signer = Arc::new(signer);
        signers().insert(name.clone(), Arc::clone(&signer));
        Ok(signer)
    }

    fn authority(&self) -> Result<&CertificateKey, IssueError> {
        if let Some(key) = self.authority.get() {
            return Ok(key);
        }
        let key = CertificateKey::from_pem(&self.get(&KeyName::authority())?)?;
        Ok(self.authority.get_or_init(|| key))
    }
}

/// Makes what the index lacks. The change is to be committed on top of `index`; it is empty where nothing is lacking.
pub fn issue(
    cluster: &Cluster,
    index: &Index,
    store: &dyn SecretStore,
    entropy: &dyn Entropy,
    now: Timestamp,
    newer: &Newer,
) -> Result<Change, IssueError> {
    Scribe { cluster, store, entropy, now, newer, only: None }.issue(index)
}

impl Scribe<'_> {
    /// Makes and signs what is lacking, or older than what the servers hold.
    pub fn issue(&self, index: &Index) -> Result<Change, IssueError> {
        let Self { cluster, store, entropy, now, newer, only } = *self;
        let mut change = Change::default();
        let mut made = BTreeMap::new();
        let wanted = keys_within(cluster, only);
        let mut index = index.clone();
        for name in wanted {
            if index.public(&name).is_none() {
                let key = entropy.make(&name, now);
                index.keys.insert(name.clone(), key.entry.clone());
                made.insert(name.clone(), key.secret.clone());
                change.keys.push((name, key));
            }
        }
        let keys = Keys { store, made, signers: Mutex::default(), authority: OnceLock::new() };
        // Papers of one kind do not depend on each other.
        let papers = Paper::within(cluster, only);
        for papers in papers.chunk_by(|a, b| discriminant(a) == discriminant(b)) {
            let texts = on_all_cores(papers, |paper| {
                let exists = index.document(&paper.document()).is_some();
                if exists && is_current(cluster, paper, &index, now, newer) {
                    return Ok(None);
                }
                write(cluster, paper, &index, &keys, now, newer).map(Some)
            });
            for (paper, text) in papers.iter().zip(texts) {
                if let Some(text) = text? {
                    index.documents.insert(paper.document(), text.clone());
                    change.documents.push((paper.document(), text));
                }
            }
        }
        Ok(change)
    }
}

fn write(
    cluster: &Cluster,
    paper: &Paper,
    index: &Index,
    keys: &Keys<'_>,
    now: Timestamp,
    newer: &Newer,
) -> Result<String, IssueError> {
    let signer = || keys.signer(&paper.signer(cluster, index));
    let old = index.document(&paper.document());
    match paper {
        Paper::Operator => token(claims::operator(cluster, index), &*signer()?, old, now, None),
        Paper::System => {
            let held = newer.get(SYSTEM_ACCOUNT).copied();
            token(claims::system(index), &*signer()?, old, now, held)
        }
        Paper::Own => {
            let held = newer.get(OWN_ACCOUNT).copied();
            token(leafnode_claims::own(cluster, index), &*signer()?, old, now, held)
        }
        Paper::Activation(activation) => {
            token(sharing::activation(activation, index), &*signer()?, old, now, None)
        }
        Paper::Account(account) => {
            let held = newer.get(account.as_str()).copied().max(old.and_then(issued_at));
            // A second of room for the version that goes out first, with the exports alone.
            let held = held.map(|held| held + 1);
            let claims = claims::account(cluster, &cluster.accounts[account], index);
            token(claims, &*signer()?, old, now, held)
        }
        Paper::User(service) => {
            let service = &cluster.services[service];
            let void = void_until(index, service.account.as_str());
            token(claims::user(service, index), &*signer()?, old, now, void)
        }
        Paper::LeafnodeUser(leafnode) => {
            let leafnode = &cluster.leafnodes[leafnode];
            let void = void_until(index, leafnode.account.as_str());
            token(leafnode_claims::user(leafnode, index), &*signer()?, old, now, void)
        }
        Paper::Authority
        | Paper::Node(_)
        | Paper::Client(_)
        | Paper::LeafnodeClient(_)
        | Paper::RedisNode(_) => certificate(cluster, paper, index, keys.authority()?, now),
    }
}

fn token<B: Serialize + DeserializeOwned>(
    mut claims: Claims<B>,
    signer: &Signer,
    old: Option<&str>,
    now: Timestamp,
    held: Option<i64>,
) -> Result<String, IssueError> {
    let old = old.and_then(|old| decode::<serde_json::Value>(old).ok());
    let previous = old.map(|old| old.claims.iat).max(held);
    claims.iat = issued_after(now.as_second(), previous);
    Ok(signer.sign(claims)?)
}

fn certificate(
    cluster: &Cluster,
    paper: &Paper,
    index: &Index,
    authority: &CertificateKey,
    now: Timestamp,
) -> Result<String, IssueError> {
    let wanted = certificates::wanted(cluster, paper, index).expect("the paper is a certificate");
    let lifetime = Lifetime { now, validity: wanted.validity };
    let Some(purpose) = wanted.purpose else {
        return Ok(pki::issue_authority(&wanted.subject, authority, lifetime)?);
    };
    let own = certificates::authority(index)
        .ok_or_else(|| IssueError::Missing("certificate authority".to_owned()))?;
    let key = CertificatePublicKey::from_text(&wanted.public)?;
    Ok(pki::issue((own, authority), purpose, &wanted.subject, &wanted.names, &key, lifetime)?)
}

/// How long a ticket of natsops itself is good for; every run makes its own and keeps none.
const TICKET: Period = Period::seconds(3600);

/// A user of natsops' own role in an account, for the length of a run. It is never stored.
pub fn short_lived_user(
    account: &str,
    index: &Index,
    store: &dyn SecretStore,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<Ticket, IssueError> {
    short_lived_user_of((account, OWN_ROLE), index, store, entropy, now)
}

/// A user of any role, for the length of a run.
pub(super) fn short_lived_user_of(
    (account, role): (&str, &str),
    index: &Index,
    store: &dyn SecretStore,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<Ticket, IssueError> {
    let signer = role_signer(index, account, role);
    short_lived_user_by((account, &signer), index, store, entropy, now)
}

/// A user whom a key of the account signs, for the length of a run.
pub fn short_lived_user_by(
    (account, key): (&str, &KeyName),
    index: &Index,
    store: &dyn SecretStore,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<Ticket, IssueError> {
    let issued = issued_after(now.as_second(), void_until(index, account));
    user_of((account, key), index, store, (entropy, now), issued)
}

/// When a token was issued, in unix seconds.
pub fn issued_at(token: &str) -> Option<i64> {
    Some(decode::<serde_json::Value>(token).ok()?.claims.iat)
}

/// A user as one that was issued at a time, in unix seconds: servers must refuse it when all of that time are void.
pub fn user_issued_at(
    (account, issued): (&str, i64),
    index: &Index,
    store: &dyn SecretStore,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<Ticket, IssueError> {
    let key = role_signer(index, account, OWN_ROLE);
    user_of((account, &key), index, store, (entropy, now), issued)
}

fn user_of(
    (account, key): (&str, &KeyName),
    index: &Index,
    store: &dyn SecretStore,
    (entropy, now): (&dyn Entropy, Timestamp),
    issued: i64,
) -> Result<Ticket, IssueError> {
    let signer = store.open(key)?;
    let NewKey { entry, secret } = entropy.make(&own_user(), now);
    let lasts = i64::try_from(TICKET.duration().as_secs()).unwrap_or(0);
    let public = |name: &KeyName| {
        let public = index.public(name).map(str::to_owned);
        public.ok_or_else(|| StoreError::Missing(name.clone()))
    };
    let claims = Claims {
        exp: Some(now.as_second() + lasts),
        jti: String::new(),
        iat: issued,
        iss: public(key)?,
        name: OWN_ROLE.to_owned(),
        sub: entry.public,
        nats: UserBody::scoped(public(&KeyName::account(account))?),
    };
    Ok(Ticket { public: sign(claims, &signer)?, secret })
}

/// A client certificate of natsops itself, for the length of a run. It is never stored.
pub fn short_lived_client(
    index: &Index,
    store: &dyn SecretStore,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<Ticket, IssueError> {
    short_lived_client_of(&KeyName::authority(), index, store, entropy, now)
}

/// The same of any authority, to prove who trusts it. It is never stored.
pub fn short_lived_client_of(
    authority: &KeyName,
    index: &Index,
    store: &dyn SecretStore,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<Ticket, IssueError> {
    let paper = Document::certificate(authority);
    let authority = CertificateKey::from_pem(&store.open(authority)?)?;
    let own = index
        .document(&paper)
        .ok_or_else(|| IssueError::Missing("certificate authority".to_owned()))?;
    let name: crate::model::ServiceName = OWN_ROLE.parse().expect("it has the form of a service");
    let key = CertificateKey::from_bytes(&entropy.bytes(&KeyName::client(&name)));
    let lifetime = Lifetime { now, validity: TICKET };
    let names = [OWN_ROLE.to_owned()];
    Ok(Ticket {
        public: pki::issue((own, &authority), Purpose::Client, OWN_ROLE, &names, &key, lifetime)?,
        secret: key.to_pem(),
    })
}

fn own_user() -> KeyName {
    KeyName::user(&OWN_ROLE.parse().expect("it has the form of a service"))
}
