//! Rules of buckets: names that exist, and streams that stay apart from those of buckets.

use std::collections::BTreeMap;

use super::catalog::{Catalog, Entry};
use crate::environment::shape::did_you_mean;
use crate::environment::spec::{BucketSpec, ServiceSpec};
use crate::environment::{Diagnostic, Diagnostics};
use crate::model::{Bucket, BucketName, ServiceName};

/// The buckets of a catalog by name.
type Buckets<'a> = BTreeMap<&'a str, &'a Entry<'a, BucketName, BucketSpec>>;

pub fn check(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    let known: Buckets<'_> =
        catalog.buckets.iter().map(|bucket| (bucket.name.as_str(), bucket)).collect();
    for service in &catalog.services {
        uses(service, "reads", &service.spec.reads, &known, problems);
        uses(service, "writes", &service.spec.writes, &known, problems);
    }
    streams_named_as_buckets(catalog, problems);
}

fn uses(
    service: &Entry<'_, ServiceName, ServiceSpec>,
    verb: &str,
    names: &[BucketName],
    known: &Buckets<'_>,
    problems: &mut Diagnostics,
) {
    for (index, name) in names.iter().enumerate() {
        let at = || service.document.at(&format!("services.{}.{verb}[{index}]", service.name));
        let account = &service.spec.account;
        match known.get(name.as_str()) {
            None => {
                let message = format!("there is no bucket `{name}`");
                let mut problem = Diagnostic::error("unknown-bucket", at(), message);
                problem.help = did_you_mean(name.as_str(), known.keys().copied()).or_else(|| {
                    Some("define it under `buckets:` in a file of the catalog".to_owned())
                });
                problems.push(problem);
            }
            Some(bucket) if bucket.spec.account != *account => {
                let other = &bucket.spec.account;
                let message = format!("{name} belongs to account {other}, not to {account}");
                problems.push(
                    Diagnostic::error("bucket-elsewhere", at(), message)
                        .help("a service uses buckets of its own account"),
                );
            }
            Some(_) => {}
        }
        if names[..index].contains(name) {
            let message = format!("`{}` {verb} {name} twice", service.name);
            problems.push(Diagnostic::error("duplicate-bucket", at(), message));
        }
    }
}

/// On the servers a bucket is a stream, and must not meet one of the catalog.
fn streams_named_as_buckets(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    let prefix = Bucket::STREAM_PREFIX;
    for stream in catalog.streams.iter().filter(|s| s.name.as_str().starts_with(prefix)) {
        problems.push(
            Diagnostic::error(
                "reserved-name",
                stream.document.key(&format!("streams.{}", stream.name)),
                format!("`{prefix}…` are the streams of buckets"),
            )
            .help("define a bucket under `buckets:`, or choose another name"),
        );
    }
}
