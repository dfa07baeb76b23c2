"""The emulator as a WSGI application: checks a request, lets a fault or a rule or moto answer it, and keeps a list."""

from __future__ import annotations

import os
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import conformance
import control
import policies
from faults import Fault, striking
from roots import rooted
from rules import RULES, Refusal
from werkzeug.wrappers import Request
from wire import Answer, Call, MotoRefused, Unreadable, read_call, refusal_answer
from world import World

Start = Callable[..., Any]
# How a service says that a request does not fit its model.
INVALID = {"ec2": "InvalidParameterValue", "kms": "ValidationException", "ssm": "ValidationException", "s3": "InvalidRequest", "elasticache": "InvalidParameterValue", "route53": "InvalidInput"}


class Journal:
    """What was asked, what was wrong in it, what is wrong in the emulator itself, and the faults that are ordered."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.breaches: list[str] = []
        self.defects: list[str] = []
        self.faults: list[Fault] = []


class Emulator:
    def __init__(self, world: World) -> None:
        self.world = world
        self.journal = Journal()
        self.begin = time.monotonic()

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        body = Request(environ).get_data(cache=False)
        if environ.get("PATH_INFO", "").startswith("/_emulator/"):
            return send(start, control.answer(self, environ, body))
        begin = time.monotonic()
        try:
            with self.world.lock:
                call = read_call(self.world, environ, body)
        except Unreadable as error:
            self.journal.breaches.append(str(error))
            return send(start, refusal_answer("", Refusal("UnknownOperationException", str(error), 404)))
        entry: dict[str, Any] = {
            "service": call.service, "operation": call.operation, "region": call.region,
            "at": round(begin - self.begin, 6), "status": None, "took": None,
        }
        self.journal.calls.append(entry)
        answer = self.answer(call, environ)
        entry["took"] = round(time.monotonic() - begin, 6)
        if answer is None:
            entry["status"] = 0
            hang_up(environ)
            return send(start, Answer(500, {}, b""))
        entry["status"] = answer.status
        return send(start, answer)

    def answer(self, call: Call, environ: dict[str, Any]) -> Answer | None:
        """The answer, or none where it is lost."""
        with self.world.lock:
            breaches = conformance.breaches_of(call)
            self.journal.breaches += breaches
            fault = striking(self.journal.faults, call.service, call.operation)
        if breaches:
            # AWS takes none of it either.
            return refusal_answer(call.service, Refusal(INVALID.get(call.service, "ValidationError"), breaches[0]))
        if fault is None:
            return self.execute(call)
        if fault.mode == "fail-before":
            return None
        if fault.mode == "fail-after":
            self.execute(call)
            return None
        if fault.mode == "stall":
            answer = self.execute(call) if fault.executed else None
            time.sleep(fault.seconds)
            return answer or self.execute(call)
        if fault.executed:
            self.execute(call)
        return refusal_answer(call.service, fault.refusal())

    def execute(self, call: Call) -> Answer:
        with self.world.lock:
            self.world.clock.catch_up()
            try:
                return self.by_rule(call)
            except Refusal as refusal:
                return refusal_answer(call.service, refusal)
            except MotoRefused as refused:
                return self.known(call, refused.answer)
            except Exception:
                self.journal.defects.append(f"{call.service} {call.operation}: " + " <- ".join(traceback.format_exc(limit=-3).strip().splitlines()[::-1][:5]))
                return refusal_answer(call.service, Refusal("EmulatorDefect", f"the emulator has no {call.operation}", 501))

    def by_rule(self, call: Call) -> Answer:
        policies.check_right(self.world, call.service, call.operation)
        own = RULES.get((call.service, call.operation))
        result = own(call) if own else (call.forward(), None)[1]
        if result is None:
            assert call.passed is not None
            return rooted(call, call.passed)
        answer = call.serialize(result)
        self.journal.defects += conformance.defects_of(call, result, call.parse(answer))
        return answer

    def known(self, call: Call, answer: Answer) -> Answer:
        """moto answers what it does not know with a page of HTML: that is a gap of the emulator, not AWS's answer."""
        if answer.status >= 500:
            self.journal.defects.append(f"{call.service} {call.operation}: moto answers {answer.status}: {answer.body[:300]!r}")
        return answer


def send(start: Start, answer: Answer) -> Iterable[bytes]:
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in ("content-length", "connection", "status", "server", "date")}
    length = answer.headers.get("Content-Length") or answer.headers.get("content-length")
    # An answer to HEAD has the length of what GET would give.
    headers["Content-Length"] = length if length and not answer.body else str(len(answer.body))
    start(f"{answer.status} {'OK' if answer.status < 400 else 'Refused'}", list(headers.items()))
    return [answer.body]


def hang_up(environ: dict[str, Any]) -> None:
    """The connection ends without an answer, as when a proxy or the network goes."""
    connection: socket.socket = environ["werkzeug.socket"]
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def end_with_stdin() -> None:
    """The test holds the other end: when it goes, however it goes, so does the emulator."""
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)
