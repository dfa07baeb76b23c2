//! What somebody changes by hand and no apply may or can change back: it is told, with the reason, and stops the apply.

use super::drift::{about, do_by_hand, fields};
use super::stage::Stage;

/// Something that blocks a plan.
pub struct Blocked {
    pub kind: &'static str,
    name: &'static str,
    pub field: &'static str,
    /// Words of the reason.
    reason: &'static str,
    script: &'static str,
    /// What takes it back; empty where there is no way.
    undo: &'static str,
}

const OWNER: &str = "
ROLE = 'natsops-prod-us-east-1-nats-1'
CACHE = 'arn:aws:elasticache:us-east-1:123456789012:'
OWNER = [{'Key': 'natsops:environment', 'Value': 'prod'}]
def without(tags):
    return [tag for tag in tags if tag['Key'] != 'natsops:environment']
bucket_tags = s3.get_bucket_tagging(Bucket=BUCKET)['TagSet']
";

/// One for each field that natsops refuses to change.
pub const BLOCKED: &[Blocked] = &[
    Blocked {
        kind: "s3-bucket",
        name: "natsops-prod-123456789012-us-east-1",
        field: "owner",
        reason: "somebody else's bucket",
        script: "s3.put_bucket_tagging(Bucket=BUCKET, Tagging={'TagSet': without(bucket_tags)})",
        undo: "s3.put_bucket_tagging(Bucket=BUCKET, Tagging={'TagSet': without(bucket_tags) + OWNER})",
    },
    Blocked {
        kind: "encryption-key",
        name: "alias/natsops-prod",
        field: "owner",
        reason: "natsops did not make",
        script: "kms.untag_resource(KeyId=KEY, TagKeys=['natsops:environment'])",
        undo: "kms.tag_resource(KeyId=KEY, Tags=[{'TagKey': 'natsops:environment', 'TagValue': 'prod'}])",
    },
    Blocked {
        kind: "security-group",
        name: "nodes",
        field: "owner",
        reason: "somebody else's group",
        script: "ec2.delete_tags(Resources=[group('natsops-prod-nodes')], Tags=[{'Key': 'natsops:environment'}])",
        undo: "ec2.create_tags(Resources=[group('natsops-prod-nodes')], Tags=OWNER)",
    },
    Blocked {
        kind: "load-balancer",
        name: "natsops-prod",
        field: "owner",
        reason: "somebody else's load balancer",
        script: "elb.remove_tags(ResourceArns=[balancer()], TagKeys=['natsops:environment'])",
        undo: "elb.add_tags(ResourceArns=[balancer()], Tags=OWNER)",
    },
    Blocked {
        kind: "target-group",
        name: "client",
        field: "owner",
        reason: "somebody else's target group",
        script: "elb.remove_tags(ResourceArns=[targets('client')], TagKeys=['natsops:environment'])",
        undo: "elb.add_tags(ResourceArns=[targets('client')], Tags=OWNER)",
    },
    Blocked {
        kind: "cache-subnet-group",
        name: "natsops-prod",
        field: "owner",
        reason: "somebody else's subnet group",
        script: "name = {'CacheSubnetGroupName': 'natsops-prod'}
cache.modify_cache_subnet_group(**name, CacheSubnetGroupDescription='mine')",
        undo: "name = {'CacheSubnetGroupName': 'natsops-prod'}
cache.modify_cache_subnet_group(**name, CacheSubnetGroupDescription='natsops prod')",
    },
    Blocked {
        kind: "replication-group",
        name: "natsops-prod",
        field: "owner",
        reason: "somebody else's cache",
        script: "cache_is(ReplicationGroupDescription='mine')",
        undo: "cache_is(ReplicationGroupDescription='natsops prod')",
    },
    Blocked {
        kind: "role",
        name: "nats-1",
        field: "owner",
        reason: "somebody else's role",
        script: "about = iam.get_role(RoleName=ROLE)['Role']['Description']
iam.tag_role(RoleName=ROLE, Tags=[{'Key': 'was', 'Value': about.encode().hex()}])
iam.untag_role(RoleName=ROLE, TagKeys=['natsops:environment'])
iam.update_role(RoleName=ROLE, Description='mine')",
        undo: "[about] = [tag['Value'] for tag in iam.list_role_tags(RoleName=ROLE)['Tags'] if tag['Key'] == 'was']
iam.tag_role(RoleName=ROLE, Tags=OWNER)
iam.update_role(RoleName=ROLE, Description=bytes.fromhex(about).decode())",
    },
    Blocked {
        kind: "parameter",
        name: "/natsops/prod/wallet/creds",
        field: "owner",
        reason: "somebody else's parameter",
        script: "filters = [{'Key': 'Name', 'Values': ['/natsops/prod/wallet/creds']}]
about = ssm.describe_parameters(ParameterFilters=filters)['Parameters'][0]['Description']
creds = {'ResourceType': 'Parameter', 'ResourceId': '/natsops/prod/wallet/creds'}
ssm.add_tags_to_resource(**creds, Tags=[{'Key': 'was', 'Value': about.encode().hex()}])
ssm.remove_tags_from_resource(**creds, TagKeys=['natsops:environment'])
parameter('wallet/creds', Description='mine')",
        undo: "creds = {'ResourceType': 'Parameter', 'ResourceId': '/natsops/prod/wallet/creds'}
[about] = [tag['Value'] for tag in ssm.list_tags_for_resource(**creds)['TagList'] if tag['Key'] == 'was']
ssm.add_tags_to_resource(**creds, Tags=OWNER)
parameter('wallet/creds', Description=bytes.fromhex(about).decode())",
    },
    Blocked {
        kind: "cache-user",
        name: "natsops-prod-store",
        field: "owner",
        reason: "somebody else's user",
        // Who is in our group is ours, whatever the tags say.
        script: "cache.modify_user_group(UserGroupId='natsops-prod', UserIdsToRemove=['natsops-prod-store'])
advance(100)
cache.remove_tags_from_resource(ResourceName=CACHE + 'user:natsops-prod-store', TagKeys=['natsops:environment'])",
        undo: "cache.add_tags_to_resource(ResourceName=CACHE + 'user:natsops-prod-store', Tags=OWNER)
cache.modify_user_group(UserGroupId='natsops-prod', UserIdsToAdd=['natsops-prod-store'])
advance(100)",
    },
    Blocked {
        kind: "cache-user-group",
        name: "natsops-prod",
        field: "owner",
        reason: "somebody else's group of users",
        script: "cache.remove_tags_from_resource(ResourceName=CACHE + 'usergroup:natsops-prod', TagKeys=['natsops:environment'])",
        undo: "cache.add_tags_to_resource(ResourceName=CACHE + 'usergroup:natsops-prod', Tags=OWNER)",
    },
    Blocked {
        kind: "zone",
        name: "prod.internal",
        field: "owner",
        reason: "somebody else's zone",
        script: "dns.update_hosted_zone_comment(Id=zone(), Comment='mine')",
        undo: "dns.update_hosted_zone_comment(Id=zone(), Comment='natsops prod')",
    },
    Blocked {
        kind: "network-interface",
        name: "nats-3",
        field: "owner",
        reason: "somebody else's interface",
        script: "ec2.delete_tags(Resources=[interface('nats-3')], Tags=[{'Key': 'natsops:environment'}])",
        undo: "ec2.create_tags(Resources=[interface('nats-3')], Tags=OWNER)",
    },
    Blocked {
        kind: "instance",
        name: "nats-4",
        field: "owner",
        reason: "somebody else's machine",
        script: "ec2.delete_tags(Resources=[instance('nats-4')], Tags=[{'Key': 'natsops:environment'}])",
        undo: "ec2.create_tags(Resources=[instance('nats-4')], Tags=OWNER)",
    },
    Blocked {
        kind: "volume",
        name: "nats-5",
        field: "owner",
        reason: "does not carry the environment's tag",
        script: "ec2.delete_tags(Resources=[volume('nats-5')], Tags=[{'Key': 'natsops:environment'}])",
        undo: "ec2.create_tags(Resources=[volume('nats-5')], Tags=OWNER)",
    },
    Blocked {
        kind: "instance",
        name: "nats-1",
        field: "public_address",
        reason: "comes with the subnet",
        script: "found = ec2.allocate_address(Domain='vpc')['AllocationId']
ec2.associate_address(AllocationId=found, NetworkInterfaceId=interface('nats-1'))",
        undo: "[found] = ec2.describe_addresses()['Addresses']
ec2.disassociate_address(AssociationId=found['AssociationId'])
ec2.release_address(AllocationId=found['AllocationId'])",
    },
];

