"""KMS: policies that would lock everybody out, rotation, aliases, keys on their way to deletion."""

from __future__ import annotations

import datetime
from typing import Any

from clock import KEY_ROTATES
from key_references import key_of
from policies import as_list, principals, statements, unknown_principals
from rules import Refusal, modelled, rule
from wire import Call
from world import ACCOUNT

# Changing a key needs it to be there for good: not pending deletion.
CHANGES = ("EnableKeyRotation", "DisableKeyRotation", "TagResource", "UntagResource", "UpdateKeyDescription", "EnableKey", "DisableKey", "CancelKeyDeletion")


def check_policy(call: Call, text: str) -> None:
    """Who calls must be able to change the policy again, and every principal that it names must exist."""
    try:
        unknown = unknown_principals(call.world, text)
        allowed = [one for one in statements(text) if one["Effect"] == "Allow" and any(action in ("*", "kms:*", "kms:PutKeyPolicy", "kms:Put*") for action in as_list(one.get("Action", [])))]
    except ValueError:
        raise modelled("kms", "MalformedPolicyDocumentException", "Policy is not a valid policy document") from None
    if unknown:
        raise modelled("kms", "MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals.")
    root = (f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, "*")
    if not call.params.get("BypassPolicyLockoutSafetyCheck") and not any(who in root or who.startswith(f"arn:aws:sts::{ACCOUNT}:") for one in allowed for who in principals(one)):
        raise modelled("kms", "MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future.")


def key(call: Call, reference: str) -> Any:
    found = key_of(call.world, reference)
    if found is None:
        raise modelled("kms", "NotFoundException", f"Key '{reference}' does not exist")
    return found


def check_state(found: Any) -> None:
    if found.key_state == "PendingDeletion":
        raise modelled("kms", "KMSInvalidStateException", f"{found.arn} is pending deletion.")


@rule("kms", "CreateKey")
def create(call: Call) -> dict[str, Any] | None:
    """Neither token nor unique name: every call makes a key (B1)."""
    if call.params.get("Policy"):
        check_policy(call, call.params["Policy"])
    # Symmetric encryption unless it is said otherwise; moto shows nothing then.
    call.forward({"KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "SYMMETRIC_DEFAULT", "MultiRegion": False, **call.params})
    return None


@rule("kms", "PutKeyPolicy")
def put_policy(call: Call) -> dict[str, Any] | None:
    check_state(key(call, call.params["KeyId"]))
    check_policy(call, call.params["Policy"])
    call.forward()
    return None


@rule("kms", *CHANGES)
def change(call: Call) -> dict[str, Any] | None:
    found = key(call, call.params["KeyId"])
    if call.operation != "CancelKeyDeletion":
        check_state(found)
    elif found.key_state != "PendingDeletion":
        raise modelled("kms", "KMSInvalidStateException", f"{found.arn} is not pending deletion.")
    if "Rotation" in call.operation and found.key_state == "Disabled":
        raise modelled("kms", "DisabledException", f"{found.arn} is disabled.")
    # Of some operations moto takes no ARN.
    call.forward({**call.params, "KeyId": found.id})
    if call.operation == "EnableKeyRotation":
        # 90 to 2,560 days, by default 365. moto keeps no period.
        call.world.keep("rotation periods")[found.id] = call.params.get("RotationPeriodInDays", 365)
    return None


@rule("kms", "GetKeyRotationStatus")
def rotation(call: Call) -> dict[str, Any] | None:
    found = key(call, call.params["KeyId"])
    answer: dict[str, Any] = {"KeyRotationEnabled": found.key_rotation_status, "KeyId": found.id}
    if started := call.world.keep("rotations under way").get(found.id):
        answer["OnDemandRotationStartDate"] = started
    if found.key_rotation_status:
        days = call.world.keep("rotation periods").get(found.id, 365)
        answer["RotationPeriodInDays"] = days
        answer["NextRotationDate"] = datetime.datetime.fromtimestamp(int(found.creation_date), datetime.timezone.utc) + datetime.timedelta(days=days)
    return answer


@rule("kms", "RotateKeyOnDemand")
def rotate(call: Call) -> dict[str, Any] | None:
    """Neither token nor name; it goes on in the background, one at a time, and 25 times in a key's life (API reference)."""
    found = key(call, call.params["KeyId"])
    check_state(found)
    if found.key_state == "Disabled":
        raise modelled("kms", "DisabledException", f"{found.arn} is disabled.")
    under_way = call.world.keep("rotations under way")
    if found.id in under_way:
        raise modelled("kms", "ConflictException", f"A rotation of {found.arn} is in progress.")
    if len(found.rotations) >= 25:
        raise modelled("kms", "LimitExceededException", f"{found.arn} has been rotated on demand 25 times.")
    under_way[found.id] = datetime.datetime.now(datetime.timezone.utc)

    def done() -> None:
        under_way.pop(found.id, None)
        call.world.ask("kms", "RotateKeyOnDemand", KeyId=found.id)

    call.world.clock.later(KEY_ROTATES, done)
    return {"KeyId": found.id}


@rule("kms", "ListKeyRotations")
def rotations(call: Call) -> dict[str, Any] | None:
    """Only those that are over."""
    found = key(call, call.params["KeyId"])
    call.forward({**call.params, "KeyId": found.id})
    return None


@rule("kms", "CreateAlias", "UpdateAlias")
def alias(call: Call) -> dict[str, Any] | None:
    """`alias/aws/` is AWS's own; an alias names a key, not another alias, and never one pending deletion."""
    name, target = call.params["AliasName"], call.params["TargetKeyId"]
    if name.startswith("alias/aws/"):
        raise Refusal("NotAuthorizedException", "")
    if "alias/" in target:
        raise Refusal("ValidationException", "Aliases must refer to keys. Not aliases")
    check_state(key(call, target))
    call.forward()
    return None


@rule("kms", "ScheduleKeyDeletion")
def schedule(call: Call) -> dict[str, Any] | None:
    """B2.16: 7 to 30 days, and until then the key is still listed, with its tags."""
    found = key(call, call.params["KeyId"])
    check_state(found)
    days = call.params.get("PendingWindowInDays", 30)
    call.forward({**call.params, "KeyId": found.id})
    return {"KeyId": found.arn, "DeletionDate": found.deletion_date.replace(microsecond=0), "KeyState": "PendingDeletion", "PendingWindowInDays": days}
