"""Network interfaces and security groups: addresses are unique, what is in use stays, rules are not doubled."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

import tokens
from moto_repairs import rule_key
from rules import Refusal, rule
from wire import Call

# What a description of a group or of a rule may hold (API reference of CreateSecurityGroup and IpRange).
DESCRIPTION = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}")


@rule("ec2", "CreateNetworkInterface")
def create_interface(call: Call) -> dict[str, Any] | None:
    made = tokens.remembered(call)
    if made is not None:
        found = call.world.ask("ec2", "DescribeNetworkInterfaces", NetworkInterfaceIds=[made])["NetworkInterfaces"][0]
        return {"NetworkInterface": found, "ClientToken": call.params["ClientToken"]}
    backend = call.world.backend("ec2", call.region)
    subnet = backend.get_subnet(call.params["SubnetId"])
    for group in call.params.get("Groups", []):
        if backend.get_security_group_from_id(group) is None:
            # moto would make a group of this id.
            raise Refusal("InvalidSecurityGroupID.NotFound", f"The security group '{group}' does not exist")
    if address := call.params.get("PrivateIpAddress"):
        check_address(backend, subnet, address)
    answer = call.forward()
    tokens.remember(call, answer["NetworkInterface"]["NetworkInterfaceId"])
    return None


def check_address(backend: Any, subnet: Any, address: str) -> None:
    """Inside the subnet, none of the five that AWS keeps (the first four and the last), and nobody else's."""
    network = ipaddress.ip_network(subnet.cidr_block)
    wanted = ipaddress.ip_address(address)
    kept = [network[0], network[1], network[2], network[3], network[-1]]
    if wanted not in network or wanted in kept:
        raise Refusal("InvalidParameterValue", f"Address {address} is not within the subnet's address range, or is reserved in it")
    for eni in backend.enis.values():
        if eni.subnet.id == subnet.id and eni.private_ip_address == address:
            raise Refusal("InvalidIPAddress.InUse", f"Address {address} is in use.")


@rule("ec2", "DeleteNetworkInterface")
def delete_interface(call: Call) -> dict[str, Any] | None:
    eni = call.world.backend("ec2", call.region).get_network_interface(call.params["NetworkInterfaceId"])
    if eni.requester_managed:
        # An interface of a load balancer or a cache is deleted by its own service only.
        raise Refusal("OperationNotPermitted", "You are not allowed to manage 'ela-attach' attachments.")
    if eni.status == "in-use":
        raise Refusal("InvalidParameterValue", f"Network interface '{eni.id}' is currently in use.")
    call.forward()
    return None


def service_interface(call: Call, subnet_id: str, groups: list[str], description: str, owner: str) -> str:
    """An interface that a service holds in the user's subnet, and that keeps the groups on it in use."""
    backend = call.world.backend("ec2", call.region)
    eni = backend.create_network_interface(backend.get_subnet(subnet_id), free_address(backend, subnet_id), group_ids=groups, description=description)
    eni.requester_managed, eni.requester_id, eni.status = True, owner, "in-use"
    if owner == "amazon-elb":
        eni.interface_type = "network_load_balancer"
    return eni.id


def free_address(backend: Any, subnet_id: str) -> str:
    """AWS takes any free one: from the end, so that no test relies on a gap at the begin."""
    subnet = backend.get_subnet(subnet_id)
    used = {eni.private_ip_address for eni in backend.enis.values()}
    network = ipaddress.ip_network(subnet.cidr_block)
    return next(str(network[-offset]) for offset in range(2, network.num_addresses) if str(network[-offset]) not in used)


def drop_interfaces(call: Call, ids: list[str]) -> None:
    backend = call.world.backend("ec2", call.region)
    for name in ids:
        backend.enis.pop(name, None)