/// One more of the cache, whose reason would hide behind that of its owner.
pub const ENGINE: &[Blocked] = &[Blocked {
    kind: "replication-group",
    name: "natsops-prod",
    field: "engine",
    reason: "keeps what it was made with",
    script: "cache_is(Engine='valkey')",
    undo: "cache_is(Engine='redis')",
}];

/// Those that nobody can undo.
pub const FINAL: &[Blocked] = &[
    Blocked {
        kind: "volume",
        name: "nats-1",
        field: "size",
        reason: "only grows",
        script: "ec2.modify_volume(VolumeId=volume('nats-1'), Size=600)",
        undo: "",
    },
    Blocked {
        kind: "instance",
        name: "nats-2",
        field: "root_size",
        reason: "made with its machine",
        script: "filters = [{'Name': 'tag:natsops:node', 'Values': ['nats-2']}, {'Name': 'tag:natsops:role', 'Values': ['root']}]
[root] = ec2.describe_volumes(Filters=filters)['Volumes']
ec2.modify_volume(VolumeId=root['VolumeId'], Size=30)
advance(30000)",
        undo: "",
    },
    Blocked {
        kind: "replication-group",
        name: "natsops-prod",
        field: "shards",
        reason: "slots do not move",
        script: "cache.modify_replication_group_shard_configuration(
    ReplicationGroupId='natsops-prod', NodeGroupCount=4, ApplyImmediately=True)
advance(700)",
        undo: "",
    },
];

