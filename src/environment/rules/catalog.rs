//! Rules of the catalog: names that exist, calls that somebody answers, streams that fit.

use std::collections::{BTreeMap, BTreeSet};

use super::{Document, bounds, buckets, consumers, storage};
use crate::environment::shape::did_you_mean;
use crate::environment::spec::{
    AccountSpec, BucketSpec, CatalogSpec, EnvironmentSpec, ServiceSpec, StreamSpec,
};
use crate::environment::{Diagnostic, Diagnostics, Place};
use crate::model::{
    AccountName, BucketName, ByteSize, Category, OWN_ACCOUNT, OWN_ROLE, QueueName, SYSTEM_ACCOUNT,
    ServiceName, StreamName, Subject, SubjectIndex, SubjectPattern,
};

/// An entry of the catalog with the file that it stands in.
pub struct Entry<'a, N, S> {
    /// The file.
    pub document: &'a Document<CatalogSpec>,
    /// Its name.
    pub name: &'a N,
    /// What it says.
    pub spec: &'a S,
}

/// The entries of all files of a catalog.
pub struct Catalog<'a> {
    /// The accounts.
    pub accounts: Vec<Entry<'a, AccountName, AccountSpec>>,
    /// The services.
    pub services: Vec<Entry<'a, ServiceName, ServiceSpec>>,
    /// The streams.
    pub streams: Vec<Entry<'a, StreamName, StreamSpec>>,
    /// The buckets.
    pub buckets: Vec<Entry<'a, BucketName, BucketSpec>>,
}

impl<'a> Catalog<'a> {
    /// Puts the files together.
    pub fn new(documents: &'a [Document<CatalogSpec>]) -> Self {
        Self {
            accounts: entries(documents, |spec| &spec.accounts),
            services: entries(documents, |spec| &spec.services),
            streams: entries(documents, |spec| &spec.streams),
            buckets: entries(documents, |spec| &spec.buckets),
        }
    }
}

pub fn check(
    environment: &Document<EnvironmentSpec>,
    documents: &[Document<CatalogSpec>],
    problems: &mut Diagnostics,
) {
    let catalog = Catalog::new(documents);
    repeated(&catalog.accounts, "accounts", problems);
    repeated(&catalog.services, "services", problems);
    repeated(&catalog.streams, "streams", problems);
    repeated(&catalog.buckets, "buckets", problems);
    reserved(&catalog, problems);
    accounts_exist(&catalog, problems);
    categories(&catalog, problems);
    subjects_once(&catalog, problems);
    served_once(&catalog, problems);
    streams_apart(&catalog, problems);
    no_requests_stored(&catalog, problems);
    duplicate_windows(&catalog, problems);
    consumers::check(environment, &catalog, problems);
    buckets::check(&catalog, problems);
    storage::check(environment, &catalog, problems);
    payloads(environment, &catalog, problems);
    bounds::check(&catalog, problems);
}

/// What entries say for themselves.
pub fn check_alone(documents: &[Document<CatalogSpec>], problems: &mut Diagnostics) {
    let catalog = Catalog::new(documents);
    reserved(&catalog, problems);
    categories(&catalog, problems);
    subjects_once(&catalog, problems);
    served_once(&catalog, problems);
    consumers::check_alone(&catalog, problems);
}

fn entries<'a, N: Ord, S>(
    documents: &'a [Document<CatalogSpec>],
    part: fn(&CatalogSpec) -> &BTreeMap<N, S>,
) -> Vec<Entry<'a, N, S>> {
    documents
        .iter()
        .flat_map(|document| {
            part(&document.spec).iter().map(move |(name, spec)| Entry { document, name, spec })
        })
        .collect()
}

