//! Every field of every record stands in a test: somebody changes it by hand, or in the file, or no call can change it.

use std::collections::BTreeSet;

use super::blocked::{BLOCKED, ENGINE, FINAL};
use super::drift::HEALED;
use super::edits::{MADE, REFUSED};
use crate::support::Project;

/// Kinds that stand in the environment's own store, and are tested without AWS.
const OWN: [&str; 3] = ["key", "certificate", "jwt"];

/// Fields that nothing can change once the thing is there, each with the fact.
const FIXED: &[(&str, &str, &str)] = &[
    ("cache-user", "name", "ModifyUser has no name"),
    (
        "instance",
        "image",
        "ModifyInstanceAttribute has no image; another machine has it, which is tried in `replace`",
    ),
    ("instance", "interface", "the first interface can not be detached"),
    ("load-balancer", "state", "no call sets it; what AWS could not make is tried in `faults`"),
    ("volume", "state", "no call sets it; hardware that failed is tried in `faults`"),
    ("listener", "protocol", "it must be that of the target group, and that is fixed"),
    ("replication-group", "failover", "in cluster mode AWS refuses to switch it off"),
    (
        "replication-group",
        "status",
        "no call sets it; what AWS could not make is tried in `faults`",
    ),
    ("replication-group", "port", "ModifyReplicationGroup has no port"),
    ("replication-group", "subnet_group", "ModifyReplicationGroup has no subnet group"),
    ("replication-group", "tls", "a cache with user groups needs it"),
    ("replication-group", "version", "7.1 is the last one of Redis OSS, and versions only go up"),
    ("target-group", "protocol", "ModifyTargetGroup has no protocol"),
    ("zone", "visibility", "a zone stays public or private for good"),
];

#[test]
fn every_field_has_an_edit_or_a_drift_or_a_reason() {
    let project = Project::new();
    let plan = project.run(&["plan", "prod", "--offline", "--json"]).expect(0).json();
    let mut every = BTreeSet::new();
    for action in plan["plan"]["actions"].as_array().unwrap() {
        let kind = action["kind"].as_str().unwrap();
        if OWN.contains(&kind) {
            continue;
        }
        for change in action["changes"].as_array().into_iter().flatten() {
            every.insert((kind.to_owned(), change["field"].as_str().unwrap().to_owned()));
        }
    }
    assert!(every.len() > 70, "{}", every.len());

    let of = |kind: &str, field: &str| (kind.to_owned(), field.to_owned());
    let healed =
        HEALED.iter().flat_map(|one| one.fields.iter().map(move |field| of(one.kind, field)));
    let blocked = [BLOCKED, ENGINE, FINAL].into_iter().flatten().map(|one| of(one.kind, one.field));
    let made = MADE.iter().flat_map(|edit| edit.gives);
    let made = made.flat_map(|(kind, _, fields)| fields.iter().map(move |field| of(kind, field)));
    let refused =
        REFUSED.iter().flat_map(|one| one.fields.iter().map(move |field| of(one.kind, field)));
    let tried: BTreeSet<_> = healed.chain(blocked).chain(made).chain(refused).collect();
    let fixed: BTreeSet<_> = FIXED.iter().map(|(kind, field, _)| of(kind, field)).collect();

    let both = tried.intersection(&fixed).collect::<Vec<_>>();
    assert!(both.is_empty(), "something does change these: {both:?}");
    let known: BTreeSet<_> = tried.union(&fixed).cloned().collect();
    let missing = every.difference(&known).collect::<Vec<_>>();
    assert!(missing.is_empty(), "nothing tries these: {missing:?}");
    let unknown = known.difference(&every).collect::<Vec<_>>();
    assert!(unknown.is_empty(), "no record has these: {unknown:?}");
}
