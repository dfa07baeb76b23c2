//! The public index: which keys exist, and every document that they have signed. It holds no secret.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{KeyKind, KeyName};
use crate::model::{AccountName, Client, LeafnodeName, NodeName, ServiceName};

/// What can be known without opening a secret: enough to plan with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// The form of this file.
    pub format: u32,
    /// Counts the commits; a commit is refused when it was made on an older one.
    pub generation: u64,
    /// Every key, by name.
    pub keys: BTreeMap<KeyName, KeyEntry>,
    /// Every signed document, by name.
    pub documents: BTreeMap<Document, String>,
    /// By account, the users whose papers are void when issued at or before a time, in unix seconds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revocations: BTreeMap<String, BTreeMap<String, i64>>,
    /// How far each signing key is that another takes the place of, by the name under which it is kept meanwhile.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub passing: BTreeMap<KeyName, Passing>,
    /// The hash of the newest entry of the log; none before the first commit that knew of logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<String>,
}

/// How far a signing key is on its way out. Nothing of it yet: both are accepted, and the old one still signs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passing {
    /// Since when the new key signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<Timestamp>,
    /// Whether what the old key has signed is void.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dropped: bool,
}

/// In place of a user: every user of the account, in the words of the servers.
pub const EVERYBODY: &str = "*";

/// A user whose papers are void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The account.
    pub account: String,
    /// The public key of the user, or [`EVERYBODY`].
    pub user: String,
    /// Papers issued at or before this time are void, in unix seconds.
    pub until: i64,
}

/// The public side of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// What it is.
    pub kind: KeyKind,
    /// The public key: an NKey, or the base64 of a certificate key's SubjectPublicKeyInfo.
    /// Of a password, the SHA-256 in hex: with so many random bits it can't be turned back.
    pub public: String,
    /// Counts the keys that had this name.
    pub version: u32,
    /// When it was made.
    pub created: Timestamp,
    /// Whether its secret side is kept elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub offline: bool,
    /// Since when whoever uses it can have it: with that the overlap with the key before it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Timestamp>,
}

impl KeyEntry {
    /// That of a new key.
    pub fn new(kind: KeyKind, public: String, created: Timestamp) -> Self {
        Self { kind, public, version: 1, created, offline: false, told: None }
    }
}

/// The name of a signed document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Document(String);

impl Document {
    /// The operator's claims.
    pub fn operator() -> Self {
        Self("jwt/operator".to_owned())
    }

    /// An account's claims.
    pub fn account(account: &str) -> Self {
        Self(format!("jwt/account/{account}"))
    }

    /// An account's consent that another imports a subject of it.
    pub fn activation(owner: &AccountName, user: &AccountName, subject: &str) -> Self {
        Self(format!("jwt/activation/{owner}/{user}/{subject}"))
    }

    /// The claims of a service's user.
    pub fn user(service: &ServiceName) -> Self {
        Self(format!("jwt/user/{service}"))
    }

    /// The certificate authority's own certificate.
    pub fn authority() -> Self {
        Self("certificate/authority".to_owned())
    }

    /// A node's certificate.
    pub fn node(node: &NodeName) -> Self {
        Self(format!("certificate/node/{node}"))
    }

    /// A cache node's certificate.
    pub fn redis_node(node: &NodeName) -> Self {
        Self(format!("certificate/redis/{node}"))
    }

    /// A service's client certificate.
    pub fn client(service: &ServiceName) -> Self {
        Self(format!("certificate/client/{service}"))
    }

    /// The claims of a leafnode's user.
    pub fn leafnode_user(leafnode: &LeafnodeName) -> Self {
        Self(format!("jwt/user/leafnode/{leafnode}"))
    }

    /// The claims of the user of a service or a leafnode.
    pub fn user_of(client: Client<'_>) -> Self {
        match client {
            Client::Service(service) => Self::user(&service.name),
            Client::Leafnode(leafnode) => Self::leafnode_user(&leafnode.name),
        }
    }

    /// The certificate of a key, wherever it is kept under the key's own name.
    pub fn certificate(key: &KeyName) -> Self {
        Self(format!("certificate/{key}"))
    }

    /// What is kept of a key that stands beside another: a user's claims, or a certificate.
    pub fn of_beside(key: &KeyName) -> Self {
        match key.kind() {
            KeyKind::User => Self(format!("jwt/{key}")),
            _ => Self::certificate(key),
        }
    }

    /// The claims of a user as the former signing key has signed them; `user` is a service, or `leafnode/NAME`.
    pub fn retiring_issuer(user: &str) -> Self {
        Self(format!("jwt/retiring/issuer/{user}"))
    }

    /// The operator's claims that list its former signing key.
    pub fn retiring_operator() -> Self {
        Self("jwt/retiring/operator".to_owned())
    }

    /// A leafnode's client certificate.
    pub fn leafnode_client(leafnode: &LeafnodeName) -> Self {
        Self(format!("certificate/client/leafnode/{leafnode}"))
    }

    /// The claims of a catalog account.
    pub fn of_account(account: &AccountName) -> Self {
        Self::account(account.as_str())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without the kind of document.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }
}

impl Index {
    /// The form that this version writes. It reads the first one too, which knew neither a log nor revocations.
    pub const FORMAT: u32 = 2;

    /// Reads an index.
    pub(crate) fn read(text: &[u8]) -> Result<Self, String> {
        let index: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        match index.format {
            1..=Self::FORMAT => Ok(index),
            other => Err(format!("format {other} is not known to this version")),
        }
    }

    /// The public key of a name.
    pub fn public(&self, name: &KeyName) -> Option<&str> {
        self.keys.get(name).map(|entry| entry.public.as_str())
    }

    /// A document.
    pub fn document(&self, name: &Document) -> Option<&str> {
        self.documents.get(name).map(String::as_str)
    }

    /// Whether the papers of a user, by its public key, are void.
    pub fn is_revoked(&self, user: &str) -> bool {
        self.revocations.values().any(|users| users.contains_key(user))
    }

    /// Declares the papers of a user void; a later time that stands already stays.
    pub fn revoke(&mut self, revocation: Revocation) {
        let Revocation { account, user, until } = revocation;
        let time = self.revocations.entry(account).or_default().entry(user).or_insert(until);
        *time = until.max(*time);
    }

    /// The same without the documents that `gone` names.
    #[must_use]
    pub fn without(&self, gone: impl Fn(&Document) -> bool) -> Self {
        let mut index = self.clone();
        index.documents.retain(|document, _| !gone(document));
        index
    }

    /// Whether nothing has ever been committed.
    pub fn is_empty(&self) -> bool {
        self.generation == 0
    }
}
