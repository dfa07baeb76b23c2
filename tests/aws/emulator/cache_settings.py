"""Subnet groups, parameter groups and tags of ElastiCache."""

from __future__ import annotations

import re
from typing import Any

from cache_store import arn, fault, page, store, tags
from rules import as_pairs, rule, tags_of
from wire import Call

DEFAULT_GROUPS = {f"default.{family}{mode}": family for family in ("redis6.x", "redis7", "valkey7", "valkey8") for mode in ("", ".cluster.on")}


def subnets(call: Call, ids: list[str]) -> tuple[str, list[dict[str, Any]]]:
    ec2 = call.world.backend("ec2", call.region)
    found = []
    for name in ids:
        try:
            found.append(ec2.get_subnet(name))
        except Exception:
            raise fault("InvalidSubnet", f"The subnet ID {name} does not exist.") from None
    if len({one.vpc_id for one in found}) != 1:
        raise fault("InvalidSubnet", "Subnets must be of one VPC.")
    return found[0].vpc_id, [{"SubnetIdentifier": one.id, "SubnetAvailabilityZone": {"Name": one.availability_zone}, "SupportedNetworkTypes": ["ipv4"]} for one in found]


@rule("elasticache", "CreateCacheSubnetGroup")
def create_subnet_group(call: Call) -> dict[str, Any] | None:
    """The name is kept in lower case, up to 255 characters."""
    params, name = call.params, call.params["CacheSubnetGroupName"].lower()
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,254}", name) or name == "default":
        raise fault("InvalidParameterValueException", f"The parameter CacheSubnetGroupName '{name}' is not valid.")
    if name in store(call, "subnet-group"):
        raise fault("CacheSubnetGroupAlreadyExistsFault", f"Cache subnet group {name} already exists.")
    vpc, found = subnets(call, params["SubnetIds"])
    group = {"CacheSubnetGroupName": name, "CacheSubnetGroupDescription": params["CacheSubnetGroupDescription"], "VpcId": vpc, "Subnets": found,
             "ARN": arn(call, "subnetgroup", name), "SupportedNetworkTypes": ["ipv4"]}
    store(call, "subnet-group")[name] = group
    tags(call, group["ARN"]).update(tags_of(params.get("Tags")))
    return {"CacheSubnetGroup": group}


def subnet_group_of(call: Call, name: str) -> dict[str, Any]:
    found = store(call, "subnet-group").get(name.lower())
    if found is None:
        raise fault("CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {name} does not exist.")
    return found


def zones_in_use(call: Call, name: str) -> set[str]:
    return {member["zone"] for one in store(call, "replication-group").values() if one["subnet_group"] == name for member in one["members"]}


@rule("elasticache", "ModifyCacheSubnetGroup")
def modify_subnet_group(call: Call) -> dict[str, Any] | None:
    group, params = subnet_group_of(call, call.params["CacheSubnetGroupName"]), call.params
    if params.get("SubnetIds"):
        vpc, found = subnets(call, params["SubnetIds"])
        kept = {one["SubnetAvailabilityZone"]["Name"] for one in found}
        if vpc != group["VpcId"] or zones_in_use(call, group["CacheSubnetGroupName"]) - kept:
            raise fault("SubnetInUse", "A subnet of the group is in use by a cache.")
        group["Subnets"] = found
    if params.get("CacheSubnetGroupDescription"):
        group["CacheSubnetGroupDescription"] = params["CacheSubnetGroupDescription"]
    return {"CacheSubnetGroup": group}


@rule("elasticache", "DeleteCacheSubnetGroup")
def delete_subnet_group(call: Call) -> dict[str, Any] | None:
    group = subnet_group_of(call, call.params["CacheSubnetGroupName"])
    name = group["CacheSubnetGroupName"]
    if any(one["subnet_group"] == name for one in store(call, "replication-group").values()):
        raise fault("CacheSubnetGroupInUse", f"Cache subnet group {name} is currently in use by a cache cluster.")
    del store(call, "subnet-group")[name]
    return {}


@rule("elasticache", "DescribeCacheSubnetGroups")
def describe_subnet_groups(call: Call) -> dict[str, Any] | None:
    if name := call.params.get("CacheSubnetGroupName"):
        return {"CacheSubnetGroups": [subnet_group_of(call, name)]}
    return page(call, "CacheSubnetGroups", list(store(call, "subnet-group").values()))


@rule("elasticache", "CreateCacheParameterGroup")
def create_parameter_group(call: Call) -> dict[str, Any] | None:
    params, name = call.params, call.params["CacheParameterGroupName"].lower()
    if name in store(call, "parameter-group") or name in DEFAULT_GROUPS:
        raise fault("CacheParameterGroupAlreadyExistsFault", f"Cache parameter group {name} already exists.")
    group = {"CacheParameterGroupName": name, "CacheParameterGroupFamily": params["CacheParameterGroupFamily"], "Description": params["Description"],
             "IsGlobal": False, "ARN": arn(call, "parametergroup", name)}
    store(call, "parameter-group")[name] = group
    call.world.keep("cache parameters")[name] = {"cluster-enabled": "no"}
    tags(call, group["ARN"]).update(tags_of(params.get("Tags")))
    return {"CacheParameterGroup": group}


