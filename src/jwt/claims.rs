//! The content of operator, account and user JWTs (nats-io/jwt v2), as far as natsops issues them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Export, Import};

/// Claims about a subject, with a body of one kind. The field order is the one that the reference writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims<B> {
    /// When it ends, in unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// A hash of the standard claims; set by signing.
    #[serde(default)]
    pub jti: String,
    /// When it was issued, in unix seconds; servers keep the newest of an account.
    pub iat: i64,
    /// The public key that signed it.
    pub iss: String,
    /// The subject's name.
    pub name: String,
    /// The subject's public key.
    pub sub: String,
    /// The body.
    pub nats: B,
}

impl<B: PartialEq> Claims<B> {
    /// Whether both mean the same, whenever they were issued.
    pub fn same_meaning(&self, other: &Self) -> bool {
        let Self { exp, jti: _, iat: _, iss, name, sub, nats } = self;
        (exp, iss, name, sub, nats)
            == (&other.exp, &other.iss, &other.name, &other.sub, &other.nats)
    }
}

/// The kinds of claims, as the body names them.
fn version() -> u8 {
    2
}

/// What an operator says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorBody {
    /// Keys that sign accounts in its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signing_keys: Vec<String>,
    /// The account of the servers themselves.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub system_account: String,
    /// Accounts and users must be signed by signing keys, never by identity keys.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict_signing_key_usage: bool,
    /// Always `operator`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Always 2.
    #[serde(default = "version")]
    pub version: u8,
}

impl OperatorBody {
    /// An operator with these signing keys.
    pub fn new(signing_keys: Vec<String>, system_account: String) -> Self {
        Self {
            signing_keys,
            system_account,
            strict_signing_key_usage: true,
            kind: "operator".to_owned(),
            version: 2,
        }
    }
}

/// What an operator says of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountBody {
    /// What it takes from other accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<Import>,
    /// What it gives to other accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<Export>,
    /// What all users together may use.
    pub limits: AccountLimitsClaim,
    /// Keys that sign users.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signing_keys: Vec<SigningKey>,
    /// Users whose JWTs are void when issued at or before a time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revocations: BTreeMap<String, i64>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Always `account`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Always 2.
    #[serde(default = "version")]
    pub version: u8,
}

/// Limits of an account; -1 is no limit, but 0 is none of it for storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountLimitsClaim {
    /// Subscriptions of a connection.
    pub subs: i64,
    /// Bytes, without a period: unused by servers.
    pub data: i64,
    /// The largest message.
    pub payload: i64,
    /// Imports.
    pub imports: i64,
    /// Exports.
    pub exports: i64,
    /// Whether exports may have wildcards.
    pub wildcards: bool,
    /// Whether bearer users are refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disallow_bearer: bool,
    /// Client connections.
    pub conn: i64,
    /// Leafnode connections.
    pub leaf: i64,
    /// Storage by number of replicas, such as `R3`; sizes count once, not per replica.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tiered_limits: BTreeMap<String, JetStreamTier>,
}

/// Storage that streams of one number of replicas may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JetStreamTier {
    /// Bytes in memory.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mem_storage: i64,
    /// Bytes on disk.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub disk_storage: i64,
    /// Streams.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub streams: i64,
    /// Consumers.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub consumer: i64,
    /// Streams must say how large they may become.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub max_bytes_required: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// A key that signs users of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SigningKey {
    /// One that may give any permission.
    Plain(String),
    /// One that gives the permissions of its template only.
    Scoped(Box<ScopedKey>),
}

/// A signing key with a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopedKey {
    /// Always `user_scope`.
    pub kind: String,
    /// The public key.
    pub key: String,
    /// The role's name.
    pub role: String,
    /// What its users may do.
    pub template: Template,
    /// What the role is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// Permissions and limits of a role's users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// What may be published. Empty means everything: see [`Allow::only`].
    #[serde(rename = "pub", default)]
    pub publish: Allow,
    /// What may be subscribed.
    #[serde(rename = "sub", default)]
    pub subscribe: Allow,
    /// Whether a request may be answered.
    #[serde(rename = "resp", default, skip_serializing_if = "Option::is_none")]
    pub responses: Option<Responses>,
    /// Networks that its connections may come from, as CIDR blocks. Empty means everywhere.
    #[serde(rename = "src", default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    /// Subscriptions.
    pub subs: i64,
    /// Bytes, without a period: unused by servers.
    pub data: i64,
    /// The largest message.
    pub payload: i64,
    /// Kinds of connections.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_connection_types: Vec<String>,
}

/// What is allowed and denied in one direction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allow {
    /// Allowed subjects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// Denied subjects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
}

impl Allow {
    /// Exactly these. To a server an empty list means everything, so nothing is written as a denial of everything.
    pub fn only(allow: Vec<String>) -> Self {
        let deny = if allow.is_empty() { vec![">".to_owned()] } else { Vec::new() };
        Self { allow, deny }
    }
}

/// How a request may be answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Responses {
    /// How many messages.
    pub max: i64,
    /// For how long, in nanoseconds.
    pub ttl: i64,
}

/// What an account says of a user under a scoped key: nothing, since the role says it all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserBody {
    /// The account, since a signing key and not its identity key has signed.
    pub issuer_account: String,
    /// Always `user`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Always 2.
    #[serde(default = "version")]
    pub version: u8,
}

impl UserBody {
    /// A user of an account's role.
    pub fn scoped(account: String) -> Self {
        Self { issuer_account: account, kind: "user".to_owned(), version: 2 }
    }
}
