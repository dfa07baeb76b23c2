//! What a change of the file does: the plan says it, an apply makes it, and the next plan is empty; or it is refused with
//! the reason.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::drift::{about, fields};
use super::stage::Stage;
use crate::support::changes;

/// A change of a file, and what it must do.
pub struct Edit {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    /// Kind, name and fields; a thing that comes or goes is written as `+ kind` or `- kind`, and has no fields.
    pub gives: &'static [(&'static str, &'static str, &'static [&'static str])],
}

const fn edit(
    from: &'static str,
    to: &'static str,
    gives: &'static [(&'static str, &'static str, &'static [&'static str])],
) -> Edit {
    Edit { file: "prod.yaml", from, to, gives }
}

/// Changes that are made, one on top of the other.
pub const MADE: &[Edit] = &[
    edit(
        "allow: []",
        // AWS keeps a block by its first address.
        "allow: [10.9.8.7/8]",
        &[("+ security-rule", "load-balancer in tcp 8222 from 10.0.0.0/8", &[])],
    ),
    edit(
        "allow: [10.9.8.7/8]",
        "allow: []",
        &[("- security-rule", "load-balancer in tcp 8222 from 10.0.0.0/8", &[])],
    ),
    edit(
        "size: 500 GiB\n",
        "size: 600 GiB\n",
        &[
            ("volume", "nats-1", &["size"]),
            ("volume", "nats-2", &["size"]),
            ("volume", "nats-3", &["size"]),
            ("volume", "nats-4", &["size"]),
            ("volume", "nats-5", &["size"]),
        ],
    ),
    edit(
        "iops: 3000\n      throughput: 125 MiB/s",
        "iops: 4000\n      throughput: 250 MiB/s",
        &[
            ("volume", "nats-1", &["iops", "throughput"]),
            ("volume", "nats-2", &["iops", "throughput"]),
            ("volume", "nats-3", &["iops", "throughput"]),
            ("volume", "nats-4", &["iops", "throughput"]),
            ("volume", "nats-5", &["iops", "throughput"]),
        ],
    ),
    edit(
        "replicas_per_shard: 1\n  node_type: cache.r6g.large",
        "replicas_per_shard: 2\n  node_type: cache.r6g.xlarge",
        &[("replication-group", "natsops-prod", &["node_type", "replicas_per_shard"])],
    ),
    edit(
        "lame_duck: {duration: 2m",
        "lame_duck: {duration: 3m",
        &[
            ("bundle-object", "nats-1", &["content", "tool"]),
            ("bundle-object", "nats-2", &["content", "tool"]),
            ("bundle-object", "nats-3", &["content", "tool"]),
            ("bundle-object", "nats-4", &["content", "tool"]),
            ("bundle-object", "nats-5", &["content", "tool"]),
            ("target-group", "client", &["deregistration_delay"]),
            ("target-group", "leafnode", &["deregistration_delay"]),
            ("target-group", "monitor", &["deregistration_delay"]),
        ],
    ),
    Edit {
        file: "catalog/commerce.yaml",
        from: "caches: [\"store:*\"]",
        to: "caches: [\"shop:*\"]",
        gives: &[("cache-user", "natsops-prod-store", &["access"])],
    },
    edit(
        "protected: true",
        "protected: false",
        &[
            ("s3-bucket", "natsops-prod-123456789012-us-east-1", &["protected"]),
            ("load-balancer", "natsops-prod", &["deletion_protection"]),
        ],
    ),
];

/// A change that is refused.
pub struct Refused {
    from: &'static str,
    to: &'static str,
    pub kind: &'static str,
    name: &'static str,
    pub fields: &'static [&'static str],
    /// Words of the reason.
    reason: &'static str,
}

const fn refused(
    from: &'static str,
    to: &'static str,
    what: (&'static str, &'static str, &'static [&'static str]),
    reason: &'static str,
) -> Refused {
    Refused { from, to, kind: what.0, name: what.1, fields: what.2, reason }
}

const OTHER_KEY: (&str, &str) = ("kms_key: alias/natsops-prod", "kms_key: alias/natsops-other");

