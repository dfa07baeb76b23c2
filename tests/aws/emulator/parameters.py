"""Parameter Store: sizes by tier, no way down, keys that must be usable."""

from __future__ import annotations

from typing import Any

from key_references import key_of, usable
from rules import Refusal, modelled, rule
from wire import Call

LIMITS = {"Standard": 4096, "Advanced": 8192}


@rule("ssm", "PutParameter")
def put(call: Call) -> dict[str, Any] | None:
    params, ssm = call.params, call.world.backend("ssm", call.region)
    # A look must not make an entry: moto's store is a defaultdict.
    held = ssm._parameters[params["Name"]] if params["Name"] in ssm._parameters else []
    tier = params.get("Tier") or (held[-1].tier if held else None) or "Standard"
    size = len(params["Value"].encode())
    if tier == "Intelligent-Tiering":
        tier = "Standard" if size <= LIMITS["Standard"] else "Advanced"
    if size > LIMITS[tier]:
        words = f"{tier} tier parameters support a maximum parameter value of {LIMITS[tier]} characters."
        raise Refusal("ValidationException", words + (" To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier." if tier == "Standard" else ""))
    if held and held[-1].tier == "Advanced" and tier == "Standard":
        raise Refusal("ValidationException", "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier.")
    if params["Name"].count("/") > 16:
        raise modelled("ssm", "HierarchyLevelLimitExceededException", "A hierarchy has at most 15 levels")
    if params.get("KeyId") and not params["KeyId"].startswith("alias/aws/"):
        if params.get("Type") != "SecureString" and not held:
            raise Refusal("ValidationException", "KeyId is required for SecureString type parameter only.")
        if not usable(key_of(call.world, params["KeyId"])):
            raise modelled("ssm", "InvalidKeyId", f"Invalid KeyId {params['KeyId']}")
    call.forward({**params, "Tier": tier})
    return None


@rule("ssm", "DescribeParameters")
def describe(call: Call) -> dict[str, Any] | None:
    """Up to 50 in a page; moto never gives more than 10."""
    size, begin = call.params.get("MaxResults", 10), int(call.params.get("NextToken") or 0)
    asked = {key: value for key, value in call.params.items() if key not in ("MaxResults", "NextToken")}
    every: list[dict[str, Any]] = []
    token = None
    while True:
        part = call.forward(asked | ({"NextToken": token} if token else {}))
        every += part["Parameters"]
        token = part.get("NextToken")
        if not token:
            break
    answer: dict[str, Any] = {"Parameters": every[begin:begin + size]}
    if begin + size < len(every):
        answer["NextToken"] = str(begin + size)
    return answer
