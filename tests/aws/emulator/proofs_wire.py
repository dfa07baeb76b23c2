"""Proofs of what stands around the rules: checks of requests, faults, the list of calls, the control."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from xml.etree import ElementTree

from botocore.exceptions import ConnectionClosedError, EndpointConnectionError
from proof import Aws, equal, proof, refused

SCOPE = "AWS4-HMAC-SHA256 Credential=X/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"


def send(aws: Aws, service: str, body: str, method: str = "POST", path: str = "/", **headers: str) -> int:
    """A request as no SDK would write it."""
    request = urllib.request.Request(f"http://127.0.0.1:{aws.port}{path}", body.encode() or None, {"Authorization": SCOPE.format(service)} | headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@proof
def requests_are_held_against_the_model(aws: Aws) -> None:
    send(aws, "ec2", "Action=DescribeInstances&Version=2016-11-15&Colour=blue&Filter.1.Nme=x")
    aws.breached("unknown parameter Colour")
    aws.breached("unknown parameter Filter.1.Nme")
    send(aws, "ec2", "Action=DescribeStars&Version=2016-11-15")
    aws.breached("no operation 'DescribeStars'")
    send(aws, "kms", json.dumps({"Tags": [{"TagKey": "a", "TagValue": "b", "Colour": "blue"}]}), **{"X-Amz-Target": "TrentService.CreateKey"})
    aws.breached("unknown parameter .Tags[].Colour")
    send(aws, "kms", json.dumps({"KeyUsage": "WASHING"}), **{"X-Amz-Target": "TrentService.CreateKey"})
    aws.breached("'WASHING' is none of KeyUsageType")
    send(aws, "kms", "{}", **{"X-Amz-Target": "TrentService.DescribeKey"})
    aws.breached('Missing required parameter in input: "KeyId"')
    send(aws, "elasticloadbalancing", "Action=CreateTargetGroup&Version=2015-12-01&Name=a&HealthCheckIntervalSeconds=3")
    aws.breached("3 as a number")
    send(aws, "iam", "Action=GetRole&Version=2010-05-08&RoleName=" + "r" * 65)
    aws.breached("65 characters")
    send(aws, "iam", "Action=GetRole&Version=2010-05-08&RoleName=a%20b")
    aws.breached("does not match")
    send(aws, "s3", "<CreateBucketConfiguration><Colour>blue</Colour></CreateBucketConfiguration>", "PUT", "/proof?colour=blue", **{"x-amz-colour": "blue"})
    for words in ("unknown element .Colour", "unknown query colour", "unknown header x-amz-colour"):
        aws.breached(words)
    send(aws, "sqs", "Action=ListQueues&Version=2012-11-05")
    aws.breached("sqs, which is not emulated")
    aws.meant += ["Missing required", "CreateTargetGroup"]
    # What an SDK writes breaks nothing.
    before = len(aws.get("breaches"))
    aws.kms.create_key(Tags=[{"TagKey": "a", "TagValue": "b"}])
    equal(len(aws.get("breaches")), before)


@proof
def answers_of_s3_have_the_names_of_aws(aws: Aws) -> None:
    aws.s3.create_bucket(Bucket="natsops-proof")
    aws.s3.put_bucket_tagging(Bucket="natsops-proof", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    wanted = {"versioning": "VersioningConfiguration", "tagging": "Tagging", "encryption": "ServerSideEncryptionConfiguration", "publicAccessBlock": "PublicAccessBlockConfiguration",
              "list-type=2": "ListBucketResult", "versions": "ListVersionsResult"}
    for query, root in wanted.items():
        request = urllib.request.Request(f"http://127.0.0.1:{aws.port}/natsops-proof?{query}", headers={"Authorization": SCOPE.format("s3")})
        with urllib.request.urlopen(request) as answer:
            equal(ElementTree.fromstring(answer.read()).tag.rpartition("}")[2], root)


def a_volume(aws: Aws, **more: Any) -> Any:
    return aws.ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, VolumeType="gp3", **more)


def volumes(aws: Aws) -> int:
    return len(aws.get("inventory").get("volume", []))


def cut(action: Any) -> None:
    try:
        action()
    except (ConnectionClosedError, EndpointConnectionError):
        return
    raise AssertionError("the answer came all the same")


@proof
def faults_strike_before_and_after(aws: Aws) -> None:
    aws.post("faults", [{"service": "ec2", "operation": "CreateVolume", "nth": 2, "mode": "fail-before"}])
    a_volume(aws)
    cut(lambda: a_volume(aws))
    equal(volumes(aws), 1)
    a_volume(aws)
    aws.post("clear-faults")
    aws.post("faults", {"mode": "fail-after", "mutating": True})
    aws.ec2.describe_volumes()
    cut(lambda: a_volume(aws))
    equal(volumes(aws), 3)
    equal([one["status"] for one in aws.get("calls")][-1], 0)


@proof
def faults_throttle_and_refuse(aws: Aws) -> None:
    aws.post("faults", [{"service": "ec2", "mode": "throttle", "times": 2}, {"service": "kms", "mode": "throttle"}])
    refused("RequestLimitExceeded", lambda: a_volume(aws))
    refused("RequestLimitExceeded", lambda: a_volume(aws))
    a_volume(aws)
    refused("ThrottlingException", lambda: aws.kms.create_key())
    aws.post("clear-faults")
    aws.post("faults", [{"mode": "error", "code": "InsufficientInstanceCapacity", "status": 500, "operation": "RunInstances"}])
    refused("InsufficientInstanceCapacity", lambda: aws.launch(SubnetId=aws.subnet))
    aws.launch(SubnetId=aws.subnet)
    aws.post("faults", [{"mode": "error", "code": "InternalError", "status": 500, "operation": "CreateVolume", "executed": True}])
    refused("InternalError", lambda: a_volume(aws))
    # The root of the instance, the first one, and the one that was said to have failed.
    equal(volumes(aws), 3)
    try:
        aws.post("faults", [{"mode": "nonsense"}])
    except urllib.error.HTTPError as error:
        equal(error.code, 400)
    else:
        raise AssertionError("a mode that is not known was taken")


@proof
def rights_can_be_taken_away(aws: Aws) -> None:
    aws.post("deny", ["ec2:CreateVolume", "kms:Create*"])
    refused("UnauthorizedOperation", lambda: a_volume(aws))
    refused("AccessDeniedException", lambda: aws.kms.create_key())
    who = aws.sts.get_caller_identity()
    equal(who["Account"], "123456789012")
    said = aws.iam.simulate_principal_policy(PolicySourceArn="arn:aws:iam::123456789012:user/moto", ActionNames=["ec2:CreateVolume", "ec2:RunInstances"])
    equal([one["EvalDecision"] for one in said["EvaluationResults"]], ["implicitDeny", "allowed"])
    aws.post("deny", [])
    a_volume(aws)


@proof
def calls_are_listed(aws: Aws) -> None:
    aws.post("reset-calls")
    aws.kms.create_key()
    refused("NotFoundException", lambda: aws.kms.describe_key(KeyId="12345678-1234-1234-1234-123456789012"))
    equal([(one["service"], one["operation"], one["status"], one["region"]) for one in aws.get("calls")], [("kms", "CreateKey", 200, "us-east-1"), ("kms", "DescribeKey", 400, "us-east-1")])
    aws.post("reset-calls")
    equal(aws.get("calls"), [])


@proof
def the_emulator_ends_with_its_stdin(aws: Aws) -> None:
    other = Aws()
    other.stop()
    equal(other.process.returncode, 0)
