"""Keys, caches, buckets, zones, parameters."""

from __future__ import annotations

import json
from typing import Any

from reading.account import Account, Named, or_nothing, tags_of


def keys(aws: Account) -> Named:
    """Keys by their alias; one without an alias by its id. What is pending deletion is shown as such."""
    found: Named = {}
    for one in aws.every("kms", "list_keys", "Keys"):
        name = one["KeyId"]
        about = aws.kms.describe_key(KeyId=name)["KeyMetadata"]
        if about["KeyManager"] != "CUSTOMER":
            continue
        tags = {tag["TagKey"]: tag["TagValue"] for tag in aws.every("kms", "list_resource_tags", "Tags", KeyId=name)}
        alias = aws.aliases.get(name, name)
        if aws.ours(alias, tags):
            rotation = or_nothing(lambda name=name: aws.kms.get_key_rotation_status(KeyId=name), "KMSInvalidStateException") or {}
            found[alias] = {
                "state": about["KeyState"], "description": about["Description"], "usage": about["KeyUsage"], "spec": about["KeySpec"], "multi_region": about["MultiRegion"],
                "rotation": rotation.get("KeyRotationEnabled"), "rotation_days": rotation.get("RotationPeriodInDays"), "tags": tags,
                "policy": json.loads(aws.kms.get_key_policy(KeyId=name, PolicyName="default")["Policy"]),
            }
    return found


def replication_groups(aws: Account) -> Named:
    found: Named = {}
    for one in aws.every("elasticache", "describe_replication_groups", "ReplicationGroups"):
        tags = cache_tags(aws, one["ARN"])
        if not aws.ours(one["ReplicationGroupId"], tags):
            continue
        members = [each for each in aws.every("elasticache", "describe_cache_clusters", "CacheClusters", ShowCacheNodeInfo=True) if each.get("ReplicationGroupId") == one["ReplicationGroupId"]]
        shards = one.get("NodeGroups", [])
        found[one["ReplicationGroupId"]] = {
            "description": one["Description"], "status": one["Status"], "node_type": one["CacheNodeType"], "shards": len(shards), "tags": tags,
            "replicas_per_shard": sorted({len(each["NodeGroupMembers"]) - 1 for each in shards}), "zones_per_shard": sorted({len({member["PreferredAvailabilityZone"] for member in each["NodeGroupMembers"]}) for each in shards}),
            "cluster_mode": one["ClusterEnabled"], "multi_az": one["MultiAZ"], "automatic_failover": one["AutomaticFailover"], "in_transit": one["TransitEncryptionEnabled"],
            "transit_mode": one.get("TransitEncryptionMode"), "at_rest": one["AtRestEncryptionEnabled"], "key": aws.key(one.get("KmsKeyId")), "user_groups": sorted(one["UserGroupIds"]),
            "snapshots_kept": one["SnapshotRetentionLimit"], "snapshot_window": one["SnapshotWindow"], "minor_upgrades": one["AutoMinorVersionUpgrade"], "port": one.get("ConfigurationEndpoint", {}).get("Port"),
            "engine": sorted({each["Engine"] for each in members}), "version": sorted({each["EngineVersion"] for each in members}), "subnet_group": sorted({each["CacheSubnetGroupName"] for each in members}),
            "parameter_group": sorted({each["CacheParameterGroup"]["CacheParameterGroupName"] for each in members}), "maintenance": sorted({each["PreferredMaintenanceWindow"] for each in members}),
            "security_groups": sorted({name for each in members for name in aws.group_names([group["SecurityGroupId"] for group in each["SecurityGroups"]])}),
        }
    return found


def cache_tags(aws: Account, arn: str) -> dict[str, str]:
    """Not to be had while the cache is being made or changed."""
    return tags_of(or_nothing(lambda: aws.elasticache.list_tags_for_resource(ResourceName=arn), "InvalidReplicationGroupState") or {}, "TagList")


def cache_users(aws: Account) -> Named:
    every = [one for one in aws.every("elasticache", "describe_users", "Users") if one["UserId"] != "default"]
    return {one["UserId"]: {"login": one["UserName"], "engine": one["Engine"], "access": one["AccessString"], "authentication": one["Authentication"]["Type"], "passwords": one["Authentication"].get("PasswordCount"),
                            "status": one["Status"], "groups": sorted(one["UserGroupIds"]), "tags": cache_tags(aws, one["ARN"])}
            for one in every if aws.ours(one["UserId"], cache_tags(aws, one["ARN"]))}


def cache_user_groups(aws: Account) -> Named:
    return {one["UserGroupId"]: {"engine": one["Engine"], "users": sorted(one["UserIds"]), "status": one["Status"], "tags": cache_tags(aws, one["ARN"])}
            for one in aws.every("elasticache", "describe_user_groups", "UserGroups") if aws.ours(one["UserGroupId"], cache_tags(aws, one["ARN"]))}


