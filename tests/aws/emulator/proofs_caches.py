"""Proofs of ElastiCache's rules."""

from __future__ import annotations

from typing import Any

from proof import Aws, equal, proof, refused

TAGS = [{"Key": "natsops:environment", "Value": "proof"}]


def user(aws: Aws, name: str, login: str) -> None:
    aws.elasticache.create_user(UserId=name, UserName=login, Engine="redis", AccessString="on ~* +@all", Passwords=["p" * 20])


def prepare(aws: Aws) -> dict[str, Any]:
    """Everything that a replication group refers to."""
    user(aws, "proof-default", "default")
    user(aws, "proof-game", "game")
    aws.elasticache.create_user_group(UserGroupId="proof", Engine="redis", UserIds=["proof-default", "proof-game"], Tags=TAGS)
    aws.elasticache.create_cache_subnet_group(CacheSubnetGroupName="proof", CacheSubnetGroupDescription="proof", SubnetIds=list(aws.network["subnets"].values()), Tags=TAGS)
    aws.advance(30)
    return {
        "ReplicationGroupId": "natsops-proof", "ReplicationGroupDescription": "natsops proof", "Engine": "redis", "EngineVersion": "7.1", "CacheNodeType": "cache.r6g.large",
        "NumNodeGroups": 3, "ReplicasPerNodeGroup": 1, "AutomaticFailoverEnabled": True, "MultiAZEnabled": True, "CacheSubnetGroupName": "proof",
        "CacheParameterGroupName": "default.redis7.cluster.on", "SecurityGroupIds": [aws.group("redis")], "TransitEncryptionEnabled": True, "AtRestEncryptionEnabled": True,
        "KmsKeyId": aws.key(), "UserGroupIds": ["proof"], "Tags": TAGS, "SnapshotRetentionLimit": 7,
    }


def group_of(aws: Aws) -> dict[str, Any]:
    return aws.elasticache.describe_replication_groups(ReplicationGroupId="natsops-proof")["ReplicationGroups"][0]


@proof
def users_have_two_passwords(aws: Aws) -> None:
    user(aws, "proof-game", "game")
    refused("UserAlreadyExists", lambda: user(aws, "PROOF-GAME", "game"))
    refused("InvalidParameterValue", lambda: aws.elasticache.modify_user(UserId="proof-game", Passwords=["a" * 16, "b" * 16, "c" * 16]))
    refused("InvalidParameterValue", lambda: aws.elasticache.modify_user(UserId="proof-game", Passwords=["short"]))
    aws.elasticache.modify_user(UserId="proof-game", Passwords=["a" * 16, "b" * 16], AccessString="on ~game:* +@all")
    shown = aws.elasticache.describe_users(UserId="proof-game")["Users"][0]
    equal((shown["Status"], shown["AccessString"], shown["Authentication"]), ("modifying", "on ~game:* +@all", {"Type": "password", "PasswordCount": 2}))
    refused("InvalidUserState", lambda: aws.elasticache.modify_user(UserId="proof-game", AccessString="off"))
    refused("InvalidParameterValue", lambda: aws.elasticache.create_user(UserId="x", UserName="x", Engine="redis", AccessString="~* +@all", NoPasswordRequired=True))
    aws.advance(30)
    equal(aws.elasticache.describe_users(UserId="proof-game")["Users"][0]["Status"], "active")
    aws.elasticache.delete_user(UserId="proof-game")
    aws.advance(30)
    refused("UserNotFound", lambda: aws.elasticache.describe_users(UserId="proof-game"))
    equal([one["UserId"] for one in aws.elasticache.describe_users()["Users"]], ["default"])
    equal(aws.get("inventory").get("elasticache-user"), None)


