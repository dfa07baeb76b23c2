//! What somebody changes by hand is seen, told under its own heading, and healed; what can't be healed is told as blocked.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::expected::resources;
use super::stage::Stage;

/// Something that was changed by hand, and what the plan must say about it.
pub struct Drift {
    pub kind: &'static str,
    name: &'static str,
    action: &'static str,
    pub fields: &'static [&'static str],
    /// With boto3, by somebody who knows nothing of natsops.
    script: &'static str,
}

const fn drift(
    kind: &'static str,
    name: &'static str,
    fields: &'static [&'static str],
    script: &'static str,
) -> Drift {
    Drift { kind, name, action: "update", fields, script }
}

const BUCKET: &str = "natsops-prod-123456789012-us-east-1";
const KEY: &str = "alias/natsops-prod";

/// Helpers of the scripts below.
const HANDS: &str = "
KEY = kms.describe_key(KeyId='alias/natsops-prod')['KeyMetadata']['KeyId']
STRANGE = group('game-platform-endpoints')
MORE = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 's3:*', 'Resource': '*'}]}
def ours(tags, key='Key'):
    return [tag for tag in tags if tag[key] != 'natsops:protected']
def cache_is(**changes):
    cache.modify_replication_group(ReplicationGroupId='natsops-prod', ApplyImmediately=True, **changes)
    advance(700)
def health(door, **changes):
    elb.modify_target_group(TargetGroupArn=targets(door), **changes)
def attributes(door, **changes):
    found = [{'Key': key.replace('__', '.'), 'Value': value} for key, value in changes.items()]
    elb.modify_target_group_attributes(TargetGroupArn=targets(door), Attributes=found)
def balancer_is(key, value):
    found = [{'Key': key, 'Value': value}]
    elb.modify_load_balancer_attributes(LoadBalancerArn=balancer(), Attributes=found)
def records(*changes):
    changes = [{'Action': action, 'ResourceRecordSet': record} for action, record in changes]
    dns.change_resource_record_sets(HostedZoneId=zone(), ChangeBatch={'Changes': changes})
def parameter(name, **changes):
    name = '/natsops/prod/' + name
    filters = [{'Key': 'Name', 'Values': [name]}]
    about = ssm.describe_parameters(ParameterFilters=filters)['Parameters'][0]['Description']
    value = ssm.get_parameter(Name=name, WithDecryption=True)['Parameter']['Value']
    asked = {'Type': 'SecureString', 'KeyId': 'alias/natsops-prod', 'Value': value, 'Description': about}
    ssm.put_parameter(Name=name, Overwrite=True, **(asked | changes))
";

/// One for each field that a call can change and a later one can change back.
pub const HEALED: &[Drift] = &[
    drift(
        "s3-bucket",
        BUCKET,
        &["encryption", "policy", "protected", "public_access", "versioning"],
        "s3.put_bucket_tagging(Bucket=BUCKET, Tagging={'TagSet': ours(s3.get_bucket_tagging(Bucket=BUCKET)['TagSet'])})
s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={'Status': 'Suspended'})
s3.delete_public_access_block(Bucket=BUCKET)
seal = {'ApplyServerSideEncryptionByDefault': {'SSEAlgorithm': 'AES256'}}
s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={'Rules': [seal]})
s3.delete_bucket_policy(Bucket=BUCKET)",
    ),
    drift(
        "cache-user",
        "natsops-prod-store",
        &["access", "passwords"],
        "cache.modify_user(UserId='natsops-prod-store', AccessString='on ~* +@all', Passwords=['a' * 16, 'b' * 16])",
    ),
    drift(
        "cache-user-group",
        "natsops-prod",
        &["users"],
        "cache.modify_user_group(UserGroupId='natsops-prod', UserIdsToRemove=['natsops-prod-profile'])
advance(100)",
    ),
    drift(
        "replication-group",
        "natsops-prod",
        &[
            "multi_zone",
            "node_type",
            "parameters",
            "replicas_per_shard",
            "security_groups",
            "snapshots",
            "user_group",
        ],
        "cache.create_cache_parameter_group(
    CacheParameterGroupName='mine', CacheParameterGroupFamily='redis7', Description='Mine')
