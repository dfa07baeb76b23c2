"""Client tokens: the same token and the same parameters give the same object, however often they are sent."""

from __future__ import annotations

import json
from typing import Any

from rules import Refusal
from wire import Call


def fingerprint(params: dict[str, Any]) -> str:
    # DryRun is no part of what is asked for.
    return json.dumps({key: value for key, value in params.items() if key not in ("ClientToken", "DryRun")}, sort_keys=True, default=str)


def scope(params: dict[str, Any]) -> str:
    """A token of RunInstances is zonal once a zone or a subnet is given, and regional otherwise."""
    return params.get("Placement", {}).get("AvailabilityZone") or params.get("SubnetId") or params.get("AvailabilityZone") or ""


def remembered(call: Call) -> str | None:
    """The id of what this token made before, if anything."""
    token = call.params.get("ClientToken")
    if not token:
        return None
    if len(token) > 64 or not token.isascii():
        # EC2 idempotency: up to 64 ASCII characters, case-sensitive.
        raise Refusal("InvalidParameterValue", "The client token is longer than 64 characters or is not ASCII")
    known = call.world.keep("tokens").get((call.operation, token, scope(call.params)))
    if known is None:
        return None
    made, asked = known
    if asked != fingerprint(call.params):
        raise Refusal("IdempotentParameterMismatch", "Client token was used before with different request parameters")
    return made


def remember(call: Call, made: str) -> None:
    if token := call.params.get("ClientToken"):
        call.world.keep("tokens")[call.operation, token, scope(call.params)] = (made, fingerprint(call.params))