#[test]
fn what_may_not_be_changed_back_is_told_and_nothing_is_touched() {
    let stage = Stage::applied();
    for cases in [BLOCKED, ENGINE] {
        let scripts = cases.iter().map(|case| case.script);
        do_by_hand(&stage, std::iter::once(OWNER).chain(scripts));
        blocks(&stage, cases);
        let undo = cases.iter().map(|case| case.undo);
        do_by_hand(&stage, std::iter::once(OWNER).chain(undo));
        stage.in_sync();
    }

    do_by_hand(&stage, FINAL.iter().map(|case| case.script));
    blocks(&stage, FINAL);
    stage.aws.trusted();
}

/// The plan tells each, with its reason; an apply refuses, and touches nothing.
#[track_caller]
fn blocks(stage: &Stage, cases: &[Blocked]) {
    let plan = stage.plan();
    for Blocked { kind, name, field, reason, .. } in cases {
        let found = about(&plan, kind, name);
        assert!(fields(found).contains(field), "{kind} {name} {field}: {found}");
        let said = found["blocked"].as_str().unwrap_or_else(|| panic!("{kind} {name}: {found}"));
        assert!(said.contains(reason), "{kind} {name}: {said}");
    }
    let (before, changes) = (stage.aws.inventory(), stage.changes().len());
    let refused = stage.apply().expect(5);
    assert!(refused.stderr.contains("nothing was changed"), "{}", refused.stderr);
    assert_eq!(stage.aws.inventory(), before);
    assert_eq!(stage.changes().len(), changes);
}
