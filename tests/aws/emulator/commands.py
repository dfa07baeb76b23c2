"""Run Command of Systems Manager: a command goes to the agents of its machines, which really run it and tell how it ended.

Agents live in real time. So what AWS ends after a while, ends here only when a test lets that time pass.
"""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from rules import Refusal, modelled, rule
from wire import Call
from world import ACCOUNT, World

# The parameters of the documents that run lines of a shell.
DOCUMENTS = {"AWS-RunShellScript": {"commands", "workingDirectory", "executionTimeout"}}
# What is kept of an output, in characters.
OUTPUT, COMPLAINTS = 24_000, 8_000
EXECUTION = 3600
RUNS = ("Pending", "InProgress")


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def is_online(world: World, instance: str) -> bool:
    """Its agent has said that it is there, and the machine runs."""
    machines = world.ask("ec2", "DescribeInstances", Filters=[{"Name": "instance-id", "Values": [instance]}])["Reservations"]
    running = [one for group in machines for one in group["Instances"] if one["State"]["Name"] == "running"]
    return instance in world.keep("agents") and bool(running)


def check_parameters(given: dict[str, list[str]], known: set[str]) -> None:
    unknown = set(given) - known
    timeout = given.get("executionTimeout", ["3600"])[0]
    if unknown or not given.get("commands") or not (timeout.isdigit() and 1 <= int(timeout) <= 172800):
        raise modelled("ssm", "InvalidParameters", f"The parameters {sorted(given)} do not fit the document")


@rule("ssm", "SendCommand")
def send(call: Call) -> dict[str, Any]:
    params, world = call.params, call.world
    if params["DocumentName"] not in DOCUMENTS:
        raise modelled("ssm", "InvalidDocument", f"Document with name {params['DocumentName']} does not exist.")
    given = params.get("Parameters", {})
    check_parameters(given, DOCUMENTS[params["DocumentName"]])
    offline = [one for one in params.get("InstanceIds", []) if not is_online(world, one)]
    if offline or not params.get("InstanceIds"):
        raise modelled("ssm", "InvalidInstanceId", f"Instances [{offline}] not in a valid state for account {ACCOUNT}")
    command = {
        "CommandId": str(uuid.uuid4()), "DocumentName": params["DocumentName"], "Comment": params.get("Comment", ""),
        "InstanceIds": params["InstanceIds"], "Parameters": given, "RequestedDateTime": now(), "TimeoutSeconds": params.get("TimeoutSeconds", 3600),
    }
    ended = {"Status": "Pending", "StatusDetails": "Pending", "ResponseCode": -1, "StandardOutputContent": "", "StandardErrorContent": ""}
    command["invocations"] = {one: dict(ended) for one in params["InstanceIds"]}
    command["sent"], command["looked at"] = world.clock.passed(), False
    world.keep("commands")[command["CommandId"]] = command
    return {"Command": shown(world, command)}


def expire(world: World, command: dict[str, Any]) -> None:
    """What no agent has fetched, and what runs too long, ends when a test has let the time pass."""
    passed = world.clock.passed() - command["sent"]
    for invocation in command["invocations"].values():
        execution = int(command["Parameters"].get("executionTimeout", [EXECUTION])[0])
        if invocation["Status"] == "Pending" and passed >= command["TimeoutSeconds"]:
            invocation |= {"Status": "TimedOut", "StatusDetails": "DeliveryTimedOut"}
        elif invocation["Status"] == "InProgress" and passed >= execution:
            invocation |= {"Status": "TimedOut", "StatusDetails": "ExecutionTimedOut"}


def shown(world: World, command: dict[str, Any]) -> dict[str, Any]:
    expire(world, command)
    states = [one["Status"] for one in command["invocations"].values()]
    state = next((one for one in ("InProgress", "Pending", "TimedOut", "Failed") if one in states), "Success")
    kept = ("CommandId", "DocumentName", "Comment", "InstanceIds", "Parameters", "RequestedDateTime", "TimeoutSeconds")
    return {name: command[name] for name in kept} | {
        "Status": state, "StatusDetails": state, "TargetCount": len(states), "CompletedCount": sum(one not in RUNS for one in states),
        "ErrorCount": sum(one in ("Failed", "TimedOut") for one in states),
    }


@rule("ssm", "ListCommands")
def listed(call: Call) -> dict[str, Any]:
    """The last first."""
    params, world = call.params, call.world
    found = sorted(world.keep("commands").values(), key=lambda one: one["RequestedDateTime"], reverse=True)
    if params.get("CommandId"):
        found = [one for one in found if one["CommandId"] == params["CommandId"]]
    if params.get("InstanceId"):
        found = [one for one in found if params["InstanceId"] in one["InstanceIds"]]
    for one in params.get("Filters", []):
        if one["key"] != "InvokedAfter":
            raise modelled("ssm", "InvalidFilterKey", f"the emulator does not know the filter {one['key']}")
        since = datetime.datetime.strptime(one["value"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
        found = [command for command in found if command["RequestedDateTime"] >= since]
    begin, size = int(params.get("NextToken") or 0), params.get("MaxResults", 50)
    answer: dict[str, Any] = {"Commands": [shown(world, one) for one in found[begin:begin + size]]}
    if begin + size < len(found):
        answer["NextToken"] = str(begin + size)
    return answer


@rule("ssm", "GetCommandInvocation")
def invocation(call: Call) -> dict[str, Any]:
    command = call.world.keep("commands").get(call.params["CommandId"])
    found = command and command["invocations"].get(call.params["InstanceId"])
    # Right after it was sent, nobody knows of it yet.
    if not found or not command["looked at"]:
        if command:
            command["looked at"] = True
        raise modelled("ssm", "InvocationDoesNotExist", "")
    expire(call.world, command)
    return {
        "CommandId": command["CommandId"], "InstanceId": call.params["InstanceId"], "Comment": command["Comment"],
        "DocumentName": command["DocumentName"], "PluginName": "aws:runShellScript", **found,
    }


def fetch(world: World, instance: str) -> dict[str, Any] | None:
    """An agent asks for work, and by that says that it is there."""
    world.keep("agents")[instance] = True
    for command in world.keep("commands").values():
        expire(world, command)
        found = command["invocations"].get(instance)
        if found and found["Status"] == "Pending":
            found |= {"Status": "InProgress", "StatusDetails": "InProgress", "ExecutionStartDateTime": now().isoformat()}
            return {"command": command["CommandId"], "script": "\n".join(command["Parameters"]["commands"])}
    return None


def end(world: World, told: dict[str, Any]) -> None:
    """An agent tells how a command has ended."""
    command = world.keep("commands").get(told["command"])
    found = command and command["invocations"].get(told["instance"])
    if not found or found["Status"] != "InProgress":
        raise Refusal("NothingRuns", f"{told['command']} does not run on {told['instance']}")
    state = "Success" if told["code"] == 0 else "Failed"
    found |= {
        "Status": state, "StatusDetails": state, "ResponseCode": told["code"], "ExecutionEndDateTime": now().isoformat(),
        "StandardOutputContent": cut(told["stdout"], OUTPUT, "Output"), "StandardErrorContent": cut(told["stderr"], COMPLAINTS, "Error"),
    }


def cut(text: str, limit: int, what: str) -> str:
    mark = f"\n---{what} truncated---"
    return text if len(text) <= limit else text[:limit - len(mark)] + mark


def everything(world: World) -> list[dict[str, Any]]:
    """Every command with its ends, as tests look at them."""
    return [shown(world, one) | {"invocations": one["invocations"]} for one in world.keep("commands").values()]
