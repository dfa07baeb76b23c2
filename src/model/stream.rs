//! Streams: which subjects are kept, where, and for how long.

use serde::{Deserialize, Serialize};

use super::{AccountName, ByteSize, Period, StreamName, SubjectPattern, TagName};

/// A JetStream stream of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Its name.
    pub name: StreamName,
    /// The account that owns it.
    pub account: AccountName,
    /// What it keeps, in a sentence.
    pub description: String,
    /// The subjects that it stores; no other stream of the account may overlap them.
    pub subjects: Vec<SubjectPattern>,
    /// When a message may go.
    pub retention: Retention,
    /// What gives way when the stream is full.
    pub discard: Discard,
    /// The age at which a message goes.
    pub max_age: Option<Period>,
    /// The size at which the stream is full, on each replica.
    pub max_bytes: ByteSize,
    /// The number of messages at which it is full.
    pub max_messages: Option<u32>,
    /// The number of messages of one subject at which that subject is full.
    pub max_messages_per_subject: Option<u32>,
    /// Whether a full subject refuses new messages as a full stream does; otherwise its oldest go.
    pub discard_per_subject: bool,
    /// The largest message that it takes.
    pub max_message_size: Option<ByteSize>,
    /// The number of copies, each in a zone of its own.
    pub replicas: u8,
    /// How long a message id is remembered.
    pub duplicate_window: Period,
    /// How the blocks on disk are compressed.
    pub compression: Compression,
    /// The tags that a node must have to hold a copy.
    pub placement: Vec<TagName>,
    /// Refuses to delete single messages through the API.
    pub deny_delete: bool,
    /// Refuses to purge through the API.
    pub deny_purge: bool,
}

/// When a message may leave a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Retention {
    /// When a limit is reached.
    Limits,
    /// When every consumer has acknowledged it.
    Interest,
    /// When one consumer has acknowledged it.
    WorkQueue,
}

/// What gives way when a stream is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Discard {
    /// The oldest message.
    Old,
    /// The new message is refused.
    New,
}

/// How a stream's blocks are compressed on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// With S2.
    S2,
}
