//! Rules of leafnodes: each reaches an account of the catalog, and only subjects that somebody there has to do with.

use std::collections::{BTreeMap, BTreeSet};

use super::Document;
use crate::environment::shape::did_you_mean;
use crate::environment::spec::{CatalogSpec, EnvironmentSpec, LeafnodeSpec, ServiceSpec};
use crate::environment::{Diagnostic, Diagnostics};
use crate::model::{Category, LeafnodeName, OWN_ROLE, Subject, SubjectPattern};

/// A leafnode with the services of its account.
struct Entry<'a> {
    environment: &'a Document<EnvironmentSpec>,
    name: &'a LeafnodeName,
    spec: &'a LeafnodeSpec,
    services: Vec<&'a ServiceSpec>,
}

/// A subject of a leafnode: what is done with it, and where it stands.
struct Use<'a> {
    verb: &'static str,
    subject: &'a Subject,
    path: String,
}

impl Entry<'_> {
    fn key(&self, part: &str) -> String {
        format!("leafnodes.{}{part}", self.name)
    }

    fn uses(&self) -> Vec<Use<'_>> {
        let spec = self.spec;
        let lists = [
            ("calls", &spec.calls),
            ("publishes", &spec.publishes),
            ("subscribes", &spec.subscribes),
        ];
        lists
            .into_iter()
            .flat_map(|(verb, subjects)| {
                subjects.iter().enumerate().map(move |(index, subject)| {
                    let path = self.key(&format!(".{verb}[{index}]"));
                    Use { verb, subject, path }
                })
            })
            .collect()
    }
}

pub fn check(
    environment: &Document<EnvironmentSpec>,
    documents: &[Document<CatalogSpec>],
    problems: &mut Diagnostics,
) {
    let accounts: BTreeSet<&str> =
        documents.iter().flat_map(|d| d.spec.accounts.keys().map(|name| name.as_str())).collect();
    for (name, spec) in &environment.spec.leafnodes {
        let all = documents.iter().flat_map(|document| document.spec.services.values());
        let services = all.filter(|service| service.account == spec.account).collect();
        let entry = Entry { environment, name, spec, services };
        names(&entry, documents, problems);
        grants(&entry, problems);
        if accounts.contains(spec.account.as_str()) {
            contract(&entry, problems);
        } else {
            unknown_account(&entry, &accounts, problems);
        }
    }
}

/// Checks what one leafnode says by itself.
pub fn check_alone(
    environment: &Document<EnvironmentSpec>,
    name: &str,
    problems: &mut Diagnostics,
) {
    if let Some((name, spec)) = environment.spec.leafnodes.get_key_value(name) {
        grants(&Entry { environment, name, spec, services: Vec::new() }, problems);
    }
}

/// A leafnode's inboxes bear its name, as those of a service do.
fn names(entry: &Entry<'_>, documents: &[Document<CatalogSpec>], problems: &mut Diagnostics) {
    let at = entry.environment.key(&entry.key(""));
    let name = entry.name.as_str();
    if name == OWN_ROLE {
        let message = format!("`{OWN_ROLE}` is the role of this tool in every account");
        problems.push(Diagnostic::error("reserved-name", at, message));
        return;
    }
    if let Some(other) = documents.iter().find(|d| d.spec.services.contains_key(name)) {
        problems.push(
            Diagnostic::error(
                "duplicate-name",
                at,
                format!("`{name}` is also a service of the catalog"),
            )
            .other(other.key(&format!("services.{name}")), "the service")
            .help("give the leafnode another name: both would have the same inboxes"),
        );
    }
}

/// Each subject under the right verb and once, and at least one of them.
fn grants(entry: &Entry<'_>, problems: &mut Diagnostics) {
    let uses = entry.uses();
    if uses.is_empty() {
        let path = format!("leafnodes.{}", entry.name);
        let message = format!("nothing may cross the connection of `{}`", entry.name);
        problems.push(
            entry
                .environment
                .lint("leafnode-without-grants", &path, message)
                .help("say what it calls, publishes or subscribes, or take it out"),
        );
    }
    let mut seen = BTreeMap::new();
    for Use { verb, subject, path } in &uses {
        let at = entry.environment.at(path);
        if (*verb == "calls") != (subject.category() == Category::Service) {
            let wanted = if *verb == "calls" { "svc" } else { "evt or audit" };
            problems.push(
                Diagnostic::error(
                    "wrong-category",
                    at.clone(),
                    format!("`{subject}` can't stand under {verb}"),
                )
                .label(format!("expected a subject of {wanted}"))
                .help("a leafnode calls svc, and publishes and subscribes evt and audit"),
            );
        }
        if let Some(first) = seen.insert((*verb, *subject), at.clone()) {
            let message = format!("`{}` {verb} `{subject}` twice", entry.name);
            problems.push(
                Diagnostic::error("duplicate-subject", at, message).other(first, "first here"),
            );
        }
    }
}

fn unknown_account(entry: &Entry<'_>, accounts: &BTreeSet<&str>, problems: &mut Diagnostics) {
    let account = entry.spec.account.as_str();
    let at = entry.environment.at(&entry.key(".account"));
    let message = format!("there is no account `{account}`");
    let mut problem = Diagnostic::error("unknown-account", at, message);
    problem.help = did_you_mean(account, accounts.iter().copied())
        .or_else(|| Some(format!("the catalog has {}", join(accounts))));
    problems.push(problem);
}

fn join(words: &BTreeSet<&str>) -> String {
    words.iter().copied().collect::<Vec<_>>().join(", ")
}

/// Whether a subject is the known one, or one entity of it.
fn covers(known: &Subject, subject: &Subject) -> bool {
    let pattern = known.as_str().parse::<SubjectPattern>();
    pattern.is_ok_and(|pattern| pattern.covers(subject))
}

/// The catalog is the contract; an edge takes part in it and adds nothing to it.
fn contract(entry: &Entry<'_>, problems: &mut Diagnostics) {
    let services = || entry.services.iter();
    let served: BTreeSet<&Subject> =
        services().flat_map(|s| s.serves.iter().map(|serve| &serve.subject)).collect();
    let published: BTreeSet<&Subject> = services().flat_map(|s| &s.publishes).collect();
    let received = services().flat_map(|s| s.subscribes.iter().map(|held| &held.subject));
    let spoken: BTreeSet<&Subject> = published.iter().copied().chain(received).collect();
    for Use { verb, subject, path } in entry.uses() {
        let (known, lacks) = match verb {
            "calls" => (&served, "nobody serves"),
            "publishes" => (&spoken, "nobody publishes or subscribes"),
            _ => (&published, "nobody publishes"),
        };
        if known.iter().any(|known| covers(known, subject)) {
            continue;
        }
        let at = entry.environment.at(&path);
        let message = format!("{lacks} `{subject}` in account {}", entry.spec.account);
        let mut problem = Diagnostic::error("outside-contract", at, message);
        problem.help =
            did_you_mean(subject.as_str(), known.iter().map(|s| s.as_str())).or_else(|| {
                Some("a leafnode may use only what a service of its account has to do with".into())
            });
        problems.push(problem);
    }
}
