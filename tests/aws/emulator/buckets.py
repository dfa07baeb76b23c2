"""S3: what a new bucket has since 2023, policies that are refused, keys that can not be used."""

from __future__ import annotations

from typing import Any

from key_references import key_of, usable
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket
from policies import as_list, principals, statements, unknown_principals
from rules import Refusal, rule
from wire import Call

CLOSED = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}


def repair() -> None:
    """moto holds objects against a bucket's policy without its conditions, so that `only over TLS` refuses everything."""
    FakeBucket.get_permission = lambda bucket, action, resource: PermissionResult.NEUTRAL


@rule("s3", "CreateBucket")
def create(call: Call) -> dict[str, Any] | None:
    """Since 2023 a new bucket blocks public access and is encrypted; in us-east-1, making one's own bucket again succeeds."""
    name = call.params["Bucket"]
    known = name in call.world.backend("s3").buckets
    if known and call.region != "us-east-1":
        raise Refusal("BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.", 409)
    if known:
        return {"Location": f"/{name}"}
    call.forward()
    call.world.ask("s3", "PutPublicAccessBlock", Bucket=name, PublicAccessBlockConfiguration=CLOSED)
    seal = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]}
    call.world.ask("s3", "PutBucketEncryption", Bucket=name, ServerSideEncryptionConfiguration=seal)
    # CreateBucketConfiguration of botocore has tags, which moto does not know.
    tags = call.params.get("CreateBucketConfiguration", {}).get("Tags")
    if tags:
        call.world.ask("s3", "PutBucketTagging", Bucket=name, Tagging={"TagSet": tags})
    return None


@rule("s3", "PutBucketPolicy")
def put_policy(call: Call) -> dict[str, Any] | None:
    """Every principal exists, and nothing public comes in while public policies are blocked."""
    bucket = call.world.backend("s3").buckets.get(call.params["Bucket"])
    text = call.params["Policy"]
    text = text.decode() if isinstance(text, bytes) else text
    try:
        unknown, parts = unknown_principals(call.world, text), statements(text)
    except ValueError:
        raise Refusal("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'") from None
    if unknown:
        raise Refusal("MalformedPolicy", "Invalid principal in policy")
    named = (f"arn:aws:s3:::{call.params['Bucket']}", f"arn:aws:s3:::{call.params['Bucket']}/")
    for one in parts:
        if not all(resource == named[0] or resource.startswith(named[1]) for resource in as_list(one.get("Resource", []))):
            raise Refusal("MalformedPolicy", "Policy has invalid resource")
    public = [one for one in parts if one["Effect"] == "Allow" and "*" in list(principals(one)) and not one.get("Condition")]
    block = getattr(bucket, "public_access_block", None)
    if public and block is not None and block.block_public_policy:
        raise Refusal("AccessDenied", "User is not authorized to perform: s3:PutBucketPolicy because public policies are blocked by the BlockPublicPolicy block public access setting.", 403)
    call.forward()
    return None


@rule("s3", "PutObject")
def put_object(call: Call) -> dict[str, Any] | None:
    """An object is sealed with the key that it names, or that of its bucket; without a usable key nothing is kept."""
    name = call.params.get("SSEKMSKeyId") or bucket_key(call)
    if name:
        key = key_of(call.world, name)
        if key is None:
            raise Refusal("KMS.NotFoundException", f"Key '{name}' does not exist")
        if not usable(key):
            code = "KMS.DisabledException" if key.key_state == "Disabled" else "KMS.KMSInvalidStateException"
            raise Refusal(code, f"{key.arn} is {key.key_state}")
    call.forward()
    return None


def bucket_key(call: Call) -> str | None:
    bucket = call.world.backend("s3").buckets.get(call.params["Bucket"])
    encryption = getattr(bucket, "encryption", None) or {}
    found = encryption.get("Rule", {})
    found = found[0] if isinstance(found, list) else found
    return found.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID")
