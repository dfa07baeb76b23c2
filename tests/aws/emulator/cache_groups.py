"""Replication groups in cluster mode: creating for minutes, changed only when available, deleted with a last snapshot."""

from __future__ import annotations

import datetime
import re
from typing import Any

import clock
from cache_members import describe, make_members, members_shown
from cache_settings import in_cluster_mode, parameter_group_of, subnet_group_of
from cache_store import arn, fault, page, store, tags
from ec2_network import drop_interfaces
from key_references import key_of, usable
from rules import rule, tags_of
from wire import Call

VERSIONS = ("6.2", "7.0", "7.1", "7.2", "8.0")


def group_of(call: Call) -> dict[str, Any]:
    found = store(call, "replication-group").get(call.params["ReplicationGroupId"].lower())
    if found is None:
        raise fault("ReplicationGroupNotFoundFault", f"ReplicationGroup {call.params['ReplicationGroupId']} not found.")
    return found


def available(call: Call) -> dict[str, Any]:
    """B2.13: every change needs the status `available`."""
    group = group_of(call)
    if group["status"] != "available":
        raise fault("InvalidReplicationGroupStateFault", f"Replication group must be in available state, but is {group['status']}.")
    return group


def check(call: Call) -> None:
    params, name = call.params, call.params["ReplicationGroupId"]
    # Up to 40 letters, digits and hyphens, a letter first, no two hyphens together, none last (B1).
    if not re.fullmatch(r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{0,39}(?<!-)", name):
        raise fault("InvalidParameterValueException", f"The parameter ReplicationGroupId '{name}' is not a valid identifier.")
    if name.lower() in store(call, "replication-group"):
        raise fault("ReplicationGroupAlreadyExistsFault", f"Replication group {name.lower()} already exists.")
    clustered = in_cluster_mode(call, params.get("CacheParameterGroupName", ""))
    if (clustered or params.get("NumNodeGroups", 1) > 1) and not params.get("AutomaticFailoverEnabled"):
        raise fault("InvalidParameterCombinationException", "Automatic failover must be enabled for Redis in cluster mode.")
    if params.get("NumNodeGroups", 1) > 1 and not clustered and params.get("ClusterMode") != "enabled":
        raise fault("InvalidParameterCombinationException", "Several node groups need a parameter group with cluster-enabled.")
    if params.get("MultiAZEnabled") and not (params.get("AutomaticFailoverEnabled") and params.get("ReplicasPerNodeGroup", 0) >= 1):
        raise fault("InvalidParameterCombinationException", "Multi-AZ needs automatic failover and at least one replica.")
    if params.get("UserGroupIds") and not params.get("TransitEncryptionEnabled"):
        raise fault("InvalidParameterCombinationException", "User groups need encryption in transit.")
    if params.get("KmsKeyId") and not params.get("AtRestEncryptionEnabled"):
        raise fault("InvalidParameterCombinationException", "A key needs encryption at rest.")
    if params.get("KmsKeyId") and key_of(call.world, params["KmsKeyId"]) is None:
        raise fault("InvalidKMSKeyFault", f"The key {params['KmsKeyId']} does not exist.")
    check_references(call)


def check_references(call: Call) -> None:
    params, ec2 = call.params, call.world.backend("ec2", call.region)
    for group in params.get("SecurityGroupIds", []):
        if ec2.get_security_group_from_id(group) is None:
            raise fault("InvalidParameterValueException", f"The security group {group} does not exist.")
    for name in params.get("UserGroupIds", params.get("UserGroupIdsToAdd", [])):
        group = store(call, "user-group").get(name)
        if group is None:
            raise fault("UserGroupNotFoundFault", f"User group {name} not found.")
        if group["Status"] != "active":
            raise fault("InvalidUserGroupStateFault", f"User group {name} is not in active state.")
    if params.get("CacheParameterGroupName"):
        parameter_group_of(call, params["CacheParameterGroupName"])


@rule("elasticache", "CreateReplicationGroup")
def create(call: Call) -> dict[str, Any] | None:
    check(call)
    params, name = call.params, call.params["ReplicationGroupId"].lower()
    subnet_group = subnet_group_of(call, params.get("CacheSubnetGroupName", "default"))
    key = key_of(call.world, params["KmsKeyId"]) if params.get("KmsKeyId") else None
    version = params.get("EngineVersion", "7.1")
    if not any(version == one or version.startswith(one + ".") or one.startswith(version + ".") for one in VERSIONS):
        raise fault("InvalidParameterValueException", f"Invalid EngineVersion: {version}")
    group: dict[str, Any] = {
        "id": name, "status": "creating", "description": params["ReplicationGroupDescription"], "params": dict(params), "engine": params.get("Engine", "redis"),
        "version": f"{version}.0" if version.count(".") == 1 else version, "node_type": params.get("CacheNodeType", "cache.m5.large"),
        "subnet_group": subnet_group["CacheSubnetGroupName"], "parameter_group": params.get("CacheParameterGroupName", "default.redis7.cluster.on"),
        "security_groups": list(params.get("SecurityGroupIds", [])), "UserGroupIds": list(params.get("UserGroupIds", [])), "port": params.get("Port", 6379),
        "key": key.arn if key else None, "created": datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0), "arn": arn(call, "replicationgroup", name),
        "failover": params.get("AutomaticFailoverEnabled", False), "multi_az": params.get("MultiAZEnabled", False), "members": [],
        "retention": params.get("SnapshotRetentionLimit", 0), "snapshot_window": params.get("SnapshotWindow", "05:00-06:00"),
        "maintenance": params.get("PreferredMaintenanceWindow", "sun:07:00-sun:08:00"), "minor": params.get("AutoMinorVersionUpgrade", True),
        "clustered": in_cluster_mode(call, params.get("CacheParameterGroupName", "default.redis7.cluster.on")),
    }
    make_members(call, group, params.get("NumNodeGroups", 1), params.get("ReplicasPerNodeGroup", params.get("NumCacheClusters", 1) - 1))
    store(call, "replication-group")[name] = group
    tags(call, group["arn"]).update(tags_of(params.get("Tags")))
    call.world.clock.later(clock.CACHE_READY, lambda: made(call, group, key))
    return {"ReplicationGroup": describe(group)}


