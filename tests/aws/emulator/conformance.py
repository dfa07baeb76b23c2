"""Whether a request, or an answer of ours, is what botocore's model of the service says."""

from __future__ import annotations

import functools
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import regex
from botocore.model import Shape
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from models import protocol

if TYPE_CHECKING:
    from wire import Call

# Headers that belong to signing, to checksums and to the SDK itself rather than to an operation.
OF_THE_SDK = ("x-amz-date", "x-amz-content-sha256", "x-amz-user-agent", "x-amz-security-token", "x-amz-target",
              "x-amz-trailer", "x-amz-decoded-content-length", "x-amz-checksum-", "x-amz-meta-", "x-amz-te")
# Members that the model requires of an answer and AWS leaves out all the same: a private zone has no delegation set.
LEFT_OUT = {"CreateHostedZone": 'Missing required parameter in input: "DelegationSet"'}
# Lengths, ranges and patterns that a model states and the service does not enforce, each with the reason.
NOT_ENFORCED: set[str] = set()


def breaches_of(call: Call) -> list[str]:
    """Everything in a request that the model does not allow."""
    shape = call.model.input_shape
    found = unknown_parts(call)
    if shape is not None:
        report = ParamValidator().validate(call.params, shape)
        if report.has_errors():
            found.append(report.generate_report())
        found += constraints(call.params, shape, "")
    return [f"{call.service} {call.operation}: {breach}" for breach in found]


def defects_of(call: Call, result: dict[str, Any], parsed: dict[str, Any]) -> list[str]:
    """Everything in an answer of ours that the model does not allow, or that does not come back from the wire."""
    shape = call.model.output_shape
    if shape is None:
        return [] if not result else [f"{call.service} {call.operation} has no output"]
    found = unknown_members(result, shape, "") + constraints(result, shape, "", enums_only=True)
    report = ParamValidator().validate(result, shape).generate_report()
    found += [line for line in report.splitlines() if line != LEFT_OUT.get(call.operation)]
    if plain(result) != plain(parsed):
        found.append(f"reads back as {plain(parsed)!r} and was {plain(result)!r}")
    return [f"answer of {call.service} {call.operation}: {defect}" for defect in found]


