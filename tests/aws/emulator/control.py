"""What tests ask and order under `/_emulator/`, beside AWS.

    GET  calls          every call: service, operation, region, at and took (real seconds), status (0: the answer was lost)
    POST reset-calls    forgets them
    GET  breaches       requests that break the model of their service
    GET  defects        what the emulator itself did not know, or answered unlike the model
    POST faults         a rule or a list of them, as in faults.py; `GET faults` shows them, `POST clear-faults` ends them
    POST deny           patterns of IAM actions that are refused from now on, and denied by SimulatePrincipalPolicy
    POST unhealthy      ids or addresses of targets that fail the load balancer's checks from now on
    POST fail-change    a `thing` fails next time with a `reason`: a volume when it is changed, a cache or `volume` when it is made
    POST break        the hardware of a `volume` fails, or AWS can't make a `balancer`
    POST advance        so many seconds of AWS pass at once
    POST agent          an agent of a machine asks for a command; `POST agent-end` tells how it ended, `GET agents` who has asked
    GET  commands       every command of Systems Manager, with how it ended
    POST console        text that a machine has written on its console, by the id of its instance
    POST sign-in        whether the cache lets a `user` in with a `password`
    GET  sessions       every session of Systems Manager: target, document, parameters, token and state
    GET  inventory      everything that exists, ids by kind
    POST seed           makes the shared network and tells its ids
    POST reset          empties the world and the lists
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import breaking
import commands
import inventory
import seed
from faults import from_json
from rules import Refusal
from wire import Answer

if TYPE_CHECKING:
    from server import Emulator


def answer(emulator: Emulator, environ: dict[str, Any], body: bytes) -> Answer:
    journal, name = emulator.journal, environ["PATH_INFO"].removeprefix("/_emulator/")
    order = f"{environ['REQUEST_METHOD']} {name}"
    with emulator.world.lock:
        emulator.world.clock.catch_up()
        if order == "GET calls":
            return as_json(journal.calls)
        if order == "POST reset-calls":
            journal.calls = []
            return as_json([])
        if order == "GET breaches":
            return as_json(journal.breaches)
        if order == "GET defects":
            return as_json(journal.defects)
        if order == "POST faults":
            try:
                journal.faults += from_json(json.loads(body))
            except (TypeError, ValueError) as error:
                return as_json({"error": str(error)}, 400)
            return as_json([vars(fault) for fault in journal.faults])
        if order == "GET faults":
            return as_json([vars(fault) for fault in journal.faults])
        if order == "POST clear-faults":
            journal.faults = []
            return as_json([])
        if order == "POST deny":
            # Patterns of IAM actions that are refused from now on: ["ec2:RunInstances", "kms:*"].
            emulator.world.kept["denied actions"] = dict.fromkeys(json.loads(body))
            return as_json(list(emulator.world.keep("denied actions")))
        if order == "POST unhealthy":
            # Targets that fail the checks of the load balancer from now on.
            emulator.world.kept["unhealthy"] = dict.fromkeys(json.loads(body))
            return as_json(list(emulator.world.keep("unhealthy")))
        if order == "POST fail-change":
            asked = json.loads(body)
            emulator.world.keep("failing changes")[asked["thing"]] = asked["reason"]
            return as_json([])
        if order == "POST break":
            return as_json(breaking.fail(emulator.world, json.loads(body)))
        if order == "POST advance":
            emulator.world.clock.advance(float(json.loads(body)))
            return as_json(emulator.world.clock.now())
        if order == "POST agent":
            return as_json(commands.fetch(emulator.world, json.loads(body)["instance"]))
        if order == "POST agent-end":
            try:
                commands.end(emulator.world, json.loads(body))
            except Refusal as refusal:
                return as_json({"error": str(refusal)}, 409)
            return as_json([])
        if order == "GET agents":
            return as_json(list(emulator.world.keep("agents")))
        if order == "GET commands":
            return as_json(commands.everything(emulator.world))
        if order == "POST console":
            emulator.world.keep("consoles").update(json.loads(body))
            return as_json([])
        if order == "POST sign-in":
            asked = json.loads(body)
            return as_json(asked["password"] in emulator.world.keep("passwords").get(asked["user"], []))
        if order == "GET sessions":
            return as_json(emulator.world.keep("sessions"))
        if order == "GET inventory":
            return as_json(inventory.everything(emulator.world))
        if order == "POST reset":
            emulator.world.reset()
            journal.calls, journal.breaches, journal.defects, journal.faults = [], [], [], []
            return as_json([])
        if order == "POST seed":
            return as_json(seed.network(emulator.world))
    return as_json({"error": f"there is no {order}"}, 404)


def as_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(value, indent=1, sort_keys=True, default=str).encode())
