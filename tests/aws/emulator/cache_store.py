"""What ElastiCache's rules keep and share. moto's own ElastiCache is not used: it lacks most of this and waits for nothing."""

from __future__ import annotations

from typing import Any

from rules import Refusal, modelled
from wire import Call
from world import ACCOUNT


def store(call: Call, kind: str) -> dict[str, dict[str, Any]]:
    """kind is one of replication-group, user, user-group, subnet-group, parameter-group, snapshot, event."""
    return call.world.keep(f"elasticache {kind}")


def fault(shape: str, message: str) -> Refusal:
    return modelled("elasticache", shape, message)


def arn(call: Call, kind: str, name: str) -> str:
    return f"arn:aws:elasticache:{call.region}:{ACCOUNT}:{kind}:{name}"


def tags(call: Call, arn: str) -> dict[str, str]:
    return call.world.keep("elasticache tags").setdefault(arn, {})


def page(call: Call, name: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """MaxRecords is 20 to 100, by default 100; a marker leads on."""
    size = call.params.get("MaxRecords", 100)
    if not 20 <= size <= 100:
        raise fault("InvalidParameterValueException", "MaxRecords must be between 20 and 100")
    begin = int(call.params.get("Marker") or 0)
    answer: dict[str, Any] = {name: entries[begin:begin + size]}
    if begin + size < len(entries):
        answer["Marker"] = str(begin + size)
    return answer
