"""Proofs of Run Command: who can be told something, how a command goes, and what is kept of it."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

from proof import HERE, Aws, equal, proof, refused

COMMENT = "natsops proof nats-1 status"


def send(aws: Aws, instance: str, script: str, **more: Any) -> str:
    order = {"DocumentName": "AWS-RunShellScript", "InstanceIds": [instance], "Comment": COMMENT, "TimeoutSeconds": 60, "Parameters": {"commands": [script]}}
    return aws.ssm.send_command(**order | more)["Command"]["CommandId"]


def look(aws: Aws, instance: str, command: str) -> dict[str, Any]:
    return aws.ssm.get_command_invocation(CommandId=command, InstanceId=instance)


def machine(aws: Aws) -> str:
    instance = aws.launch(SubnetId=aws.subnet)
    aws.advance(30)
    return instance


@proof
def only_machines_with_an_agent_are_told_something(aws: Aws) -> None:
    instance = machine(aws)
    refused("InvalidInstanceId", lambda: send(aws, instance, "true"))
    equal(aws.post("agent", {"instance": instance}), None)
    refused("InvalidDocument", lambda: send(aws, instance, "true", DocumentName="AWS-RunNothing"))
    refused("InvalidParameters", lambda: send(aws, instance, "true", Parameters={"lines": ["true"]}))
    send(aws, instance, "true")
    aws.ec2.stop_instances(InstanceIds=[instance])
    aws.advance(30)
    refused("InvalidInstanceId", lambda: send(aws, instance, "true"))


@proof
def a_command_goes_its_way(aws: Aws) -> None:
    instance = machine(aws)
    aws.post("agent", {"instance": instance})
    command = send(aws, instance, "echo done")
    refused("InvocationDoesNotExist", lambda: look(aws, instance, command))
    equal([look(aws, instance, command)[one] for one in ("Status", "ResponseCode")], ["Pending", -1])
    equal(aws.post("agent", {"instance": instance}), {"command": command, "script": "echo done"})
    equal(aws.post("agent", {"instance": instance}), None)
    equal(look(aws, instance, command)["Status"], "InProgress")
    aws.post("agent-end", {"instance": instance, "command": command, "code": 3, "stdout": "x" * 30_000, "stderr": ""})
    ended = look(aws, instance, command)
    equal((ended["Status"], ended["ResponseCode"], len(ended["StandardOutputContent"])), ("Failed", 3, 24_000))
    listed = aws.ssm.list_commands(InstanceId=instance, Filters=[{"key": "InvokedAfter", "value": "2024-01-01T00:00:00Z"}])["Commands"]
    equal([(one["CommandId"], one["Comment"], one["Status"]) for one in listed], [(command, COMMENT, "Failed")])
    equal(aws.ssm.list_commands(InstanceId="i-00000000000000000")["Commands"], [])


@proof
def what_nobody_fetches_or_ends_is_ended(aws: Aws) -> None:
    instance = machine(aws)
    aws.post("agent", {"instance": instance})
    first = send(aws, instance, "true")
    refused("InvocationDoesNotExist", lambda: look(aws, instance, first))
    aws.advance(61)
    equal(look(aws, instance, first)["StatusDetails"], "DeliveryTimedOut")
    second = send(aws, instance, "true", Parameters={"commands": ["true"], "executionTimeout": ["100"]})
    equal(aws.post("agent", {"instance": instance})["command"], second)
    refused("InvocationDoesNotExist", lambda: look(aws, instance, second))
    aws.advance(101)
    equal(look(aws, instance, second)["StatusDetails"], "ExecutionTimedOut")


@proof
def an_agent_really_runs_it(aws: Aws) -> None:
    instance = machine(aws)
    agent = subprocess.Popen([sys.executable, str(HERE / "agent.py"), f"http://127.0.0.1:{aws.port}", instance], stdin=subprocess.PIPE)
    assert agent.stdin is not None
    deadline = time.monotonic() + 20
    while instance not in aws.get("agents"):
        assert time.monotonic() < deadline, "the agent does not come"
        time.sleep(0.05)
    command = send(aws, instance, "echo said; echo complained >&2; exit 4")
    refused("InvocationDoesNotExist", lambda: look(aws, instance, command))
    while look(aws, instance, command)["Status"] in ("Pending", "InProgress"):
        assert time.monotonic() < deadline, "the command does not end"
        time.sleep(0.05)
    ended = look(aws, instance, command)
    equal([ended[one] for one in ("ResponseCode", "StandardOutputContent", "StandardErrorContent")], [4, "said\n", "complained\n"])
    agent.stdin.close()
    agent.wait(timeout=20)
