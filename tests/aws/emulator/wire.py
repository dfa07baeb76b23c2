"""Between bytes and parameters, by botocore's models: a request becomes a call, an answer becomes bytes."""

from __future__ import annotations

import html
import io
import json
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from botocore.awsrequest import HeadersDict
from botocore.model import OperationModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from models import SIGNED_AS, SIGNING_NAMES, protocol, service_model
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model as moto_model
from rules import Refusal
from werkzeug.datastructures import Headers
from werkzeug.test import run_wsgi_app
from world import REGION, World

INTERNAL_SCOPE = "AWS4-HMAC-SHA256 Credential=EMULATOR/20260101/{region}/{name}/aws4_request, SignedHeaders=host, Signature=0"


class Unreadable(Exception):
    """A request that is none of a service that we know."""


class MotoRefused(Exception):
    """moto's own refusal; it goes to the client as it is."""

    def __init__(self, answer: Answer, parsed: dict[str, Any]) -> None:
        super().__init__(str(parsed.get("Error")))
        self.answer = answer
        self.code = parsed.get("Error", {}).get("Code", "")


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Call:
    """One call of one operation, and the way to moto."""

    def __init__(self, world: World, model: OperationModel, params: dict[str, Any], environ: dict[str, Any], body: bytes) -> None:
        self.world, self.model, self.params = world, model, params
        self.service = model.service_model.service_name
        self.operation = model.name
        self.environ, self.body = environ, body
        self.passed: Answer | None = None

    @classmethod
    def internal(cls, world: World, service: str, operation: str, params: dict[str, Any]) -> Call:
        model = service_model(service).operation_model(operation)
        scope = INTERNAL_SCOPE.format(region=REGION, name=SIGNING_NAMES[service])
        environ = {
            "REQUEST_METHOD": "POST", "PATH_INFO": "/", "QUERY_STRING": "", "SCRIPT_NAME": "",
            "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "127.0.0.1", "HTTP_AUTHORIZATION": scope, "wsgi.url_scheme": "http",
        }
        call = cls(world, model, params, environ, b"")
        call._rewrite(params)
        return call

    @property
    def region(self) -> str:
        return scope_of(self.environ)[0]

    def forward(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Lets moto do it, with other parameters if given; moto's refusals go through."""
        if params is not None:
            self._rewrite(params)
        environ = dict(self.environ)
        environ["wsgi.input"] = io.BytesIO(self.body)
        environ["CONTENT_LENGTH"] = str(len(self.body))
        environ["wsgi.errors"] = io.StringIO()
        iterable, status, headers = run_wsgi_app(self.world.moto, environ, buffered=True)
        body = b"".join(iterable)
        code = int(status.split(" ")[0])
        self.passed = Answer(code, dict(headers), body)
        parsed = self.parse(self.passed)
        if code >= 300:
            raise MotoRefused(self.passed, parsed)
        return parsed

    def parse(self, answer: Answer) -> dict[str, Any]:
        """An answer as a client of botocore reads it."""
        shape = self.model.output_shape
        headers = HeadersDict(answer.headers)
        response: dict[str, Any] = {"status_code": answer.status, "headers": headers, "body": answer.body}
        if self.model.has_streaming_output and answer.status < 300:
            response["body"] = io.BytesIO(answer.body)
        parsed = create_parser(protocol(self.service)).parse(response, shape)
        parsed.pop("ResponseMetadata", None)
        return parsed

    def serialize(self, result: dict[str, Any]) -> Answer:
        model = moto_model(self.service).operation_model(self.operation)
        serializer = get_serializer_class(self.service, protocol(self.service))(operation_model=model)
        made = serializer.serialize(result)
        body = made["body"]
        return Answer(made["status_code"], dict(made["headers"]), body.encode() if isinstance(body, str) else body)

    def _rewrite(self, params: dict[str, Any]) -> None:
        """The request anew, from parameters."""
        request = create_serializer(protocol(self.service), False).serialize_to_request(params, self.model)
        body = request["body"]
        if isinstance(body, dict):
            body = urlencode(body)
        if hasattr(body, "read"):
            body = body.read()
        self.body = body.encode() if isinstance(body, str) else bytes(body)
        path, _, query = request["url_path"].partition("?")
        pairs = request["query_string"] or {}
        if isinstance(pairs, dict):
            pairs = [(key, one) for key, value in pairs.items() for one in (value if isinstance(value, list) else [value])]
        query = "&".join(part for part in (query, urlencode(pairs)) if part)
        self.environ = {
            **self.environ, "REQUEST_METHOD": request["method"], "PATH_INFO": unquote(path), "RAW_URI": path,
            "REQUEST_URI": path + ("?" + query if query else ""), "QUERY_STRING": query,
        }
        for name, value in request["headers"].items():
            key = name.upper().replace("-", "_")
            self.environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = str(value)


def scope_of(environ: dict[str, Any]) -> tuple[str, str]:
    """Region and service, from the signature's scope."""
    try:
        scope = environ["HTTP_AUTHORIZATION"].split("Credential=")[1].split(",")[0].split("/")
        return scope[2], scope[3]
    except (KeyError, IndexError):
        raise Unreadable("a request without a signature of version 4") from None


def read_call(world: World, environ: dict[str, Any], body: bytes) -> Call:
    """Which operation a request means, and its parameters."""
    _, signed = scope_of(environ)
    service = SIGNED_AS.get(signed)
    if service is None:
        raise Unreadable(f"a request to the service {signed}, which is not emulated")
    request = Request({**environ, "wsgi.input": io.BytesIO(body)})
    speaks, labels = protocol(service), {}
    form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)) if speaks in ("ec2", "query") else {}
    if speaks in ("ec2", "query"):
        operation = form.get("Action", "")
    elif speaks == "json":
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    else:
        try:
            found, labels = get_service_router(service).match(request)
            operation = found.name
        except Exception as error:  # The router says only that it found nothing.
            raise Unreadable(f"{service}: no operation is {request.method} {request.path}: {error}") from None
    if operation not in service_model(service).operation_names:
        raise Unreadable(f"{service} has no operation {operation!r}")
    model = service_model(service).operation_model(operation)
    parser = PROTOCOL_PARSERS[speaks](moto_model(service).operation_model(operation))
    params = parser.parse({
        "method": request.method, "values": form or request.values, "headers": Headers(request.headers.items()),
        "body": body, "url_path": request.path, "url_params": labels,
    })
    return Call(world, model, params, environ, body)


def refusal_answer(service: str, refusal: Refusal) -> Answer:
    """An error in the form of the service's protocol."""
    request_id = str(uuid.uuid4())
    code, message = html.escape(refusal.code), html.escape(refusal.message)
    speaks = protocol(service) if service else "query"
    if speaks == "json":
        body = json.dumps({"__type": refusal.code, "message": refusal.message})
        return Answer(refusal.status, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": request_id}, body.encode())
    if speaks == "ec2":
        body = f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>{request_id}</RequestID></Response>"
    elif service == "s3":
        body = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{request_id}</RequestId></Error>"
    else:
        namespace = service_model(service).metadata.get("xmlNamespace", "") if service else ""
        side = "Sender" if refusal.status < 500 else "Receiver"
        body = (
            f'<ErrorResponse xmlns="{namespace}"><Error><Type>{side}</Type><Code>{code}</Code><Message>{message}</Message></Error>'
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return Answer(refusal.status, {"Content-Type": "text/xml"}, ('<?xml version="1.0" encoding="UTF-8"?>\n' + body).encode())