def parameter_group_of(call: Call, name: str) -> dict[str, Any]:
    if name in DEFAULT_GROUPS:
        return {"CacheParameterGroupName": name, "CacheParameterGroupFamily": DEFAULT_GROUPS[name], "Description": f"Default parameter group for {DEFAULT_GROUPS[name]}",
                "IsGlobal": False, "ARN": arn(call, "parametergroup", name)}
    found = store(call, "parameter-group").get(name.lower())
    if found is None:
        raise fault("CacheParameterGroupNotFoundFault", f"CacheParameterGroup {name} not found.")
    return found


def in_cluster_mode(call: Call, parameter_group: str) -> bool:
    return parameter_group.endswith(".cluster.on") or call.world.keep("cache parameters").get(parameter_group, {}).get("cluster-enabled") == "yes"


@rule("elasticache", "ModifyCacheParameterGroup")
def modify_parameter_group(call: Call) -> dict[str, Any] | None:
    """B2.13: at most 20 parameters in a call; the default groups never change."""
    name = call.params["CacheParameterGroupName"].lower()
    if name in DEFAULT_GROUPS:
        raise fault("InvalidCacheParameterGroupStateFault", f"The default parameter group {name} can not be changed.")
    parameter_group_of(call, name)
    values = call.params["ParameterNameValues"]
    if len(values) > 20:
        raise fault("InvalidParameterValueException", "At most 20 parameters can be modified in a call.")
    call.world.keep("cache parameters")[name].update({one["ParameterName"]: one["ParameterValue"] for one in values})
    return {"CacheParameterGroupName": name}


@rule("elasticache", "DeleteCacheParameterGroup")
def delete_parameter_group(call: Call) -> dict[str, Any] | None:
    name = call.params["CacheParameterGroupName"].lower()
    parameter_group_of(call, name)
    if name in DEFAULT_GROUPS or any(one["parameter_group"] == name for one in store(call, "replication-group").values()):
        raise fault("InvalidCacheParameterGroupStateFault", f"Parameter group {name} is in use or is a default one.")
    del store(call, "parameter-group")[name]
    return {}


@rule("elasticache", "DescribeCacheParameterGroups")
def describe_parameter_groups(call: Call) -> dict[str, Any] | None:
    if name := call.params.get("CacheParameterGroupName"):
        return {"CacheParameterGroups": [parameter_group_of(call, name)]}
    every = [parameter_group_of(call, name) for name in DEFAULT_GROUPS] + list(store(call, "parameter-group").values())
    return page(call, "CacheParameterGroups", every)


@rule("elasticache", "DescribeCacheParameters")
def describe_parameters(call: Call) -> dict[str, Any] | None:
    name = call.params["CacheParameterGroupName"].lower()
    parameter_group_of(call, name)
    values = call.world.keep("cache parameters").get(name, {"cluster-enabled": "yes" if in_cluster_mode(call, name) else "no"})
    return page(call, "Parameters", [{"ParameterName": key, "ParameterValue": value, "Source": "user", "DataType": "string", "IsModifiable": True} for key, value in values.items()])


@rule("elasticache", "ListTagsForResource", "AddTagsToResource", "RemoveTagsFromResource")
def list_tags(call: Call) -> dict[str, Any] | None:
    """B2.6: an error until the cache is available, so for the whole of its creation."""
    name, params = call.params["ResourceName"], call.params
    kind, _, tail = name.partition(":elasticache:")[2].partition(":")[2].partition(":")[2].partition(":")
    where = {"replicationgroup": "replication-group", "user": "user", "usergroup": "user-group", "subnetgroup": "subnet-group", "parametergroup": "parameter-group", "snapshot": "snapshot", "cluster": "cluster"}
    if kind not in where:
        raise fault("InvalidARNFault", f"{name} is not a valid ARN.")
    if kind == "cluster":
        owner = next((one for one in store(call, "replication-group").values() if any(member["id"] == tail for member in one["members"])), None)
    else:
        owner = store(call, where[kind]).get(tail)
    if owner is None:
        missing = {"replicationgroup": "ReplicationGroupNotFoundFault", "user": "UserNotFoundFault", "usergroup": "UserGroupNotFoundFault", "subnetgroup": "CacheSubnetGroupNotFoundFault",
                   "parametergroup": "CacheParameterGroupNotFoundFault", "snapshot": "SnapshotNotFoundFault", "cluster": "CacheClusterNotFoundFault"}
        raise fault(missing[kind], f"{tail} not found.")
    if kind in ("replicationgroup", "cluster") and owner["status"] != "available":
        raise fault("InvalidReplicationGroupStateFault", f"{tail} is not in the available state.")
    held = tags(call, name)
    if call.operation == "AddTagsToResource":
        held.update(tags_of(params["Tags"]))
    for key in params.get("TagKeys", []):
        held.pop(key, None)
    return {"TagList": as_pairs(held)}
