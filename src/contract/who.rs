//! Who serves, calls, publishes and subscribes a subject, and which streams store it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::grant::{consumers, handed_out};
use super::{Borders, Grant, Holder, Verb, each_grant, grants, holders, pulled};
use crate::model::matching::overlaps;
use crate::model::{
    AccountName, Category, Cluster, ConsumerName, OWN_ACCOUNT, OwnRights, PassageKind,
    SYSTEM_ACCOUNT, ServiceName, Stem, StreamName, Subject, own_rights,
};

/// Everybody who has to do with a subject or pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Who<'a> {
    /// Who answers it.
    pub serves: Vec<Party<'a>>,
    /// Who sends requests to it.
    pub calls: Vec<Party<'a>>,
    /// Who publishes it.
    pub publishes: Vec<Party<'a>>,
    /// Who receives it.
    pub subscribes: Vec<Party<'a>>,
    /// Who pulls it out of a stream.
    pub consumes: Vec<Puller<'a>>,
    /// What stores it.
    pub stored: Vec<Store<'a>>,
    /// Where it goes from one account into another.
    pub crosses: Vec<Crossing<'a>>,
    /// What natsops itself may do with it.
    pub natsops: Vec<OwnRight<'a>>,
}

/// A permission of natsops' own role, which manages streams and asks the servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OwnRight<'a> {
    /// The account in which it signs in.
    pub account: &'a str,
    /// `publishes` or `subscribes`.
    pub verb: Verb,
    /// The subject or pattern.
    pub subject: String,
}

/// A subject with the way that its messages go between accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Crossing<'a> {
    /// What crosses.
    pub kind: PassageKind,
    /// The subject.
    pub subject: &'a Subject,
    /// The account that its messages leave.
    pub from: &'a AccountName,
    /// The account that they enter.
    pub to: &'a AccountName,
}

/// A service or leafnode with the permission that lets it take part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Party<'a> {
    /// The service, or the leafnode by its role.
    #[serde(rename = "service")]
    pub holder: Holder<'a>,
    /// Its account.
    pub account: &'a AccountName,
    /// The subject or pattern that it is granted.
    pub subject: String,
    /// The queue group that it is bound to.
    pub queue: Option<String>,
}

/// A service with the consumer through which it pulls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Puller<'a> {
    /// The service.
    pub service: &'a ServiceName,
    /// Its account.
    pub account: &'a AccountName,
    /// The stream.
    pub stream: &'a StreamName,
    /// The account of the stream.
    pub owner: &'a AccountName,
    /// The consumer.
    pub consumer: &'a ConsumerName,
    /// The pattern by which the consumer hands it out.
    pub pattern: &'a str,
}

/// A stream or bucket with the pattern by which it stores a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Store<'a> {
    /// The stream, as servers call it.
    pub stream: String,
    /// Its account.
    pub account: &'a AccountName,
    /// The pattern.
    pub pattern: String,
}

impl Who<'_> {
    /// Whether nobody has to do with it.
    pub fn is_empty(&self) -> bool {
        let parties = [&self.serves, &self.calls, &self.publishes, &self.subscribes];
        let further = self.consumes.is_empty() && self.stored.is_empty() && self.crosses.is_empty();
        parties.into_iter().all(Vec::is_empty) && further && self.natsops.is_empty()
    }

    /// Whether anything of a pattern comes to an account: somebody publishes it there, or it crosses into it. Where nobody
    /// publishes it anywhere, whoever does will do so in the account that he asks about.
    fn comes_to(&self, account: &AccountName, pattern: &str) -> bool {
        let of_party =
            |party: &Party<'_>| party.account == account && overlaps(&party.subject, pattern);
        let of_crossing = |crossing: &Crossing<'_>| {
            // What is pulled across a border never comes to the other side by itself.
            crossing.to == account
                && crossing.kind != PassageKind::Stored
                && overlaps(crossing.subject.as_str(), pattern)
        };
        self.publishes.is_empty()
            || self.publishes.iter().any(of_party)
            || self.crosses.iter().any(of_crossing)
    }
}