def cache_subnet_groups(aws: Account) -> Named:
    return {one["CacheSubnetGroupName"]: {"description": one["CacheSubnetGroupDescription"], "vpc": aws.vpcs[one["VpcId"]],
                                          "subnets": sorted(aws.subnets[each["SubnetIdentifier"]] for each in one["Subnets"]), "tags": cache_tags(aws, one["ARN"])}
            for one in aws.every("elasticache", "describe_cache_subnet_groups", "CacheSubnetGroups") if aws.ours(one["CacheSubnetGroupName"], cache_tags(aws, one["ARN"]))}


def snapshots(aws: Account) -> Named:
    return {one["SnapshotName"]: {"of": one["ReplicationGroupId"], "status": one["SnapshotStatus"], "key": aws.key(one.get("KmsKeyId"))}
            for one in aws.every("elasticache", "describe_snapshots", "Snapshots") if aws.ours(one["SnapshotName"], cache_tags(aws, one["ARN"]))}


def buckets(aws: Account) -> Named:
    found: Named = {}
    for one in aws.s3.list_buckets()["Buckets"]:
        name = one["Name"]
        tags = tags_of(or_nothing(lambda: aws.s3.get_bucket_tagging(Bucket=name), "NoSuchTagSet") or {}, "TagSet")
        if not aws.ours(name, tags):
            continue
        seal = aws.s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
        block = or_nothing(lambda: aws.s3.get_public_access_block(Bucket=name), "NoSuchPublicAccessBlockConfiguration")
        policy = or_nothing(lambda: aws.s3.get_bucket_policy(Bucket=name), "NoSuchBucketPolicy")
        rules = or_nothing(lambda: aws.s3.get_bucket_lifecycle_configuration(Bucket=name), "NoSuchLifecycleConfiguration")
        found[name] = {
            "versioning": aws.s3.get_bucket_versioning(Bucket=name).get("Status"), "public_access_block": block["PublicAccessBlockConfiguration"] if block else None,
            "encryption": seal["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "key": aws.key(seal["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID")),
            "bucket_key": seal.get("BucketKeyEnabled", False), "policy": json.loads(policy["Policy"]) if policy else None, "tags": tags,
            "lifecycle": rules["Rules"] if rules else [], "objects": objects(aws, name),
        }
    return found


def objects(aws: Account, bucket: str) -> dict[str, Any]:
    """How each is sealed; what is in it is nobody's business here."""
    found = {}
    for one in aws.every("s3", "list_objects_v2", "Contents", Bucket=bucket):
        head = aws.s3.head_object(Bucket=bucket, Key=one["Key"])
        found[one["Key"]] = {"encryption": head.get("ServerSideEncryption"), "key": aws.key(head.get("SSEKMSKeyId"))}
    return found


def zones(aws: Account) -> Named:
    found: Named = {}
    for one in aws.every("route53", "list_hosted_zones", "HostedZones"):
        name = one["Id"].rpartition("/")[2]
        tags = tags_of(aws.route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=name)["ResourceTagSet"])
        if not aws.ours(one["Name"], tags) and not aws.ours(one["CallerReference"], {}):
            continue
        about, records = aws.route53.get_hosted_zone(Id=name), {}
        for record in aws.every("route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=name):
            if record["Type"] not in ("NS", "SOA"):
                target = record.get("AliasTarget", {})
                records[f"{record['Name']} {record['Type']}"] = {"ttl": record.get("TTL"), "values": sorted(each["Value"] for each in record.get("ResourceRecords", [])),
                                                                 "alias": balancer_name(aws, target.get("DNSName")), "evaluates_health": target.get("EvaluateTargetHealth")}
        found[one["Name"]] = {"private": one["Config"]["PrivateZone"], "comment": one["Config"].get("Comment"), "vpcs": sorted(aws.vpcs.get(vpc["VPCId"], vpc["VPCId"]) for vpc in about.get("VPCs", [])),
                              "records": records, "tags": tags}
    return found


def balancer_name(aws: Account, address: str | None) -> str | None:
    if not address:
        return None
    names = {one["DNSName"].lower(): one["LoadBalancerName"] for one in aws.every("elbv2", "describe_load_balancers", "LoadBalancers")}
    return names.get(address.rstrip(".").lower().removeprefix("dualstack."), address)


def parameters(aws: Account) -> Named:
    found: Named = {}
    for one in aws.every("ssm", "describe_parameters", "Parameters"):
        if one["Name"].startswith("/aws/"):
            continue
        tags = tags_of(aws.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=one["Name"]), "TagList")
        if aws.ours(one["Name"], tags):
            found[one["Name"]] = {"type": one["Type"], "key": aws.key(one.get("KeyId")), "description": one.get("Description"), "tier": one["Tier"], "version": one["Version"], "data_type": one["DataType"], "tags": tags}
    return found
