//! Lints about who says what to whom.

use std::collections::{BTreeMap, BTreeSet};

use super::super::catalog::{Catalog, Entry, Use, uses};
use super::super::sharing::{Offer, Offers, Trails};
use crate::environment::Diagnostics;
use crate::environment::shape::did_you_mean;
use crate::environment::spec::{EnvironmentSpec, LeafnodeSpec, ServiceSpec};
use crate::model::{AccountName, Category, ServiceName, Subject, SubjectIndex};

/// A service of the catalog.
type Service<'a> = Entry<'a, ServiceName, ServiceSpec>;

pub fn check(environment: &EnvironmentSpec, catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    let (offers, trails) = (Offers::new(catalog), Trails::new(catalog));
    without_grants(catalog, problems);
    unstored(catalog, &trails, problems);
    unfed(environment, catalog, problems);
    unpublished(environment, catalog, (&offers, &trails), problems);
    stolen(catalog, problems);
    uncalled(environment, catalog, &offers, problems);
    untaken(catalog, &offers, problems);
}

/// All uses of a kind, each with its account.
fn all<'a>(catalog: &'a Catalog<'_>, verb: &str) -> Vec<(&'a AccountName, Use<'a>)> {
    let services = catalog.services.iter();
    services
        .flat_map(|service| uses(service).into_iter().map(|used| (&service.spec.account, used)))
        .filter(|(_, used)| used.verb == verb)
        .collect()
}

fn without_grants(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    let silent = |service: &Service<'_>| {
        let spec = service.spec;
        uses(service).is_empty()
            && spec.consumes.is_empty()
            && spec.reads.is_empty()
            && spec.writes.is_empty()
    };
    for service in catalog.services.iter().filter(|service| silent(service)) {
        let path = format!("services.{}", service.name);
        let message = format!("`{}` may neither say nor hear anything", service.name);
        problems.push(
            service.document.lint("service-without-grants", &path, message).help(
                "say what it serves, calls, publishes, subscribes or consumes, or take it out",
            ),
        );
    }
}

fn unstored(catalog: &Catalog<'_>, trails: &Trails<'_>, problems: &mut Diagnostics) {
    for (account, used) in all(catalog, "publishes") {
        if used.subject.category() == Category::Audit {
            if trails.keeper(used.subject).is_none() {
                let message = format!("no stream of any account keeps `{}`", used.subject);
                let lint = used.service.document.lint("event-unstored", &used.path(), message);
                problems.push(
                    lint.help(
                        "add its subject to a stream of the account that keeps audit records",
                    ),
                );
            }
            continue;
        }
        let own = catalog.streams.iter().filter(|stream| stream.spec.account == *account);
        let stored = own.flat_map(|s| &s.spec.subjects).any(|pattern| pattern.covers(used.subject));
        if !stored {
            let message = format!("no stream of {account} keeps `{}`", used.subject);
            problems.push(
                used.service.document.lint("event-unstored", &used.path(), message).help(
                    "add its subject to a stream: without one it reaches only who listens at that moment",
                ),
            );
        }
    }
}

/// Where another account publishes it, it is an error, and found elsewhere.
fn unfed(environment: &EnvironmentSpec, catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    let mut published = SubjectIndex::default();
    let services = all(catalog, "publishes").into_iter().map(|(_, used)| used.subject);
    let leafnodes = environment.leafnodes.values().flat_map(|leafnode| &leafnode.publishes);
    services.chain(leafnodes).for_each(|subject| published.insert(subject.as_str(), ()));
    for stream in &catalog.streams {
        for (index, pattern) in stream.spec.subjects.iter().enumerate() {
            if published.overlapping(pattern.as_str()).is_empty() {
                let path = format!("streams.{}.subjects[{index}]", stream.name);
                let message = format!("nobody publishes what `{pattern}` stores");
                problems.push(
                    stream
                        .document
                        .lint("stream-unfed", &path, message)
                        .help("correct it, take it out, or add the service that publishes"),
                );
            }
        }
    }
}

/// Subjects by account, those of leafnodes included.
type Spoken<'a> = BTreeMap<&'a AccountName, SubjectIndex<'a, &'a Subject>>;

fn spoken<'a>(
    uses: &[(&'a AccountName, Use<'a>)],
    environment: &'a EnvironmentSpec,
    of_leafnode: fn(&LeafnodeSpec) -> &Vec<Subject>,
) -> Spoken<'a> {
    let mut spoken = Spoken::new();
    let own = uses.iter().map(|(account, used)| (*account, used.subject));
    let leafnodes = environment.leafnodes.values();
    let edges = leafnodes.flat_map(|leafnode| {
        of_leafnode(leafnode).iter().map(move |subject| (&leafnode.account, subject))
    });
    for (account, subject) in own.chain(edges) {
        spoken.entry(account).or_default().insert(subject.as_str(), subject);
    }
    spoken
}

/// Whether some message of a subject is spoken in an account.
fn is_spoken(spoken: &Spoken<'_>, account: &AccountName, subject: &Subject) -> bool {
    let index = spoken.get(account);
    index.is_some_and(|index| !index.overlapping(subject.as_str()).is_empty())
}

