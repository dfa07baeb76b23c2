"""What a machine meets on AWS besides its network: the metadata service and the door of the bucket.

    python3 tests/boot/cloud.py FILE

FILE is JSON: `machines` by address (instance, mac, region, zone, cidr, role, node, user_data), `emulator` (a port of
127.0.0.1), `certificate` and `key` of the bucket's door, `door` (its address). Ends when its standard input closes.

The metadata service speaks version 2 alone: without a token nothing is told. The door speaks TLS under the bucket's own
name, lets in only who has the credentials that the metadata service gave, and shows each machine its own prefix; what
passes is answered by the emulator, whose buckets natsops has filled.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import re
import secrets
import ssl
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote

Tree = dict[str, Any]
CONFIG: Tree = {}
TOKENS: dict[str, float] = {}
# One set of credentials for each machine: access key, secret, token.
CREDENTIALS: dict[str, tuple[str, str, str]] = {}


def utc(later: timedelta = timedelta()) -> str:
    return (datetime.now(timezone.utc) + later).strftime("%Y-%m-%dT%H:%M:%SZ")


def metadata(address: str, machine: Tree) -> Tree:
    """The tree of an instance with one interface; a folder is a dictionary."""
    access, secret, token = CREDENTIALS[address]
    credentials = {
        "Code": "Success", "LastUpdated": utc(), "Type": "AWS-HMAC", "AccessKeyId": access, "SecretAccessKey": secret,
        "Token": token, "Expiration": utc(timedelta(hours=6)),
    }
    identity = {"instanceId": machine["instance"], "region": machine["region"], "availabilityZone": machine["zone"], "privateIp": address}
    name = f"ip-{address.replace('.', '-')}.ec2.internal"
    interface = {
        "device-number": "0", "interface-id": "eni-0123456789abcdef0", "local-hostname": name, "local-ipv4s": address,
        "mac": machine["mac"], "subnet-ipv4-cidr-block": machine["cidr"],
    }
    return {
        "meta-data": {
            "ami-id": "ami-0a1b2c3d4e5f60718", "hostname": name, "instance-id": machine["instance"], "instance-type": "m6i.large",
            "local-hostname": name, "local-ipv4": address, "mac": machine["mac"],
            "placement": {"availability-zone": machine["zone"], "region": machine["region"]},
            "network": {"interfaces": {"macs": {machine["mac"]: interface}}},
            "iam": {"info": json.dumps({"Code": "Success"}), "security-credentials": {machine["role"]: json.dumps(credentials)}},
        },
        "user-data": machine["user_data"],
        "dynamic": {"instance-identity": {"document": json.dumps(identity)}},
    }


class Metadata(BaseHTTPRequestHandler):
    """169.254.169.254."""

    def do_PUT(self) -> None:
        seconds = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if self.path != "/latest/api/token" or not seconds.isdigit():
            return self.tell(400, "")
        token = secrets.token_urlsafe(40)
        TOKENS[token] = time.monotonic() + int(seconds)
        self.tell(200, token)

    def do_GET(self) -> None:
        if TOKENS.get(self.headers.get("X-aws-ec2-metadata-token", ""), 0) < time.monotonic():
            return self.tell(401, "")
        machine = CONFIG["machines"].get(self.client_address[0])
        words = re.fullmatch(r"/(?:latest|20\d\d-\d\d-\d\d)(?:/(.*))?", self.path)
        if machine is None or words is None:
            return self.tell(404, "")
        found: Any = metadata(self.client_address[0], machine)
        for word in filter(None, unquote(words[1] or "").split("/")):
            found = found.get(word) if isinstance(found, dict) else None
        if isinstance(found, dict):
            # A role is listed without a slash, as files are.
            found = "\n".join(name + "/" * isinstance(inside, dict) for name, inside in found.items())
        self.tell(404 if found is None else 200, found or "")

    def tell(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def signature(secret: str, request: BaseHTTPRequestHandler, host: str, authorization: dict[str, str]) -> str:
    """Signature version 4, as the caller should have made it."""
    path, _, query = request.path.partition("?")
    query = "&".join(sorted(part if "=" in part else part + "=" for part in query.split("&") if part))
    names = authorization["SignedHeaders"].split(";")
    lines = [f"{name}:{host if name == 'host' else ' '.join(request.headers[name].split())}\n" for name in names]
    canonical = "\n".join([
        request.command, quote(unquote(path)), query, "".join(lines), ";".join(names), request.headers["x-amz-content-sha256"],
    ])
    _, day, region, service, end = authorization["Credential"].split("/")
    text = "\n".join([
        "AWS4-HMAC-SHA256", request.headers["x-amz-date"], "/".join((day, region, service, end)),
        hashlib.sha256(canonical.encode()).hexdigest(),
    ])
    key = ("AWS4" + secret).encode()
    for word in (day, region, service, end):
        key = hmac.digest(key, word.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


class Door(BaseHTTPRequestHandler):
    """S3, for machines."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        address, host = self.client_address[0], self.headers.get("Host", "")
        refusal = self.refusal(address, host)
        if refusal:
            print(f"the bucket refuses {address} {self.command} {self.path}: {refusal}", file=sys.stderr, flush=True)
            body = f"<Error><Code>AccessDenied</Code><Message>{refusal}</Message></Error>".encode()
            return self.send(403, [("Content-Type", "application/xml")], body)
        # The emulator finds the bucket in the path.
        connection = http.client.HTTPConnection("127.0.0.1", CONFIG["emulator"], timeout=60)
        connection.request(self.command, f"/{host.split('.')[0]}{self.path}", headers=dict(self.headers))
        reply = connection.getresponse()
        self.send(reply.status, reply.getheaders(), reply.read())

    do_GET = do_HEAD = answer

    def refusal(self, address: str, host: str) -> str | None:
        words = self.headers.get("Authorization", "").removeprefix("AWS4-HMAC-SHA256 ").split(", ")
        given = dict(word.strip(",").split("=", 1) for part in words for word in part.split(",") if "=" in word)
        access, secret, token = CREDENTIALS.get(address, ("", "", ""))
        if not access or given.get("Credential", "").split("/")[0] != access or self.headers.get("x-amz-security-token") != token:
            return "these are not the credentials of the machine's role"
        if given.get("Signature") != signature(secret, self, host, given):
            return "the signature is wrong"
        node = CONFIG["machines"][address]["node"]
        if not self.path.startswith(f"/nodes/{node}/"):
            return f"the role of {node} reads below nodes/{node}/ alone"
        return None

    def send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        skipped = {"connection", "transfer-encoding", "server", "date"}
        known = {name.lower() for name, _ in headers}
        for name, value in headers:
            if name.lower() not in skipped:
                self.send_header(name, value)
        if "content-length" not in known:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def serve(server: ThreadingHTTPServer) -> None:
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        CONFIG.update(json.load(file))
    for address in CONFIG["machines"]:
        CREDENTIALS[address] = ("ASIA" + secrets.token_hex(8).upper(), secrets.token_urlsafe(30), secrets.token_urlsafe(60))
    serve(ThreadingHTTPServer(("169.254.169.254", 80), Metadata))
    door = ThreadingHTTPServer((CONFIG["door"], 443), Door)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CONFIG["certificate"], CONFIG["key"])
    door.socket = context.wrap_socket(door.socket, server_side=True, do_handshake_on_connect=False)
    serve(door)
    print("ready", flush=True)
    # The test holds the other end: when it goes, so does this.
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
