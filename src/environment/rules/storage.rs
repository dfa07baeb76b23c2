//! Rules of what is stored: copies that have a zone each, sizes that fit, nodes that are there.

use std::collections::{BTreeMap, BTreeSet};

use super::Document;
use super::catalog::Catalog;
use crate::environment::shape::did_you_mean;
use crate::environment::spec::{CatalogSpec, EnvironmentSpec, NodeSpec};
use crate::environment::{Diagnostic, Diagnostics};
use crate::model::{AccountName, ByteSize, Discard, TagName, ZoneName};

/// A stream or a bucket: on the servers both are streams.
pub struct Kept<'a> {
    document: &'a Document<CatalogSpec>,
    /// Its dotted path.
    path: String,
    account: &'a AccountName,
    /// Its size on each replica.
    pub max_bytes: ByteSize,
    /// Its copies.
    pub replicas: u8,
    placement: &'a [TagName],
}

/// Everything that a catalog keeps.
pub fn kept<'a>(catalog: &Catalog<'a>) -> Vec<Kept<'a>> {
    let streams = catalog.streams.iter().map(|stream| Kept {
        document: stream.document,
        path: format!("streams.{}", stream.name),
        account: &stream.spec.account,
        max_bytes: stream.spec.max_bytes,
        replicas: stream.spec.replicas,
        placement: &stream.spec.placement,
    });
    let buckets = catalog.buckets.iter().map(|bucket| Kept {
        document: bucket.document,
        path: format!("buckets.{}", bucket.name),
        account: &bucket.spec.account,
        max_bytes: bucket.spec.max_bytes,
        replicas: bucket.spec.replicas,
        placement: &bucket.spec.placement,
    });
    streams.chain(buckets).collect()
}

pub fn check(
    environment: &Document<EnvironmentSpec>,
    catalog: &Catalog<'_>,
    problems: &mut Diagnostics,
) {
    let all = kept(catalog);
    for kept in &all {
        replicas(environment, kept, problems);
    }
    sizes(environment, catalog, &all, problems);
    consumers(catalog, problems);
    full_subjects(catalog, problems);
}

fn replicas(environment: &Document<EnvironmentSpec>, kept: &Kept<'_>, problems: &mut Diagnostics) {
    let nodes = &environment.spec.nats.nodes;
    unknown_tags(nodes, kept, problems);
    let count = kept.replicas;
    let fits = |node: &&NodeSpec| kept.placement.iter().all(|tag| node.tags.contains(tag));
    let zones: BTreeSet<&ZoneName> = nodes.iter().filter(fits).map(|node| &node.zone).collect();
    let at = kept.document.at(&format!("{}.replicas", kept.path));
    if usize::from(count) > zones.len() {
        let tagged = match kept.placement {
            [] => String::new(),
            tags => {
                let tags: Vec<String> = tags.iter().map(ToString::to_string).collect();
                format!(" with nodes tagged {}", tags.join(" and "))
            }
        };
        problems.push(
            Diagnostic::error(
                "replicas-beyond-zones",
                at,
                format!(
                    "{count} replicas need {count} zones{tagged}, and there are {}",
                    zones.len()
                ),
            )
            .other(environment.key("nats.nodes"), "the nodes and their zones")
            .help("each replica lives in a zone of its own, so that a lost zone costs one"),
        );
    } else if count.is_multiple_of(2) {
        problems.push(
            Diagnostic::error("even-replicas", at, format!("{count} replicas"))
                .help("use 1, 3 or 5: an even number costs more and survives no more"),
        );
    }
}

/// A tag that no node has is a slip, and nothing could be placed by it.
fn unknown_tags(nodes: &[NodeSpec], kept: &Kept<'_>, problems: &mut Diagnostics) {
    let known: BTreeSet<&str> =
        nodes.iter().flat_map(|node| &node.tags).map(|tag| tag.as_str()).collect();
    for (index, tag) in kept.placement.iter().enumerate() {
        if known.contains(tag.as_str()) {
            continue;
        }
        let at = kept.document.at(&format!("{}.placement[{index}]", kept.path));
        let message = format!("no node of this environment has the tag `{tag}`");
        let mut problem = Diagnostic::error("unknown-tag", at, message);
        problem.help = did_you_mean(tag.as_str(), known.iter().copied())
            .or_else(|| Some("add it to `tags` of the nodes that are meant".to_owned()));
        problems.push(problem);
    }
}

