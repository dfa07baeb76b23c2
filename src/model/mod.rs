//! What is meant: the typed, decided model that every later step reads.
//!
//! A [`Cluster`] holds no option that somebody must still default, and no text that somebody must still parse.

mod account;
mod bucket;
mod client;
mod cluster;
mod consumer;
mod jetstream_api;
mod key_pattern;
mod lane;
mod leafnode;
mod lint;
mod name;
mod own_role;
mod partition;
mod passage;
mod permissions;
mod quantity;
mod redis;
#[cfg(test)]
pub(crate) mod samples;
mod service;
mod stream;
mod subject;

pub use account::{Account, AccountLimits, JetStreamLimits, Share};
pub use bucket::Bucket;
pub use client::Client;
pub use cluster::{
    AwsSettings, Cluster, JetStream, LameDuck, Node, Placement, Ports, Rotation, ServerLimits,
    Validity, Volume,
};
pub use consumer::{Ack, Consumer, Deliver, Redelivery};
pub use key_pattern::KeyPattern;
pub use lane::{Flow, Lane};
pub use leafnode::{Crossing, Leafnode};
pub use lint::{Lint, Severity};
pub use name::{
    AccountName, BucketName, ClusterName, ConsumerName, EnvironmentName, LeafnodeName, NodeName,
    QueueName, ServiceName, StreamName, TagName, ZoneName,
};
pub use own_role::{OwnRights, own_rights};
pub use partition::Partition;
pub use passage::{Passage, PassageKind, exporters_first, passages};
pub use permissions::{Permissions, Refusal, Subscription};
pub use quantity::{ByteRate, ByteSize, Period};
pub use redis::{Redis, RedisNode, SLOTS};
pub use service::{ConnectionKind, Service, ServiceLimits};
pub use stream::{Compression, Discard, Retention, Stream};
pub use subject::{Category, Parts, Stem, Subject, SubjectIndex, SubjectPattern, matching};

/// The role under which natsops itself signs in to an account.
pub const OWN_ROLE: &str = "natsops";

/// The account of the servers themselves.
pub const SYSTEM_ACCOUNT: &str = "SYS";

/// The account of natsops itself, in which the checks try leafnodes.
pub const OWN_ACCOUNT: &str = "NATSOPS";

/// A piece of text that does not have the form its type demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong, in words that follow the text itself.
    pub problem: String,
    /// What would be right, when it can be told.
    pub help: Option<String>,
}

impl Malformed {
    /// A problem without a remedy of its own.
    pub fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), help: None }
    }

    /// Adds the remedy.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Malformed {}

/// Gives a type that is parsed from text its serde form, so that it can only be read if it is right.
macro_rules! text_form {
    ($($type:ty),+ $(,)?) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}
pub(crate) use text_form;
