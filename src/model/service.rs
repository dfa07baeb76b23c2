//! Services: who may say what to whom.

use super::{AccountName, ByteSize, KeyPattern, QueueName, ServiceName, Subject};

/// A service of the catalog: an identity with exactly the grants that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name: the user's name in claims, the certificate's subject, the inbox prefix.
    pub name: ServiceName,
    /// The account that it lives in.
    pub account: AccountName,
    /// What it does, in a sentence.
    pub description: String,
    /// Requests that it answers, each as a member of a queue group.
    pub serves: Vec<(Subject, QueueName)>,
    /// Requests that it sends.
    pub calls: Vec<Subject>,
    /// Events and audit records that it publishes.
    pub publishes: Vec<Subject>,
    /// Events that it receives; with a queue group, one instance receives each.
    pub subscribes: Vec<(Subject, Option<QueueName>)>,
    /// Keys of the cache that it reads and writes.
    pub caches: Vec<KeyPattern>,
    /// What one connection may use.
    pub limits: ServiceLimits,
}

/// Limits of one connection of a service. None leaves it to the account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceLimits {
    /// Subscriptions.
    pub subscriptions: Option<u32>,
    /// The largest message.
    pub payload: Option<ByteSize>,
}

impl Service {
    /// The prefix of the inboxes that belong to this service alone.
    pub fn inbox_prefix(&self) -> String {
        format!("_INBOX.{}", self.name)
    }
}
