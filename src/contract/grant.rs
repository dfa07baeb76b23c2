//! Grants: each line of the catalog by which a service may say or hear something.

use serde::Serialize;

use crate::model::{AccountName, QueueName, Service, ServiceName, Subject};

/// What a service does with a subject, as the catalog words it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Answers requests, as a member of a queue group.
    Serves,
    /// Sends requests.
    Calls,
    /// Publishes events or audit records.
    Publishes,
    /// Receives events.
    Subscribes,
}

impl Verb {
    /// The key of the catalog.
    pub fn key(self) -> &'static str {
        match self {
            Self::Serves => "serves",
            Self::Calls => "calls",
            Self::Publishes => "publishes",
            Self::Subscribes => "subscribes",
        }
    }

    /// Whether the service speaks; otherwise it listens.
    pub fn speaks(self) -> bool {
        matches!(self, Self::Calls | Self::Publishes)
    }
}

/// One grant of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant<'a> {
    /// Who holds it.
    pub service: &'a ServiceName,
    /// The account that it holds in.
    pub account: &'a AccountName,
    /// What it allows.
    pub verb: Verb,
    /// Its place in the list of that verb.
    pub index: usize,
    /// The subject.
    pub subject: &'a Subject,
    /// The queue group that it is bound to.
    pub queue: Option<&'a QueueName>,
}

impl Grant<'_> {
    /// Where it stands in the catalog, as a dotted path.
    pub fn path(&self) -> String {
        format!("services.{}.{}[{}]", self.service, self.verb.key(), self.index)
    }
}

/// All grants of a service, in the order of the catalog.
pub fn grants(service: &Service) -> Vec<Grant<'_>> {
    let serves = service.serves.iter().map(|(subject, queue)| (subject, Some(queue)));
    let calls = service.calls.iter().map(|subject| (subject, None));
    let publishes = service.publishes.iter().map(|subject| (subject, None));
    let subscribes = service.subscribes.iter().map(|(subject, queue)| (subject, queue.as_ref()));
    let mut all = Vec::new();
    all.extend(of(service, Verb::Serves, serves));
    all.extend(of(service, Verb::Calls, calls));
    all.extend(of(service, Verb::Publishes, publishes));
    all.extend(of(service, Verb::Subscribes, subscribes));
    all
}

fn of<'a>(
    service: &'a Service,
    verb: Verb,
    entries: impl Iterator<Item = (&'a Subject, Option<&'a QueueName>)>,
) -> impl Iterator<Item = Grant<'a>> {
    entries.enumerate().map(move |(index, (subject, queue))| Grant {
        service: &service.name,
        account: &service.account,
        verb,
        index,
        subject,
        queue,
    })
}
