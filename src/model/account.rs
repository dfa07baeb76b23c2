//! Accounts: the isolation units that the operator signs.

use super::{AccountName, ByteSize, Subject};

/// An account of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name, which is also the name in its claims.
    pub name: AccountName,
    /// What it is for, in a sentence.
    pub description: String,
    /// What all of its users together may use.
    pub limits: AccountLimits,
    /// What it lets other accounts have.
    pub shares: Vec<Share>,
}

/// A subject that an account lets others have: events to hear, or requests to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The subject, which a service of the account publishes or serves.
    pub subject: Subject,
    /// The accounts that may have it.
    pub with: Vec<AccountName>,
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
