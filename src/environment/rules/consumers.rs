//! Rules of consumers: what the server would refuse, and what would hand a message to the wrong one or to nobody.

mod abroad;

use std::collections::BTreeMap;

use super::Document;
use super::catalog::{Catalog, Entry};
use super::sharing::Offers;
use crate::environment::shape::did_you_mean;
use crate::environment::spec::{
    CatalogSpec, ConsumerSpec, EnvironmentSpec, ServiceSpec, StreamSpec,
};
use crate::environment::{Diagnostic, Diagnostics, Place};
use crate::model::{
    AccountName, Ack, Deliver, Retention, ServiceName, StreamName, SubjectPattern, matching,
};

/// A consumer with the service that it stands in.
pub struct Pulled<'a> {
    service: &'a Entry<'a, ServiceName, ServiceSpec>,
    index: usize,
    spec: &'a ConsumerSpec,
}

impl Pulled<'_> {
    fn document(&self) -> &Document<CatalogSpec> {
        self.service.document
    }

    /// Where one of its keys stands, or where it would.
    fn at(&self, key: &str) -> Place {
        let path = format!("services.{}.consumes[{}].{key}", self.service.name, self.index);
        self.document().at(&path)
    }

    /// The account in which it looks for its stream.
    fn owner(&self) -> &AccountName {
        self.spec.account.as_ref().unwrap_or(&self.service.spec.account)
    }

    fn name(&self) -> &str {
        self.spec.consumer.as_ref().map_or(self.service.name.as_str(), |name| name.as_str())
    }

    /// What it hands out of a stream.
    fn patterns<'s>(&'s self, stream: &'s StreamSpec) -> &'s [SubjectPattern] {
        if self.spec.filter.is_empty() { &stream.subjects } else { &self.spec.filter }
    }
}

/// A stream of the catalog.
type Stream<'a> = Entry<'a, StreamName, StreamSpec>;

pub fn check(
    environment: &Document<EnvironmentSpec>,
    catalog: &Catalog<'_>,
    problems: &mut Diagnostics,
) {
    check_alone(catalog, problems);
    let all: Vec<Pulled<'_>> = catalog.services.iter().flat_map(consumers).collect();
    let streams: BTreeMap<&str, &Stream<'_>> =
        catalog.streams.iter().map(|stream| (stream.name.as_str(), stream)).collect();
    let offers = Offers::new(catalog);
    for pulled in &all {
        match streams.get(pulled.spec.stream.as_str()) {
            Some(stream) if stream.spec.account == *pulled.owner() => {
                filter_inside(pulled, stream, problems);
                replicas(pulled, stream, problems);
                work_queue(pulled, stream, problems);
                if pulled.owner() != &pulled.service.spec.account {
                    abroad::check(environment, pulled, stream, &offers, problems);
                }
            }
            Some(stream) => problems.push(abroad::elsewhere(pulled, stream)),
            None => problems.push(unknown(pulled, streams.keys().copied())),
        }
    }
    one_worker_each(&all, &streams, problems);
}

/// What consumers say for themselves, whatever their streams are.
pub fn check_alone(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    let all: Vec<Pulled<'_>> = catalog.services.iter().flat_map(consumers).collect();
    names_once(&all, problems);
    for pulled in &all {
        acknowledgements(pulled, problems);
        filters_apart(pulled, problems);
    }
}

fn consumers<'a>(service: &'a Entry<'a, ServiceName, ServiceSpec>) -> Vec<Pulled<'a>> {
    let specs = service.spec.consumes.iter().enumerate();
    specs.map(|(index, spec)| Pulled { service, index, spec }).collect()
}

fn names_once(all: &[Pulled<'_>], problems: &mut Diagnostics) {
    let mut seen: BTreeMap<(&StreamName, &str), &Pulled<'_>> = BTreeMap::new();
    for pulled in all {
        let Some(first) = seen.insert((&pulled.spec.stream, pulled.name()), pulled) else {
            continue;
        };
        let message = format!("{} has two consumers `{}`", pulled.spec.stream, pulled.name());
        problems.push(
            Diagnostic::error("duplicate-consumer", pulled.at("consumer"), message)
                .other(first.at("consumer"), "first here")
                .help("give each its own name; instances of one service share a consumer"),
        );
    }
}

fn unknown<'a>(pulled: &Pulled<'_>, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    let stream = &pulled.spec.stream;
    let message = format!("there is no stream `{stream}`");
    let mut problem = Diagnostic::error("unknown-stream", pulled.at("stream"), message);
    problem.help = did_you_mean(stream.as_str(), known)
        .or_else(|| Some("define it under `streams:` in a file of the catalog".to_owned()));
    problem
}

