"""Reads an environment back from AWS, knowing boto3 and nothing of natsops' own types.

    reader.py PORT EXPECTED.json

EXPECTED.json is written by hand: {"environment": ENV, "resources": {KIND: {NAME: {ATTRIBUTE: VALUE}}}}. Everything that
carries the tag `natsops:environment=ENV`, or our name where AWS has no tags, is read; ids are told by names, so that
one can write them down beforehand. Prints {"resources": …, "differences": […]} and exits with 0 even if they differ.
"""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

from reading import machines, stores
from reading.account import Account, Named

KINDS = {
    "instance": machines.instances,
    "interface": machines.interfaces,
    "volume": machines.volumes,
    "security_group": machines.security_groups,
    "load_balancer": machines.balancers,
    "target_group": machines.target_groups,
    "role": machines.roles,
    "instance_profile": machines.profiles,
    "key": stores.keys,
    "replication_group": stores.replication_groups,
    "cache_user": stores.cache_users,
    "cache_user_group": stores.cache_user_groups,
    "cache_subnet_group": stores.cache_subnet_groups,
    "cache_snapshot": stores.snapshots,
    "bucket": stores.buckets,
    "zone": stores.zones,
    "parameter": stores.parameters,
}


def differences(expected: Any, found: Any, path: str = "") -> list[str]:
    """Where what was found is not as it was written down. An attribute that nobody wrote down is not compared."""
    if isinstance(expected, dict) and isinstance(found, dict):
        lines = []
        for name, value in expected.items():
            here = f"{path}/{name}" if path else name
            lines += differences(value, found[name], here) if name in found else [f"{here} is missing"]
        return lines
    return [] if expected == found else [f"{path} is {found!r} rather than {expected!r}"]


def surplus(expected: dict[str, Named], found: dict[str, Named]) -> list[str]:
    """Whole resources that nobody wrote down are differences too."""
    return [f"{kind}/{name} is there and not expected" for kind, every in found.items() for name in every if name not in expected.get(kind, {})]


def main() -> int:
    port, path = sys.argv[1:]
    expected = json.loads(pathlib.Path(path).read_text())
    account = Account(port, expected["environment"], expected.get("region", "us-east-1"))
    found = {kind: read(account) for kind, read in KINDS.items()}
    wanted = expected.get("resources", {})
    said = differences(wanted, found) + (surplus(wanted, found) if wanted else [])
    json.dump({"resources": found, "differences": said}, sys.stdout, indent=1, sort_keys=True, default=str)
    return 0


if __name__ == "__main__":
    sys.exit(main())
