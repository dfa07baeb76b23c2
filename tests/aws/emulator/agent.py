"""The agent of Systems Manager on a machine: it fetches commands, runs them with /bin/sh, and tells how they ended.

    python3 tests/aws/emulator/agent.py http://ADDRESS:PORT INSTANCE

Ends when its standard input closes, and takes along whatever it may.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import Any

PAUSE = 0.1


def ask(endpoint: str, name: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(f"{endpoint}/_emulator/{name}", json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def patiently(endpoint: str, name: str, body: dict[str, Any]) -> Any:
    """Asks again while the network is away. What AWS refuses is not asked again."""
    while True:
        try:
            return ask(endpoint, name, body)
        except urllib.error.HTTPError as error:
            print(f"agent of {body['instance']}: {error.read()!r}", file=sys.stderr, flush=True)
            return None
        except OSError:
            time.sleep(PAUSE)


def run(script: str) -> dict[str, Any]:
    ended = subprocess.run(["/bin/sh", "-c", script], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    return {"code": ended.returncode, "stdout": ended.stdout, "stderr": ended.stderr}


def bury() -> None:
    """The first process of a machine is the parent of whatever has lost its own."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def end_with_stdin() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


def main() -> None:
    endpoint, instance = sys.argv[1:]
    threading.Thread(target=end_with_stdin, daemon=True).start()
    while True:
        order = patiently(endpoint, "agent", {"instance": instance})
        if order:
            patiently(endpoint, "agent-end", {"instance": instance, "command": order["command"], **run(order["script"])})
        bury()
        time.sleep(PAUSE)


if __name__ == "__main__":
    main()