def made(call: Call, group: dict[str, Any], key: Any) -> None:
    """B2.7: a key that can not be used shows only in the end; the reason stands among the events alone."""
    words = call.world.keep("failing changes").pop(group["id"], None)
    if key is not None and not usable(key):
        words = f"Replication group {group['id']} could not be created: the KMS key {key.arn} can not be used."
    if words is None:
        group["status"] = "available"
        return
    group["status"] = "create-failed"
    event = {"SourceIdentifier": group["id"], "SourceType": "replication-group", "Message": words, "Date": datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)}
    store(call, "event")[f"{group['id']} {call.world.clock.now()}"] = event


@rule("elasticache", "DescribeEvents")
def describe_events(call: Call) -> dict[str, Any] | None:
    """Of fourteen days at most, in minutes."""
    if call.params.get("Duration", 60) > 14 * 24 * 60:
        raise fault("InvalidParameterValueException", "Duration must not be longer than 14 days.")
    wanted = {"SourceIdentifier": call.params.get("SourceIdentifier"), "SourceType": call.params.get("SourceType")}
    found = [one for one in store(call, "event").values() if all(value in (None, one[key]) for key, value in wanted.items())]
    return page(call, "Events", found)


@rule("elasticache", "DescribeReplicationGroups")
def describe_groups(call: Call) -> dict[str, Any] | None:
    if call.params.get("ReplicationGroupId"):
        return {"ReplicationGroups": [describe(group_of(call))]}
    return page(call, "ReplicationGroups", [describe(one) for one in store(call, "replication-group").values()])


@rule("elasticache", "DescribeCacheClusters")
def describe_clusters(call: Call) -> dict[str, Any] | None:
    """The only place that shows a member's security groups and subnet group."""
    every = [] if call.params.get("ShowCacheClustersNotInReplicationGroups") else [
        one for group in store(call, "replication-group").values() for one in members_shown(call, group)]
    if name := call.params.get("CacheClusterId"):
        every = [one for one in every if one["CacheClusterId"] == name.lower()]
        if not every:
            raise fault("CacheClusterNotFoundFault", f"CacheCluster {name} not found.")
    return page(call, "CacheClusters", every)