@proof
def user_groups_need_a_default(aws: Aws) -> None:
    user(aws, "proof-default", "default")
    user(aws, "proof-game", "game")
    user(aws, "proof-twin", "game")
    refused("DefaultUserRequired", lambda: aws.elasticache.create_user_group(UserGroupId="proof", Engine="redis", UserIds=["proof-game"]))
    refused("DuplicateUserName", lambda: aws.elasticache.create_user_group(UserGroupId="proof", Engine="redis", UserIds=["proof-default", "proof-game", "proof-twin"]))
    made = aws.elasticache.create_user_group(UserGroupId="proof", Engine="redis", UserIds=["proof-default"])
    equal((made["Status"], made["UserIds"]), ("creating", ["proof-default"]))
    refused("UserGroupAlreadyExists", lambda: aws.elasticache.create_user_group(UserGroupId="proof", Engine="redis", UserIds=["proof-default"]))
    refused("InvalidUserGroupState", lambda: aws.elasticache.modify_user_group(UserGroupId="proof", UserIdsToAdd=["proof-game"]))
    aws.advance(30)
    aws.elasticache.modify_user_group(UserGroupId="proof", UserIdsToAdd=["proof-game"])
    aws.advance(30)
    equal(aws.elasticache.describe_user_groups(UserGroupId="proof")["UserGroups"][0]["UserIds"], ["proof-default", "proof-game"])
    equal(aws.elasticache.describe_users(UserId="proof-game")["Users"][0]["UserGroupIds"], ["proof"])
    refused("DefaultUserAssociatedToUserGroup", lambda: aws.elasticache.delete_user(UserId="proof-default"))
    refused("DefaultUserRequired", lambda: aws.elasticache.modify_user_group(UserGroupId="proof", UserIdsToRemove=["proof-default"]))
    aws.elasticache.delete_user_group(UserGroupId="proof")
    aws.advance(30)
    refused("UserGroupNotFound", lambda: aws.elasticache.describe_user_groups(UserGroupId="proof"))
    equal(aws.elasticache.describe_users(UserId="proof-game")["Users"][0]["UserGroupIds"], [])


@proof
def a_cache_is_created_for_minutes(aws: Aws) -> None:
    asked = prepare(aws)
    made = aws.elasticache.create_replication_group(**asked)["ReplicationGroup"]
    equal((made["Status"], made["MemberClusters"][0], len(made["MemberClusters"])), ("creating", "natsops-proof-0001-001", 6))
    refused("ReplicationGroupAlreadyExists", lambda: aws.elasticache.create_replication_group(**asked))
    refused("InvalidReplicationGroupState", lambda: aws.elasticache.list_tags_for_resource(ResourceName=made["ARN"]))
    refused("InvalidReplicationGroupState", lambda: aws.elasticache.modify_replication_group(ReplicationGroupId="natsops-proof", SnapshotRetentionLimit=1))
    refused("InvalidReplicationGroupState", lambda: aws.elasticache.delete_replication_group(ReplicationGroupId="natsops-proof"))
    equal(group_of(aws).get("ConfigurationEndpoint"), None)
    aws.advance(610)
    shown = group_of(aws)
    wanted = {"Status": "available", "ClusterEnabled": True, "ClusterMode": "enabled", "MultiAZ": "enabled", "AutomaticFailover": "enabled", "TransitEncryptionEnabled": True, "AtRestEncryptionEnabled": True,
              "KmsKeyId": asked["KmsKeyId"], "UserGroupIds": ["proof"], "CacheNodeType": "cache.r6g.large", "SnapshotRetentionLimit": 7, "Description": "natsops proof", "TransitEncryptionMode": "required"}
    equal({key: shown[key] for key in wanted}, wanted)
    equal((shown["ConfigurationEndpoint"]["Address"].startswith("clustercfg.natsops-proof."), shown["ConfigurationEndpoint"]["Port"]), (True, 6379))
    equal([(one["NodeGroupId"], len(one["NodeGroupMembers"])) for one in shown["NodeGroups"]], [("0001", 2), ("0002", 2), ("0003", 2)])
    equal(shown["NodeGroups"][2]["Slots"].endswith("-16383"), True)
    for one in shown["NodeGroups"]:
        equal(len({member["PreferredAvailabilityZone"] for member in one["NodeGroupMembers"]}), 2)
    equal(aws.elasticache.list_tags_for_resource(ResourceName=made["ARN"])["TagList"], TAGS)


