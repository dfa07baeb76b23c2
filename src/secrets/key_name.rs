//! The names of keys in the store: each key has one purpose, and its name says which.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{AccountName, Client, LeafnodeName, NodeName, ServiceName};

/// The name of a key, such as `account/GAME/role/quest-generator`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyName(String);

/// What a key is, which decides its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// An NKey that signs accounts.
    Operator,
    /// An NKey that signs users.
    Account,
    /// An NKey that signs in.
    User,
    /// A P-256 key of a certificate.
    Certificate,
    /// A password, for a server that knows nothing better.
    Password,
}

/// How a key stands that is kept beside the one which bears the name, while one follows the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// It is accepted already, and will take the name.
    Standby,
    /// It had the name, and is still accepted.
    Retiring,
    /// It had the name, and is to be refused everywhere.
    Revoked,
}

impl Beside {
    const ALL: [Self; 3] = [Self::Standby, Self::Retiring, Self::Revoked];

    fn word(self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::Retiring => "retiring",
            Self::Revoked => "revoked",
        }
    }
}

impl KeyName {
    /// The operator's identity key, which can be taken offline.
    pub fn operator() -> Self {
        Self("operator/identity".to_owned())
    }

    /// An operator signing key, counted from 1: the first signs, the others stand by.
    pub fn operator_signing(number: u8) -> Self {
        Self(format!("operator/signing-{number}"))
    }

    /// An account's identity key.
    pub fn account(account: &str) -> Self {
        Self(format!("account/{account}/identity"))
    }

    /// The scoped signing key of a role in an account.
    pub fn role(account: &str, role: &str) -> Self {
        Self(format!("account/{account}/role/{role}"))
    }

    /// The user key of a service.
    pub fn user(service: &ServiceName) -> Self {
        Self(format!("user/{service}"))
    }

    /// The user key of a service or a leafnode.
    pub fn user_of(client: Client<'_>) -> Self {
        match client {
            Client::Service(service) => Self::user(&service.name),
            Client::Leafnode(leafnode) => Self::leafnode_user(&leafnode.name),
        }
    }

    /// The key of the certificate that a service or a leafnode shows.
    pub fn certificate_of(client: Client<'_>) -> Self {
        match client {
            Client::Service(service) => Self::client(&service.name),
            Client::Leafnode(leafnode) => Self::leafnode_client(&leafnode.name),
        }
    }

    /// The former signing key of a role, until nobody accepts it any more.
    pub fn retiring_role(account: &str, role: &str) -> Self {
        Self(format!("retiring/account/{account}/role/{role}"))
    }

    /// The operator's former signing key, until no server trusts it any more.
    pub fn retiring_operator_signing() -> Self {
        Self("retiring/operator/signing".to_owned())
    }

    /// The certificate authority's key.
    pub fn authority() -> Self {
        Self("authority".to_owned())
    }

    /// The key of a node's certificate.
    pub fn node(node: &NodeName) -> Self {
        Self(format!("node/{node}"))
    }

    /// The key of a service's client certificate.
    pub fn client(service: &ServiceName) -> Self {
        Self(format!("client/{service}"))
    }

    /// The user key of a leafnode.
    pub fn leafnode_user(leafnode: &LeafnodeName) -> Self {
        Self(format!("user/leafnode/{leafnode}"))
    }

    /// The key of a leafnode's client certificate.
    pub fn leafnode_client(leafnode: &LeafnodeName) -> Self {
        Self(format!("client/leafnode/{leafnode}"))
    }

    /// The key of a cache node's certificate.
    pub fn redis_node(node: &NodeName) -> Self {
        Self(format!("redis/node/{node}"))
    }

    /// The password of a user of the cache: a service, or natsops itself.
    pub fn redis_user(user: &str) -> Self {
        Self(format!("redis/user/{user}"))
    }

    /// The password with which the cache's replicas sign in to their primaries.
    pub fn redis_replication() -> Self {
        Self("redis/replication".to_owned())
    }

    /// A key that stands beside the one of this name.
    #[must_use]
    pub fn beside(&self, beside: Beside) -> Self {
        Self(format!("{}/{}", beside.word(), self.0))
    }

    /// The name that a key has, had or will have, and how it stands beside that.
    pub fn parted(&self) -> (Option<Beside>, Self) {
        let found = Beside::ALL.into_iter().find_map(|beside| {
            let rest = self.0.strip_prefix(beside.word())?.strip_prefix('/')?;
            Some((Some(beside), Self(rest.to_owned())))
        });
        found.unwrap_or_else(|| (None, self.clone()))
    }

    /// The identity key of a catalog account.
    pub fn of_account(account: &AccountName) -> Self {
        Self::account(account.as_str())
    }

    /// What the key is, told by its name.
    pub fn kind(&self) -> KeyKind {
        let (_, name) = self.parted();
        let mut steps = name.0.split('/');
        match (steps.next(), steps.next()) {
            (Some("operator"), _) => KeyKind::Operator,
            (Some("account"), _) => KeyKind::Account,
            (Some("user"), _) => KeyKind::User,
            (Some("redis"), Some("user" | "replication")) => KeyKind::Password,
            _ => KeyKind::Certificate,
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as a file name.
    pub fn file_stem(&self) -> String {
        self.0.replace('/', ".")
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
