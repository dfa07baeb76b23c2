//! Lints about who says what to whom.

use std::collections::BTreeSet;

use super::super::catalog::{Catalog, Entry, Use, uses};
use crate::environment::Diagnostics;
use crate::environment::shape::did_you_mean;
use crate::environment::spec::ServiceSpec;
use crate::model::{AccountName, ServiceName, Subject};

/// A service of the catalog.
type Service<'a> = Entry<'a, ServiceName, ServiceSpec>;

pub fn check(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    without_grants(catalog, problems);
    unstored(catalog, problems);
    unpublished(catalog, problems);
    uncalled(catalog, problems);
}

/// All uses of a kind, each with its account.
fn all<'a>(catalog: &'a Catalog<'_>, verb: &str) -> Vec<(&'a AccountName, Use<'a>)> {
    let services = catalog.services.iter();
    services
        .flat_map(|service| uses(service).into_iter().map(|used| (&service.spec.account, used)))
        .filter(|(_, used)| used.verb == verb)
        .collect()
}

fn subjects<'a>(
    uses: &'a [(&'a AccountName, Use<'a>)],
) -> BTreeSet<(&'a AccountName, &'a Subject)> {
    uses.iter().map(|(account, used)| (*account, used.subject)).collect()
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

fn unstored(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    for (account, used) in all(catalog, "publishes") {
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

fn unpublished(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    let publications = all(catalog, "publishes");
    let published = subjects(&publications);
    for (account, used) in all(catalog, "subscribes") {
        if published.contains(&(account, used.subject)) {
            continue;
        }
        let message = format!("nobody in account {account} publishes `{}`", used.subject);
        let near = published.iter().filter(|(a, _)| *a == account).map(|(_, s)| s.as_str());
        let help = did_you_mean(used.subject.as_str(), near).unwrap_or_else(|| {
            "add it to a service's `publishes`, or drop the subscription".to_owned()
        });
        let lint = used.service.document.lint("subscription-unpublished", &used.path(), message);
        problems.push(lint.help(help));
    }
}

fn uncalled(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    let calls = all(catalog, "calls");
    let called = subjects(&calls);
    for (account, used) in all(catalog, "serves") {
        if called.contains(&(account, used.subject)) {
            continue;
        }
        let newer = called.iter().find(|(a, other)| {
            *a == account && without_version(other) == without_version(used.subject)
        });
        let message = format!("nobody in account {account} calls `{}`", used.subject);
        let help = match newer {
            Some((_, other)) => format!("callers use `{other}`: stop serving this version"),
            None => "take it out, or add the service that calls it to the catalog".to_owned(),
        };
        let lint = used.service.document.lint("serve-uncalled", &used.path(), message);
        problems.push(lint.help(help));
    }
}

/// The parts of a subject that two versions of it share.
fn without_version(subject: &Subject) -> Vec<&str> {
    let is_version = |part: &&str| {
        part.strip_prefix('v').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    subject.as_str().split('.').filter(|part| !is_version(part)).collect()
}
