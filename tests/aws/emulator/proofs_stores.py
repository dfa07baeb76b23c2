"""Proofs of the rules of KMS, IAM, S3, Parameter Store and Route 53."""

from __future__ import annotations

import json
from typing import Any

from proof import Aws, equal, proof, refused

ROOT = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"}
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def role(aws: Aws, name: str = "natsops-proof-node") -> str:
    return aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]


@proof
def every_create_key_makes_a_key(aws: Aws) -> None:
    tags = [{"TagKey": "natsops:environment", "TagValue": "proof"}]
    first = aws.kms.create_key(Tags=tags, Description="natsops proof")["KeyMetadata"]
    aws.kms.create_key(Tags=tags, Description="natsops proof")
    equal(len(aws.get("inventory")["key"]), 2)
    equal(aws.kms.list_resource_tags(KeyId=first["KeyId"])["Tags"], tags)
    aws.kms.update_key_description(KeyId=first["KeyId"], Description="other")
    equal(aws.kms.describe_key(KeyId=first["KeyId"])["KeyMetadata"]["Description"], "other")


@proof
def key_policies_lock_nobody_out(aws: Aws) -> None:
    key = aws.key()
    node = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:role/natsops-proof-node"}, "Action": "kms:Decrypt", "Resource": "*"}
    refused("MalformedPolicyDocumentException", lambda: aws.kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy(ROOT, node)))
    role(aws)
    aws.kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy(ROOT, node))
    equal(json.loads(aws.kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])["Statement"], [ROOT, node])
    refused("MalformedPolicyDocumentException", lambda: aws.kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy(node)))
    refused("MalformedPolicyDocumentException", lambda: aws.kms.create_key(Policy=policy(node)))
    refused("MalformedPolicyDocumentException", lambda: aws.kms.create_key(Policy="no policy"))
    aws.kms.create_key(Policy=policy(ROOT))


