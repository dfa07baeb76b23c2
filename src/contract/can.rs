//! Whether a service or leafnode may do something, answered as a server answers it, and by which rule.

use serde::Serialize;

use super::{Grant, Holder, grants};
use crate::model::{BucketName, Consumer, Refusal, Subject};

/// What a service or leafnode is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask<'a> {
    /// Publish to a subject.
    Publish {
        /// The subject.
        subject: &'a str,
        /// Whether it is the reply subject of a request that the service has just received.
        reply: bool,
    },
    /// Subscribe a subject or pattern.
    Subscribe {
        /// The subject or pattern.
        subject: &'a str,
        /// As a member of this queue group.
        queue: Option<&'a str>,
    },
}

/// The answer with its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Whether a server lets it through.
    pub allowed: bool,
    /// By which rule.
    pub rule: Rule<'a>,
}

/// Why something is allowed or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule<'a> {
    /// An entry of the permissions lets it through.
    Entry {
        /// The entry, as claims carry it.
        entry: String,
        /// Why the service has it.
        basis: Basis<'a>,
    },
    /// Whoever serves may answer each request once.
    Reply,
    /// The subject is granted, and only to members of these queue groups.
    Queue {
        /// The groups.
        bound: Vec<String>,
        /// The grant that binds.
        grant: Option<Grant<'a>>,
    },
    /// It may do nothing in this direction.
    Nothing,
    /// No entry lets it through.
    Missing {
        /// The grant that comes nearest.
        nearest: Option<Grant<'a>>,
    },
}

/// Why somebody holds an entry of its permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis<'a> {
    /// The catalog grants it.
    Grant(Grant<'a>),
    /// It pulls from a consumer, the one at this place of its list.
    Consumer(usize, &'a Consumer),
    /// It reads a bucket, the one at this place of its list.
    Reads(usize, &'a BucketName),
    /// It writes a bucket, the one at this place of its list.
    Writes(usize, &'a BucketName),
    /// Whoever speaks has inboxes of its own.
    Inbox,
    /// It follows from the grants as a whole.
    Derived,
}

/// The name of a rule, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleName {
    /// See [`Rule::Entry`].
    Grant,
    /// See [`Basis::Consumer`].
    Consumer,
    /// See [`Basis::Reads`] and [`Basis::Writes`].
    Bucket,
    /// See [`Basis::Inbox`].
    Inbox,
    /// See [`Basis::Derived`].
    Derived,
    /// See [`Rule::Reply`].
    Reply,
    /// See [`Rule::Queue`].
    QueueBound,
    /// See [`Rule::Nothing`].
    NoGrants,
    /// See [`Rule::Missing`].
    NotGranted,
}

impl Rule<'_> {
    /// Its name.
    pub fn name(&self) -> RuleName {
        match self {
            Self::Entry { basis: Basis::Grant(_), .. } => RuleName::Grant,
            Self::Entry { basis: Basis::Consumer(..), .. } => RuleName::Consumer,
            Self::Entry { basis: Basis::Reads(..) | Basis::Writes(..), .. } => RuleName::Bucket,
            Self::Entry { basis: Basis::Inbox, .. } => RuleName::Inbox,
            Self::Entry { basis: Basis::Derived, .. } => RuleName::Derived,
            Self::Reply => RuleName::Reply,
            Self::Queue { .. } => RuleName::QueueBound,
            Self::Nothing => RuleName::NoGrants,
            Self::Missing { .. } => RuleName::NotGranted,
        }
    }
}

/// Answers as a server would with the permissions of the holder's scoped key.
pub fn can<'a>(holder: impl Into<Holder<'a>>, ask: Ask<'_>) -> Answer<'a> {
    let holder = holder.into();
    match ask {
        Ask::Publish { subject, reply } => publish(holder, subject, reply),
        Ask::Subscribe { subject, queue } => subscribe(holder, subject, queue),
    }
}

fn publish<'a>(holder: Holder<'a>, subject: &str, reply: bool) -> Answer<'a> {
    let permissions = holder.permissions();
    if let Some(entry) = permissions.may_publish(subject) {
        let basis = basis(holder, entry, None, true);
        return Answer { allowed: true, rule: Rule::Entry { entry: entry.to_owned(), basis } };
    }
    if reply && permissions.replies {
        return Answer { allowed: true, rule: Rule::Reply };
    }
    let nothing = permissions.publish.is_empty();
    Answer { allowed: false, rule: missing(holder, subject, true, nothing) }
}

