"""Sessions of Session Manager: begun on a machine with an agent, and ended by whoever has begun them."""

from __future__ import annotations

import secrets
from typing import Any

from rules import Refusal, rule
from wire import Call

# Each with the parameters that it knows.
DOCUMENTS = {
    "AWS-StartPortForwardingSession": {"portNumber", "localPortNumber"},
    "AWS-StartPortForwardingSessionToRemoteHost": {"host", "portNumber", "localPortNumber"},
    "SSM-SessionManagerRunShell": set(),
}


@rule("ssm", "StartSession")
def start_session(call: Call) -> dict[str, Any]:
    params, world = call.params, call.world
    target, document = params["Target"], params.get("DocumentName", "SSM-SessionManagerRunShell")
    if target not in world.keep("agents"):
        raise Refusal("TargetNotConnected", f"{target} is not connected.")
    if document not in DOCUMENTS:
        raise Refusal("InvalidDocument", f"Document with name {document} does not exist.")
    unknown = set(params.get("Parameters", {})) - DOCUMENTS[document]
    if unknown:
        raise Refusal("InvalidParameters", f"{document} has no parameter {', '.join(sorted(unknown))}.")
    session = f"engineer-{secrets.token_hex(9)}"
    token = secrets.token_urlsafe(64)
    world.keep("sessions")[session] = {"target": target, "document": document, "parameters": params.get("Parameters", {}), "token": token, "state": "Connected"}
    return {"SessionId": session, "TokenValue": token, "StreamUrl": f"wss://ssmmessages.us-east-1.amazonaws.com/v1/data-channel/{session}?role=publish_subscribe"}


@rule("ssm", "TerminateSession")
def terminate_session(call: Call) -> dict[str, Any]:
    """Ending what has ended is no error; a session that never was is one."""
    name, sessions = call.params["SessionId"], call.world.keep("sessions")
    if name not in sessions:
        raise Refusal("DoesNotExistException", f"Session {name} does not exist.")
    sessions[name]["state"] = "Terminated"
    return {"SessionId": name}
