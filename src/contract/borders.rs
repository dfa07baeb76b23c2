//! The borders between accounts: which grants reach across one, and to whom.

use std::collections::BTreeMap;

use super::{Grant, Verb};
use crate::model::matching::{covers, overlaps};
use crate::model::{AccountName, Cluster, Passage, PassageKind, Stream, Subject, SubjectIndex};

/// What crosses, to be asked about many grants.
pub struct Borders<'a> {
    taken: BTreeMap<&'a AccountName, SubjectIndex<'a, &'a Passage>>,
    given: BTreeMap<&'a AccountName, SubjectIndex<'a, &'a Passage>>,
    streams: SubjectIndex<'a, &'a Stream>,
}

impl<'a> Borders<'a> {
    /// Those of a cluster.
    pub fn new(cluster: &'a Cluster) -> Self {
        let mut borders = Self {
            taken: BTreeMap::new(),
            given: BTreeMap::new(),
            streams: SubjectIndex::default(),
        };
        for passage in &cluster.passages {
            let subject = passage.subject.as_str();
            borders.taken.entry(&passage.user).or_default().insert(subject, passage);
            borders.given.entry(&passage.owner).or_default().insert(subject, passage);
        }
        for stream in &cluster.streams {
            stream.subjects.iter().for_each(|p| borders.streams.insert(p.as_str(), stream));
        }
        borders
    }

    /// The passage by which a grant reaches another account: what it calls, hears or pulls there, or who keeps its
    /// records.
    pub fn crossing(&self, grant: &Grant<'_>) -> Option<&'a Passage> {
        let (taken, subject) = (self.taken.get(grant.account)?, grant.subject.as_str());
        // A consumer may be handed a part of what is published.
        let taken = match grant.consumer {
            Some(_) => taken.overlapping(subject),
            None => taken.covering(subject),
        };
        taken.into_iter().copied().find(|passage| match passage.kind {
            PassageKind::Events => grant.verb == Verb::Subscribes,
            PassageKind::Requests => grant.verb == Verb::Calls,
            PassageKind::Audit => grant.verb == Verb::Publishes,
            PassageKind::Stored => {
                grant.consumer.is_some_and(|consumer| consumer.account == passage.owner)
            }
        })
    }

    /// The account in which a grant's subject is at home: that of whoever serves or publishes it.
    pub fn home(&self, grant: &Grant<'a>) -> &'a AccountName {
        if let Some(consumer) = grant.consumer {
            return &consumer.account;
        }
        match self.crossing(grant) {
            Some(passage) if passage.kind != PassageKind::Audit => &passage.owner,
            _ => grant.account,
        }
    }

    /// What others take of a subject of an account.
    pub fn given(&self, account: &AccountName, subject: &Subject) -> Vec<&'a Passage> {
        let given = self.given.get(account).map(|index| index.overlapping(subject.as_str()));
        given.unwrap_or_default().into_iter().copied().collect()
    }

    /// The streams that keep a subject that is published in an account. Audit records may be kept in another.
    pub fn keepers(&self, account: &AccountName, subject: &Subject) -> Vec<&'a Stream> {
        let taken = self.taken.get(account).map(|index| index.covering(subject.as_str()));
        let taken = taken.unwrap_or_default();
        let keeps = |stream: &&'a Stream| {
            &stream.account == account
                || taken.iter().any(|passage| {
                    passage.kind == PassageKind::Audit && passage.owner == stream.account
                })
        };
        let found = self.streams.overlapping(subject.as_str()).into_iter().copied();
        let mut found: Vec<&Stream> = found.filter(keeps).collect();
        found.sort_by_key(|stream| (&stream.account, &stream.name));
        found.dedup_by_key(|stream| (&stream.account, &stream.name));
        found
    }
}

/// Whether two parties of a subject meet: in one account, or across the border between both.
pub fn meet(cluster: &Cluster, one: &AccountName, other: &AccountName, subject: &str) -> bool {
    let between = |passage: &Passage| {
        let (owner, user) = (&passage.owner, &passage.user);
        (owner == one && user == other || owner == other && user == one)
            && overlaps(passage.subject.as_str(), subject)
    };
    one == other || cluster.passages.iter().any(between)
}

/// Whether an account reaches what another serves or publishes, all of it.
pub fn reaches(cluster: &Cluster, user: &AccountName, owner: &AccountName, subject: &str) -> bool {
    let open = |passage: &Passage| {
        &passage.owner == owner
            && &passage.user == user
            && covers(passage.subject.as_str(), subject)
    };
    user == owner || cluster.passages.iter().any(open)
}