@proof
def only_members_show_groups_and_subnets(aws: Aws) -> None:
    asked = prepare(aws)
    aws.elasticache.create_replication_group(**asked)
    aws.advance(610)
    members = aws.elasticache.describe_cache_clusters(ShowCacheNodeInfo=True)["CacheClusters"]
    equal(len(members), 6)
    one = members[0]
    equal((one["ReplicationGroupId"], one["CacheSubnetGroupName"], one["SecurityGroups"], one["EngineVersion"]),
          ("natsops-proof", "proof", [{"SecurityGroupId": asked["SecurityGroupIds"][0], "Status": "active"}], "7.1.0"))
    equal((one["CacheParameterGroup"]["CacheParameterGroupName"], one["CacheNodes"][0]["Endpoint"]["Port"]), ("default.redis7.cluster.on", 6379))
    # Its interfaces hold the group, in subnets of the subnet group.
    refused("DependencyViolation", lambda: aws.ec2.delete_security_group(GroupId=asked["SecurityGroupIds"][0]))
    refused("CacheSubnetGroupInUse", lambda: aws.elasticache.delete_cache_subnet_group(CacheSubnetGroupName="proof"))
    refused("InvalidUserGroupState", lambda: aws.elasticache.delete_user_group(UserGroupId="proof"))
    equal(aws.elasticache.describe_user_groups(UserGroupId="proof")["UserGroups"][0]["ReplicationGroups"], ["natsops-proof"])
    other = aws.group("other")
    aws.elasticache.modify_replication_group(ReplicationGroupId="natsops-proof", SecurityGroupIds=[other], ApplyImmediately=True)
    aws.advance(250)
    aws.ec2.delete_security_group(GroupId=asked["SecurityGroupIds"][0])


@proof
def a_cache_changes_only_when_available(aws: Aws) -> None:
    aws.elasticache.create_replication_group(**prepare(aws))
    aws.advance(610)
    change = {"ReplicationGroupId": "natsops-proof", "SnapshotRetentionLimit": 1, "CacheNodeType": "cache.r6g.xlarge", "ApplyImmediately": True}
    equal(aws.elasticache.modify_replication_group(**change)["ReplicationGroup"]["Status"], "modifying")
    refused("InvalidReplicationGroupState", lambda: aws.elasticache.modify_replication_group(**change))
    aws.advance(250)
    shown = group_of(aws)
    equal((shown["Status"], shown["SnapshotRetentionLimit"], shown["CacheNodeType"]), ("available", 1, "cache.r6g.xlarge"))
    refused("InvalidParameterCombination", lambda: aws.elasticache.modify_replication_group(ReplicationGroupId="natsops-proof", AutomaticFailoverEnabled=False))
    refused("InvalidParameterCombination", lambda: aws.elasticache.modify_replication_group(ReplicationGroupId="natsops-proof", EngineVersion="6.2"))
    aws.elasticache.modify_replication_group_shard_configuration(ReplicationGroupId="natsops-proof", NodeGroupCount=4, ApplyImmediately=True)
    aws.advance(610)
    equal(len(group_of(aws)["NodeGroups"]), 4)
    aws.elasticache.modify_replication_group_shard_configuration(ReplicationGroupId="natsops-proof", NodeGroupCount=3, NodeGroupsToRemove=["0004"], ApplyImmediately=True)
    aws.advance(610)
    aws.elasticache.increase_replica_count(ReplicationGroupId="natsops-proof", NewReplicaCount=2, ApplyImmediately=True)
    aws.advance(250)
    equal(len(group_of(aws)["MemberClusters"]), 9)
    aws.elasticache.decrease_replica_count(ReplicationGroupId="natsops-proof", NewReplicaCount=1, ApplyImmediately=True)
    aws.advance(250)
    equal(len(group_of(aws)["MemberClusters"]), 6)
    refused("InvalidParameterValue", lambda: aws.elasticache.decrease_replica_count(ReplicationGroupId="natsops-proof", NewReplicaCount=0, ApplyImmediately=True))


