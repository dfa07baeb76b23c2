"""What machines have written on their consoles, where a test has put it."""

from __future__ import annotations

import base64
from typing import Any

from ec2_instances import known_instances
from rules import Refusal, rule
from wire import Call

# GetConsoleOutput: 64 KB of the end; `Latest` only on machines that are built on Nitro.
LONGEST = 65536
NITRO = ("m5", "m6", "m7", "m8", "c5", "c6", "c7", "c8", "r5", "r6", "r7", "r8", "t3", "t4")


@rule("ec2", "GetConsoleOutput")
def console_output(call: Call) -> dict[str, Any]:
    backend = call.world.backend("ec2", call.region)
    [name] = known_instances(backend, [call.params["InstanceId"]])
    kind = backend.get_instance(name).instance_type
    if call.params.get("Latest") and not kind.startswith(NITRO):
        raise Refusal("UnsupportedOperation", "This instance type does not support retrieving the latest console logs.")
    text = call.world.keep("consoles").get(name, "").encode()[-LONGEST:]
    return {"InstanceId": name, "Output": base64.b64encode(text).decode(), "Timestamp": "2026-11-28T00:00:00"}