@rule("ec2", "CreateSecurityGroup")
def create_group(call: Call) -> dict[str, Any] | None:
    """The name is unique in its VPC whatever its case, at most 255 characters, and never begins like an id."""
    name, vpc = call.params["GroupName"], call.params.get("VpcId")
    if len(name) > 255 or name.lower().startswith("sg-"):
        raise Refusal("InvalidParameterValue", f"Value ({name}) for parameter GroupName is invalid")
    if not DESCRIPTION.fullmatch(call.params["Description"]) or not call.params["Description"]:
        raise Refusal("InvalidParameterValue", "Value for parameter GroupDescription is invalid")
    for group in call.world.backend("ec2", call.region).groups[vpc].values():
        if group.name.lower() == name.lower():
            raise Refusal("InvalidGroup.Duplicate", f"The security group '{name}' already exists for VPC '{vpc}'")
    call.forward()
    return None


@rule("ec2", "DeleteSecurityGroup")
def delete_group(call: Call) -> dict[str, Any] | None:
    """Refused while an interface has it (of an instance, a balancer, a cache, an endpoint) or a rule of another group names it."""
    backend = call.world.backend("ec2", call.region)
    group = backend.get_security_group_from_id(call.params.get("GroupId", ""))
    if group is not None:
        users = [eni.id for eni in backend.enis.values() if group in eni._group_set]
        users += [other.id for groups in backend.groups.values() for other in groups.values() if other is not group
                  for one in [*other.ingress_rules, *other.egress_rules] if one.source_group.get("GroupId") == group.id]
        if users:
            raise Refusal("DependencyViolation", f"resource {group.id} has a dependent object")
        if group.is_default:
            raise Refusal("CannotDelete", "the specified group: \"default\" name: \"default\" cannot be deleted by a user")
    call.forward()
    return None


@rule("ec2", "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress")
def authorize(call: Call) -> dict[str, Any] | None:
    """One rule that exists refuses the whole batch; addresses are kept in their canonical form."""
    backend = call.world.backend("ec2", call.region)
    group = backend.get_security_group_from_id(call.params.get("GroupId", ""))
    if group is None:
        raise Refusal("InvalidGroup.NotFound", f"The security group '{call.params.get('GroupId')}' does not exist")
    rules = group.ingress_rules if call.operation.endswith("Ingress") else group.egress_rules
    held = {rule_key(one) for one in rules}
    asked = list(asked_rules(call.params))
    for key, description in asked:
        if not DESCRIPTION.fullmatch(description):
            raise Refusal("InvalidParameterValue", "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*")
        if isinstance(key[3], str) and key[3].startswith("sg-") and backend.get_security_group_from_id(key[3]) is None:
            raise Refusal("InvalidGroup.NotFound", f"You have specified two resources that belong to different networks, or '{key[3]}' does not exist")
    keys = [key for key, _ in asked]
    if held & set(keys) or len(set(keys)) < len(keys):
        raise Refusal("InvalidPermission.Duplicate", "the specified rule already exists")
    call.forward(canonical(call.params))
    return None


def asked_rules(params: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], str]]:
    for permission in canonical(params).get("IpPermissions", []):
        protocol = {"6": "tcp", "17": "udp", "1": "icmp"}.get(permission["IpProtocol"], permission["IpProtocol"])
        # With all protocols, ports mean nothing.
        ports = (None, None) if protocol == "-1" else (permission.get("FromPort"), permission.get("ToPort"))
        for kind, name in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"), ("UserIdGroupPairs", "GroupId"), ("PrefixListIds", "PrefixListId")):
            for peer in permission.get(kind, []):
                yield (protocol, *ports, peer.get(name)), peer.get("Description", "")


def canonical(params: dict[str, Any]) -> dict[str, Any]:
    """AWS drops the host part of a range: 10.0.1.7/24 is kept as 10.0.1.0/24."""
    permissions = []
    for permission in params.get("IpPermissions", []):
        permission = {**permission}
        for kind, name in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")):
            if kind in permission:
                permission[kind] = [{**one, name: str(ipaddress.ip_network(one[name], strict=False))} for one in permission[kind]]
        permissions.append(permission)
    return {**params, "IpPermissions": permissions} if permissions else params