/// Everybody whose subject shares a message with `asked`, which may be a pattern and any subject of NATS.
pub fn who<'a>(cluster: &'a Cluster, asked: &str) -> Who<'a> {
    let mut who = Who::default();
    // Most subjects begin with other words, which is told without reading them.
    let stem = Stem::of(asked);
    let may_be = |grant: &Grant<'_>| stem.is_none_or(|stem| stem == grant.subject.stem());
    let hits = |grant: &Grant<'_>| overlaps(grant.subject.as_str(), asked);
    for holder in holders(cluster) {
        for grant in each_grant(holder).filter(|grant| may_be(grant) && hits(grant)) {
            let party = Party {
                holder,
                account: holder.account(),
                subject: grant.subject.to_string(),
                queue: grant.queue.map(ToString::to_string),
            };
            match grant.verb {
                Verb::Serves => who.serves.push(party),
                Verb::Calls => who.calls.push(party),
                Verb::Publishes => who.publishes.push(party),
                Verb::Subscribes => who.subscribes.push(party),
                // Who pulls is found by stream below.
                Verb::Consumes => {}
            }
        }
        beyond_the_contract(holder, asked, &mut who);
    }
    who.crosses = crosses(cluster, asked);
    let mut consumes = pullers(cluster, asked);
    consumes.retain(|puller| who.comes_to(puller.owner, puller.pattern));
    let mut stored = stored(cluster, asked);
    stored.retain(|store| who.comes_to(store.account, &store.pattern));
    Who { consumes, stored, natsops: own(cluster, asked), ..who }
}

/// None of it has a category, so most questions need not look.
fn own<'a>(cluster: &'a Cluster, asked: &str) -> Vec<OwnRight<'a>> {
    if Category::of_subject(asked).is_some() {
        return Vec::new();
    }
    let accounts = cluster.accounts.keys().map(AccountName::as_str);
    let rights = [SYSTEM_ACCOUNT, OWN_ACCOUNT].into_iter().chain(accounts).flat_map(|account| {
        let OwnRights { publish, subscribe } = own_rights(account);
        let of = move |verb| move |subject| OwnRight { account, verb, subject };
        let publish = publish.into_iter().map(of(Verb::Publishes));
        publish.chain(subscribe.into_iter().map(of(Verb::Subscribes))).collect::<Vec<_>>()
    });
    rights.filter(|right| overlaps(&right.subject, asked)).collect()
}

fn crosses<'a>(cluster: &'a Cluster, asked: &str) -> Vec<Crossing<'a>> {
    let found = cluster.passages.iter().filter(|p| overlaps(p.subject.as_str(), asked));
    let crossing = found.map(|passage| {
        let (owner, user) = (&passage.owner, &passage.user);
        let (from, to) = if passage.kind.goes_to_owner() { (user, owner) } else { (owner, user) };
        Crossing { kind: passage.kind, subject: &passage.subject, from, to }
    });
    crossing.collect()
}

fn pullers<'a>(cluster: &'a Cluster, asked: &str) -> Vec<Puller<'a>> {
    let mut all = Vec::new();
    for (service, _, consumer, stream) in consumers(cluster) {
        let patterns = handed_out(consumer, stream).iter();
        all.extend(patterns.filter(|p| overlaps(p.as_str(), asked)).map(|pattern| Puller {
            service: &service.name,
            account: &service.account,
            stream: &stream.name,
            owner: &stream.account,
            consumer: &consumer.name,
            pattern: pattern.as_str(),
        }));
    }
    all
}

/// What permissions hold besides the grants themselves: inboxes, and where traces go. None of it has a category.
fn beyond_the_contract<'a>(holder: Holder<'a>, asked: &str, who: &mut Who<'a>) {
    if Category::of_subject(asked).is_some() {
        return;
    }
    let (permissions, granted) = (holder.permissions(), grants(holder));
    let further = |subject: &str| {
        overlaps(subject, asked) && !granted.iter().any(|grant| grant.subject.as_str() == subject)
    };
    let party =
        |subject: String, queue| Party { holder, account: holder.account(), subject, queue };
    let publish = permissions.publish.into_iter().filter(|subject| further(subject));
    who.publishes.extend(publish.map(|subject| party(subject, None)));
    let subscribe = permissions.subscribe.into_iter().filter(|entry| further(&entry.subject));
    who.subscribes.extend(subscribe.map(|entry| party(entry.subject, entry.queue)));
}

fn stored<'a>(cluster: &'a Cluster, asked: &str) -> Vec<Store<'a>> {
    let all = cluster.streams.iter().flat_map(|stream| {
        stream.subjects.iter().map(move |pattern| Store {
            stream: stream.name.to_string(),
            account: &stream.account,
            pattern: pattern.to_string(),
        })
    });
    let buckets = cluster.buckets.iter().map(|bucket| Store {
        stream: bucket.name.stream(),
        account: &bucket.account,
        pattern: bucket.name.subjects(),
    });
    all.chain(buckets).filter(|store| overlaps(&store.pattern, asked)).collect()
}

/// Every subject of the contract in the account where it is at home, with those who use it in any account, sorted.
pub fn subjects(cluster: &Cluster) -> BTreeMap<(&Subject, &AccountName), Vec<Grant<'_>>> {
    let borders = Borders::new(cluster);
    let mut all: BTreeMap<_, Vec<Grant<'_>>> = BTreeMap::new();
    for grant in holders(cluster).flat_map(grants).chain(pulled(cluster)) {
        all.entry((grant.subject, borders.home(&grant))).or_default().push(grant);
    }
    all
}
