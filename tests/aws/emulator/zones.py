"""Route 53: a caller reference serves once, batches are all or nothing, changes need some time to reach the servers."""

from __future__ import annotations

import itertools
import datetime
from typing import Any

import clock
from rules import modelled, rule
from wire import Call

NUMBERS = itertools.count(1)


def absolute(name: str) -> str:
    return (name if name.endswith(".") else name + ".").lower()


def change_info(call: Call) -> dict[str, Any]:
    """PENDING, and INSYNC after a while (B4)."""
    name = f"/change/C{next(NUMBERS):020}"
    at = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    call.world.keep("dns changes")[name] = (call.world.clock.now() + clock.ZONE_SYNCS, at)
    return {"Id": name, "Status": "PENDING", "SubmittedAt": at}


@rule("route53", "GetChange")
def get_change(call: Call) -> dict[str, Any] | None:
    name = "/change/" + call.params["Id"].removeprefix("/change/")
    if name not in call.world.keep("dns changes"):
        raise modelled("route53", "NoSuchChange", f"A change with the specified change ID does not exist: {name}")
    due, at = call.world.keep("dns changes")[name]
    return {"ChangeInfo": {"Id": name, "Status": "INSYNC" if call.world.clock.now() >= due else "PENDING", "SubmittedAt": at}}


@rule("route53", "CreateHostedZone")
def create(call: Call) -> dict[str, Any] | None:
    """A reference that was used is refused, even with the same settings; a VPC makes the zone private."""
    params, held = call.params, call.world.backend("route53").zones
    references = call.world.keep("caller references")
    if params["CallerReference"] in references:
        raise modelled("route53", "HostedZoneAlreadyExists", f"A hosted zone has already been created with the specified caller reference: {params['CallerReference']}")
    vpc = params.get("VPC", {}).get("VPCId")
    if vpc:
        for zone in held.values():
            if zone.private_zone and absolute(zone.name) == absolute(params["Name"]) and any(one["vpc_id"] == vpc for one in zone.vpcs):
                raise modelled("route53", "ConflictingDomainExists", f"The VPC {vpc} is already associated with a private hosted zone named {params['Name']}")
        if vpc not in call.world.backend("ec2", params["VPC"].get("VPCRegion", call.region)).vpcs:
            raise modelled("route53", "InvalidVPCId", f"The VPC {vpc} does not exist")
    config = {**params.get("HostedZoneConfig", {}), "PrivateZone": bool(vpc)}
    answer = call.forward({**params, "HostedZoneConfig": config})
    references[params["CallerReference"]] = answer["HostedZone"]["Id"]
    answer["ChangeInfo"] = change_info(call)
    return answer


@rule("route53", "DeleteHostedZone")
def delete(call: Call) -> dict[str, Any] | None:
    """A zone with records besides NS and SOA stays. Its reference serves again."""
    zone = call.params["Id"].removeprefix("/hostedzone/")
    call.forward()
    references = call.world.keep("caller references")
    for reference in [one for one, owner in references.items() if owner.removeprefix("/hostedzone/") == zone]:
        del references[reference]
    return {"ChangeInfo": change_info(call)}


@rule("route53", "ChangeResourceRecordSets")
def change(call: Call) -> dict[str, Any] | None:
    """The whole batch is checked before any of it happens."""
    zone = call.world.backend("route53").get_hosted_zone(call.params["HostedZoneId"])
    answer = call.world.ask("route53", "ListResourceRecordSets", HostedZoneId=zone.id.removeprefix("/hostedzone/"))
    held = {identity(one): one for one in answer["ResourceRecordSets"]}
    wrong = []
    for one in call.params["ChangeBatch"]["Changes"]:
        record, action = one["ResourceRecordSet"], one["Action"]
        name = identity(record)
        if not (name[0] == absolute(zone.name) or name[0].endswith("." + absolute(zone.name))):
            wrong.append(f"RRSet with DNS name {name[0]} is not permitted in zone {absolute(zone.name)}")
        elif action == "CREATE" and name in held:
            wrong.append(f"Tried to create resource record set [name='{name[0]}', type='{name[1]}'] but it already exists")
        elif action == "DELETE" and (name not in held or content(held[name]) != content(record)):
            wrong.append(f"Tried to delete resource record set [name='{name[0]}', type='{name[1]}'] but it was not found or the values provided do not match the current values")
        elif action == "DELETE":
            del held[name]
        # A CNAME has its name for itself (the documentation of Route 53 on CNAME records).
        elif conflicts := [other[1] for other in held if other[0] == name[0] and other[1] != name[1] and "CNAME" in (other[1], name[1])]:
            wrong.append(f"RRSet of type {name[1]} with DNS name {name[0]} is not permitted because a conflicting RRSet of type {conflicts[0]} with the same DNS name already exists in zone {absolute(zone.name)}")
        else:
            held[name] = record
    if wrong:
        raise modelled("route53", "InvalidChangeBatch", "[" + ", ".join(wrong) + "]")
    call.forward()
    return {"ChangeInfo": change_info(call)}


def identity(record: dict[str, Any]) -> tuple[str, str, str]:
    return absolute(record["Name"]), record["Type"], record.get("SetIdentifier", "")


def content(record: dict[str, Any]) -> tuple[Any, ...]:
    target = record.get("AliasTarget", {})
    values = sorted(one["Value"] for one in record.get("ResourceRecords", []))
    return record.get("TTL"), values, target.get("HostedZoneId"), absolute(target["DNSName"]) if target else None