@proof
def keys_rotate(aws: Aws) -> None:
    key = aws.key()
    equal(aws.kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"], False)
    aws.kms.enable_key_rotation(KeyId=key)
    said = aws.kms.get_key_rotation_status(KeyId=key)
    equal((said["KeyRotationEnabled"], said["RotationPeriodInDays"]), (True, 365))
    aws.kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    equal(aws.kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"], 90)
    aws.kms.disable_key(KeyId=key)
    refused("DisabledException", lambda: aws.kms.disable_key_rotation(KeyId=key))


@proof
def a_rotation_on_demand_takes_its_time_and_has_a_limit(aws: Aws) -> None:
    key = aws.key()
    equal(aws.kms.list_key_rotations(KeyId=key)["Rotations"], [])
    aws.kms.rotate_key_on_demand(KeyId=key)
    refused("ConflictException", lambda: aws.kms.rotate_key_on_demand(KeyId=key))
    equal("OnDemandRotationStartDate" in aws.kms.get_key_rotation_status(KeyId=key), True)
    equal(aws.kms.list_key_rotations(KeyId=key)["Rotations"], [])
    aws.advance(120)
    equal("OnDemandRotationStartDate" in aws.kms.get_key_rotation_status(KeyId=key), False)
    equal([one["RotationType"] for one in aws.kms.list_key_rotations(KeyId=key)["Rotations"]], ["ON_DEMAND"])
    for _ in range(24):
        aws.kms.rotate_key_on_demand(KeyId=key)
        aws.advance(120)
    refused("LimitExceededException", lambda: aws.kms.rotate_key_on_demand(KeyId=key))


@proof
def aliases_name_one_key(aws: Aws) -> None:
    key, other = aws.key(), aws.key()
    aws.kms.create_alias(AliasName="alias/natsops-proof", TargetKeyId=key)
    refused("AlreadyExistsException", lambda: aws.kms.create_alias(AliasName="alias/natsops-proof", TargetKeyId=other))
    refused("NotAuthorizedException", lambda: aws.kms.create_alias(AliasName="alias/aws/proof", TargetKeyId=key))
    refused("NotFoundException", lambda: aws.kms.create_alias(AliasName="alias/x", TargetKeyId="12345678-1234-1234-1234-123456789012"))
    equal(aws.kms.describe_key(KeyId="alias/natsops-proof")["KeyMetadata"]["Arn"], key)
    aws.kms.update_alias(AliasName="alias/natsops-proof", TargetKeyId=other)
    equal(aws.kms.describe_key(KeyId="alias/natsops-proof")["KeyMetadata"]["Arn"], other)
    equal([one["AliasName"] for one in aws.kms.list_aliases(KeyId=other)["Aliases"]], ["alias/natsops-proof"])
    said = aws.kms.schedule_key_deletion(KeyId=other, PendingWindowInDays=7)
    equal((said["KeyState"], said["PendingWindowInDays"]), ("PendingDeletion", 7))
    # Still listed, with its tags, and of no use.
    equal(aws.kms.describe_key(KeyId=other)["KeyMetadata"]["KeyState"], "PendingDeletion")
    for action in (lambda: aws.kms.create_alias(AliasName="alias/x", TargetKeyId=other), lambda: aws.kms.schedule_key_deletion(KeyId=other),
                   lambda: aws.kms.enable_key_rotation(KeyId=other), lambda: aws.kms.tag_resource(KeyId=other, Tags=[{"TagKey": "a", "TagValue": "b"}])):
        refused("KMSInvalidStateException", action)
    aws.kms.cancel_key_deletion(KeyId=other)
    equal(aws.kms.describe_key(KeyId=other)["KeyMetadata"]["KeyState"], "Disabled")
    aws.kms.delete_alias(AliasName="alias/natsops-proof")
    refused("NotFoundException", lambda: aws.kms.delete_alias(AliasName="alias/natsops-proof"))


@proof
def roles_hold_policies(aws: Aws) -> None:
    role(aws)
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::proof/nodes/nats-1/*"}
    for _ in range(2):
        aws.iam.put_role_policy(RoleName="natsops-proof-node", PolicyName="node", PolicyDocument=policy(statement))
    equal(aws.iam.get_role_policy(RoleName="natsops-proof-node", PolicyName="node")["PolicyDocument"]["Statement"], [statement])
    big = policy(*[statement | {"Sid": f"s{number}"} for number in range(100)])
    refused("LimitExceeded", lambda: aws.iam.put_role_policy(RoleName="natsops-proof-node", PolicyName="big", PolicyDocument=big))
    refused("DeleteConflict", lambda: aws.iam.delete_role(RoleName="natsops-proof-node"))
    aws.iam.delete_role_policy(RoleName="natsops-proof-node", PolicyName="node")
    aws.iam.delete_role(RoleName="natsops-proof-node")
    refused("NoSuchEntity", lambda: aws.iam.get_role(RoleName="natsops-proof-node"))
    strange = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:role/nobody"}, "Action": "sts:AssumeRole"}
    refused("MalformedPolicyDocument", lambda: aws.iam.create_role(RoleName="x", AssumeRolePolicyDocument=policy(strange)))


@proof
def parameters_have_sizes(aws: Aws) -> None:
    key = aws.key()
    name = "/natsops/proof/services/matchmaking/creds"
    put = {"Name": name, "Type": "SecureString", "KeyId": key, "Description": "fingerprint abc", "Tier": "Standard"}
    tags = [{"Key": "natsops:environment", "Value": "proof"}]
    refused("ValidationException", lambda: aws.ssm.put_parameter(**put, Value="x" * 4097))
    refused("ValidationException", lambda: aws.ssm.put_parameter(**put, Value="é" * 2049))
    refused("ValidationException", lambda: aws.ssm.put_parameter(**put, Value="x", Tags=tags, Overwrite=True))
    aws.ssm.put_parameter(**put, Value="x" * 4096, Tags=tags)
    refused("ParameterAlreadyExists", lambda: aws.ssm.put_parameter(**put, Value="y"))
    equal(aws.ssm.put_parameter(**put, Value="y", Overwrite=True)["Version"], 2)
    equal(aws.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"], tags)
    shown = aws.ssm.describe_parameters(ParameterFilters=[{"Key": "Path", "Option": "Recursive", "Values": ["/natsops/proof"]}])["Parameters"][0]
    equal([shown[one] for one in ("Type", "KeyId", "Description", "Tier", "Version")], ["SecureString", key, "fingerprint abc", "Standard", 2])
    value = aws.ssm.get_parameter(Name=name)["Parameter"]["Value"]
    equal((value == "y", aws.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]), (False, "y"))
    refused("InvalidKeyId", lambda: aws.ssm.put_parameter(**put | {"Name": name + "2", "KeyId": "alias/nobody"}, Value="x"))
    aws.ssm.put_parameter(**put | {"Tier": "Advanced"}, Value="x" * 8192, Overwrite=True)
    refused("ValidationException", lambda: aws.ssm.put_parameter(**put, Value="x", Overwrite=True))
    aws.ssm.delete_parameter(Name=name)
    refused("ParameterNotFound", lambda: aws.ssm.get_parameter(Name=name))
    equal(aws.get("inventory").get("parameter"), None)


@proof
def objects_are_compared_and_swapped(aws: Aws) -> None:
    aws.s3.create_bucket(Bucket="natsops-proof")
    first = aws.s3.put_object(Bucket="natsops-proof", Key="lease", Body=b"a", IfNoneMatch="*")["ETag"]
    refused("PreconditionFailed", lambda: aws.s3.put_object(Bucket="natsops-proof", Key="lease", Body=b"b", IfNoneMatch="*"))
    second = aws.s3.put_object(Bucket="natsops-proof", Key="lease", Body=b"b", IfMatch=first)["ETag"]
    refused("PreconditionFailed", lambda: aws.s3.put_object(Bucket="natsops-proof", Key="lease", Body=b"c", IfMatch=first))
    refused("NoSuchKey", lambda: aws.s3.put_object(Bucket="natsops-proof", Key="nothing", Body=b"c", IfMatch=first))
    refused("PreconditionFailed", lambda: aws.s3.delete_object(Bucket="natsops-proof", Key="lease", IfMatch=first))
    equal(aws.s3.get_object(Bucket="natsops-proof", Key="lease")["Body"].read(), b"b")
    aws.s3.delete_object(Bucket="natsops-proof", Key="lease", IfMatch=second)
    refused("NoSuchKey", lambda: aws.s3.get_object(Bucket="natsops-proof", Key="lease"))


@proof
def buckets_are_closed(aws: Aws) -> None:
    name = "natsops-proof"
    aws.s3.create_bucket(Bucket=name)
    aws.s3.create_bucket(Bucket=name)
    equal(set(aws.s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()), {True})
    equal(aws.s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256")
    key = aws.key()
    seal = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}, "BucketKeyEnabled": True}]}
    aws.s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=seal)
    found = aws.s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    equal((found["ApplyServerSideEncryptionByDefault"], found["BucketKeyEnabled"]), (seal["Rules"][0]["ApplyServerSideEncryptionByDefault"], True))
    aws.s3.put_object(Bucket=name, Key="secrets/a", Body=b"x")
    head = aws.s3.head_object(Bucket=name, Key="secrets/a")
    equal((head["ServerSideEncryption"], head["SSEKMSKeyId"]), ("aws:kms", key))
    aws.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    equal(aws.s3.get_bucket_versioning(Bucket=name)["Status"], "Enabled")
    secure = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    aws.s3.put_bucket_policy(Bucket=name, Policy=policy(secure))
    equal(json.loads(aws.s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"], [secure])
    public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
    refused("AccessDenied", lambda: aws.s3.put_bucket_policy(Bucket=name, Policy=policy(public)))
    stranger = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:role/nobody"}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
    refused("MalformedPolicy", lambda: aws.s3.put_bucket_policy(Bucket=name, Policy=policy(stranger)))
    refused("MalformedPolicy", lambda: aws.s3.put_bucket_policy(Bucket=name, Policy=policy(secure | {"Resource": "arn:aws:s3:::other/*"})))
    tags = [{"Key": "natsops:environment", "Value": "proof"}]
    aws.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    equal(aws.s3.get_bucket_tagging(Bucket=name)["TagSet"], tags)
    refused("BucketNotEmpty", lambda: aws.s3.delete_bucket(Bucket=name))
    aws.kms.disable_key(KeyId=key)
    refused("KMS.DisabledException", lambda: aws.s3.put_object(Bucket=name, Key="secrets/b", Body=b"x"))
    aws.s3.delete_object(Bucket=name, Key="secrets/a")
    for one in aws.s3.list_object_versions(Bucket=name).get("Versions", []) + aws.s3.list_object_versions(Bucket=name).get("DeleteMarkers", []):
        aws.s3.delete_object(Bucket=name, Key=one["Key"], VersionId=one["VersionId"])
    aws.s3.delete_bucket(Bucket=name)
    refused("NoSuchBucket", lambda: aws.s3.list_objects_v2(Bucket=name))


def zone(aws: Aws, reference: str, name: str = "prod.internal") -> dict[str, Any]:
    return aws.route53.create_hosted_zone(Name=name, CallerReference=reference, VPC={"VPCRegion": "us-east-1", "VPCId": aws.network["vpc"]}, HostedZoneConfig={"Comment": "natsops", "PrivateZone": True})


@proof
def zones_are_private_and_single(aws: Aws) -> None:
    made = zone(aws, "proof")
    equal((made["HostedZone"]["Config"]["PrivateZone"], made["HostedZone"]["Name"], made["ChangeInfo"]["Status"]), (True, "prod.internal.", "PENDING"))
    refused("HostedZoneAlreadyExists", lambda: zone(aws, "proof"))
    refused("ConflictingDomainExists", lambda: zone(aws, "other"))
    aws.advance(40)
    equal(aws.route53.get_change(Id=made["ChangeInfo"]["Id"])["ChangeInfo"]["Status"], "INSYNC")
    found = aws.route53.list_hosted_zones_by_vpc(VPCId=aws.network["vpc"], VPCRegion="us-east-1")["HostedZoneSummaries"]
    equal([one["Name"] for one in found], ["prod.internal."])
    name = made["HostedZone"]["Id"]
    equal([one["VPCId"] for one in aws.route53.get_hosted_zone(Id=name)["VPCs"]], [aws.network["vpc"]])
    aws.route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=name.rpartition("/")[2], AddTags=[{"Key": "natsops:environment", "Value": "proof"}])
    said = aws.route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=name.rpartition("/")[2])["ResourceTagSet"]["Tags"]
    equal(said, [{"Key": "natsops:environment", "Value": "proof"}])


@proof
def batches_are_all_or_nothing(aws: Aws) -> None:
    name = zone(aws, "proof")["HostedZone"]["Id"]

    def change(*changes: tuple[str, str, str]) -> Any:
        batch = [{"Action": action, "ResourceRecordSet": {"Name": record, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": value}]}} for action, record, value in changes]
        return aws.route53.change_resource_record_sets(HostedZoneId=name, ChangeBatch={"Changes": batch})

    for _ in range(2):
        change(("UPSERT", "nats-1.prod.internal", "10.0.1.10"))
    refused("InvalidChangeBatch", lambda: change(("UPSERT", "nats-2.prod.internal", "10.0.2.10"), ("CREATE", "nats-1.prod.internal", "10.0.1.11")))
    refused("InvalidChangeBatch", lambda: change(("UPSERT", "nats-2.prod.internal", "10.0.2.10"), ("UPSERT", "elsewhere.example", "10.0.2.10")))
    refused("InvalidChangeBatch", lambda: change(("DELETE", "nats-1.prod.internal", "10.0.1.99")))
    records = [one for one in aws.route53.list_resource_record_sets(HostedZoneId=name)["ResourceRecordSets"] if one["Type"] == "A"]
    equal([(one["Name"], one["TTL"], one["ResourceRecords"]) for one in records], [("nats-1.prod.internal.", 60, [{"Value": "10.0.1.10"}])])
    alias = {"Name": "nats.prod.internal", "Type": "A", "AliasTarget": {"HostedZoneId": "Z26RNL4JYFTOTI", "DNSName": "natsops-proof-1.elb.us-east-1.amazonaws.com", "EvaluateTargetHealth": True}}
    aws.route53.change_resource_record_sets(HostedZoneId=name, ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": alias}]})
    refused("HostedZoneNotEmpty", lambda: aws.route53.delete_hosted_zone(Id=name))
    change(("DELETE", "nats-1.prod.internal", "10.0.1.10"))
    aws.route53.change_resource_record_sets(HostedZoneId=name, ChangeBatch={"Changes": [{"Action": "DELETE", "ResourceRecordSet": alias}]})
    aws.route53.delete_hosted_zone(Id=name)
    refused("NoSuchHostedZone", lambda: aws.route53.get_hosted_zone(Id=name))
    zone(aws, "proof")