values = [{'ParameterName': 'cluster-enabled', 'ParameterValue': 'yes'}]
cache.modify_cache_parameter_group(CacheParameterGroupName='mine', ParameterNameValues=values)
cache.create_user(UserId='mine', UserName='default', Engine='redis', AccessString='off -@all', NoPasswordRequired=True)
cache.create_user_group(UserGroupId='mine', Engine='redis', UserIds=['mine'])
advance(60)
cache_is(CacheParameterGroupName='mine')
cache_is(UserGroupIdsToAdd=['mine'], UserGroupIdsToRemove=['natsops-prod'])
cache_is(CacheNodeType='cache.r6g.xlarge')
cache_is(SecurityGroupIds=[STRANGE])
cache_is(SnapshotRetentionLimit=1)
cache.increase_replica_count(ReplicationGroupId='natsops-prod', NewReplicaCount=2, ApplyImmediately=True)
advance(700)
cache_is(MultiAZEnabled=False)",
    ),
    drift(
        "cache-subnet-group",
        "natsops-prod",
        &["zones"],
        "fourth = ec2.create_subnet(VpcId=NETWORK['vpc'], CidrBlock='10.0.9.0/24', AvailabilityZone='us-east-1d')
subnets = [*NETWORK['subnets'].values(), fourth['Subnet']['SubnetId']]
cache.modify_cache_subnet_group(CacheSubnetGroupName='natsops-prod', SubnetIds=subnets)",
    ),
    drift(
        "role",
        "nats-1",
        &["trust"],
        "trust = {'Effect': 'Allow', 'Action': 'sts:AssumeRole', 'Principal': {'Service': 'lambda.amazonaws.com'}}
trust = json.dumps({'Version': '2012-10-17', 'Statement': [trust]})
iam.update_assume_role_policy(RoleName='natsops-prod-us-east-1-nats-1', PolicyDocument=trust)",
    ),
    drift(
        "role",
        "nats-2",
        &["policy"],
        "role = 'natsops-prod-us-east-1-nats-2'
iam.put_role_policy(RoleName=role, PolicyName='node', PolicyDocument=json.dumps(MORE))",
    ),
    drift(
        "role",
        "nats-4",
        &["other_policies"],
        "role = 'natsops-prod-us-east-1-nats-4'
iam.put_role_policy(RoleName=role, PolicyName='more', PolicyDocument=json.dumps(MORE))
made = iam.create_policy(PolicyName='much', PolicyDocument=json.dumps(MORE))
iam.attach_role_policy(RoleName=role, PolicyArn=made['Policy']['Arn'])",
    ),
    drift(
        "role",
        "nats-3",
        &["profile"],
        "role = 'natsops-prod-us-east-1-nats-3'
iam.remove_role_from_instance_profile(InstanceProfileName=role, RoleName=role)",
    ),
    Drift {
        kind: "security-rule",
        name: "nodes in tcp 8222 from load-balancer",
        action: "create",
        fields: &[],
        script: "pair = {'GroupId': group('natsops-prod-load-balancer')}
door = {'IpProtocol': 'tcp', 'FromPort': 8222, 'ToPort': 8222, 'UserIdGroupPairs': [pair]}
ec2.revoke_security_group_ingress(GroupId=group('natsops-prod-nodes'), IpPermissions=[door])",
    },
    Drift {
        kind: "security-rule",
        name: "nodes in tcp 22 from 0.0.0.0/0",
        action: "delete",
        fields: &[],
        script: "door = {'IpProtocol': 'tcp', 'FromPort': 22, 'ToPort': 22, 'IpRanges': [{'CidrIp': '0.0.0.0/0'}]}
ec2.authorize_security_group_ingress(GroupId=group('natsops-prod-nodes'), IpPermissions=[door])",
    },
    drift(
        "network-interface",
        "nats-1",
        &["security_groups"],
        "ec2.modify_network_interface_attribute(NetworkInterfaceId=interface('nats-1'), Groups=[STRANGE])",
    ),
    drift(
        "volume",
        "nats-1",
        &["type"],
        "ec2.modify_volume(VolumeId=volume('nats-1'), VolumeType='io2', Iops=3000)",
    ),
    drift("volume", "nats-2", &["iops"], "ec2.modify_volume(VolumeId=volume('nats-2'), Iops=4000)"),
    drift(
        "volume",
        "nats-3",
        &["throughput"],
        "ec2.modify_volume(VolumeId=volume('nats-3'), Throughput=250)
advance(30000)",
    ),
    drift(
        "target-group",
        "client",
        &["health_path", "targets"],
        "health('client', HealthCheckPath='/')
elb.deregister_targets(TargetGroupArn=targets('client'), Targets=[{'Id': '10.0.1.11', 'Port': 4222}])
elb.register_targets(TargetGroupArn=targets('client'), Targets=[{'Id': '10.0.3.99', 'Port': 4222}])",
    ),
    drift(
        "target-group",
        "leafnode",
        &["health_check", "health_port"],
        "health('leafnode', HealthCheckPort='traffic-port', HealthCheckIntervalSeconds=30, UnhealthyThresholdCount=5,
    Matcher={'HttpCode': '200-399'})",
    ),
    drift(
        "target-group",
        "monitor",
        &["deregistration_delay", "preserve_client_address"],
        "attributes('monitor', deregistration_delay__timeout_seconds='300', preserve_client_ip__enabled='true')",
    ),
    drift(
        "load-balancer",
        "natsops-prod",
        &["cross_zone", "deletion_protection", "security_groups", "zones"],
        "balancer_is('load_balancing.cross_zone.enabled', 'false')
balancer_is('deletion_protection.enabled', 'false')
elb.set_security_groups(LoadBalancerArn=balancer(), SecurityGroups=[STRANGE])
elb.set_subnets(LoadBalancerArn=balancer(), Subnets=list(NETWORK['subnets'].values())[:2])",
    ),
    drift(
        "listener",
        "leafnode",
        &["target_group"],
        "to = [{'Type': 'forward', 'TargetGroupArn': targets('client')}]
elb.modify_listener(ListenerArn=listener(7422), DefaultActions=to)",
    ),
    Drift {
        kind: "listener",
        name: "monitor",
        action: "create",
        fields: &["port"],
        script: "elb.delete_listener(ListenerArn=listener(8222))",
    },
    drift(
        "instance",
        "nats-1",
        &["metadata", "termination_protection"],
        "ec2.modify_instance_metadata_options(InstanceId=instance('nats-1'), HttpTokens='optional')
ec2.modify_instance_attribute(InstanceId=instance('nats-1'), DisableApiTermination={'Value': False})",
    ),
    drift(
        "instance",
        "nats-2",
        &["state"],
        "ec2.stop_instances(InstanceIds=[instance('nats-2')])
advance(60)",
    ),
    drift(
        "instance",
        "nats-4",
        &["volume"],
        "ec2.detach_volume(VolumeId=volume('nats-4'))
advance(60)",
    ),
    drift(
        "instance",
        "nats-5",
        &["profile"],
        "every = ec2.describe_iam_instance_profile_associations()['IamInstanceProfileAssociations']
[held] = [one['AssociationId'] for one in every if one['InstanceId'] == instance('nats-5')]
ec2.disassociate_iam_instance_profile(AssociationId=held)",
    ),
    drift(
        "dns-record",
        "nats.prod.internal",
        &["target", "type"],
        "every = dns.list_resource_record_sets(HostedZoneId=zone())['ResourceRecordSets']
[old] = [one for one in every if one['Type'] == 'A']
new = {'Name': 'nats.prod.internal.', 'Type': 'CNAME', 'TTL': 60, 'ResourceRecords': [{'Value': 'example.com'}]}
records(('DELETE', old), ('CREATE', new))",
    ),
    drift(
        "parameter",
        "/natsops/prod/wallet/creds",
        &["fingerprint"],
        "parameter('wallet/creds', Value='by hand', Description='by hand')",
    ),
    drift(
        "parameter",
        "/natsops/prod/wallet/cert",
        &["type"],
        "ssm.put_parameter(Name='/natsops/prod/wallet/cert', Value='in the clear', Type='String', Overwrite=True)",
    ),
    drift(
        "parameter",
        "/natsops/prod/wallet/ca",
        &["tier"],
        "parameter('wallet/ca', Tier='Advanced')",
    ),
    drift(
        "parameter",
        "/natsops/prod/wallet/key",
        &["key"],
        "parameter('wallet/key', KeyId='alias/aws/ssm')",
    ),
    drift(
        "bundle-object",
        "nats-1",
        &["content"],
        "found = s3.list_objects_v2(Bucket=BUCKET, Prefix='nodes/nats-1/bundle-')['Contents']
s3.delete_object(Bucket=BUCKET, Key=found[0]['Key'])",
    ),
    drift(
        "bundle-object",
        "nats-2",
        &["server"],
        "found = s3.list_objects_v2(Bucket=BUCKET, Prefix='nodes/nats-2/nats-server-')['Contents']
s3.delete_object(Bucket=BUCKET, Key=found[0]['Key'])",
    ),
    drift(
        "bundle-object",
        "nats-3",
        &["content"],
        "s3.delete_object(Bucket=BUCKET, Key='nodes/nats-3/current')",
    ),
    drift(
        "bundle-object",
        "nats-4",
        &["tool"],
        "found = s3.list_objects_v2(Bucket=BUCKET, Prefix='nodes/nats-4/natsops-node-')['Contents']
s3.delete_object(Bucket=BUCKET, Key=found[0]['Key'])",
    ),
    // Last, since nothing else can be made while the key is off.
    drift(
        "encryption-key",
        KEY,
        &["policy", "rotation", "state"],
        "kms.disable_key_rotation(KeyId=KEY)
open = json.loads(kms.get_key_policy(KeyId=KEY, PolicyName='default')['Policy'])
open['Statement'].pop()
kms.put_key_policy(KeyId=KEY, PolicyName='default', Policy=json.dumps(open))
kms.disable_key(KeyId=KEY)",
    ),
];

