//! Services: who may say what to whom.

use serde::{Deserialize, Serialize};

use super::{
    AccountName, BucketName, ByteSize, Consumer, KeyPattern, QueueName, ServiceName, Subject,
};

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
    /// Consumers that it pulls from.
    pub consumes: Vec<Consumer>,
    /// Buckets that it reads.
    pub reads: Vec<BucketName>,
    /// Buckets that it writes.
    pub writes: Vec<BucketName>,
    /// Keys of the cache that it reads and writes.
    pub caches: Vec<KeyPattern>,
    /// What one connection may use.
    pub limits: ServiceLimits,
    /// The networks that its connections may come from, as CIDR blocks; without any, from everywhere.
    pub networks: Vec<String>,
    /// The kinds of connections that it may make.
    pub connections: Vec<ConnectionKind>,
}

/// A way to connect to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionKind {
    /// The protocol of NATS over TCP.
    Standard,
    /// The same over websockets.
    Websocket,
    /// MQTT.
    Mqtt,
    /// A leafnode.
    Leafnode,
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
