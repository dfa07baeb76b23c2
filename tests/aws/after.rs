//! What comes after a plan and after an apply: saved plans, checks that can't be made, and what services are told.

use serde_json::json;

use super::stage::Stage;

#[test]
fn a_saved_plan_is_carried_out_once_and_only_as_it_was_saved() {
    let stage = Stage::applied();
    let file = stage.project.path().join("saved.json");
    let file = file.to_str().unwrap();
    stage.project.edit("prod.yaml", "allow: []", "allow: [10.0.0.0/8]");
    stage.run(&["plan", "prod", "--out", file]).expect(0);

    // Somebody changes something in between.
    let health = |path: &str| {
        format!(
            "elb.modify_target_group(TargetGroupArn=targets('client'), HealthCheckPath='{path}')"
        )
    };
    stage.by_hand(&health("/"));
    let before = stage.changes().len();
    let refused = stage.run(&["apply", "prod", "--plan", file, "--yes"]).expect(5);
    assert!(refused.stderr.contains("+ update target-group client"), "{}", refused.stderr);
    assert_eq!(stage.changes().len(), before);

    stage.by_hand(&health("/healthz?js-enabled-only=true"));
    stage.run(&["apply", "prod", "--plan", file, "--yes"]).expect(0);
    stage.in_sync();
    let again = stage.run(&["apply", "prod", "--plan", file, "--yes"]).expect(5);
    assert!(again.stderr.contains("out of date"), "{}", again.stderr);
}

#[test]
fn checks_that_can_not_be_made_fail_an_apply_only_where_they_are_required() {
    let stage = Stage::applied();
    let note = stage.apply().expect(0);
    assert!(note.stderr.contains("not checked"), "{}", note.stderr);
    let failed = stage.run(&["apply", "prod", "--yes", "--require-checks"]).expect(8);
    assert!(failed.stderr.contains("not checked"), "{}", failed.stderr);
    assert!(failed.stderr.contains("without --require-checks"), "{}", failed.stderr);
}

/// Everything that is told is there, by the account of boto3.
#[test]
fn what_services_are_told_is_what_there_is() {
    let stage = Stage::applied();
    let told = stage.run(&["output", "prod", "--json"]).expect(0).json();
    let found = stage.by_hand(
        "found = cache.describe_replication_groups(ReplicationGroupId='natsops-prod')['ReplicationGroups'][0]
path = {'Key': 'Path', 'Option': 'Recursive', 'Values': ['/natsops']}
names = ssm.get_paginator('describe_parameters').paginate(ParameterFilters=[path]).search('Parameters[].Name')
print(json.dumps({
    'group': group('natsops-prod-clients'), 'cache': '{Address}:{Port}'.format(**found['ConfigurationEndpoint']),
    'parameters': sorted('arn:aws:ssm:us-east-1:123456789012:parameter' + name for name in names)}))",
    );
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert_eq!(told["client_security_group"], found["group"]);
    assert_eq!(told["cache"], found["cache"]);
    let services = told["services"].as_object().unwrap().values();
    let mut arns: Vec<&str> = services
        .flat_map(|service| service["parameters"].as_object().unwrap().values())
        .map(|arn| arn.as_str().unwrap())
        .collect();
    arns.sort_unstable();
    assert_eq!(json!(arns), found["parameters"]);

    let secrets = stage.run(&["output", "prod", "store"]).expect(0).json();
    let mut secrets = secrets.as_array().unwrap().iter();
    let redis = secrets.find(|one| one["name"] == "REDIS_URL").unwrap();
    assert_eq!(redis["valueFrom"], told["services"]["store"]["parameters"]["redis"]);
}