def changing(call: Call, group: dict[str, Any], seconds: float = clock.CACHE_CHANGES) -> dict[str, Any]:
    group["status"] = "modifying"
    call.world.clock.later(seconds, lambda: group.update(status="available"))
    return {"ReplicationGroup": describe(group)}


@rule("elasticache", "ModifyReplicationGroup")
def modify(call: Call) -> dict[str, Any] | None:
    """Encryption at rest, key, subnet group and port are not even parameters here: they never change."""
    group, params = available(call), call.params
    check_references(call)
    if params.get("AutomaticFailoverEnabled") is False and group["clustered"]:
        raise fault("InvalidParameterCombinationException", "Automatic failover can not be disabled in cluster mode.")
    if params.get("EngineVersion") and params["EngineVersion"].split(".") < group["version"].split(".")[:len(params["EngineVersion"].split("."))]:
        raise fault("InvalidParameterCombinationException", "An engine version can not go down.")
    names = {"ReplicationGroupDescription": "description", "CacheNodeType": "node_type", "AutomaticFailoverEnabled": "failover", "MultiAZEnabled": "multi_az",
             "SnapshotRetentionLimit": "retention", "SnapshotWindow": "snapshot_window", "PreferredMaintenanceWindow": "maintenance",
             "AutoMinorVersionUpgrade": "minor", "CacheParameterGroupName": "parameter_group", "Engine": "engine"}
    for given, field in names.items():
        if given in params:
            group[field] = params[given]
    if params.get("EngineVersion"):
        group["version"] = params["EngineVersion"] + (".0" if params["EngineVersion"].count(".") == 1 else "")
    if "TransitEncryptionMode" in params:
        group["params"]["TransitEncryptionMode"] = params["TransitEncryptionMode"]
    if params.get("SecurityGroupIds"):
        set_groups(call, group, params["SecurityGroupIds"])
    gone = params.get("UserGroupIdsToRemove", []) if not params.get("RemoveUserGroups") else list(group["UserGroupIds"])
    group["UserGroupIds"] = [one for one in group["UserGroupIds"] if one not in gone] + params.get("UserGroupIdsToAdd", [])
    return changing(call, group)


def set_groups(call: Call, group: dict[str, Any], groups: list[str]) -> None:
    ec2 = call.world.backend("ec2", call.region)
    group["security_groups"] = list(groups)
    for member in group["members"]:
        if member["interface"] in ec2.enis:
            ec2.enis[member["interface"]]._group_set = [ec2.get_security_group_from_id(one) for one in groups]


@rule("elasticache", "ModifyReplicationGroupShardConfiguration")
def reshard(call: Call) -> dict[str, Any] | None:
    group, count = available(call), call.params["NodeGroupCount"]
    shards = sorted({member["shard"] for member in group["members"]})
    replicas = len([one for one in group["members"] if one["shard"] == shards[0]]) - 1
    if count < len(shards):
        gone = call.params.get("NodeGroupsToRemove") or [one for one in shards if one not in call.params.get("NodeGroupsToRetain", shards[:count])]
        if len(shards) - len(gone) != count:
            raise fault("InvalidParameterValueException", "NodeGroupsToRemove or NodeGroupsToRetain must name the shards.")
        drop_interfaces(call, [one["interface"] for one in group["members"] if one["shard"] in gone])
        group["members"] = [one for one in group["members"] if one["shard"] not in gone]
    else:
        make_members(call, group, count, replicas)
    return changing(call, group, clock.CACHE_READY)


@rule("elasticache", "IncreaseReplicaCount", "DecreaseReplicaCount")
def replicas(call: Call) -> dict[str, Any] | None:
    """Multi-AZ keeps at least one replica."""
    group, count = available(call), call.params["NewReplicaCount"]
    shards = sorted({member["shard"] for member in group["members"]})
    held = len([one for one in group["members"] if one["shard"] == shards[0]]) - 1
    if (count <= held) == (call.operation == "IncreaseReplicaCount") or (group["multi_az"] and count < 1):
        raise fault("InvalidParameterValueException", f"The replica count is {held} and can not become {count} in this way.")
    gone = [one for one in group["members"] if one["number"] > count + 1]
    drop_interfaces(call, [one["interface"] for one in gone])
    group["members"] = [one for one in group["members"] if one not in gone]
    make_members(call, group, len(shards), count)
    return changing(call, group)


