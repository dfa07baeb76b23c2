"""What AWS checks of a policy document before it keeps it, and which actions a test has taken away."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator
from typing import Any

from models import SIGNING_NAMES
from rules import Refusal
from world import ACCOUNT, World

# The codes by which the services refuse for want of a right.
DENIED = {"ec2": "UnauthorizedOperation", "kms": "AccessDeniedException", "ssm": "AccessDeniedException"}


def statements(text: str) -> list[dict[str, Any]]:
    """Raises ValueError where it is no policy."""
    document = json.loads(text)
    found = document.get("Statement") if isinstance(document, dict) else None
    if isinstance(found, dict):
        found = [found]
    if not found or not all(isinstance(one, dict) and one.get("Effect") in ("Allow", "Deny") for one in found):
        raise ValueError("no statements with an effect")
    return found


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def principals(statement: dict[str, Any]) -> Iterator[str]:
    who = statement.get("Principal", {})
    yield from as_list(who.get("AWS", [])) if isinstance(who, dict) else [who]


def unknown_principals(world: World, text: str) -> list[str]:
    """Users and roles of this account that do not exist: AWS keeps no resource policy that names one."""
    iam = world.backend("iam")
    known = {role.arn for role in iam.roles.values()} | {user.arn for user in iam.users.values()}
    named = [who for statement in statements(text) for who in principals(statement)]
    return [who for who in named if f":iam::{ACCOUNT}:role/" in who or f":iam::{ACCOUNT}:user/" in who if who not in known]


def action_of(service: str, operation: str) -> str:
    return f"{SIGNING_NAMES[service]}:{operation}"


def is_denied(world: World, action: str) -> bool:
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in world.keep("denied actions"))


def check_right(world: World, service: str, operation: str) -> None:
    """A test may take rights away; then a call is refused, and the simulation says so before."""
    action = action_of(service, operation)
    if is_denied(world, action):
        words = f"User: arn:aws:sts::{ACCOUNT}:user/moto is not authorized to perform: {action}"
        raise Refusal(DENIED.get(service, "AccessDenied"), words, 400 if service in ("kms", "ssm") else 403)