/// Whether a server would make the consumer, and whether what it is told about acknowledgements can happen.
fn acknowledgements(pulled: &Pulled<'_>, problems: &mut Diagnostics) {
    let spec = pulled.spec;
    if spec.ack == Ack::None {
        for (key, given) in [
            ("ack_wait", spec.ack_wait.is_some()),
            ("max_deliver", spec.max_deliver.is_some()),
            ("backoff", !spec.backoff.is_empty()),
            ("max_ack_pending", spec.max_ack_pending.is_some()),
        ] {
            if given {
                let message = format!("with `ack: none` there is no {key}");
                problems.push(
                    Diagnostic::error("needless-redelivery", pulled.at(key), message)
                        .help("what is handed out counts as done at once; use `ack: explicit`"),
                );
            }
        }
        return;
    }
    let Some(first) = spec.backoff.first() else {
        return;
    };
    if let Some(wait) = spec.ack_wait.filter(|wait| wait != first) {
        problems.push(
            Diagnostic::error(
                "backoff-beside-wait",
                pulled.at("ack_wait"),
                format!(
                    "the server waits for the first period of the backoff, {first}, not {wait}"
                ),
            )
            .other(pulled.at("backoff"), "the backoff")
            .help("leave `ack_wait` out"),
        );
    }
    let (count, most) =
        (spec.backoff.len(), spec.max_deliver.map_or(usize::MAX, |most| most as usize));
    if count >= most {
        problems.push(
            Diagnostic::error(
                "backoff-too-long",
                pulled.at("max_deliver"),
                format!("{count} periods of backoff need more than {most} deliveries"),
            )
            .help("raise max_deliver, or take periods out: the last one counts from then on"),
        );
    }
}

/// The server refuses filters that share a subject.
fn filters_apart(pulled: &Pulled<'_>, problems: &mut Diagnostics) {
    for (index, filter) in pulled.spec.filter.iter().enumerate() {
        let mut earlier = pulled.spec.filter[..index].iter().enumerate();
        let Some((first, other)) = earlier.find(|(_, other)| other.overlaps(filter)) else {
            continue;
        };
        problems.push(
            Diagnostic::error(
                "overlapping-filters",
                pulled.at(&format!("filter[{index}]")),
                format!("`{filter}` overlaps `{other}`"),
            )
            .other(pulled.at(&format!("filter[{first}]")), "the other filter")
            .help("the server refuses filters of one consumer that share a subject"),
        );
    }
}

fn filter_inside(pulled: &Pulled<'_>, stream: &Stream<'_>, problems: &mut Diagnostics) {
    let inside = |filter: &SubjectPattern| {
        let mut stored = stream.spec.subjects.iter();
        stored.any(|pattern| matching::covers(pattern.as_str(), filter.as_str()))
    };
    for (index, filter) in pulled.spec.filter.iter().enumerate().filter(|(_, f)| !inside(f)) {
        let stored: Vec<String> = stream.spec.subjects.iter().map(ToString::to_string).collect();
        problems.push(
            Diagnostic::error(
                "filter-outside-stream",
                pulled.at(&format!("filter[{index}]")),
                format!("{} does not store `{filter}`", stream.name),
            )
            .other(
                stream.document.at(&format!("streams.{}.subjects", stream.name)),
                "what it stores",
            )
            .help(format!("it stores {}", stored.join(", "))),
        );
    }
}

fn replicas(pulled: &Pulled<'_>, stream: &Stream<'_>, problems: &mut Diagnostics) {
    let (Some(own), of_stream) = (pulled.spec.replicas, stream.spec.replicas) else {
        return;
    };
    let kept = stream.spec.retention == Retention::Limits;
    let problem = if own > of_stream {
        format!(
            "{own} replicas of a consumer need as many of {}, which has {of_stream}",
            stream.name
        )
    } else if own != of_stream && !kept {
        format!("{} waits for its consumers, so each needs its {of_stream} replicas", stream.name)
    } else if own.is_multiple_of(2) {
        format!("{own} replicas cost more than {} and survive no more", own - 1)
    } else {
        return;
    };
    problems.push(
        Diagnostic::error("consumer-replicas", pulled.at("replicas"), problem)
            .help("leave it out: a consumer then has as many as its stream"),
    );
}

/// What the server demands of whoever takes work from a queue.
fn work_queue(pulled: &Pulled<'_>, stream: &Stream<'_>, problems: &mut Diagnostics) {
    if stream.spec.retention != Retention::WorkQueue {
        return;
    }
    let mut refuse = |key: &str, wanted: &str| {
        let message = format!("{} is a queue of work, and needs `{key}: {wanted}`", stream.name);
        problems.push(Diagnostic::error("work-queue-consumer", pulled.at(key), message));
    };
    if pulled.spec.ack != Ack::Explicit {
        refuse("ack", "explicit");
    }
    if pulled.spec.deliver != Deliver::All {
        refuse("deliver", "all");
    }
}

/// In a queue of work each message goes to one consumer, so no two may ask for the same.
fn one_worker_each(
    all: &[Pulled<'_>],
    streams: &BTreeMap<&str, &Stream<'_>>,
    problems: &mut Diagnostics,
) {
    for (index, pulled) in all.iter().enumerate() {
        let stream = streams.get(pulled.spec.stream.as_str());
        let Some(stream) = stream.filter(|s| s.spec.retention == Retention::WorkQueue) else {
            continue;
        };
        let overlaps = |other: &&Pulled<'_>| {
            let theirs = other.patterns(stream.spec);
            let mut own = pulled.patterns(stream.spec).iter();
            own.any(|pattern| theirs.iter().any(|other| other.overlaps(pattern)))
        };
        let mut earlier = all[..index].iter().filter(|o| o.spec.stream == pulled.spec.stream);
        let Some(other) = earlier.find(overlaps) else {
            continue;
        };
        let message = format!(
            "`{}` takes work from {} that `{}` takes as well",
            pulled.name(),
            stream.name,
            other.name()
        );
        problems.push(
            Diagnostic::error("work-queue-overlap", pulled.at("filter"), message)
                .other(other.at("filter"), "the other consumer")
                .help("each job goes to one consumer: give them filters that share no subject"),
        );
    }
}
