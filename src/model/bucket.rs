//! Key-value buckets: the newest values of keys, kept by a stream that clients see as a map.

use super::{AccountName, BucketName, ByteSize, Compression, Period, TagName};

/// A key-value bucket of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: BucketName,
    /// The account that owns it.
    pub account: AccountName,
    /// What it keeps, in a sentence.
    pub description: String,
    /// How many values of a key it keeps.
    pub history: u8,
    /// The age at which a value goes.
    pub ttl: Option<Period>,
    /// The size at which it takes nothing more, on each replica.
    pub max_bytes: ByteSize,
    /// The largest value.
    pub max_value_size: Option<ByteSize>,
    /// The number of copies, each in a zone of its own.
    pub replicas: u8,
    /// How the blocks on disk are compressed.
    pub compression: Compression,
    /// The tags that a node must have to hold a copy.
    pub placement: Vec<TagName>,
}

impl Bucket {
    /// What the names of buckets' streams begin with; no other stream of the catalog may.
    pub const STREAM_PREFIX: &str = "KV_";

    /// The most values of a key that clients and servers know to keep.
    pub const LONGEST_HISTORY: u8 = 64;

    /// How long a message id is remembered, at most as long as a value.
    pub fn duplicate_window(&self) -> Period {
        let usual = Period::seconds(120);
        self.ttl.map_or(usual, |ttl| ttl.min(usual))
    }
}

impl BucketName {
    /// The stream that keeps it.
    pub fn stream(&self) -> String {
        format!("{}{self}", Bucket::STREAM_PREFIX)
    }

    /// The subjects of its keys.
    pub fn subjects(&self) -> String {
        format!("$KV.{self}.>")
    }
}
