"""A proof of the reader: an environment made by hand is told back, attribute by attribute."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

from proof import Aws, equal, proof
from proofs_balancers import health, settings
from proofs_caches import prepare

TAGS = [{"Key": "natsops:environment", "Value": "proof"}]
READER = pathlib.Path(__file__).parent.parent / "reader.py"


def named(kind: str, name: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [*TAGS, {"Key": "Name", "Value": name}]}]


def read(aws: Aws, expected: dict[str, Any]) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"environment": "proof", "resources": expected}, file)
        file.flush()
        answer = subprocess.run([sys.executable, str(READER), str(aws.port), file.name], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr[-1500:]
    return json.loads(answer.stdout)


@proof
def the_reader_tells_machines(aws: Aws) -> None:
    key = aws.key()
    aws.kms.create_alias(AliasName="alias/natsops-proof", TargetKeyId=key)
    aws.kms.tag_resource(KeyId=key, Tags=[{"TagKey": "natsops:environment", "TagValue": "proof"}])
    aws.kms.enable_key_rotation(KeyId=key)
    group = aws.ec2.create_security_group(GroupName="natsops-proof-nodes", Description="Nodes", VpcId=aws.network["vpc"], TagSpecifications=named("security-group", "natsops-proof-nodes"))["GroupId"]
    aws.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 6222, "ToPort": 6222, "UserIdGroupPairs": [{"GroupId": group}]}])
    nic = aws.interface("10.0.1.10", Groups=[group], TagSpecifications=named("network-interface", "natsops-proof-nats-1"))
    volume = aws.ec2.create_volume(AvailabilityZone="us-east-1a", Size=500, VolumeType="gp3", Encrypted=True, KmsKeyId=key, TagSpecifications=named("volume", "natsops-proof-nats-1"))["VolumeId"]
    root = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3", "Encrypted": True, "KmsKeyId": key}}
    instance = aws.launch(NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": nic}], BlockDeviceMappings=[root], DisableApiTermination=True,
                          MetadataOptions={"HttpTokens": "required"}, TagSpecifications=named("instance", "natsops-proof-nats-1"))
    aws.advance(30)
    aws.ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
    aws.advance(10)
    balancer = aws.elbv2.create_load_balancer(**settings(aws, SecurityGroups=[group], Tags=TAGS))["LoadBalancers"][0]["LoadBalancerArn"]
    target = aws.elbv2.create_target_group(**health(aws, Tags=TAGS))["TargetGroups"][0]["TargetGroupArn"]
    aws.elbv2.create_listener(LoadBalancerArn=balancer, Protocol="TCP", Port=4222, DefaultActions=[{"Type": "forward", "TargetGroupArn": target}])
    aws.elbv2.register_targets(TargetGroupArn=target, Targets=[{"Id": instance}])
    gp3 = {"type": "gp3", "iops": 3000, "throughput": 125, "encrypted": True, "key": "alias/natsops-proof"}
    expected: dict[str, Any] = {
        "key": {"alias/natsops-proof": {"rotation": True, "rotation_days": 365, "state": "Enabled"}},
        "security_group": {"natsops-proof-nodes": {"ingress": ["tcp 6222 natsops-proof-nodes"], "egress": ["all 0.0.0.0/0"], "vpc": "game-platform", "description": "Nodes"}},
        "interface": {"natsops-proof-nats-1": {"address": "10.0.1.10", "subnet": "game-platform-private-a", "security_groups": ["natsops-proof-nodes"], "status": "in-use"}},
        "volume": {"natsops-proof-nats-1": gp3 | {"size": 500, "device": "/dev/sdf", "zone": "us-east-1a", "deleted_with_instance": [False]}},
        "instance": {"natsops-proof-nats-1": {
            "type": "m6i.large", "zone": "us-east-1a", "address": "10.0.1.10", "public_address": None, "metadata_tokens": "required", "metadata_hops": 1, "termination_protection": True,
            "interface": "natsops-proof-nats-1", "interface_kept": True, "security_groups": ["natsops-proof-nodes"], "root": gp3 | {"size": 20, "deleted_with_instance": [True]}}},
        "load_balancer": {"natsops-proof": {"type": "network", "scheme": "internal", "cross_zone": False, "deletion_protection": False, "security_groups": ["natsops-proof-nodes"],
                                            "subnets": [f"game-platform-private-{zone}" for zone in "abc"], "listeners": {"4222": {"protocol": "TCP", "target_group": "natsops-proof-4222"}}}},
        "target_group": {"natsops-proof-4222": {"protocol": "TCP", "port": 4222, "targets": ["natsops-proof-nats-1:4222"], "deregistration_delay": 300, "balancers": ["natsops-proof"],
                                                "check": {"protocol": "HTTP", "port": "8222", "path": "/healthz?js-enabled-only=true", "interval": 10, "healthy": 2, "codes": "200-399"}}},
    }
    equal(read(aws, expected)["differences"], [])
    # It does tell what differs, what is missing, and what is too much.
    expected["volume"]["natsops-proof-nats-1"]["size"] = 400
    expected["volume"]["natsops-proof-nats-2"] = {}
    del expected["key"]
    equal(read(aws, expected)["differences"], ["volume/natsops-proof-nats-1/size is 500 rather than 400", "volume/natsops-proof-nats-2 is missing", "key/alias/natsops-proof is there and not expected"])


@proof
def the_reader_tells_stores(aws: Aws) -> None:
    asked = prepare(aws) | {"ReplicationGroupId": "natsops-proof", "KmsKeyId": aws.key()}
    aws.kms.create_alias(AliasName="alias/natsops-proof", TargetKeyId=asked["KmsKeyId"])
    aws.elasticache.create_replication_group(**asked)
    aws.advance(700)
    aws.s3.create_bucket(Bucket="natsops-proof-123456789012-us-east-1")
    aws.s3.put_bucket_versioning(Bucket="natsops-proof-123456789012-us-east-1", VersioningConfiguration={"Status": "Enabled"})
    zone = aws.route53.create_hosted_zone(Name="proof.internal", CallerReference="natsops-proof", VPC={"VPCRegion": "us-east-1", "VPCId": aws.network["vpc"]})["HostedZone"]["Id"]
    made = aws.elbv2.create_load_balancer(**settings(aws, Tags=TAGS))["LoadBalancers"][0]
    alias = {"Name": "nats.proof.internal", "Type": "A", "AliasTarget": {"HostedZoneId": made["CanonicalHostedZoneId"], "DNSName": made["DNSName"], "EvaluateTargetHealth": True}}
    record = {"Name": "nats-1.proof.internal", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.0.1.10"}]}
    aws.route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": one} for one in (alias, record)]})
    aws.ssm.put_parameter(Name="/natsops/proof/quest/creds", Value="secret", Type="SecureString", KeyId=asked["KmsKeyId"], Description="fingerprint abc", Tags=TAGS)
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    aws.iam.create_role(RoleName="natsops-proof-nats-1", AssumeRolePolicyDocument=json.dumps(trust), Tags=TAGS)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    aws.iam.put_role_policy(RoleName="natsops-proof-nats-1", PolicyName="node", PolicyDocument=json.dumps(policy))
    aws.iam.create_instance_profile(InstanceProfileName="natsops-proof-nats-1", Tags=TAGS)
    aws.iam.add_role_to_instance_profile(InstanceProfileName="natsops-proof-nats-1", RoleName="natsops-proof-nats-1")
    tags = {"natsops:environment": "proof"}
    expected = {
        "key": {"alias/natsops-proof": {"rotation": False}},
        "load_balancer": {"natsops-proof": {"tags": tags}},
        "replication_group": {"natsops-proof": {
            "shards": 3, "replicas_per_shard": [1], "zones_per_shard": [2], "cluster_mode": True, "multi_az": "enabled", "automatic_failover": "enabled", "in_transit": True, "at_rest": True,
            "key": "alias/natsops-proof", "node_type": "cache.r6g.large", "user_groups": ["proof"], "security_groups": ["redis"], "subnet_group": ["proof"], "engine": ["redis"], "version": ["7.1.0"],
            "parameter_group": ["default.redis7.cluster.on"], "port": 6379, "snapshots_kept": 7, "description": "natsops proof", "status": "available", "transit_mode": "required", "tags": tags}},
        "cache_user_group": {"proof": {"users": ["proof-default", "proof-game"], "status": "active"}},
        "cache_subnet_group": {"proof": {"vpc": "game-platform", "subnets": [f"game-platform-private-{zone}" for zone in "abc"]}},
        "bucket": {"natsops-proof-123456789012-us-east-1": {"versioning": "Enabled", "encryption": "AES256", "policy": None, "objects": {}, "public_access_block": {
            "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}}},
        "zone": {"proof.internal.": {"private": True, "vpcs": ["game-platform"], "records": {
            "nats.proof.internal. A": {"alias": "natsops-proof", "evaluates_health": True, "ttl": None, "values": []}, "nats-1.proof.internal. A": {"alias": None, "ttl": 60, "values": ["10.0.1.10"]}}}},
        "parameter": {"/natsops/proof/quest/creds": {"type": "SecureString", "tier": "Standard", "description": "fingerprint abc", "key": "alias/natsops-proof", "version": 1, "tags": tags}},
        "role": {"natsops-proof-nats-1": {"trust": trust, "policies": {"node": policy}, "attached": []}},
        "instance_profile": {"natsops-proof-nats-1": {"roles": ["natsops-proof-nats-1"], "tags": tags}},
    }
    equal(read(aws, expected)["differences"], [])
