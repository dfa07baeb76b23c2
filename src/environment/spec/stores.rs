//! The spec types of what a service pulls and of what is kept by key.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{s2, three};
use crate::model::{
    AccountName, Ack, ByteSize, Compression, ConsumerName, Deliver, Period, StreamName,
    SubjectPattern, TagName,
};

/// A durable pull consumer of a service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsumerSpec {
    /// The account of the stream, where that is another than the service's.
    pub account: Option<AccountName>,
    /// The stream that it reads.
    pub stream: StreamName,
    /// Its name, once on each stream; without it, that of the service.
    pub consumer: Option<ConsumerName>,
    /// What it is for, in a sentence.
    #[serde(default)]
    pub description: String,
    /// The messages that it hands out; without any, all of the stream's.
    #[serde(default)]
    pub filter: Vec<SubjectPattern>,
    /// Where it begins when it is made.
    #[serde(default = "all")]
    pub deliver: Deliver,
    /// What counts as done.
    #[serde(default = "explicit")]
    pub ack: Ack,
    /// How long an acknowledgement is waited for; with a backoff, its first period.
    pub ack_wait: Option<Period>,
    /// How often a message is handed out at most; without it, until it is acknowledged.
    #[schemars(range(min = 1))]
    pub max_deliver: Option<u32>,
    /// How long is waited before a message is handed out again, time after time.
    #[serde(default)]
    pub backoff: Vec<Period>,
    /// How many messages may be handed out and not acknowledged.
    #[schemars(range(min = 1))]
    pub max_ack_pending: Option<u32>,
    /// How many pull requests may wait.
    #[serde(default = "max_waiting")]
    #[schemars(range(min = 1))]
    pub max_waiting: u32,
    /// The number of copies of its state; without it, as many as the stream has.
    #[schemars(range(min = 1, max = 5))]
    pub replicas: Option<u8>,
}

fn all() -> Deliver {
    Deliver::All
}

fn explicit() -> Ack {
    Ack::Explicit
}

/// What a server takes where nothing is said.
fn max_waiting() -> u32 {
    512
}

/// A key-value bucket.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BucketSpec {
    /// The account that owns it.
    pub account: AccountName,
    /// What it keeps, in a sentence.
    pub description: String,
    /// How many values of a key it keeps.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 64))]
    pub history: u8,
    /// The age at which a value goes.
    pub ttl: Option<Period>,
    /// The size at which it takes nothing more.
    pub max_bytes: ByteSize,
    /// The largest value.
    pub max_value_size: Option<ByteSize>,
    /// The number of copies, each in a zone of its own.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 5))]
    pub replicas: u8,
    /// How the blocks on disk are compressed.
    #[serde(default = "s2")]
    pub compression: Compression,
    /// The tags that a node must have to hold a copy.
    #[serde(default)]
    pub placement: Vec<TagName>,
}

fn one() -> u8 {
    1
}
