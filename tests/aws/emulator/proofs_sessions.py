"""Proofs of what leads to a machine that nobody can reach: its console, and sessions."""

from __future__ import annotations

from proof import Aws, equal, proof, refused


@proof
def a_console_shows_what_was_written_on_it(aws: Aws) -> None:
    instance = aws.launch(SubnetId=aws.subnet)
    read = lambda **more: aws.ec2.get_console_output(InstanceId=instance, **more)["Output"]
    equal(read(), "")
    aws.post("console", {instance: "Linux\nnatsops: nats-1: failed: boot\n"})
    equal(read(Latest=True), "Linux\nnatsops: nats-1: failed: boot\n")
    refused("InvalidInstanceID.NotFound", lambda: aws.ec2.get_console_output(InstanceId="i-00000000000000000"))
    old = aws.launch(SubnetId=aws.subnet, InstanceType="m4.large")
    refused("UnsupportedOperation", lambda: aws.ec2.get_console_output(InstanceId=old, Latest=True))


@proof
def a_session_begins_on_a_machine_with_an_agent_and_ends(aws: Aws) -> None:
    instance = aws.launch(SubnetId=aws.subnet)
    aws.advance(30)
    ports = {"host": ["10.0.1.11"], "portNumber": ["4222"], "localPortNumber": ["40000"]}
    start = lambda **more: aws.ssm.start_session(Target=instance, **more)
    refused("TargetNotConnected", start)
    aws.post("agent", {"instance": instance})
    refused("InvalidDocument", lambda: start(DocumentName="AWS-Nothing"))
    refused("InvalidParameters", lambda: start(DocumentName="AWS-StartPortForwardingSession", Parameters=ports))
    begun = start(DocumentName="AWS-StartPortForwardingSessionToRemoteHost", Parameters=ports)
    found = aws.get("sessions")[begun["SessionId"]]
    equal((found["target"], found["parameters"], found["token"], found["state"]), (instance, ports, begun["TokenValue"], "Connected"))
    aws.ssm.terminate_session(SessionId=begun["SessionId"])
    equal(aws.get("sessions")[begun["SessionId"]]["state"], "Terminated")
    refused("DoesNotExistException", lambda: aws.ssm.terminate_session(SessionId="nobody-0123456789abcdef0"))
