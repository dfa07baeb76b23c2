"""The register of our rules: one function for each operation that moto lacks or does unlike AWS."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from models import fault

if TYPE_CHECKING:
    from wire import Call

# An answer by botocore's output shape, or nothing: then moto's last answer stands as it is.
Rule = Callable[["Call"], "dict[str, Any] | None"]

RULES: dict[tuple[str, str], Rule] = {}


class Refusal(Exception):
    """AWS's own refusal: a code, what it says, and the status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


def modelled(service: str, shape: str, message: str) -> Refusal:
    """A refusal that the service's model names."""
    code, status = fault(service, shape)
    return Refusal(code, message, status)


def rule(service: str, *operations: str) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        for operation in operations:
            assert (service, operation) not in RULES, f"two rules for {service} {operation}"
            RULES[service, operation] = function
        return function

    return register


def tags_of(pairs: list[dict[str, str]] | None) -> dict[str, str]:
    return {pair["Key"]: pair.get("Value", "") for pair in pairs or []}


def as_pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