/// Two files that define the same name.
fn repeated<N: Ord + std::fmt::Display, S>(
    entries: &[Entry<'_, N, S>],
    part: &str,
    problems: &mut Diagnostics,
) {
    let place = |entry: &Entry<'_, N, S>| entry.document.key(&format!("{part}.{}", entry.name));
    let mut seen: BTreeMap<_, &Entry<'_, N, S>> = BTreeMap::new();
    for entry in entries {
        if let Some(first) = seen.get(entry.name) {
            problems.push(
                Diagnostic::error(
                    "duplicate-name",
                    place(entry),
                    format!("`{}` is defined in two files", entry.name),
                )
                .other(place(first), "first here"),
            );
        } else {
            seen.insert(entry.name, entry);
        }
    }
}

fn reserved(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    for entry in &catalog.accounts {
        let whose = match entry.name.as_str() {
            SYSTEM_ACCOUNT => "the system account",
            OWN_ACCOUNT => "the account of this tool",
            _ => continue,
        };
        problems.push(
            Diagnostic::error(
                "reserved-name",
                entry.document.key(&format!("accounts.{}", entry.name)),
                format!("`{}` is {whose}", entry.name),
            )
            .help("it exists in every cluster; choose another name"),
        );
    }
    for entry in &catalog.services {
        if entry.name.as_str() == OWN_ROLE {
            problems.push(Diagnostic::error(
                "reserved-name",
                entry.document.key(&format!("services.{OWN_ROLE}")),
                format!("`{OWN_ROLE}` is the role of this tool in every account"),
            ));
        }
    }
}

fn accounts_exist(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    let known: BTreeSet<&str> = catalog.accounts.iter().map(|a| a.name.as_str()).collect();
    let mut check = |document: &Document<CatalogSpec>, path: String, account: &AccountName| {
        if !known.contains(account.as_str()) {
            let mut problem = Diagnostic::error(
                "unknown-account",
                document.at(&path),
                format!("there is no account `{account}`"),
            );
            problem.help = did_you_mean(account.as_str(), known.iter().copied()).or_else(|| {
                Some("define it under `accounts:` in a file of the catalog".to_owned())
            });
            problems.push(problem);
        }
    };
    for entry in &catalog.services {
        let path = format!("services.{}.account", entry.name);
        check(entry.document, path, &entry.spec.account);
    }
    for entry in &catalog.streams {
        let path = format!("streams.{}.account", entry.name);
        check(entry.document, path, &entry.spec.account);
    }
    for entry in &catalog.buckets {
        let path = format!("buckets.{}.account", entry.name);
        check(entry.document, path, &entry.spec.account);
    }
}

/// A subject of a service with where it stands and what is done with it.
#[derive(Clone, Copy)]
pub struct Use<'a> {
    /// The service.
    pub service: &'a Entry<'a, ServiceName, ServiceSpec>,
    /// What it does with the subject: `serves`, `calls`, `publishes` or `subscribes`.
    pub verb: &'static str,
    /// The subject.
    pub subject: &'a Subject,
    index: usize,
    suffix: &'static str,
}

impl<'a> Use<'a> {
    /// Its dotted path. Made for problems alone, since there are few of them among thousands of uses.
    pub fn path(&self) -> String {
        let Use { service, verb, index, suffix, .. } = self;
        format!("services.{}.{verb}[{index}]{suffix}", service.name)
    }

    /// The queue group that it is bound to.
    pub fn queue(&self) -> Option<&'a QueueName> {
        let spec = self.service.spec;
        match self.verb {
            "serves" => spec.serves.get(self.index).map(|serve| &serve.queue),
            "subscribes" => spec.subscribes.get(self.index)?.queue.as_ref(),
            _ => None,
        }
    }

    /// Where it stands.
    pub fn at(&self) -> Place {
        self.service.document.at(&self.path())
    }
}

/// The subjects of a service.
pub fn uses<'a>(service: &'a Entry<'a, ServiceName, ServiceSpec>) -> Vec<Use<'a>> {
    let spec = service.spec;
    let lists: [(&'static str, &'static str, Vec<&Subject>); 4] = [
        ("serves", ".subject", spec.serves.iter().map(|s| &s.subject).collect()),
        ("calls", "", spec.calls.iter().collect()),
        ("publishes", "", spec.publishes.iter().collect()),
        ("subscribes", ".subject", spec.subscribes.iter().map(|s| &s.subject).collect()),
    ];
    lists
        .into_iter()
        .flat_map(|(verb, suffix, subjects)| {
            subjects.into_iter().enumerate().map(move |(index, subject)| Use {
                service,
                verb,
                subject,
                index,
                suffix,
            })
        })
        .collect()
}

