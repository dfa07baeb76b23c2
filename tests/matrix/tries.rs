//! What is tried with the credentials of a service: what it is granted, and everything near that.

use std::collections::BTreeSet;

use super::catalog::{Catalog, Service};
use super::deed::Deed;
use super::grants::{Direction, Grant, concrete};

/// Subjects of the servers' own, which no service has.
const SYSTEM: [&str; 6] = [
    "$SYS.REQ.SERVER.PING",
    "$SYS.REQ.USER.INFO",
    "$SYS.REQ.CLAIMS.LIST",
    "$SYS.REQ.ACCOUNT.PING.STATZ",
    "$JS.API.META.LEADER.STEPDOWN",
    "$JS.API.SERVER.REMOVE",
];

/// Patterns that would open far too much.
const WIDE: [&str; 17] = [
    ">",
    "*",
    "*.>",
    "svc.>",
    "evt.>",
    "audit.>",
    "_INBOX.>",
    "_INBOX.*",
    "$SYS.>",
    "$JS.>",
    "$JS.API.>",
    "$JS.*.API.>",
    "$JS.ACK.>",
    "$JS.EVENT.>",
    "$KV.>",
    "$O.>",
    "_R_.>",
];

/// What the owner of a stream asks of JetStream, and nobody else does.
const OF_STREAMS: [&str; 20] = [
    "$JS.API.STREAM.INFO.{stream}",
    "$JS.API.STREAM.CREATE.{stream}",
    "$JS.API.STREAM.UPDATE.{stream}",
    "$JS.API.STREAM.DELETE.{stream}",
    "$JS.API.STREAM.PURGE.{stream}",
    "$JS.API.STREAM.MSG.GET.{stream}",
    "$JS.API.STREAM.MSG.DELETE.{stream}",
    "$JS.API.STREAM.SNAPSHOT.{stream}",
    "$JS.API.STREAM.LEADER.STEPDOWN.{stream}",
    "$JS.API.DIRECT.GET.{stream}",
    "$JS.API.CONSUMER.CREATE.{stream}",
    "$JS.API.CONSUMER.DURABLE.CREATE.{stream}.matrix",
    "$JS.API.CONSUMER.MSG.NEXT.{stream}.matrix",
    "$JS.{account}.API.STREAM.INFO.{stream}",
    "$JS.{account}.API.STREAM.PURGE.{stream}",
    "$JS.{account}.API.STREAM.MSG.GET.{stream}",
    "$JS.{account}.API.CONSUMER.CREATE.{stream}",
    "$JS.{account}.API.CONSUMER.INFO.{stream}.matrix",
    "$JS.{account}.API.CONSUMER.MSG.NEXT.{stream}.matrix",
    "$JS.ACK.{stream}.matrix.1.1.1.1.1",
];

/// Every deed to try for a service, each once.
pub fn tries(catalog: &Catalog, service: &Service) -> BTreeSet<Deed> {
    let mut deeds: BTreeSet<Deed> = service.grants.iter().map(Grant::deed).collect();
    deeds.extend(service.grants.iter().flat_map(|grant| beside(catalog, grant)));
    deeds.extend(catalog.services.values().flat_map(|other| &other.grants).flat_map(foreign));
    for other in catalog.services.keys() {
        deeds.extend(inboxes(other));
    }
    deeds.extend(jetstream(catalog).iter().chain(&SYSTEM.map(str::to_owned)).map(Deed::publish));
    deeds.extend(WIDE.iter().flat_map(|wide| both(wide, None)));
    deeds.extend(too_large(service));
    deeds
}

/// What lies beside a grant: other versions, wildcards, other queue groups, more and fewer words.
fn beside(catalog: &Catalog, grant: &Grant) -> Vec<Deed> {
    let queue = grant.queue.as_deref();
    let mut deeds: Vec<Deed> =
        around(&grant.subject).iter().flat_map(|subject| both(subject, queue)).collect();
    let groups = catalog.services.values().flat_map(|service| &service.grants);
    let another = groups.filter_map(|other| other.queue.as_deref()).find(|q| Some(*q) != queue);
    let longer = format!("{}.other", queue.unwrap_or("q"));
    for queue in [another, Some("other"), Some(&longer), Some("q.*"), Some(">"), None] {
        deeds.push(Deed::subscribe(&grant.subject, queue));
        deeds.push(Deed::subscribe(concrete(&grant.subject), queue));
    }
    deeds
}

/// Subjects and patterns near a subject.
fn around(subject: &str) -> Vec<String> {
    let tokens: Vec<&str> = subject.split('.').collect();
    let mut near =
        vec![subject.to_owned(), concrete(subject), format!("{}.matrix", concrete(subject))];
    for at in 0..tokens.len() {
        let with = |word: &str| {
            let mut changed = tokens.clone();
            changed[at] = word;
            changed.join(".")
        };
        near.push(with("*"));
        near.push(with("matrix"));
        near.push([&tokens[..at], &[">"][..]].concat().join("."));
        if let Some(version) = version(tokens[at]) {
            near.push(with(&format!("v{}", version + 1)));
            near.push(with(&format!("v{}", version + 10)));
        }
    }
    near.push(tokens[..tokens.len() - 1].join("."));
    near
}

fn version(token: &str) -> Option<u32> {
    token.strip_prefix('v')?.parse().ok()
}

/// A subject in both directions.
fn both(subject: &str, queue: Option<&str>) -> Vec<Deed> {
    let mut deeds = vec![Deed::publish(subject), Deed::subscribe(subject, None)];
    deeds.extend(queue.map(|queue| Deed::subscribe(subject, Some(queue))));
    deeds
}

/// What any service of the catalog may do, tried by this one.
fn foreign(grant: &Grant) -> Vec<Deed> {
    both(&concrete(&grant.subject), grant.queue.as_deref())
}

fn inboxes(name: &str) -> Vec<Deed> {
    let subjects = [
        format!("_INBOX.{name}"),
        format!("_INBOX.{name}.*"),
        format!("_INBOX.{name}.>"),
        format!("_INBOX.{name}.matrix"),
        // A prefix of letters is no prefix of words.
        format!("_INBOX.{name}x.>"),
    ];
    subjects.iter().flat_map(|subject| both(subject, None)).collect()
}

fn jetstream(catalog: &Catalog) -> Vec<String> {
    let own = ["INFO", "STREAM.LIST", "STREAM.NAMES", "STREAM.CREATE.matrix"];
    let mut subjects: Vec<String> = own.iter().map(|own| format!("$JS.API.{own}")).collect();
    for (name, stream) in &catalog.streams {
        let of = |subject: &&str| {
            subject.replace("{account}", &stream.account).replace("{stream}", name)
        };
        subjects.extend(OF_STREAMS.iter().map(of));
    }
    subjects
}

/// The largest message that the service may send, and one byte more.
fn too_large(service: &Service) -> Vec<Deed> {
    let speaks = service.grants.iter().find(|grant| grant.direction == Direction::Speaks);
    let sized = |grant: &Grant| {
        let subject = concrete(&grant.subject);
        [service.payload, service.payload + 1]
            .map(|bytes| Deed::Publish { subject: subject.clone(), bytes })
    };
    speaks.map(sized).into_iter().flatten().collect()
}