@rule("elasticache", "DeleteReplicationGroup")
def delete(call: Call) -> dict[str, Any] | None:
    """Its interfaces, which hold the security groups, stay until it is gone."""
    group, final = group_of(call), call.params.get("FinalSnapshotIdentifier")
    if group["status"] not in ("available", "create-failed"):
        raise fault("InvalidReplicationGroupStateFault", f"Replication group {group['id']} has status {group['status']} which is not valid for deletion.")
    if final:
        if final.lower() in store(call, "snapshot"):
            raise fault("SnapshotAlreadyExistsFault", f"Snapshot with specified name already exists: {final}")
        take_snapshot(call, group, final.lower())
    group["status"] = "deleting"
    call.world.clock.later(clock.CACHE_GOES, lambda: gone(call, group))
    return {"ReplicationGroup": describe(group)}


def gone(call: Call, group: dict[str, Any]) -> None:
    drop_interfaces(call, [member["interface"] for member in group["members"]])
    store(call, "replication-group").pop(group["id"], None)
    call.world.keep("elasticache tags").pop(group["arn"], None)


def take_snapshot(call: Call, group: dict[str, Any], name: str) -> None:
    snapshot = {
        "SnapshotName": name, "ReplicationGroupId": group["id"], "ReplicationGroupDescription": group["description"], "SnapshotStatus": "creating",
        "SnapshotSource": "manual", "CacheNodeType": group["node_type"], "Engine": group["engine"], "EngineVersion": group["version"],
        "NumNodeGroups": len({one["shard"] for one in group["members"]}), "AutomaticFailover": "enabled" if group["failover"] else "disabled",
        "CacheParameterGroupName": group["parameter_group"], "CacheSubnetGroupName": group["subnet_group"], "Port": group["port"], "ARN": arn(call, "snapshot", name),
    } | ({"KmsKeyId": group["key"]} if group["key"] else {})
    store(call, "snapshot")[name] = snapshot
    tags(call, snapshot["ARN"]).update(tags(call, group["arn"]))
    call.world.clock.later(clock.CACHE_CHANGES, lambda: snapshot.update(SnapshotStatus="available"))


@rule("elasticache", "CreateSnapshot")
def create_snapshot(call: Call) -> dict[str, Any] | None:
    group, name = available(call), call.params["SnapshotName"].lower()
    if name in store(call, "snapshot"):
        raise fault("SnapshotAlreadyExistsFault", f"Snapshot with specified name already exists: {name}")
    take_snapshot(call, group, name)
    tags(call, store(call, "snapshot")[name]["ARN"]).update(tags_of(call.params.get("Tags")))
    return {"Snapshot": dict(store(call, "snapshot")[name])}


@rule("elasticache", "DescribeSnapshots", "DeleteSnapshot")
def snapshots(call: Call) -> dict[str, Any] | None:
    held, name = store(call, "snapshot"), call.params.get("SnapshotName", "").lower()
    if name and name not in held:
        raise fault("SnapshotNotFoundFault", f"Snapshot not found: {name}")
    if call.operation == "DeleteSnapshot":
        return {"Snapshot": held.pop(name) | {"SnapshotStatus": "deleting"}}
    wanted = [dict(one) for key, one in held.items() if not name or key == name]
    if call.params.get("ReplicationGroupId"):
        wanted = [one for one in wanted if one["ReplicationGroupId"] == call.params["ReplicationGroupId"]]
    return page(call, "Snapshots", wanted)


@rule("elasticache", "DescribeCacheEngineVersions")
def versions(call: Call) -> dict[str, Any] | None:
    families = {"6.2": "redis6.x", "7.0": "redis7", "7.1": "redis7", "7.2": "valkey7", "8.0": "valkey8"}
    every = [{"Engine": family.rstrip("0123456789.x"), "EngineVersion": version, "CacheParameterGroupFamily": family} for version, family in families.items()]
    wanted = [one for one in every if call.params.get("Engine", one["Engine"]) == one["Engine"] and one["EngineVersion"].startswith(call.params.get("EngineVersion", ""))]
    return page(call, "CacheEngineVersions", wanted)
