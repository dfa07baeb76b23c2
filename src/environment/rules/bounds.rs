//! Rules of sizes, periods and descriptions: what a server would refuse, or take for something else.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::Document;
use super::catalog::Catalog;
use crate::environment::spec::CatalogSpec;
use crate::environment::{Diagnostic, Diagnostics};
use crate::model::{ByteSize, Period};

/// The shortest age and window of a stream (server/stream.go of nats-server).
const SHORTEST: Period = Period::milliseconds(100);

/// The shortest wait: a server takes none for its own default.
const A_WAIT: Period = Period::milliseconds(1);

/// The smallest size: a server takes none for no limit.
const SMALLEST: ByteSize = ByteSize::new(1);

/// How many bytes a server takes as the description of a stream or a consumer (JSMaxDescriptionLen of nats-server), and as
/// that of an account (MaxInfoLength of the JWT library).
const OF_STORES: usize = 4096;
const OF_ACCOUNTS: usize = 8192;

/// Collects what is beyond them.
struct Bounds<'a> {
    problems: &'a mut Diagnostics,
}

pub fn check(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    let mut bounds = Bounds { problems };
    for account in &catalog.accounts {
        let (document, path) = (account.document, format!("accounts.{}", account.name));
        let payload = account.spec.limits.payload;
        bounds.at_least(document, &path, "limits.payload", Some(payload), SMALLEST);
        bounds.short(document, &path, &account.spec.description, OF_ACCOUNTS);
    }
    for stream in &catalog.streams {
        let (document, path) = (stream.document, format!("streams.{}", stream.name));
        let spec = stream.spec;
        bounds.at_least(document, &path, "max_age", spec.max_age, SHORTEST);
        let window = Some(spec.duplicate_window);
        bounds.at_least(document, &path, "duplicate_window", window, SHORTEST);
        bounds.at_least(document, &path, "max_bytes", Some(spec.max_bytes), SMALLEST);
        bounds.at_least(document, &path, "max_message_size", spec.max_message_size, SMALLEST);
        bounds.short(document, &path, &spec.description, OF_STORES);
    }
    for bucket in &catalog.buckets {
        let (document, path) = (bucket.document, format!("buckets.{}", bucket.name));
        let spec = bucket.spec;
        bounds.at_least(document, &path, "ttl", spec.ttl, SHORTEST);
        bounds.at_least(document, &path, "max_bytes", Some(spec.max_bytes), SMALLEST);
        bounds.at_least(document, &path, "max_value_size", spec.max_value_size, SMALLEST);
        bounds.short(document, &path, &spec.description, OF_STORES);
    }
    for service in &catalog.services {
        let (document, path) = (service.document, format!("services.{}", service.name));
        let payload = service.spec.limits.payload;
        bounds.at_least(document, &path, "limits.payload", payload, SMALLEST);
        for (index, consumer) in service.spec.consumes.iter().enumerate() {
            let path = format!("{path}.consumes[{index}]");
            bounds.at_least(document, &path, "ack_wait", consumer.ack_wait, A_WAIT);
            for (index, wait) in consumer.backoff.iter().enumerate() {
                let key = format!("backoff[{index}]");
                bounds.at_least(document, &path, &key, Some(*wait), A_WAIT);
            }
            bounds.short(document, &path, &consumer.description, OF_STORES);
        }
    }
    within_account(catalog, problems);
}

impl Bounds<'_> {
    fn at_least<T: Copy + PartialOrd + Display>(
        &mut self,
        document: &Document<CatalogSpec>,
        path: &str,
        key: &str,
        found: Option<T>,
        least: T,
    ) {
        if let Some(found) = found.filter(|found| *found < least) {
            let at = document.at(&format!("{path}.{key}"));
            let message = format!("{found} is less than a server takes");
            let help = format!("{least} is the least");
            self.problems.push(Diagnostic::error("below-minimum", at, message).help(help));
        }
    }

    fn short(&mut self, document: &Document<CatalogSpec>, path: &str, text: &str, most: usize) {
        if text.len() > most {
            let at = document.at(&format!("{path}.description"));
            let message = format!("a description of {} bytes; a server takes {most}", text.len());
            self.problems.push(Diagnostic::error("description-too-long", at, message));
        }
    }
}

/// Of two limits of a connection, a server takes the smaller: that of its account, or that of its service.
fn within_account(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    let accounts: BTreeMap<_, _> = catalog.accounts.iter().map(|a| (a.name, a)).collect();
    for service in &catalog.services {
        let Some(account) = accounts.get(&service.spec.account) else {
            continue;
        };
        let (own, all) = (&service.spec.limits, &account.spec.limits);
        let larger = [
            (own.payload > Some(all.payload)).then(|| ("payload", all.payload.to_string())),
            (own.subscriptions > Some(all.subscriptions))
                .then(|| ("subscriptions", all.subscriptions.to_string())),
        ];
        for (key, most) in larger.into_iter().flatten() {
            let path = format!("limits.{key}");
            let at = service.document.at(&format!("services.{}.{path}", service.name));
            let message = format!("account {} has {most}, which holds for it too", account.name);
            let place = account.document.at(&format!("accounts.{}.{path}", account.name));
            problems.push(
                Diagnostic::error("beyond-account", at, message)
                    .other(place, "the account's limit")
                    .help("make it smaller, or leave it out"),
            );
        }
    }
}