/// Each from the file as it is shipped.
pub const REFUSED: &[Refused] = &[
    refused("size: 500 GiB\n", "size: 400 GiB\n", ("volume", "nats-5", &["size"]), "only grows"),
    refused(
        "cluster: 6222",
        "cluster: 6223",
        ("security-group", "nodes", &["cluster_port"]),
        "would lose each other at once",
    ),
    refused(
        "instance_type: m6i.large",
        "instance_type: m6i.xlarge",
        ("instance", "nats-4", &["type"]),
        "one node at a time: natsops node replace prod nats-4",
    ),
    refused(
        "shards: 3",
        "shards: 4",
        ("replication-group", "natsops-prod", &["shards"]),
        "slots do not move",
    ),
    refused(
        "monitor: 8222",
        "monitor: 8223",
        ("target-group", "monitor", &["health_port", "port"]),
        "keeps its port",
    ),
    refused(
        "{internal: true}",
        "{internal: false}",
        ("load-balancer", "natsops-prod", &["scheme"]),
        "keeps its scheme",
    ),
    refused(
        "zone: us-east-1a, address: 10.0.1.14",
        "zone: us-east-1c, address: 10.0.3.14",
        ("network-interface", "nats-4", &["address", "zone"]),
        "give the new place a new node",
    ),
    refused(
        "zone: us-east-1a, address: 10.0.1.14",
        "zone: us-east-1c, address: 10.0.3.14",
        ("volume", "nats-4", &["zone"]),
        "settled when it is made",
    ),
    refused(OTHER_KEY.0, OTHER_KEY.1, ("volume", "nats-3", &["key"]), "settled when it is made"),
    refused(
        OTHER_KEY.0,
        OTHER_KEY.1,
        ("instance", "nats-2", &["root_key"]),
        "made with its machine",
    ),
    refused(
        OTHER_KEY.0,
        OTHER_KEY.1,
        ("replication-group", "natsops-prod", &["key"]),
        "which begins empty",
    ),
];

/// What the plan does, as `kind name` with signs as in `gives`; what follows in keys and papers is not listed.
fn told(plan: &Value) -> Vec<String> {
    let signed = |line: String| {
        let (action, rest) = line.split_once(' ').unwrap();
        match action {
            "create" => format!("+ {rest}"),
            "delete" => format!("- {rest}"),
            _ => rest.to_owned(),
        }
    };
    let mut lines: Vec<String> = changes(plan).into_iter().map(signed).collect();
    lines.sort();
    lines
}

#[test]
fn a_change_of_the_file_is_planned_made_and_done() {
    let stage = Stage::applied();
    for Edit { file, from, to, gives } in MADE {
        stage.project.edit(file, from, to);
        let plan = stage.plan();
        let mut wanted: Vec<String> =
            gives.iter().map(|(kind, name, _)| format!("{kind} {name}")).collect();
        wanted.sort();
        assert_eq!(told(&plan), wanted, "{to}");
        for (kind, name, wanted) in gives.iter().filter(|(_, _, fields)| !fields.is_empty()) {
            assert_eq!(fields(about(&plan, kind, name)), wanted.iter().copied().collect(), "{to}");
        }
        assert!(plan["by_hand"].is_null(), "{to}: nobody did it by hand: {}", plan["by_hand"]);
        // It ends with a look of its own, which must find nothing to do; so does the plan of the next edit.
        stage.apply().expect(0);
        // AWS takes the next change of a volume after hours.
        stage.aws.post("advance", &json!(100_000));
    }
    stage.in_sync();
    let found = stage.by_hand(
        "print([one['Size'] for one in ec2.describe_volumes(VolumeIds=[volume('nats-1')])['Volumes']])
found = cache.describe_replication_groups()['ReplicationGroups'][0]
print(found['CacheNodeType'], [len(shard['NodeGroupMembers']) for shard in found['NodeGroups']])",
    );
    assert_eq!(found, "[600]\ncache.r6g.xlarge [3, 3, 3]");
    stage.aws.trusted();
}

#[test]
fn a_change_that_can_not_be_made_is_refused_with_the_reason() {
    let stage = Stage::applied();
    let (before, made) = (stage.aws.inventory(), stage.changes().len());
    let edits: BTreeSet<(&str, &str)> = REFUSED.iter().map(|one| (one.from, one.to)).collect();
    for (from, to) in edits {
        stage.project.edit("prod.yaml", from, to);
        let plan = stage.plan();
        for Refused { kind, name, fields: wanted, reason, .. } in
            REFUSED.iter().filter(|one| one.to == to)
        {
            let found = about(&plan, kind, name);
            assert_eq!(fields(found), wanted.iter().copied().collect(), "{to}");
            let said = found["blocked"].as_str().unwrap_or_else(|| panic!("{to}: {found}"));
            assert!(said.contains(reason), "{to}: {said}");
        }
        stage.apply().expect(5);
        stage.project.edit("prod.yaml", to, from);
    }
    // Another image than that of the machines.
    let other = stage.by_hand(&format!(
        "every = [one['ImageId'] for one in ec2.describe_images()['Images']]\n\
         print([one for one in every if one != '{}'][0])",
        stage.image
    ));
    stage.project.edit("prod.yaml", &stage.image, &other);
    let plan = stage.plan();
    let found = about(&plan, "instance", "nats-1");
    assert_eq!(fields(found), ["image"].into());
    let said = found["blocked"].as_str().unwrap();
    assert!(said.contains("one node at a time: natsops node replace prod nats-1"), "{said}");
    stage.apply().expect(5);
    assert_eq!(stage.aws.inventory(), before);
    assert_eq!(stage.changes().len(), made, "nothing was touched");
}
