//! Consumers: how far one service has come in one stream.

use serde::{Deserialize, Serialize};

use super::{AccountName, ConsumerName, Period, StreamName, SubjectPattern};

/// A durable pull consumer. It belongs to the service that pulls, which alone is permitted to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// The account whose stream it reads, and that keeps how far it has come: mostly that of its service.
    pub account: AccountName,
    /// The stream that it reads.
    pub stream: StreamName,
    /// Its name, once on each stream.
    pub name: ConsumerName,
    /// What it is for, in a sentence; may be empty.
    pub description: String,
    /// The messages that it hands out; without any, all of the stream's.
    pub filter: Vec<SubjectPattern>,
    /// Where it begins.
    pub deliver: Deliver,
    /// What counts as done.
    pub ack: Ack,
    /// What becomes of a message that is not acknowledged; none where nothing is.
    pub redelivery: Option<Redelivery>,
    /// How many pull requests may wait.
    pub max_waiting: u32,
    /// The number of copies of its state; without one, as many as the stream has.
    pub replicas: Option<u8>,
}

impl Consumer {
    /// How a service would name it to others.
    pub fn path(&self) -> String {
        format!("{}/{}", self.stream, self.name)
    }
}

/// What becomes of a message that is not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redelivery {
    /// How long an acknowledgement is waited for, the first time.
    pub ack_wait: Period,
    /// How often a message is handed out at most; none is without end.
    pub max_deliver: Option<u32>,
    /// How long is waited, time after time; the last one counts from then on.
    pub backoff: Vec<Period>,
    /// How many messages may be handed out and not acknowledged.
    pub max_ack_pending: u32,
}

/// Where a new consumer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deliver {
    /// With the first message that the stream has.
    All,
    /// With what is stored from then on.
    New,
    /// With the last message.
    Last,
    /// With the last message of each subject.
    LastPerSubject,
}

/// What a message needs to count as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ack {
    /// Its own acknowledgement.
    Explicit,
    /// The acknowledgement of it or of a later one.
    All,
    /// Nothing: handed out is done.
    None,
}