fn categories(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    for used in catalog.services.iter().flat_map(uses) {
        let request = matches!(used.verb, "serves" | "calls");
        if request != (used.subject.category() == Category::Service) {
            let (wanted, other) = if request {
                ("svc", "publishes or subscribes")
            } else {
                ("evt or audit", "serves or calls")
            };
            problems.push(
                Diagnostic::error(
                    "wrong-category",
                    used.at(),
                    format!("`{}` can't stand under {}", used.subject, used.verb),
                )
                .label(format!("expected a subject of {wanted}"))
                .help(format!("perhaps it belongs under {other}")),
            );
        }
    }
}

fn subjects_once(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    for service in &catalog.services {
        let all = uses(service);
        let mut seen = BTreeMap::new();
        for used in &all {
            if let Some(first) = seen.insert((used.verb, used.subject), used) {
                problems.push(
                    Diagnostic::error(
                        "duplicate-subject",
                        used.at(),
                        format!("`{}` {} `{}` twice", service.name, used.verb, used.subject),
                    )
                    .other(first.at(), "first here"),
                );
            }
        }
    }
}

/// What every service does with subjects in one way.
pub fn all_uses<'a>(
    catalog: &'a Catalog<'a>,
    verb: &'static str,
) -> impl Iterator<Item = Use<'a>> + use<'a> {
    catalog.services.iter().flat_map(uses).filter(move |used| used.verb == verb)
}

/// Subjects or patterns of each account. What is asked of them stays inside the account.
pub type ByAccount<'a, T> = BTreeMap<&'a AccountName, SubjectIndex<'a, T>>;

/// Finds uses by account and subject.
pub fn by_account<'a>(uses: &'a [Use<'a>]) -> ByAccount<'a, &'a Use<'a>> {
    let mut index = ByAccount::new();
    for used in uses {
        index.entry(&used.service.spec.account).or_default().insert(used.subject.as_str(), used);
    }
    index
}

fn served_once(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    let all: Vec<Use<'_>> = all_uses(catalog, "serves").collect();
    let mut seen: ByAccount<'_, &Use<'_>> = ByAccount::new();
    for used in &all {
        let earlier = seen.entry(&used.service.spec.account).or_default();
        let others = earlier.overlapping(used.subject.as_str());
        let mut others = others.into_iter().copied();
        if let Some(first) = others.clone().find(|o| o.service.name != used.service.name) {
            let other = first.service.name;
            problems.push(
                Diagnostic::error(
                    "duplicate-subject",
                    used.at(),
                    format!("`{}` is also served by `{other}`", used.subject),
                )
                .label(group(used))
                .other(first.at(), format!("first here, {}", group(first)))
                .help("one service answers a subject; its instances share a queue group"),
            );
            continue;
        }
        if let Some(first) = others.find(|o| o.queue() != used.queue()) {
            let (subject, wider) = (used.subject, first.subject);
            let message = format!(
                "`{}` serves `{subject}` in another queue group than `{wider}`",
                used.service.name
            );
            problems.push(
                Diagnostic::error("answered-twice", used.at(), message)
                    .other(first.at(), "the other queue group")
                    .help("a request in both would be answered by both: use one queue group"),
            );
        }
        earlier.insert(used.subject.as_str(), used);
    }
}

/// The queue group of who serves, in words.
fn group(used: &Use<'_>) -> String {
    used.queue().map(|queue| format!("in queue group {queue}")).unwrap_or_default()
}

/// A pattern of a stream, with the path to where it stands.
type Claim<'a> = (&'a Entry<'a, StreamName, StreamSpec>, &'a SubjectPattern, String);

