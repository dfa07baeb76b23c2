//! What a client may try, and how a row of text names it.

use std::fmt;

/// Something that a client tries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// A message to a subject, with so many bytes.
    Publish { subject: String, bytes: usize },
    /// A subscription, as a member of a queue group or not.
    Subscribe { subject: String, queue: Option<String> },
    /// An answer to a message that has just arrived on this subject.
    Reply { subject: String },
}

impl Deed {
    pub fn publish(subject: impl Into<String>) -> Self {
        Self::Publish { subject: subject.into(), bytes: 0 }
    }

    pub fn subscribe(subject: impl Into<String>, queue: Option<&str>) -> Self {
        Self::Subscribe { subject: subject.into(), queue: queue.map(str::to_owned) }
    }

    /// Reads `publish SUBJECT [bytes N]`, `subscribe SUBJECT [queue GROUP]` or `reply SUBJECT`.
    pub fn parse(words: &[&str]) -> Option<Self> {
        match *words {
            ["publish", subject] => Some(Self::publish(subject)),
            ["publish", subject, "bytes", bytes] => {
                Some(Self::Publish { subject: subject.to_owned(), bytes: bytes.parse().ok()? })
            }
            ["subscribe", subject] => Some(Self::subscribe(subject, None)),
            ["subscribe", subject, "queue", queue] => Some(Self::subscribe(subject, Some(queue))),
            ["reply", subject] => Some(Self::Reply { subject: subject.to_owned() }),
            _ => None,
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publish { subject, bytes: 0 } => write!(f, "publish {subject}"),
            Self::Publish { subject, bytes } => write!(f, "publish {subject} bytes {bytes}"),
            Self::Subscribe { subject, queue: None } => write!(f, "subscribe {subject}"),
            Self::Subscribe { subject, queue: Some(queue) } => {
                write!(f, "subscribe {subject} queue {queue}")
            }
            Self::Reply { subject } => write!(f, "reply {subject}"),
        }
    }
}