def plain(value: Any) -> Any:
    """For comparing: without empty things (they may be left out on the wire) and with times as seconds."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if one not in (None, [], {}, "")}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S")
    return value


def constraints(value: Any, shape: Shape, path: str, enums_only: bool = False) -> list[str]:
    """Enumerations, lengths, ranges and patterns, of which botocore itself checks only the least lengths."""
    kind = shape.type_name
    if kind == "structure":
        return [line for name, one in value.items() if name in shape.members
                for line in constraints(one, shape.members[name], f"{path}.{name}", enums_only)]
    if kind == "list":
        lines = [] if enums_only else length(len(value), shape, path, "elements")
        return lines + [line for one in value for line in constraints(one, shape.member, f"{path}[]", enums_only)]
    if kind == "map":
        return [line for key, one in value.items()
                for line in constraints(key, shape.key, f"{path} key", enums_only) + constraints(one, shape.value, f"{path}.{key}", enums_only)]
    lines = []
    if kind == "string" and isinstance(value, str):
        # An enumeration in ElastiCache, EC2 and others is the whole of what is accepted.
        if (allowed := getattr(shape, "enum", None)) and value not in allowed:
            lines.append(f"{path}: {value!r} is none of {shape.name}")
        if not enums_only:
            lines += length(len(value), shape, path, "characters") + pattern(value, shape, path)
    if kind in ("integer", "long", "float", "double") and not enums_only:
        lines += length(value, shape, path, "as a number")
    return lines


def length(size: float, shape: Shape, path: str, unit: str) -> list[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.name in NOT_ENFORCED:
        return []
    if (least is not None and size < least) or (most is not None and size > most):
        return [f"{path}: {size} {unit}, and {shape.name} allows {least} to {most}"]
    return []


@functools.cache
def compiled(expression: str) -> regex.Pattern[str] | None:
    try:
        return regex.compile(expression)
    except regex.error:
        return None


def pattern(value: str, shape: Shape, path: str) -> list[str]:
    expression = shape.metadata.get("pattern")
    if not expression or shape.name in NOT_ENFORCED:
        return []
    known = compiled(expression)
    # A secret never stands in a breach: the value is left out.
    if known is not None and not known.fullmatch(value):
        return [f"{path}: does not match {expression!r} of {shape.name}"]
    return []


def unknown_members(value: Any, shape: Shape, path: str) -> list[str]:
    kind = shape.type_name
    if kind == "structure":
        return [line for name, one in value.items() for line in
                (unknown_members(one, shape.members[name], f"{path}.{name}") if name in shape.members else [f"{path}.{name} is unknown"])]
    if kind == "list":
        return [line for one in value for line in unknown_members(one, shape.member, f"{path}[]")]
    return []


def unknown_parts(call: Call) -> list[str]:
    """What stands in a request and means nothing to the service."""
    speaks = protocol(call.service)
    if speaks in ("ec2", "query"):
        return unknown_fields(call)
    if speaks == "json":
        return unknown_keys(json.loads(call.body or b"{}"), call.model.input_shape, "")
    return unknown_headers(call) + unknown_elements(call)


def unknown_fields(call: Call) -> list[str]:
    """A form is written anew from what was understood; every field beyond that is unknown."""
    sent = {key for key, _ in parse_qsl(call.body.decode(), keep_blank_values=True)} - {"Action", "Version"}
    known = create_serializer(call.model.service_model.metadata["protocol"], False).serialize_to_request(call.params, call.model)
    return [f"unknown parameter {name}" for name in sorted(sent - set(known["body"]))]


def unknown_keys(value: Any, shape: Shape | None, path: str) -> list[str]:
    if shape is None or value is None:
        return []
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        return [line for name, one in value.items() for line in
                (unknown_keys(one, names[name], f"{path}.{name}") if name in names else [f"unknown parameter {path}.{name}"])]
    if shape.type_name == "list":
        return [line for one in value for line in unknown_keys(one, shape.member, f"{path}[]")]
    return []


def unknown_headers(call: Call) -> list[str]:
    members = call.model.input_shape.members.values() if call.model.input_shape else []
    headers = {m.serialization["name"].lower() for m in members if m.serialization.get("location") == "header"}
    queries = {m.serialization["name"] for m in members if m.serialization.get("location") == "querystring"}
    # `x-id` only names the operation; the rest of what is fixed stands in the URI of the model.
    fixed = {name for name, _ in parse_qsl(call.model.http["requestUri"].partition("?")[2], keep_blank_values=True)}
    sent = [key[5:].lower().replace("_", "-") for key in call.environ if key.startswith("HTTP_X_AMZ_")]
    lines = [f"unknown header {name}" for name in sent if name not in headers and not name.startswith(OF_THE_SDK)]
    asked = {name for name, _ in parse_qsl(call.environ.get("QUERY_STRING", ""), keep_blank_values=True)}
    return lines + [f"unknown query {name}" for name in sorted(asked - queries - fixed - {"x-id"})]


def unknown_elements(call: Call) -> list[str]:
    shape = call.model.input_shape
    payload = shape.serialization.get("payload") if shape else None
    body_shape = shape.members[payload] if payload else shape
    if not call.body or body_shape is None or body_shape.type_name != "structure":
        return []
    return elements(ElementTree.fromstring(call.body), body_shape, "")


def elements(node: ElementTree.Element, shape: Shape, path: str) -> list[str]:
    lines: list[str] = []
    if shape.type_name == "structure":
        names = {}
        for name, member in shape.members.items():
            flat = member.type_name == "list" and member.serialization.get("flattened")
            names[(member.member.serialization.get("name") if flat else None) or member.serialization.get("name", name)] = (member, flat)
        for child in node:
            tag = child.tag.rpartition("}")[2]
            if tag not in names:
                lines.append(f"unknown element {path}.{tag}")
                continue
            member, flat = names[tag]
            lines += elements(child, member.member if flat else member, f"{path}.{tag}")
    elif shape.type_name == "list":
        for child in node:
            lines += elements(child, shape.member, f"{path}[]")
    return lines