fn streams_apart(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    let all: Vec<Claim<'_>> = catalog
        .streams
        .iter()
        .flat_map(|stream| {
            stream.spec.subjects.iter().enumerate().map(move |(index, pattern)| {
                (stream, pattern, format!("streams.{}.subjects[{index}]", stream.name))
            })
        })
        .collect();
    let mut seen: ByAccount<'_, &Claim<'_>> = ByAccount::new();
    for claim in &all {
        let (stream, pattern, path) = claim;
        let index = seen.entry(&stream.spec.account).or_default();
        for (other, earlier, first) in index.overlapping(pattern.as_str()).into_iter().copied() {
            let (whose, place) = match other.name == stream.name {
                true => ("of the same stream".to_owned(), "the other pattern"),
                false => (format!("of {}", other.name), "the other stream"),
            };
            problems.push(
                Diagnostic::error(
                    "stream-overlap",
                    stream.document.at(path),
                    format!("`{pattern}` of {} overlaps `{earlier}` {whose}", stream.name),
                )
                .other(other.document.at(first), place)
                .help("a message belongs to one stream of its account"),
            );
        }
        index.insert(pattern.as_str(), claim);
    }
    for stream in catalog.streams.iter().filter(|s| s.spec.subjects.is_empty()) {
        problems.push(Diagnostic::error(
            "stream-without-subjects",
            stream.document.key(&format!("streams.{}.subjects", stream.name)),
            format!("`{}` stores nothing", stream.name),
        ));
    }
}

/// A stream acknowledges what it stores to the reply subject, which for a request is where its answer is awaited.
fn no_requests_stored(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    for stream in &catalog.streams {
        for (index, pattern) in stream.spec.subjects.iter().enumerate() {
            if Category::of_subject(pattern.as_str()) != Some(Category::Service) {
                continue;
            }
            let at = stream.document.at(&format!("streams.{}.subjects[{index}]", stream.name));
            let message = format!("`{}` would store the requests of `{pattern}`", stream.name);
            problems.push(
                Diagnostic::error("requests-stored", at, message)
                    .label("expected a pattern of evt or audit")
                    .help(
                        "callers would take the stream's acknowledgement for the answer: \
                         store an event that the service publishes",
                    ),
            );
        }
    }
}

/// The server refuses such a stream (server/stream.go).
fn duplicate_windows(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    for stream in &catalog.streams {
        let window = stream.spec.duplicate_window;
        let Some(age) = stream.spec.max_age.filter(|age| window > *age) else {
            continue;
        };
        let path = format!("streams.{}", stream.name);
        problems.push(
            Diagnostic::error(
                "duplicate-window",
                stream.document.at(&format!("{path}.duplicate_window")),
                format!("message ids are remembered for {window}, the messages only for {age}"),
            )
            .other(stream.document.at(&format!("{path}.max_age")), "the messages' age")
            .help("the server refuses such a stream: make the window at most max_age"),
        );
    }
}

fn payloads(
    environment: &Document<EnvironmentSpec>,
    catalog: &Catalog<'_>,
    problems: &mut Diagnostics,
) {
    let largest = environment.spec.nats.limits.max_payload;
    let mut check = |document: &Document<CatalogSpec>, path: String, size: ByteSize| {
        if size > largest {
            problems.push(
                Diagnostic::error(
                    "payload-too-large",
                    document.at(&path),
                    format!("{size} is more than the servers take ({largest})"),
                )
                .other(environment.key("nats.limits.max_payload"), "the servers' limit"),
            );
        }
    };
    for account in &catalog.accounts {
        let path = format!("accounts.{}.limits.payload", account.name);
        check(account.document, path, account.spec.limits.payload);
    }
    for stream in &catalog.streams {
        if let Some(size) = stream.spec.max_message_size {
            let path = format!("streams.{}.max_message_size", stream.name);
            check(stream.document, path, size);
        }
    }
    for bucket in &catalog.buckets {
        if let Some(size) = bucket.spec.max_value_size {
            let path = format!("buckets.{}.max_value_size", bucket.name);
            check(bucket.document, path, size);
        }
    }
    for service in &catalog.services {
        if let Some(size) = service.spec.limits.payload {
            let path = format!("services.{}.limits.payload", service.name);
            check(service.document, path, size);
        }
    }
}
