"""The tools of the emulator's own test: clients, the control, and how a proof is told from a failure."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

HERE = pathlib.Path(__file__).parent
PROOFS: list[Callable[["Aws"], None]] = []


def proof(function: Callable[["Aws"], None]) -> Callable[["Aws"], None]:
    """A proof begins in an empty world, whose clock stands still unless it is told to advance."""
    PROOFS.append(function)
    return function


class Aws:
    def __init__(self, scale: float = 1000.0) -> None:
        self._folder = tempfile.TemporaryDirectory()
        ready = pathlib.Path(self._folder.name) / "port"
        command = [sys.executable, str(HERE), "--ready", str(ready), "--scale", str(scale)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while not ready.exists():
            assert self.process.poll() is None and time.monotonic() < deadline, "the emulator does not start"
            time.sleep(0.02)
        self.port = int(ready.read_text())
        self._clients: dict[str, Any] = {}
        self.begin()

    def begin(self) -> None:
        self.post("reset")
        self.network = self.post("seed")
        self.meant: list[str] = []

    def breached(self, words: str) -> None:
        """The proof broke the model on purpose, and the emulator has noticed."""
        assert any(words in line for line in self.get("breaches")), f"no breach says {words!r}"
        self.meant.append(words)

    def wrong(self) -> list[str]:
        """Breaches that nobody meant, and defects."""
        return [line for line in self.get("breaches") if not any(words in line for words in self.meant)] + self.get("defects")

    def __getattr__(self, service: str) -> Any:
        """`aws.ec2` is boto3's client; it never retries, so that one call is one call."""
        if service.startswith("_"):
            raise AttributeError(service)
        if service not in self._clients:
            config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, parameter_validation=False)
            self._clients[service] = boto3.client(service, region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{self.port}", config=config,
                                                  aws_access_key_id="AKIAEXAMPLEEXAMPLE00", aws_secret_access_key="example")
        return self._clients[service]

    def get(self, name: str) -> Any:
        return self._ask(urllib.request.Request(self._address(name)))

    def post(self, name: str, body: Any = None) -> Any:
        return self._ask(urllib.request.Request(self._address(name), json.dumps(body).encode(), method="POST"))

    def _address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/_emulator/{name}"

    def _ask(self, request: urllib.request.Request) -> Any:
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except ConnectionError as error:
            time.sleep(0.5)
            raise AssertionError(f"{request.full_url}: {error}; exit code of the emulator: {self.process.poll()}") from error

    def advance(self, seconds: float) -> None:
        self.post("advance", seconds)

    @property
    def subnet(self) -> str:
        return self.network["subnets"]["us-east-1a"]

    def image(self) -> str:
        return self.ssm.get_parameter(Name="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64")["Parameter"]["Value"]

    def group(self, name: str = "nodes") -> str:
        return self.ec2.create_security_group(GroupName=name, Description="proof", VpcId=self.network["vpc"])["GroupId"]

    def interface(self, address: str = "10.0.1.10", **more: Any) -> str:
        return self.ec2.create_network_interface(SubnetId=self.subnet, PrivateIpAddress=address, **more)["NetworkInterface"]["NetworkInterfaceId"]

    def launch(self, **more: Any) -> str:
        return self.ec2.run_instances(**{"ImageId": self.image(), "InstanceType": "m6i.large", "MinCount": 1, "MaxCount": 1} | more)["Instances"][0]["InstanceId"]

    def state(self, instance: str) -> str:
        return self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"]

    def key(self) -> str:
        return self.kms.create_key()["KeyMetadata"]["Arn"]

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=20)
        self._folder.cleanup()


def refused(code: str, action: Callable[[], Any]) -> None:
    """The call is refused with this code of AWS."""
    try:
        answer = action()
    except ClientError as error:
        said = error.response["Error"]["Code"]
        assert said == code, f"refused with {said} rather than {code}: {error}"
        return
    raise AssertionError(f"not refused with {code}, but answered: {str(answer)[:300]}")


def equal(found: Any, wanted: Any) -> None:
    assert found == wanted, f"{found!r} rather than {wanted!r}"


def run(one: Callable[[Aws], None], aws: Aws) -> list[str]:
    """What is wrong, in lines; beyond its own words, a proof leaves no breach and no defect."""
    try:
        aws.begin()
        one(aws)
        return [f"{one.__name__}: {line}" for line in aws.wrong()]
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)
        line = next((frame for frame in reversed(where) if "proofs_" in frame.filename), where[-1])
        return [f"{one.__name__}: line {line.lineno}: {error or type(error).__name__}"] + [f"{one.__name__}: {line}" for line in aws.get("defects")]
