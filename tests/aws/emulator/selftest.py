"""Proves the emulator's own rules through boto3, one by one.

    .tools/python/bin/python3 tests/aws/emulator/selftest.py [NAME…]

A line for each failure, and then exit code 1.
"""

from __future__ import annotations

import sys

import proofs_balancers  # noqa: F401
import proofs_caches  # noqa: F401
import proofs_changes  # noqa: F401
import proofs_commands  # noqa: F401
import proofs_machines  # noqa: F401
import proofs_reader  # noqa: F401
import proofs_sessions  # noqa: F401
import proofs_stores  # noqa: F401
import proofs_wire  # noqa: F401
from proof import PROOFS, Aws, run


def main() -> int:
    wanted = [one for one in PROOFS if not sys.argv[1:] or one.__name__ in sys.argv[1:]]
    aws = Aws()
    failures = [line for one in wanted for line in run(one, aws)]
    aws.stop()
    for line in failures:
        print(line)
    print(f"{len(wanted)} proofs, {len(failures)} failures", file=sys.stderr)
    return 1 if failures or not wanted else 0


if __name__ == "__main__":
    sys.exit(main())
