//! Accounts: the isolation units that the operator signs.

use super::{AccountName, ByteSize};

/// An account of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name, which is also the name in its claims.
    pub name: AccountName,
    /// What it is for, in a sentence.
    pub description: String,
    /// What all of its users together may use.
    pub limits: AccountLimits,
}

/// What an account may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountLimits {
    /// Client connections.
    pub connections: u32,
    /// Subscriptions per connection.
    pub subscriptions: u32,
    /// The largest message.
    pub payload: ByteSize,
    /// Storage; an account without it has no JetStream.
    pub jetstream: Option<JetStreamLimits>,
}

/// What an account may store, counted once and not per replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JetStreamLimits {
    /// File storage.
    pub disk: ByteSize,
    /// Number of streams.
    pub streams: u32,
    /// Number of consumers.
    pub consumers: u32,
}
