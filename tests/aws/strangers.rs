//! Whose things are: look-alikes of somebody else are told and never touched, and what services left behind is ours.

use serde_json::Value;

use super::stage::Stage;

/// Each: a kind, and how somebody else makes one with our name and without our tags.
const LOOK_ALIKES: [(&str, &str); 5] = [
    ("s3-bucket", "s3.create_bucket(Bucket=BUCKET)"),
    (
        "role",
        "trust = {'Effect': 'Allow', 'Action': 'sts:AssumeRole', 'Principal': {'Service': 'ecs-tasks.amazonaws.com'}}
iam.create_role(
    RoleName='natsops-prod-us-east-1-nats-1', Path='/natsops/prod/',
    AssumeRolePolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [trust]}))",
    ),
    (
        "parameter",
        "ssm.put_parameter(Name='/natsops/prod/store/creds', Value='mine', Type='SecureString', Description='mine')",
    ),
    (
        "cache-user",
        "cache.create_user(
    UserId='natsops-prod-store', UserName='store', Engine='redis', AccessString='on ~* +@all', Passwords=['m' * 16])",
    ),
    (
        "cache-user-group",
        "cache.create_user(
    UserId='mine', UserName='default', Engine='redis', AccessString='off -@all', NoPasswordRequired=True)
cache.create_user_group(UserGroupId='natsops-prod', Engine='redis', UserIds=['mine'])",
    ),
];

#[test]
fn a_look_alike_without_our_tags_blocks_the_plan_and_is_not_touched() {
    let mut stage = Stage::new();
    for (kind, script) in LOOK_ALIKES {
        stage.begin_again();
        stage.by_hand(script);
        let before = stage.aws.inventory();
        let plan = stage.plan();
        let mut actions = plan["plan"]["actions"].as_array().unwrap().iter();
        let blocked = actions.find(|one| one["kind"] == kind && !one["blocked"].is_null());
        let said = blocked.unwrap_or_else(|| panic!("{kind} blocks nothing: {plan:#}"));
        let reason = said["blocked"].as_str().unwrap();
        assert!(reason.contains("somebody else's"), "{kind}: {reason}");
        let refused = stage.apply().expect(5);
        assert!(refused.stderr.contains("nothing was changed"), "{}", refused.stderr);
        assert_eq!(stage.aws.inventory(), before, "{kind}");
    }
    stage.aws.trusted();
}

/// Names of what a plan found and leaves alone.
fn unmanaged(plan: &Value) -> Vec<&str> {
    let found = plan["plan"]["unmanaged"].as_array().unwrap().iter();
    found.map(|one| one["name"].as_str().unwrap()).collect()
}

/// A service that needs no cache any more leaves its user there: a plan tells it, and a destroy removes it. Somebody
/// else's things with such names stay.
#[test]
fn what_services_left_behind_goes_with_the_environment_and_nothing_else_does() {
    let stage = Stage::applied();
    stage.by_hand(
        "ssm.put_parameter(Name='/natsops/prod/somebody/else', Value='mine', Type='String')
cache.create_user(
    UserId='natsops-prod-eu-shop', UserName='shop', Engine='redis', AccessString='on ~* +@all', Passwords=['m' * 16])",
    );
    stage.project.edit("catalog/commerce.yaml", "    caches: [\"store:*\"]\n", "");
    stage.apply().expect(0);
    stage.in_sync();
    let plan = stage.plan();
    let mut found = unmanaged(&plan);
    found.sort_unstable();
    let expected =
        ["/natsops/prod/somebody/else", "/natsops/prod/store/redis", "natsops-prod-store"];
    assert_eq!(found, expected);

    stage.release();
    let stranger = |action: &str| {
        stage.by_hand(&format!(
            "own = {{'Name': 'game.prod.internal', 'Type': 'A', 'TTL': 60, 'ResourceRecords': [{{'Value': '10.0.1.99'}}]}}
batch = {{'Changes': [{{'Action': '{action}', 'ResourceRecordSet': own}}]}}
dns.change_resource_record_sets(HostedZoneId=zone(), ChangeBatch=batch)"
        ))
    };
    stranger("CREATE");
    // Somebody's task is still in a group of ours.
    let task = stage.by_hand(
        "task = ec2.create_network_interface(SubnetId=list(NETWORK['subnets'].values())[0], Description='a task of the shop',
    Groups=[group('natsops-prod-clients')])
print(task['NetworkInterface']['NetworkInterfaceId'])",
    );
    let kept = stage.run(&["destroy", "prod", "--yes"]).expect(1);
    let task_is_named = format!("in use by {task} of a task of the shop");
    for words in ["records that are not ours: game.prod.internal A", &task_is_named] {
        assert!(kept.stderr.contains(words), "{}", kept.stderr);
    }
    stranger("DELETE");
    stage.by_hand(&format!("ec2.delete_network_interface(NetworkInterfaceId='{task}')"));
    stage.run(&["destroy", "prod", "--yes"]).expect(0);
    let left = stage.by_hand(
        "path = {'Key': 'Path', 'Option': 'Recursive', 'Values': ['/natsops']}
print([one['Name'] for one in ssm.describe_parameters(ParameterFilters=[path])['Parameters']])
print(sorted(one['UserId'] for one in cache.describe_users()['Users']))",
    );
    assert_eq!(left, "['/natsops/prod/somebody/else']\n['default', 'natsops-prod-eu-shop']");
    stage.aws.trusted();
}
