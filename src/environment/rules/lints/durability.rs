//! Lints about what a stream can lose, and when it stops taking anything.

use super::super::catalog::{Catalog, Entry};
use crate::environment::Diagnostics;
use crate::environment::spec::StreamSpec;
use crate::model::{Discard, Retention, StreamName};

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
