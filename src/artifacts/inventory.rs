//! Every key with what the public index tells of it: which it is, how old, signed by whom, due when.
//!
//! No secret is opened, and nothing is asked of the cluster.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::paper::{Paper, key_names, operator_signing_keys};
use crate::jwt::{SigningKey, decode};
use crate::model::{Cluster, Period, Rotation, Validity};
use crate::pki::Certificate;
use crate::secrets::{Beside, Document, Index, KeyEntry, KeyName};

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Credential {
    /// The operator's identity.
    Operator,
    /// It signs accounts in the operator's name.
    OperatorKey,
    /// An account's identity.
    Account,
    /// It signs users of one role of an account.
    SigningKey,
    /// A service or a leafnode signs in with it.
    User,
    /// It signs certificates.
    Authority,
    /// A node shows its certificate.
    NodeCertificate,
    /// A client shows its certificate.
    ClientCertificate,
    /// A password of the cache.
    CacheUser,
}

/// How a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// The model asks for it, and it has not been made yet.
    Missing,
    /// It is the one that counts.
    Current,
    /// It is accepted already, and signs nothing yet.
    Standby,
    /// It is the one that counts, and its secret side is kept elsewhere.
    Offline,
    /// Another has taken its place, and it is let in beside that for a while.
    Retiring,
    /// It is void; a rotation is still to prove that every server refuses it.
    Revoked,
    /// Nothing in the model asks for it any more.
    LeftOver,
}

/// A key, as the public index tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ListedKey {
    /// Its name in the store.
    pub name: String,
    /// What it is for.
    pub kind: Credential,
    /// How it stands.
    pub state: KeyState,
    /// The public key; of a certificate and of a password the SHA-256, in hex.
    pub key: Option<String>,
    /// How many keys have had this name, this one included.
    pub version: Option<u32>,
    /// When it was made.
    #[schemars(with = "Option<String>")]
    pub created: Option<Timestamp>,
    /// When its paper ends; none where that has no end.
    #[schemars(with = "Option<String>")]
    pub expires: Option<Timestamp>,
    /// The name of the key that signed for it, or the public key where the store has no such key.
    pub issuer: Option<String>,
    /// When it is due to be replaced, or its certificate to be renewed.
    #[schemars(with = "Option<String>")]
    pub due: Option<Timestamp>,
}

/// What a paper says of a key.
#[derive(Default)]
struct Said {
    issuer: Option<String>,
    expires: Option<Timestamp>,
    fingerprint: Option<String>,
}

impl Credential {
    /// What a key is for, told by its name.
    fn of(name: &KeyName) -> Self {
        let (_, name) = name.parted();
        let steps: Vec<&str> = name.as_str().split('/').collect();
        match steps[..] {
            ["operator", "identity"] => Self::Operator,
            ["operator", ..] => Self::OperatorKey,
            ["account", _, "identity"] => Self::Account,
            ["account", ..] => Self::SigningKey,
            ["user", ..] => Self::User,
            ["client", ..] => Self::ClientCertificate,
            ["redis", "user" | "replication", ..] => Self::CacheUser,
            ["node" | "redis", ..] => Self::NodeCertificate,
            _ => Self::Authority,
        }
    }

    /// How old such a key may become.
    fn period(self, rotation: &Rotation) -> Period {
        match self {
            Self::Operator => rotation.operator,
            Self::OperatorKey => rotation.operator_key,
            Self::Account => rotation.account,
            Self::SigningKey => rotation.signing_key,
            Self::User => rotation.user,
            Self::Authority => rotation.authority,
            Self::NodeCertificate => rotation.node,
            Self::ClientCertificate => rotation.client,
            Self::CacheUser => rotation.cache_user,
        }
    }

    fn is_certificate(self) -> bool {
        matches!(self, Self::Authority | Self::NodeCertificate | Self::ClientCertificate)
    }

    /// The kind as `--json` has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::OperatorKey => "operator-key",
            Self::Account => "account",
            Self::SigningKey => "signing-key",
            Self::User => "user",
            Self::Authority => "authority",
            Self::NodeCertificate => "node-certificate",
            Self::ClientCertificate => "client-certificate",
            Self::CacheUser => "cache-user",
        }
    }
}

impl From<Beside> for KeyState {
    fn from(beside: Beside) -> Self {
        match beside {
            Beside::Standby => Self::Standby,
            Beside::Retiring => Self::Retiring,
            Beside::Revoked => Self::Revoked,
        }
    }
}

impl KeyState {
    /// The state as `--json` has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Current => "current",
            Self::Standby => "standby",
            Self::Offline => "offline",
            Self::Retiring => "retiring",
            Self::Revoked => "revoked",
            Self::LeftOver => "left-over",
        }
    }
}

impl ListedKey {
    /// Whether it is due at `time` or before.
    pub fn is_due(&self, time: Timestamp) -> bool {
        self.due.is_some_and(|due| due <= time)
    }
}

