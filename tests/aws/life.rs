//! The whole life of an environment: made, read back by somebody else, planned again, destroyed, made again.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::expected::resources;
use super::stage::Stage;
use crate::support::{changes, holds_no_secret};

/// What the file asks for is there attribute by attribute, by the account of a reader that knows boto3 alone; nothing is
/// there beside it; and the next plan finds nothing to do.
#[test]
fn an_apply_makes_exactly_what_the_file_asks_for() {
    let stage = Stage::applied();
    stage.aws.trusted();
    let expected = json!({"environment": "prod", "resources": resources(&stage.image)});
    let read = stage.aws.read(&expected);
    assert_eq!(read["differences"], json!([]));
    nothing_in_the_clear(&stage, &read);

    stage.aws.post("reset-calls", &json!(null));
    let plan = stage.run(&["plan", "prod", "--json", "--detailed-exitcode"]).expect(0).json();
    assert_eq!(changes(&plan), [""; 0]);
    let said = plan["forecast"]["api_calls"].as_u64().unwrap();
    assert_eq!(said, stage.aws.calls().len() as u64, "it counts its calls rightly");
    assert!(said <= 50, "{said} calls");
    assert_eq!(stage.changes(), [], "a plan only looks");
    let kinds: Vec<&str> = plan["plan"]["not_observed"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["node", "claims", "stream", "bucket", "consumer"]);
    // What costs a call for each thing is as it should be too.
    let deep = stage.run(&["plan", "prod", "--json", "--deep"]).expect(0).json();
    assert_eq!(changes(&deep), [""; 0]);

    let before = stage.aws.inventory();
    stage.apply().expect(0);
    assert_eq!(stage.aws.inventory(), before);
    assert_eq!(stage.changes(), [], "an apply with nothing to do does nothing");
}

/// Whatever holds a key is sealed by the customer's key; descriptions, tags, user data and open objects hold none.
#[track_caller]
fn nothing_in_the_clear(stage: &Stage, read: &Value) {
    holds_no_secret(&read.to_string());
    let open = stage.by_hand(
        "for one in s3.list_objects_v2(Bucket=BUCKET)['Contents']:\n    \
             found = s3.get_object(Bucket=BUCKET, Key=one['Key'])\n    \
             if found['ServerSideEncryption'] != 'aws:kms':\n        \
                 print(one['Key'], found['Body'].read().decode())",
    );
    assert!(open.contains("index.json") && open.contains("applied.json"));
    holds_no_secret(&open);
    let sealed = stage.by_hand(
        "keys = [s3.get_object(Bucket=BUCKET, Key=one['Key'])['Body'].read().decode()\n        \
             for one in s3.list_objects_v2(Bucket=BUCKET, Prefix='secrets/')['Contents']]\n\
         print(sum(key.startswith(('SO', 'SA', 'SU')) for key in keys))",
    );
    assert!(sealed.parse::<usize>().unwrap() > 30, "the sealed objects are the keys: {sealed}");
    let values = stage.by_hand(
        "value = ssm.get_parameter(Name='/natsops/prod/wallet/creds', WithDecryption=True)['Parameter']['Value']\n\
         print('BEGIN USER NKEY SEED' in value, len(value))\n\
         value = ssm.get_parameter(Name='/natsops/prod/store/redis', WithDecryption=True)['Parameter']['Value']\n\
         endpoint = cache.describe_replication_groups(ReplicationGroupId='natsops-prod')\n\
         endpoint = endpoint['ReplicationGroups'][0]['ConfigurationEndpoint']\n\
         print(value.startswith('rediss://store:natsops_'), value.endswith(f\"@{endpoint['Address']}:{endpoint['Port']}\"))",
    );
    assert!(values.starts_with("True ") && values.ends_with("True True"), "{values}");
}