fn subscribe<'a>(holder: Holder<'a>, subject: &str, queue: Option<&str>) -> Answer<'a> {
    let permissions = holder.permissions();
    match permissions.may_subscribe(subject, queue) {
        Ok(entry) => {
            let basis = basis(holder, &entry.subject, entry.queue.as_deref(), false);
            Answer { allowed: true, rule: Rule::Entry { entry: entry.claim(), basis } }
        }
        Err(Refusal::Queue(bound)) => {
            let grant = bound
                .first()
                .and_then(|entry| granted(holder, &entry.subject, entry.queue.as_deref(), false));
            let bound = bound.iter().filter_map(|entry| entry.queue.clone()).collect();
            Answer { allowed: false, rule: Rule::Queue { bound, grant } }
        }
        Err(Refusal::Missing) => {
            let nothing = permissions.subscribe.is_empty();
            Answer { allowed: false, rule: missing(holder, subject, false, nothing) }
        }
    }
}

fn basis<'a>(holder: Holder<'a>, entry: &str, queue: Option<&str>, speaks: bool) -> Basis<'a> {
    match granted(holder, entry, queue, speaks) {
        Some(grant) => Basis::Grant(grant),
        None if speaks && entry.starts_with('$') => stored(holder, entry),
        None if entry.starts_with(&holder.inbox_prefix()) => Basis::Inbox,
        None => Basis::Derived,
    }
}

/// The consumer or bucket that an entry about JetStream was made of.
fn stored<'a>(holder: Holder<'a>, entry: &str) -> Basis<'a> {
    let Some(service) = holder.service() else {
        return Basis::Derived;
    };
    let has = |subjects: Vec<String>| subjects.iter().any(|subject| subject == entry);
    let mut consumers = service.consumes.iter().enumerate();
    if let Some((index, consumer)) =
        consumers.find(|(_, c)| has(c.publish_subjects(&service.account)))
    {
        return Basis::Consumer(index, consumer);
    }
    let mut reads = service.reads.iter().enumerate();
    if let Some((index, bucket)) = reads.find(|(_, bucket)| has(bucket.read_subjects())) {
        return Basis::Reads(index, bucket);
    }
    let mut writes = service.writes.iter().enumerate();
    let written = writes.find(|(_, bucket)| has(bucket.write_subjects()));
    written.map_or(Basis::Derived, |(index, bucket)| Basis::Writes(index, bucket))
}

impl Basis<'_> {
    /// Where it stands in the files, as a dotted path.
    pub fn path<'a>(&self, holder: impl Into<Holder<'a>>) -> Option<String> {
        let place = match self {
            Self::Grant(grant) => return Some(grant.path()),
            Self::Consumer(index, _) => format!("consumes[{index}]"),
            Self::Reads(index, _) => format!("reads[{index}]"),
            Self::Writes(index, _) => format!("writes[{index}]"),
            Self::Inbox | Self::Derived => return None,
        };
        Some(format!("{}.{place}", holder.into().path()))
    }
}

/// The grant that an entry of the permissions was made of.
fn granted<'a>(
    holder: Holder<'a>,
    entry: &str,
    queue: Option<&str>,
    speaks: bool,
) -> Option<Grant<'a>> {
    grants(holder).into_iter().find(|grant| {
        grant.verb.speaks() == speaks
            && grant.subject.as_str() == entry
            && grant.queue.map(|queue| queue.as_str()) == queue
    })
}

fn missing<'a>(holder: Holder<'a>, subject: &str, speaks: bool, nothing: bool) -> Rule<'a> {
    if nothing {
        return Rule::Nothing;
    }
    let near = |grant: &Grant<'_>| {
        let shared = common_start(grant.subject, subject);
        (std::cmp::Reverse(shared), strsim::damerau_levenshtein(grant.subject.as_str(), subject))
    };
    let own = grants(holder).into_iter().filter(|grant| grant.verb.speaks() == speaks);
    Rule::Missing {
        nearest: own.filter(|grant| common_start(grant.subject, subject) > 0).min_by_key(near),
    }
}

/// How many tokens two subjects share from their beginning.
fn common_start(grant: &Subject, subject: &str) -> usize {
    grant.as_str().split('.').zip(subject.split('.')).take_while(|(a, b)| a == b).count()
}
