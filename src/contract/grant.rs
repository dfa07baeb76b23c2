//! Grants: each line of the files by which a service or leafnode may say or hear something.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Holder, holders};
use crate::model::matching::overlaps;
use crate::model::{
    AccountName, Cluster, Consumer, QueueName, Service, Stream, Subject, SubjectPattern,
};

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
    /// Pulls stored events, through a consumer of its own.
    Consumes,
}

impl Verb {
    /// The key of the catalog.
    pub fn key(self) -> &'static str {
        match self {
            Self::Serves => "serves",
            Self::Calls => "calls",
            Self::Publishes => "publishes",
            Self::Subscribes => "subscribes",
            Self::Consumes => "consumes",
        }
    }

    /// Whether its holder speaks; otherwise it listens.
    pub fn speaks(self) -> bool {
        matches!(self, Self::Calls | Self::Publishes)
    }
}

/// One grant of one service or leafnode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant<'a> {
    /// Who holds it.
    pub holder: Holder<'a>,
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
    /// The consumer that it is pulled through.
    pub consumer: Option<&'a Consumer>,
}

impl Grant<'_> {
    /// Where it stands in the files, as a dotted path.
    pub fn path(&self) -> String {
        format!("{}.{}[{}]", self.holder.path(), self.verb.key(), self.index)
    }
}

/// All grants of a service or leafnode, in the order of the files.
pub fn grants<'a>(holder: impl Into<Holder<'a>>) -> Vec<Grant<'a>> {
    each_grant(holder).collect()
}

/// The same, one by one.
pub fn each_grant<'a, H: Into<Holder<'a>>>(
    holder: H,
) -> impl Iterator<Item = Grant<'a>> + use<'a, H> {
    let holder = holder.into();
    let (serves, calls, publishes, subscribes, hears) = match holder {
        Holder::Service(s) => (&s.serves[..], &s.calls, &s.publishes, &s.subscribes[..], &[][..]),
        Holder::Leafnode(l) => (&[][..], &l.calls, &l.publishes, &[][..], &l.subscribes[..]),
    };
    let serves = serves.iter().map(|(subject, queue)| (subject, Some(queue)));
    let calls = calls.iter().map(|subject| (subject, None));
    let publishes = publishes.iter().map(|subject| (subject, None));
    let hears = hears.iter().map(|subject| (subject, None));
    let subscribes = subscribes.iter().map(|(subject, queue)| (subject, queue.as_ref()));
    of(holder, Verb::Serves, serves)
        .chain(of(holder, Verb::Calls, calls))
        .chain(of(holder, Verb::Publishes, publishes))
        .chain(of(holder, Verb::Subscribes, subscribes.chain(hears)))
}

fn of<'a>(
    holder: Holder<'a>,
    verb: Verb,
    entries: impl Iterator<Item = (&'a Subject, Option<&'a QueueName>)>,
) -> impl Iterator<Item = Grant<'a>> {
    entries.enumerate().map(move |(index, (subject, queue))| Grant {
        holder,
        account: holder.account(),
        verb,
        index,
        subject,
        queue,
        consumer: None,
    })
}

/// The patterns of the messages that a consumer hands out of its stream.
pub fn handed_out<'a>(consumer: &'a Consumer, stream: &'a Stream) -> &'a [SubjectPattern] {
    if consumer.filter.is_empty() { &stream.subjects } else { &consumer.filter }
}

/// Every consumer with its service, its place there, and its stream.
pub fn consumers<'a>(
    cluster: &'a Cluster,
) -> impl Iterator<Item = (&'a Service, usize, &'a Consumer, &'a Stream)> {
    let all = cluster.services.values().flat_map(|service| {
        let consumers = service.consumes.iter().enumerate();
        consumers.map(move |(index, consumer)| (service, index, consumer))
    });
    let named = |stream: &'a Stream| ((&stream.account, &stream.name), stream);
    let streams: BTreeMap<_, &Stream> = cluster.streams.iter().map(named).collect();
    all.filter_map(move |(service, index, consumer)| {
        let stream = streams.get(&(&consumer.account, &consumer.stream))?;
        Some((service, index, consumer, *stream))
    })
}

/// What services pull: one grant for each subject that somebody publishes into a consumer's reach.
///
/// No subscription is permitted by these: the messages arrive in an inbox.
pub fn pulled(cluster: &Cluster) -> Vec<Grant<'_>> {
    let mut published: BTreeMap<&AccountName, BTreeSet<&Subject>> = BTreeMap::new();
    for grant in holders(cluster).flat_map(each_grant).filter(|g| g.verb == Verb::Publishes) {
        published.entry(grant.account).or_default().insert(grant.subject);
    }
    let mut all = Vec::new();
    for (service, index, consumer, stream) in consumers(cluster) {
        let patterns = handed_out(consumer, stream);
        let reached = |subject: &&&Subject| {
            patterns.iter().any(|pattern| overlaps(pattern.as_str(), subject.as_str()))
        };
        let subjects = published.get(&consumer.account).into_iter().flatten();
        all.extend(subjects.filter(reached).map(|subject| Grant {
            holder: service.into(),
            account: &service.account,
            verb: Verb::Consumes,
            index,
            subject,
            queue: None,
            consumer: Some(consumer),
        }));
    }
    all
}