/// Does by hand what `scripts` say, one after the other.
pub fn do_by_hand<'a>(stage: &Stage, scripts: impl Iterator<Item = &'a str>) {
    let scripts: Vec<&str> = scripts.collect();
    stage.by_hand(&format!("{HANDS}\n{}", scripts.join("\n")));
}

/// Actions of a plan that do something, or would if they were not blocked.
fn doing(plan: &Value) -> Vec<&Value> {
    let actions = plan["plan"]["actions"].as_array().unwrap().iter();
    actions.filter(|action| action["action"] != "keep" || !action["blocked"].is_null()).collect()
}

/// The action about one thing.
#[track_caller]
pub fn about<'a>(plan: &'a Value, kind: &str, name: &str) -> &'a Value {
    let found = doing(plan).into_iter().find(|one| one["kind"] == kind && one["name"] == name);
    found.unwrap_or_else(|| panic!("nothing is planned for {kind} {name}: {:#?}", doing(plan)))
}

/// The fields that an action changes.
pub fn fields(action: &Value) -> BTreeSet<&str> {
    let changes = action["changes"].as_array().into_iter().flatten();
    changes.filter_map(|change| change["field"].as_str()).collect()
}

#[test]
fn what_somebody_changed_by_hand_is_seen_and_healed() {
    let stage = Stage::applied();
    do_by_hand(&stage, HEALED.iter().map(|case| case.script));
    let plan = stage.run(&["plan", "prod", "--deep", "--json"]).expect(0).json();
    for Drift { kind, name, action, fields: wanted, .. } in HEALED {
        let found = about(&plan, kind, name);
        assert_eq!(found["action"], *action, "{kind} {name}");
        if *action == "update" {
            assert_eq!(fields(found), wanted.iter().copied().collect(), "{kind} {name}");
        }
        let by_hand = plan["by_hand"].as_array().unwrap();
        assert!(by_hand.contains(&json!({"kind": kind, "name": name})), "{kind} {name}");
    }
    assert_eq!(doing(&plan).len(), HEALED.len(), "{:#?}", doing(&plan));
    let words = stage.run(&["plan", "prod", "--deep"]).expect(0).stdout;
    assert!(words.contains("by hand"), "{words}");

    // A saved plan is carried out with the look that it was made with.
    let file = stage.project.path().join("deep.json");
    let file = file.to_str().unwrap();
    stage.run(&["plan", "prod", "--deep", "--out", file]).expect(0);
    stage.run(&["apply", "prod", "--plan", file, "--yes"]).expect(0);
    let plan = stage.run(&["plan", "prod", "--deep", "--json"]).expect(0).json();
    assert_eq!(crate::support::changes(&plan), [""; 0]);
    let mut wanted = resources(&stage.image);
    for parameter in wanted["parameter"].as_object_mut().unwrap().values_mut() {
        parameter.as_object_mut().unwrap().remove("version");
    }
    let read = stage.aws.read(&json!({"environment": "prod", "resources": wanted}));
    assert_eq!(read["differences"], json!([]));
    stage.aws.trusted();
}