fn unpublished(
    environment: &EnvironmentSpec,
    catalog: &Catalog<'_>,
    (offers, trails): (&Offers<'_>, &Trails<'_>),
    problems: &mut Diagnostics,
) {
    let publications = all(catalog, "publishes");
    let published = spoken(&publications, environment, |leafnode| &leafnode.publishes);
    let anywhere =
        |subject: &Subject| published.keys().any(|account| is_spoken(&published, account, subject));
    for (account, used) in all(catalog, "subscribes") {
        let comes = is_spoken(&published, account, used.subject)
            || offers.to(account, used.subject).is_some()
            || trails.reach(account, used.subject) && anywhere(used.subject);
        if comes {
            continue;
        }
        let message = format!("nobody in account {account} publishes `{}`", used.subject);
        let near = publications.iter().filter(|(a, _)| *a == account);
        let near = near.map(|(_, other)| other.subject.as_str());
        let help = did_you_mean(used.subject.as_str(), near).unwrap_or_else(|| {
            "add it to a service's `publishes`, or drop the subscription".to_owned()
        });
        let lint = used.service.document.lint("subscription-unpublished", &used.path(), message);
        problems.push(lint.help(help));
    }
}

fn uncalled(
    environment: &EnvironmentSpec,
    catalog: &Catalog<'_>,
    offers: &Offers<'_>,
    problems: &mut Diagnostics,
) {
    let calls = all(catalog, "calls");
    let mut called = spoken(&calls, environment, |leafnode| &leafnode.calls);
    // A call of another account is a call here.
    for (account, used) in &calls {
        if let Some(offer) = offers.to(account, used.subject) {
            let index = called.entry(offer.owner.name).or_default();
            index.insert(used.subject.as_str(), used.subject);
        }
    }
    for (account, used) in all(catalog, "serves") {
        if is_spoken(&called, account, used.subject) {
            continue;
        }
        let here = called.get(account).map(|index| index.overlapping(">")).unwrap_or_default();
        let other =
            here.into_iter().find(|other| without_version(other) == without_version(used.subject));
        let message = format!("nobody calls `{}` of account {account}", used.subject);
        let help = match other {
            Some(other) => format!("callers use `{other}`: stop serving this version"),
            None => "take it out, or add the service that calls it to the catalog".to_owned(),
        };
        let lint = used.service.document.lint("serve-uncalled", &used.path(), message);
        problems.push(lint.help(help));
    }
}

/// Several services in one queue group of an event: each receives a part of them.
fn stolen(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    let mut seen: BTreeMap<_, SubjectIndex<'_, Use<'_>>> = BTreeMap::new();
    for (account, used) in all(catalog, "subscribes") {
        let Some(queue) = used.queue() else { continue };
        let earlier = seen.entry((account, queue)).or_default();
        let others = earlier.overlapping(used.subject.as_str()).into_iter();
        let other = others.into_iter().find(|other| other.service.name != used.service.name);
        if let Some(other) = other {
            let (subject, name) = (used.subject, other.service.name);
            let message = format!("`{name}` receives `{subject}` in queue group {queue} too");
            let lint = used.service.document.lint("queue-shared", &used.path(), message);
            problems.push(lint.other(other.at(), "the other service").help(
                "each event reaches one of both: give every service a queue group of its own",
            ));
        }
        earlier.insert(used.subject.as_str(), used);
    }
}

/// A subject that one account takes from another: the taker, the owner, and what is shared.
type Taken<'a> = (&'a AccountName, &'a AccountName, &'a Subject);

/// Shares that an account may take and does not.
fn untaken(catalog: &Catalog<'_>, offers: &Offers<'_>, problems: &mut Diagnostics) {
    let asked = [all(catalog, "calls"), all(catalog, "subscribes")].concat();
    let mut used: BTreeSet<Taken<'_>> = asked
        .iter()
        .filter_map(|(account, taken)| Some(taken_by(account, offers.to(account, taken.subject)?)))
        .collect();
    used.extend(pulled(catalog, offers));
    for offer in &offers.all {
        let (subject, taken) = (&offer.share.subject, taken_by(offer.user(), offer));
        if used.contains(&taken) {
            continue;
        }
        let verb = match subject.category() {
            Category::Service => "calls",
            Category::Event | Category::Audit => "subscribes or consumes",
        };
        let message = format!("nobody in account {} {verb} `{subject}`", offer.user());
        let other = used.iter().find(|(user, owner, other)| {
            (*user, *owner) == (taken.0, taken.1)
                && without_version(other) == without_version(subject)
        });
        let help = match other {
            Some((.., other)) => format!("it takes `{other}`: share this version no longer"),
            None => "take it out: what nobody needs is shared for nothing".to_owned(),
        };
        let lint = offer.owner.document.lint("share-unused", &offer.path(), message);
        problems.push(lint.help(help));
    }
}

fn taken_by<'a>(account: &'a AccountName, offer: &Offer<'a>) -> Taken<'a> {
    (account, offer.owner.name, &offer.share.subject)
}

/// What services pull from streams of other accounts.
fn pulled<'a>(catalog: &'a Catalog<'a>, offers: &Offers<'a>) -> Vec<Taken<'a>> {
    let mut taken = Vec::new();
    for service in &catalog.services {
        let own = &service.spec.account;
        for consumer in &service.spec.consumes {
            let Some(owner) = &consumer.account else { continue };
            let offered = consumer.filter.iter().flat_map(|f| offers.pulled(owner, own, f));
            taken.extend(offered.map(|offer| taken_by(own, offer)));
        }
    }
    taken
}

/// The parts of a subject that two versions of it share.
fn without_version(subject: &Subject) -> Vec<&str> {
    let is_version = |part: &&str| {
        part.strip_prefix('v').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    subject.as_str().split('.').filter(|part| !is_version(part)).collect()
}