@proof
def what_a_cache_must_have(aws: Aws) -> None:
    asked = prepare(aws)

    def create(**more: Any) -> Any:
        return lambda: aws.elasticache.create_replication_group(**asked | more)

    refused("InvalidParameterCombination", create(AutomaticFailoverEnabled=False, MultiAZEnabled=False))
    refused("InvalidParameterCombination", create(ReplicasPerNodeGroup=0))
    refused("InvalidParameterCombination", create(TransitEncryptionEnabled=False))
    refused("InvalidParameterCombination", create(AtRestEncryptionEnabled=False))
    refused("InvalidParameterCombination", create(CacheParameterGroupName="default.redis7"))
    refused("InvalidParameterValue", create(ReplicationGroupId="natsops--proof"))
    refused("InvalidParameterValue", create(ReplicationGroupId="n" * 41))
    refused("InvalidParameterValue", create(SecurityGroupIds=["sg-0123456789abcdef0"]))
    refused("InvalidKMSKeyFault", create(KmsKeyId="alias/nobody"))
    refused("CacheSubnetGroupNotFoundFault", create(CacheSubnetGroupName="nothing"))
    refused("UserGroupNotFound", create(UserGroupIds=["nothing"]))
    refused("CacheParameterGroupNotFound", create(CacheParameterGroupName="nothing", NumNodeGroups=1))
    refused("CacheSubnetGroupAlreadyExists", lambda: aws.elasticache.create_cache_subnet_group(CacheSubnetGroupName="Proof", CacheSubnetGroupDescription="again", SubnetIds=[aws.subnet]))
    key = aws.key()
    aws.kms.disable_key(KeyId=key)
    aws.elasticache.create_replication_group(**asked | {"KmsKeyId": key})
    aws.advance(610)
    equal(group_of(aws)["Status"], "create-failed")
    [event] = aws.elasticache.describe_events(SourceIdentifier="natsops-proof", SourceType="replication-group", Duration=20160)["Events"]
    equal(key in event["Message"], True)
    equal(aws.elasticache.describe_events(SourceIdentifier="another", SourceType="replication-group")["Events"], [])
    refused("InvalidParameterValue", lambda: aws.elasticache.describe_events(Duration=20161))


@proof
def a_cache_leaves_a_snapshot(aws: Aws) -> None:
    asked = prepare(aws)
    before = aws.get("inventory")
    aws.elasticache.create_replication_group(**asked)
    aws.advance(610)
    gone = aws.elasticache.delete_replication_group(ReplicationGroupId="natsops-proof", FinalSnapshotIdentifier="last")
    equal(gone["ReplicationGroup"]["Status"], "deleting")
    refused("InvalidReplicationGroupState", lambda: aws.elasticache.delete_replication_group(ReplicationGroupId="natsops-proof"))
    refused("DependencyViolation", lambda: aws.ec2.delete_security_group(GroupId=asked["SecurityGroupIds"][0]))
    aws.advance(310)
    refused("ReplicationGroupNotFoundFault", lambda: group_of(aws))
    [snapshot] = aws.elasticache.describe_snapshots(ReplicationGroupId="natsops-proof")["Snapshots"]
    equal((snapshot["SnapshotName"], snapshot["SnapshotStatus"], snapshot["NumNodeGroups"], snapshot["KmsKeyId"]), ("last", "available", 3, asked["KmsKeyId"]))
    equal(aws.get("inventory"), before | {"elasticache-snapshot": ["last"]})
    aws.elasticache.delete_snapshot(SnapshotName="last")
    aws.elasticache.delete_user_group(UserGroupId="proof")
    aws.elasticache.delete_cache_subnet_group(CacheSubnetGroupName="proof")
    refused("CacheSubnetGroupNotFoundFault", lambda: aws.elasticache.describe_cache_subnet_groups(CacheSubnetGroupName="proof"))


@proof
def parameter_groups_take_twenty_at_once(aws: Aws) -> None:
    aws.elasticache.create_cache_parameter_group(CacheParameterGroupName="proof", CacheParameterGroupFamily="redis7", Description="proof")
    refused("CacheParameterGroupAlreadyExists", lambda: aws.elasticache.create_cache_parameter_group(CacheParameterGroupName="proof", CacheParameterGroupFamily="redis7", Description="proof"))
    values = [{"ParameterName": f"p{number}", "ParameterValue": "1"} for number in range(21)]
    refused("InvalidParameterValue", lambda: aws.elasticache.modify_cache_parameter_group(CacheParameterGroupName="proof", ParameterNameValues=values))
    aws.elasticache.modify_cache_parameter_group(CacheParameterGroupName="proof", ParameterNameValues=[{"ParameterName": "cluster-enabled", "ParameterValue": "yes"}])
    shown = aws.elasticache.describe_cache_parameters(CacheParameterGroupName="proof")["Parameters"]
    equal([(one["ParameterName"], one["ParameterValue"]) for one in shown], [("cluster-enabled", "yes")])
    refused("InvalidCacheParameterGroupState", lambda: aws.elasticache.modify_cache_parameter_group(CacheParameterGroupName="default.redis7", ParameterNameValues=values[:1]))
    aws.elasticache.delete_cache_parameter_group(CacheParameterGroupName="proof")