/// Ids of a kind in the inventory.
fn ids(inventory: &Value, kind: &str) -> Vec<String> {
    let found = inventory[kind].as_array().into_iter().flatten();
    found.map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// The inventory without some kinds.
fn without(mut inventory: Value, kinds: &[&str]) -> Value {
    let all = inventory.as_object_mut().unwrap();
    kinds.iter().for_each(|kind| drop(all.remove(*kind)));
    inventory
}

#[test]
fn a_destroy_keeps_what_was_not_asked_for_and_an_apply_finds_it_again() {
    let stage = Stage::new();
    let before = stage.aws.inventory();
    stage.apply().expect(0);
    stage.release();
    let applied = stage.aws.inventory();

    let data = data_volumes(&stage);
    assert_eq!(data.lines().count(), 5);
    let output = stage.run(&["destroy", "prod", "--yes"]).expect(0);
    assert!(output.stderr.contains("kept:"), "{}", output.stderr);
    let left = stage.aws.inventory();
    assert_eq!(data_volumes(&stage), data);
    assert_eq!(ids(&left, "bucket").len(), 1);
    assert_eq!(ids(&left, "key"), ids(&applied, "key"));
    assert_eq!(ids(&left, "alias"), ["alias/natsops-prod"]);
    assert_eq!(ids(&left, "elasticache-snapshot").len(), 1);
    let kept = ["volume", "bucket", "object", "key", "alias", "elasticache-snapshot"];
    assert_eq!(without(left, &kept), without(before.clone(), &kept), "all else is as it was");

    stage.apply().expect(0);
    assert_eq!(data_volumes(&stage), data, "the same data, under new machines");
    stage.in_sync();

    let everything =
        ["--delete", "volumes", "--delete", "bucket", "--delete", "key", "--no-snapshot"];
    let everything = [&["destroy", "prod", "--yes"], &everything[..]].concat();
    stage.run(&everything).expect(0);
    // What an interrupted one has left, the same command ends: there is no bucket that could hold its lease any more.
    stage.run(&everything).expect(0);
    let left = stage.aws.inventory();
    // AWS deletes a key after thirty days, and its alias with it.
    let [key] = &ids(&left, "key")[..] else { panic!("{left}") };
    assert!(key.ends_with("PendingDeletion"), "{key}");
    assert_eq!(ids(&left, "elasticache-snapshot").len(), 1, "only that of the first time");
    let rest = ["key", "alias", "elasticache-snapshot"];
    assert_eq!(without(left, &rest), without(before, &rest), "the account is as it was");
    stage.aws.trusted();

    // A key that waits for its deletion is taken back, since it sealed what may have been kept elsewhere.
    stage.apply().expect(0);
    stage.in_sync();
    assert_eq!(ids(&stage.aws.inventory(), "key"), ids(&applied, "key"));
}

#[test]
fn what_a_node_left_behind_goes_with_the_environment() {
    let stage = Stage::new();
    let before = stage.aws.inventory();
    stage.apply().expect(0);
    stage.project.edit(
        "prod.yaml",
        "    - {name: nats-5, zone: us-east-1b, address: 10.0.2.15}\n",
        "",
    );
    let plan = stage.plan();
    let left: BTreeSet<&str> = plan["plan"]["unmanaged"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|thing| thing["name"] == "nats-5")
        .map(|thing| thing["kind"].as_str().unwrap())
        .collect();
    let expected = ["bundle-object", "instance", "network-interface", "role", "volume"];
    assert_eq!(left, expected.into(), "{}", plan["plan"]["unmanaged"]);
    stage.release();

    // An image that is gone keeps nobody from reading or removing what is there.
    stage.by_hand(&format!("ec2.deregister_image(ImageId='{}')", stage.image));
    stage.run(&["plan", "prod"]).expect(1);
    stage.run(&["output", "prod"]).expect(0);
    let everything =
        ["--delete", "volumes", "--delete", "bucket", "--delete", "key", "--no-snapshot"];
    stage.run(&[&["destroy", "prod", "--yes"], &everything[..]].concat()).expect(0);
    let rest = ["key", "alias", "image"];
    assert_eq!(without(stage.aws.inventory(), &rest), without(before, &rest));
    stage.aws.trusted();
}

/// The data volumes, by node.
fn data_volumes(stage: &Stage) -> String {
    stage.by_hand(
        "found = ec2.describe_volumes(Filters=[{'Name': 'tag:natsops:role', 'Values': ['data']}])['Volumes']\n\
         for one in sorted((dict((t['Key'], t['Value']) for t in v['Tags'])['natsops:node'], v['VolumeId']) for v in found):\n    \
             print(*one)",
    )
}

/// Removing a line from the file does not disarm it: the bucket carries the mark as well, and should that be lost, the
/// load balancer is still protected.
#[test]
fn what_is_protected_is_not_destroyed() {
    let stage = Stage::applied();
    let before = stage.aws.inventory();
    let refused = stage.run(&["destroy", "prod", "--yes"]).expect(5);
    assert!(refused.stderr.contains("its file says"), "{}", refused.stderr);
    stage.project.edit("prod.yaml", "protected: true", "protected: false");
    let refused = stage.run(&["destroy", "prod", "--yes"]).expect(5);
    assert!(refused.stderr.contains("natsops:protected"), "{}", refused.stderr);
    assert!(refused.stderr.contains("natsops apply prod"), "{}", refused.stderr);
    stage.by_hand(
        "tags = s3.get_bucket_tagging(Bucket=BUCKET)['TagSet']
s3.put_bucket_tagging(Bucket=BUCKET, Tagging={'TagSet': [tag for tag in tags if tag['Key'] != 'natsops:protected']})",
    );
    let refused = stage.run(&["destroy", "prod", "--yes"]).expect(5);
    assert!(refused.stderr.contains("load balancer"), "{}", refused.stderr);
    assert_eq!(stage.aws.inventory(), before);
}