/// Every key that the model asks for, and every other one of the store; by kind, then by name.
pub fn inventory(cluster: &Cluster, index: &Index) -> Vec<ListedKey> {
    let mut papers: BTreeMap<KeyName, Document> = Paper::all(cluster)
        .iter()
        .filter(|paper| !matches!(paper, Paper::Activation(_)))
        .map(|paper| (paper.subject(), paper.document()))
        .collect();
    let mut states: BTreeMap<KeyName, KeyState> =
        index.keys.keys().map(|name| (name.clone(), KeyState::LeftOver)).collect();
    for name in key_names(cluster) {
        let state = match index.keys.get(&name) {
            Some(entry) if entry.offline => KeyState::Offline,
            Some(_) => KeyState::Current,
            None => KeyState::Missing,
        };
        states.insert(name, state);
    }
    for (name, entry) in &index.keys {
        let (Some(beside), base) = name.parted() else {
            continue;
        };
        if states.get(&base).is_none_or(|state| *state == KeyState::LeftOver) {
            continue;
        }
        papers.insert(name.clone(), Document::of_beside(name));
        let revoked = index.is_revoked(&entry.public);
        states.insert(name.clone(), if revoked { KeyState::Revoked } else { beside.into() });
    }
    for (name, passing) in &index.passing {
        let state = if passing.dropped { KeyState::Revoked } else { KeyState::Retiring };
        states.insert(name.clone(), state);
    }
    // The first one signs; see `OPERATOR_SIGNING_KEYS`.
    for name in operator_signing_keys().skip(1) {
        states.entry(name).and_modify(|state| {
            if *state == KeyState::Current {
                *state = KeyState::Standby;
            }
        });
    }
    let names: BTreeMap<&str, &KeyName> =
        index.keys.iter().map(|(name, entry)| (entry.public.as_str(), name)).collect();
    let mut keys: Vec<ListedKey> = states
        .iter()
        .map(|(name, state)| {
            let said = said(name, papers.get(name), index, &names);
            listed(cluster, name, *state, index.keys.get(name), said)
        })
        .collect();
    keys.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    keys
}

fn listed(
    cluster: &Cluster,
    name: &KeyName,
    state: KeyState,
    entry: Option<&KeyEntry>,
    said: Said,
) -> ListedKey {
    let kind = Credential::of(name);
    let public = entry.map(|entry| entry.public.clone());
    let created = entry.map(|entry| entry.created);
    let aged = created.and_then(|made| later(made, kind.period(&cluster.rotation)));
    // An apply renews a certificate so long before its end.
    let renewed = said.expires.map(|end| match kind.is_certificate() {
        true => earlier(end, Validity::RENEW_BEFORE),
        false => end,
    });
    let due = [aged, renewed].into_iter().flatten().min();
    ListedKey {
        name: name.to_string(),
        kind,
        state,
        key: if kind.is_certificate() { said.fingerprint } else { public },
        version: entry.map(|entry| entry.version),
        created,
        expires: said.expires,
        issuer: said.issuer,
        due: due
            .filter(|_| matches!(state, KeyState::Current | KeyState::Standby | KeyState::Offline)),
    }
}

/// `period` after `time`; none where that is beyond the calendar.
fn later(time: Timestamp, period: Period) -> Option<Timestamp> {
    time.checked_add(SignedDuration::try_from(period.duration()).ok()?).ok()
}

fn earlier(time: Timestamp, period: Period) -> Timestamp {
    let span = SignedDuration::try_from(period.duration()).unwrap_or(SignedDuration::MAX);
    time.saturating_sub(span).unwrap_or(Timestamp::MIN)
}

/// What papers say of a key: its own, or for a signing key the one that lists it.
fn said(
    name: &KeyName,
    own: Option<&Document>,
    index: &Index,
    names: &BTreeMap<&str, &KeyName>,
) -> Said {
    let kind = Credential::of(name);
    let listing = match kind {
        Credential::OperatorKey => Some(Document::operator()),
        Credential::SigningKey => {
            let name = name.as_str().strip_prefix("retiring/").unwrap_or(name.as_str());
            name.split('/').nth(1).map(Document::account)
        }
        _ => None,
    };
    let Some(text) = own.or(listing.as_ref()).and_then(|document| index.document(document)) else {
        return Said::default();
    };
    if kind.is_certificate() {
        return certified(text, index);
    }
    let Ok(token) = decode::<Body>(text) else {
        return Said::default();
    };
    let claims = token.claims;
    let public = index.public(name).unwrap_or_default();
    if listing.is_some() && !claims.nats.signs(public) {
        return Said::default();
    }
    let known = names.get(claims.iss.as_str()).map(|name| name.to_string());
    Said {
        issuer: Some(known.unwrap_or(claims.iss)),
        expires: claims.exp.and_then(|end| Timestamp::from_second(end).ok()),
        fingerprint: None,
    }
}

fn certified(text: &str, index: &Index) -> Said {
    let Ok(certificate) = Certificate::read(text) else {
        return Said::default();
    };
    let issuer = authorities(index).into_iter().find(|(_, authority)| {
        // An authority's own certificate names no other signer.
        authority.fingerprint == certificate.fingerprint
            || authority.identifier == certificate.authority
    });
    Said {
        issuer: Some(issuer.map_or(certificate.issuer, |(name, _)| name.to_string())),
        expires: Some(certificate.not_after),
        fingerprint: Some(certificate.fingerprint),
    }
}

/// The authority, and those that come before and after it while they are known.
fn authorities(index: &Index) -> Vec<(KeyName, Certificate)> {
    let name = KeyName::authority();
    let beside = [Beside::Standby, Beside::Retiring, Beside::Revoked].map(|b| name.beside(b));
    let beside = beside.into_iter().map(|name| (Document::certificate(&name), name));
    std::iter::once((Document::authority(), name))
        .chain(beside)
        .filter_map(|(paper, name)| Some((name, Certificate::read(index.document(&paper)?).ok()?)))
        .collect()
}

/// The part of an operator's or an account's claims that lists who signs in its name.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    signing_keys: Vec<SigningKey>,
}

impl Body {
    fn signs(&self, public: &str) -> bool {
        self.signing_keys.iter().any(|key| match key {
            SigningKey::Plain(key) => key == public,
            SigningKey::Scoped(scoped) => scoped.key == public,
        })
    }
}
