//! Lints about what a stream can lose, and when it stops taking anything.

use super::super::catalog::{Catalog, Entry};
use crate::environment::Diagnostics;
use crate::environment::spec::StreamSpec;
use crate::model::{Category, Discard, Period, Retention, StreamName};

/// How long audit records are kept at least, unless somebody says why not.
const RECORDS: Period = Period::days(365);

const SLOWER_TOO: &str = "use 3 replicas; one copy is the slower choice too, since every publication waits for its fsync";

pub fn check(catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    for bucket in catalog.buckets.iter().filter(|bucket| bucket.spec.replicas == 1) {
        let path = format!("buckets.{}.replicas", bucket.name);
        let message = format!("`{}` has one copy: it goes with one disk", bucket.name);
        problems.push(bucket.document.lint("single-replica", &path, message).help(SLOWER_TOO));
    }
    for stream in &catalog.streams {
        single_replica(stream, problems);
        full_for_good(stream, problems);
        drops_work(stream, problems);
        forgets_records(stream, problems);
    }
}

fn single_replica(stream: &Entry<'_, StreamName, StreamSpec>, problems: &mut Diagnostics) {
    if stream.spec.replicas > 1 {
        return;
    }
    let path = format!("streams.{}.replicas", stream.name);
    let message = format!("`{}` has one copy: it goes with one disk", stream.name);
    problems.push(stream.document.lint("single-replica", &path, message).help(SLOWER_TOO));
}

fn full_for_good(stream: &Entry<'_, StreamName, StreamSpec>, problems: &mut Diagnostics) {
    let spec = stream.spec;
    let refuses = spec.discard == Discard::New && spec.retention == Retention::Limits;
    if !refuses || spec.max_age.is_some() {
        return;
    }
    let path = format!("streams.{}.discard", stream.name);
    let message = format!(
        "`{}` never lets a message go: at {} it refuses every new one",
        stream.name, spec.max_bytes
    );
    let help = if spec.deny_purge {
        "give it a max_age; with deny_purge nobody can even empty it"
    } else {
        "give it a max_age, or say who purges it and when"
    };
    problems.push(stream.document.lint("full-for-good", &path, message).help(help));
}

fn drops_work(stream: &Entry<'_, StreamName, StreamSpec>, problems: &mut Diagnostics) {
    let spec = stream.spec;
    if spec.retention != Retention::WorkQueue || spec.discard == Discard::New {
        return;
    }
    let path = format!("streams.{}.retention", stream.name);
    let message = format!(
        "`{}` is a queue of work, and at {} it drops the oldest jobs, done or not",
        stream.name, spec.max_bytes
    );
    problems.push(stream.document.lint("queue-drops-work", &path, message).help(
        "with `discard: new` a full queue refuses further jobs, and whoever sends one knows",
    ));
}

fn forgets_records(stream: &Entry<'_, StreamName, StreamSpec>, problems: &mut Diagnostics) {
    let spec = stream.spec;
    let audit = |subject: &str| Category::of_subject(subject) == Some(Category::Audit);
    if !spec.subjects.iter().any(|pattern| audit(pattern.as_str())) {
        return;
    }
    let soon = spec.max_age.filter(|age| *age < RECORDS);
    let faults = [
        (spec.retention != Retention::Limits).then(|| "go when they were read".to_owned()),
        (spec.discard == Discard::Old).then(|| "make way for newer ones".to_owned()),
        soon.map(|age| format!("are forgotten after {age}")),
        (!spec.deny_delete).then(|| "can be deleted".to_owned()),
        (!spec.deny_purge).then(|| "can be purged".to_owned()),
    ];
    let faults: Vec<String> = faults.into_iter().flatten().collect();
    if faults.is_empty() {
        return;
    }
    let path = format!("streams.{}.subjects", stream.name);
    let message = format!("audit records of `{}` {}", stream.name, faults.join(", "));
    problems.push(stream.document.lint("audit-unguarded", &path, message).help(
        "keep them by `retention: limits`, `discard: new`, a max_age of a year or more, `deny_delete` and `deny_purge`",
    ));
}
