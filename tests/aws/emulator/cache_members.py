"""The members of a replication group: their zones and interfaces, and how AWS shows them."""

from __future__ import annotations

from typing import Any

from cache_store import arn, store
from ec2_network import service_interface
from wire import Call

SLOTS = 16384


def suffix(group: dict[str, Any]) -> str:
    return f"{group['id']}.em1lat.use1.cache.amazonaws.com"


def endpoint(group: dict[str, Any]) -> dict[str, Any]:
    return {"Address": f"clustercfg.{suffix(group)}", "Port": group["port"]}


def make_members(call: Call, group: dict[str, Any], shards: int, replicas: int) -> None:
    """Adds what is missing: of each shard a primary and replicas, spread over the zones of the subnets."""
    subnets = store(call, "subnet-group")[group["subnet_group"]]["Subnets"]
    zones = [one["SubnetAvailabilityZone"]["Name"] for one in subnets]
    given = {one.get("NodeGroupId", f"{index + 1:04}"): one for index, one in enumerate(group["params"].get("NodeGroupConfiguration", []))}
    held = {(one["shard"], one["number"]) for one in group["members"]}
    for index in range(shards):
        shard = f"{index + 1:04}"
        said = given.get(shard, {})
        wanted = [said.get("PrimaryAvailabilityZone"), *said.get("ReplicaAvailabilityZones", [])]
        for number in range(1, replicas + 2):
            if (shard, number) in held:
                continue
            zone = (wanted[number - 1] if number <= len(wanted) else None) or zones[(index + number - 1) % len(zones)]
            subnet = subnets[zones.index(zone)]["SubnetIdentifier"]
            name = f"{group['id']}-{shard}-{number:03}"
            interface = service_interface(call, subnet, group["security_groups"], f"ElastiCache {name}", "amazon-elasticache")
            group["members"].append({"id": name, "shard": shard, "number": number, "zone": zone, "interface": interface})
    group["members"].sort(key=lambda one: one["id"])


def node_groups(group: dict[str, Any]) -> list[dict[str, Any]]:
    shards = sorted({one["shard"] for one in group["members"]})
    share, found = SLOTS // len(shards), []
    for index, shard in enumerate(shards):
        last = SLOTS if index == len(shards) - 1 else (index + 1) * share
        members = [{"CacheClusterId": one["id"], "CacheNodeId": "0001", "PreferredAvailabilityZone": one["zone"]} for one in group["members"] if one["shard"] == shard]
        found.append({"NodeGroupId": shard, "Status": "available" if group["status"] == "available" else group["status"], "Slots": f"{index * share}-{last - 1}", "NodeGroupMembers": members})
    return found


def describe(group: dict[str, Any]) -> dict[str, Any]:
    params = group["params"]
    shown: dict[str, Any] = {
        "ReplicationGroupId": group["id"], "Description": group["description"], "Status": group["status"], "PendingModifiedValues": {},
        "MemberClusters": [one["id"] for one in group["members"]], "AutomaticFailover": "enabled" if group["failover"] else "disabled",
        "MultiAZ": "enabled" if group["multi_az"] else "disabled", "SnapshotRetentionLimit": group["retention"], "SnapshotWindow": group["snapshot_window"],
        "ClusterEnabled": group["clustered"], "CacheNodeType": group["node_type"], "AuthTokenEnabled": bool(params.get("AuthToken")),
        "TransitEncryptionEnabled": params.get("TransitEncryptionEnabled", False), "AtRestEncryptionEnabled": params.get("AtRestEncryptionEnabled", False),
        "ARN": group["arn"], "UserGroupIds": list(group["UserGroupIds"]), "ReplicationGroupCreateTime": group["created"], "DataTiering": "disabled",
        "AutoMinorVersionUpgrade": group["minor"], "NetworkType": "ipv4", "IpDiscovery": "ipv4", "Engine": group["engine"],
        "ClusterMode": "enabled" if group["clustered"] else "disabled", "LogDeliveryConfigurations": [],
    }
    if group["key"]:
        shown["KmsKeyId"] = group["key"]
    if shown["TransitEncryptionEnabled"]:
        shown["TransitEncryptionMode"] = params.get("TransitEncryptionMode", "required")
    # Shards and the endpoint of the whole are known once it has been made.
    if group["status"] not in ("creating", "create-failed"):
        shown["NodeGroups"] = node_groups(group)
        shown["ConfigurationEndpoint"] = endpoint(group)
    return shown


def members_shown(call: Call, group: dict[str, Any]) -> list[dict[str, Any]]:
    params, found = group["params"], []
    for member in group["members"]:
        one: dict[str, Any] = {
            "CacheClusterId": member["id"], "CacheNodeType": group["node_type"], "Engine": group["engine"], "EngineVersion": group["version"],
            "CacheClusterStatus": group["status"], "NumCacheNodes": 1, "PreferredAvailabilityZone": member["zone"], "CacheClusterCreateTime": group["created"],
            "PreferredMaintenanceWindow": group["maintenance"], "PendingModifiedValues": {}, "CacheSecurityGroups": [],
            "CacheParameterGroup": {"CacheParameterGroupName": group["parameter_group"], "ParameterApplyStatus": "in-sync", "CacheNodeIdsToReboot": []},
            "CacheSubnetGroupName": group["subnet_group"], "AutoMinorVersionUpgrade": group["minor"],
            "SecurityGroups": [{"SecurityGroupId": name, "Status": "active"} for name in group["security_groups"]], "ReplicationGroupId": group["id"],
            "SnapshotRetentionLimit": group["retention"], "SnapshotWindow": group["snapshot_window"], "AuthTokenEnabled": bool(params.get("AuthToken")),
            "TransitEncryptionEnabled": params.get("TransitEncryptionEnabled", False), "AtRestEncryptionEnabled": params.get("AtRestEncryptionEnabled", False),
            "ARN": arn(call, "cluster", member["id"]), "ReplicationGroupLogDeliveryEnabled": False, "NetworkType": "ipv4", "IpDiscovery": "ipv4",
        }
        if call.params.get("ShowCacheNodeInfo"):
            address = f"{member['id']}.{suffix(group)}"
            one["CacheNodes"] = [{"CacheNodeId": "0001", "CacheNodeStatus": group["status"], "CacheNodeCreateTime": group["created"], "ParameterGroupStatus": "in-sync",
                                  "Endpoint": {"Address": address, "Port": group["port"]}, "CustomerAvailabilityZone": member["zone"]}]
        found.append(one)
    return found