/// What the server refuses of a stream whose subjects are bounded one by one.
fn full_subjects(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    for stream in catalog.streams.iter().filter(|stream| stream.spec.discard_per_subject) {
        let spec = stream.spec;
        if spec.discard == Discard::New && spec.max_messages_per_subject.is_some() {
            continue;
        }
        let at = stream.document.at(&format!("streams.{}.discard_per_subject", stream.name));
        let message =
            "a full subject refuses messages only where the stream does and a subject can be full";
        problems.push(
            Diagnostic::error("discard-per-subject", at, message)
                .help("add `discard: new` and `max_messages_per_subject`"),
        );
    }
}

/// Counted once in the account of the stream, as its limit is.
fn consumers(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    let mut counts: BTreeMap<&AccountName, usize> = BTreeMap::new();
    for service in &catalog.services {
        for consumer in &service.spec.consumes {
            let owner = consumer.account.as_ref().unwrap_or(&service.spec.account);
            *counts.entry(owner).or_default() += 1;
        }
    }
    for account in &catalog.accounts {
        let count = counts.get(account.name).copied().unwrap_or_default();
        let limit = account.spec.limits.jetstream.as_ref().map(|limits| limits.consumers);
        if limit.is_some_and(|limit| count > limit as usize) {
            let path = format!("accounts.{}.limits.jetstream.consumers", account.name);
            problems.push(Diagnostic::error(
                "account-consumers",
                account.document.at(&path),
                format!("{} has {count} consumers", account.name),
            ));
        }
    }
}

fn sizes(
    environment: &Document<EnvironmentSpec>,
    catalog: &Catalog<'_>,
    all: &[Kept<'_>],
    problems: &mut Diagnostics,
) {
    let mut of: BTreeMap<&AccountName, Vec<&Kept<'_>>> = BTreeMap::new();
    for kept in all {
        of.entry(kept.account).or_default().push(kept);
    }
    for account in &catalog.accounts {
        let own = || of.get(account.name).into_iter().flatten();
        let used: u64 = own().map(|kept| kept.max_bytes.bytes()).fold(0, u64::saturating_add);
        let path = format!("accounts.{}.limits", account.name);
        match &account.spec.limits.jetstream {
            None if own().next().is_some() => problems.push(
                Diagnostic::error(
                    "account-without-storage",
                    account.document.key(&path),
                    format!("account {} has streams and no `jetstream` limits", account.name),
                )
                .help("add `jetstream: {disk: …, streams: …, consumers: …}`"),
            ),
            Some(limits) if used > limits.disk.bytes() => problems.push(Diagnostic::error(
                "account-storage",
                account.document.at(&format!("{path}.jetstream.disk")),
                format!(
                    "the streams of {} reserve {}, its limit is {}",
                    account.name,
                    ByteSize::new(used),
                    limits.disk
                ),
            )),
            Some(limits) if own().count() > limits.streams as usize => {
                problems.push(Diagnostic::error(
                    "account-streams",
                    account.document.at(&format!("{path}.jetstream.streams")),
                    format!("{} has {} streams", account.name, own().count()),
                ));
            }
            _ => {}
        }
    }
    fits_the_smallest_zone(environment, all, problems);
}

/// With one replica per zone and as many replicas as zones, each zone holds a copy of every stream:
/// the zone with the fewest nodes decides what fits.
fn fits_the_smallest_zone(
    environment: &Document<EnvironmentSpec>,
    all: &[Kept<'_>],
    problems: &mut Diagnostics,
) {
    let nats = &environment.spec.nats;
    let mut zones: BTreeMap<_, u64> = BTreeMap::new();
    for node in &nats.nodes {
        *zones.entry(&node.zone).or_default() += 1;
    }
    let Some((zone, nodes)) = zones.iter().min_by_key(|(_, nodes)| **nodes) else {
        return;
    };
    let cap = nats.jetstream.max_stream.map_or(u64::MAX, ByteSize::bytes);
    let reserved = all
        .iter()
        .filter(|kept| usize::from(kept.replicas) >= zones.len())
        .fold(0_u64, |sum, kept| sum.saturating_add(kept.max_bytes.bytes().min(cap)));
    let room = nats.jetstream.max_file.bytes().saturating_mul(*nodes);
    if reserved > room {
        problems.push(
            Diagnostic::error(
                "streams-beyond-storage",
                environment.at("nats.jetstream.max_file"),
                format!(
                    "the streams reserve {} in zone {zone}, which has {}",
                    ByteSize::new(reserved),
                    ByteSize::new(room)
                ),
            )
            .help("raise max_file, lower max_bytes of streams, or add a node to the zone"),
        );
    }
}
