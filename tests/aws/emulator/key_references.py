"""Which KMS key a service means: an id, an ARN, an alias or an alias's ARN."""

from __future__ import annotations

from typing import Any

from world import World


def key_of(world: World, reference: str) -> Any | None:
    backend = world.backend("kms")
    name = reference.rpartition(":")[2]
    if name.startswith("alias/"):
        return next((key for key in backend.keys.values() if name in key.aliases), None)
    return backend.keys.get(name.removeprefix("key/"))


def usable(key: Any | None) -> bool:
    """A key that is disabled or on its way to deletion encrypts nothing."""
    return key is not None and key.key_state == "Enabled"
