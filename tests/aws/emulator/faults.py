"""Faults that a test orders: a call fails before or after it is executed, is throttled, or its answer is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rules import Refusal

MODES = ("fail-before", "fail-after", "throttle", "error", "stall")


@dataclass
class Fault:
    """One rule. Calls that match service and operation are counted from 1; the fault strikes `times` calls from `nth` on."""

    mode: str
    service: str = "*"
    operation: str = "*"
    # Only calls that change something: what a run that is killed at every step counts.
    mutating: bool = False
    nth: int = 1
    times: int = 1
    code: str = "InternalError"
    message: str = "An internal error has occurred"
    status: int = 500
    # With `error` and `stall`: whether the call is executed all the same.
    executed: bool = False
    # Seconds of real time that `stall` holds the answer back.
    seconds: float = 1.0
    seen: int = 0

    def strikes(self, service: str, operation: str) -> bool:
        if self.service not in ("*", service) or self.operation not in ("*", operation):
            return False
        if self.mutating and not changes_something(operation):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times

    def refusal(self) -> Refusal:
        if self.mode == "throttle":
            # B3: the codes that mean "slower": EC2 says RequestLimitExceeded, the others Throttling.
            code = {"ec2": "RequestLimitExceeded", "kms": "ThrottlingException", "ssm": "ThrottlingException", "s3": "SlowDown"}
            return Refusal(code.get(self.service, "Throttling"), "Rate exceeded", 503 if self.service in ("ec2", "s3") else 400)
        return Refusal(self.code, self.message, self.status)


READS = ("Describe", "Get", "List", "Head", "Lookup", "Search", "Simulate", "Decrypt", "AssumeRole")


def changes_something(operation: str) -> bool:
    return not operation.startswith(READS)


def from_json(rules: Any) -> list[Fault]:
    """Rules of a test; a name that is not known is the test's mistake and said at once."""
    found = []
    for entry in rules if isinstance(rules, list) else [rules]:
        fault = Fault(**entry)
        if fault.mode not in MODES:
            raise ValueError(f"the mode of a fault is one of {', '.join(MODES)}, not {fault.mode!r}")
        found.append(fault)
    return found


def striking(faults: list[Fault], service: str, operation: str) -> Fault | None:
    """The first that strikes. Every one counts the call, so that two rules do not hide calls from one another."""
    struck = [fault for fault in faults if fault.strikes(service, operation)]
    if not struck:
        return None
    found = struck[0]
    if found.service != "*":
        return found
    return Fault(**{**vars(found), "service": service})
