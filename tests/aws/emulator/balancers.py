"""Load balancers and listeners: equal settings succeed again, provisioning takes a while, protection holds."""

from __future__ import annotations

import re
from typing import Any

import clock
from ec2_network import drop_interfaces, service_interface
from moto.elbv2 import models
from moto.elbv2.models import FakeLoadBalancer, FakeTargetGroup
from rules import Refusal, modelled, rule
from wire import Call

# Unique per region and account, up to 32 letters, digits and hyphens, none at either end, and not `internal-` (B1).
NAME = re.compile(r"(?!internal-)(?!-)[a-zA-Z0-9-]{1,32}(?<!-)")
# What a network load balancer has of the attributes (documentation of LoadBalancerAttribute).
NETWORK_ATTRIBUTES = {
    "access_logs.s3.enabled": "false", "access_logs.s3.bucket": "", "access_logs.s3.prefix": "",
    "deletion_protection.enabled": "false", "ipv6.deny_all_igw_traffic": "false",
    # B2.11: off by default on a network load balancer.
    "load_balancing.cross_zone.enabled": "false",
    "dns_record.client_routing_policy": "any_availability_zone",
    "zonal_shift.config.enabled": "false",
}


# The middle of the ARN that the next balancer gets: `net` or `app`; moto says `app` of all. Guarded by the world's lock.
KIND = ["app"]


def repair() -> None:
    inner = models.make_arn_for_load_balancer
    models.make_arn_for_load_balancer = lambda **parts: inner(**parts).replace(":loadbalancer/app/", f":loadbalancer/{KIND[0]}/")
    # moto makes a balancer active as soon as anybody looks.
    FakeLoadBalancer.activate = lambda balancer: None
    # A group's balancers are those whose listeners forward to it now; moto only ever adds.
    FakeTargetGroup.load_balancer_arns = property(balancers_of, lambda group, value: None)


def balancers_of(group: Any) -> list[str]:
    backend = models.elbv2_backends[group.account_id][group.region_name]
    return [one.arn for one in backend.load_balancers.values() if any(forwards_to(listener, group.arn) for listener in one.listeners.values())]


def forwards_to(listener: Any, arn: str) -> bool:
    for action in listener.default_actions:
        weighted = [one.get("TargetGroupArn") for one in action.data.get("ForwardConfig", {}).get("TargetGroups", [])]
        if arn == action.data.get("TargetGroupArn") or arn in weighted:
            return True
    return False


def backend_of(call: Call) -> Any:
    return call.world.backend("elbv2", call.region)


def balancer_of(call: Call) -> Any:
    found = backend_of(call).load_balancers.get(call.params["LoadBalancerArn"])
    if found is None:
        raise modelled("elbv2", "LoadBalancerNotFoundException", "One or more load balancers not found")
    return found


def check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise Refusal("ValidationError", f"The name '{name}' must be 1 to 32 letters, digits and hyphens, none at an end, and may not begin with 'internal-'")


@rule("elbv2", "CreateLoadBalancer")
def create(call: Call) -> dict[str, Any] | None:
    params, backend = call.params, backend_of(call)
    check_name(params["Name"])
    subnets = params.get("Subnets") or [one["SubnetId"] for one in params.get("SubnetMappings", [])]
    wanted = (params.get("Type", "application"), params.get("Scheme", "internet-facing"), sorted(subnets), sorted(params.get("SecurityGroups", [])), params.get("IpAddressType", "ipv4"))
    for balancer in backend.load_balancers.values():
        if balancer.name == params["Name"]:
            held = (balancer.type, balancer.scheme, sorted(one.id for one in balancer.subnets), sorted(balancer.security_groups), balancer.ip_address_type)
            if held != wanted:
                raise modelled("elbv2", "DuplicateLoadBalancerNameException", f"A load balancer with the same name '{params['Name']}' exists, but with different settings")
            # Documented as idempotent: equal settings succeed and make nothing.
            return call.world.ask("elbv2", "DescribeLoadBalancers", LoadBalancerArns=[balancer.arn])
    ec2 = call.world.backend("ec2", call.region)
    for group in params.get("SecurityGroups", []):
        if ec2.get_security_group_from_id(group) is None:
            raise modelled("elbv2", "InvalidSecurityGroupException", f"Security group '{group}' does not exist")
    zones = [ec2.get_subnet(one).availability_zone for one in subnets]
    if len(set(zones)) < len(zones):
        raise modelled("elbv2", "InvalidConfigurationRequestException", "A load balancer cannot be attached to multiple subnets in the same Availability Zone")
    KIND[0] = {"network": "net", "gateway": "gwy"}.get(params.get("Type", ""), "app")
    answer = call.forward()
    balancer = backend.load_balancers[answer["LoadBalancers"][0]["LoadBalancerArn"]]
    if balancer.type == "network":
        balancer.attrs = dict(NETWORK_ATTRIBUTES)
        # The zone of all network load balancers in us-east-1, which an alias record names.
        balancer.canonical_hosted_zone_id = "Z26RNL4JYFTOTI"
    balancer.dns_name = f"{'internal-' if balancer.scheme == 'internal' and balancer.type != 'network' else ''}{balancer.name}-{balancer.arn[-16:]}.elb.{call.region}.amazonaws.com"
    balancer.groups_at_creation = bool(params.get("SecurityGroups"))
    name = "/".join(balancer.arn.split("/")[-3:])
    balancer.interfaces = [service_interface(call, one, balancer.security_groups, f"ELB {name}", "amazon-elb") for one in subnets]
    call.world.clock.later(clock.BALANCER_READY, lambda: setattr(balancer, "state", "active"))
    return call.world.ask("elbv2", "DescribeLoadBalancers", LoadBalancerArns=[balancer.arn])


@rule("elbv2", "DeleteLoadBalancer")
def delete(call: Call) -> dict[str, Any] | None:
    """Refused under deletion protection; its interfaces, which hold the groups, linger; deleting nothing succeeds."""
    balancer = backend_of(call).load_balancers.get(call.params["LoadBalancerArn"])
    if balancer is not None:
        if balancer.attrs.get("deletion_protection.enabled") == "true":
            raise modelled("elbv2", "OperationNotPermittedException", f"Load balancer '{balancer.arn}' cannot be deleted because deletion protection is enabled")
        interfaces = getattr(balancer, "interfaces", [])
        call.world.clock.later(clock.BALANCER_INTERFACES_LINGER, lambda: drop_interfaces(call, interfaces))
    call.forward()
    return None


@rule("elbv2", "SetSecurityGroups")
def set_groups(call: Call) -> dict[str, Any] | None:
    """B2.10: a network load balancer that was made without groups never gets any, and one with groups never loses all."""
    balancer, groups = balancer_of(call), call.params["SecurityGroups"]
    if balancer.type == "network" and not getattr(balancer, "groups_at_creation", False):
        raise modelled("elbv2", "InvalidConfigurationRequestException", "You cannot set security groups on a Network Load Balancer that was created without security groups")
    if balancer.type == "network" and not groups:
        raise modelled("elbv2", "InvalidConfigurationRequestException", "You must specify at least one security group")
    call.forward()
    ec2 = call.world.backend("ec2", call.region)
    for name in getattr(balancer, "interfaces", []):
        if name in ec2.enis:
            ec2.enis[name]._group_set = [ec2.get_security_group_from_id(group) for group in groups]
    return None


@rule("elbv2", "ModifyLoadBalancerAttributes")
def modify_attributes(call: Call) -> dict[str, Any] | None:
    balancer = balancer_of(call)
    if balancer.type == "network":
        for attribute in call.params["Attributes"]:
            if attribute["Key"] not in NETWORK_ATTRIBUTES:
                raise modelled("elbv2", "InvalidConfigurationRequestException", f"Load balancer attribute key '{attribute['Key']}' is not supported for load balancers of type 'network'")
    call.forward()
    return None


@rule("elbv2", "CreateListener")
def create_listener(call: Call) -> dict[str, Any] | None:
    """Idempotent for equal settings; one listener for a port; a group serves one balancer."""
    balancer, params = balancer_of(call), call.params
    targets = [one.get("TargetGroupArn") for one in params["DefaultActions"]]
    for listener in balancer.listeners.values():
        if listener.port == params.get("Port"):
            held = [action.data.get("TargetGroupArn") for action in listener.default_actions]
            if (listener.protocol, held) != (params.get("Protocol"), targets):
                raise modelled("elbv2", "DuplicateListenerException", f"A listener already exists on this port for this load balancer '{balancer.arn}'")
            return call.world.ask("elbv2", "DescribeListeners", ListenerArns=[listener.arn])
    for arn in targets:
        group = backend_of(call).target_groups.get(arn)
        if group is None:
            raise modelled("elbv2", "TargetGroupNotFoundException", f"Target groups '{arn}' not found")
        if [one for one in group.load_balancer_arns if one != balancer.arn]:
            raise modelled("elbv2", "TargetGroupAssociationLimitException", f"The target group '{arn}' cannot be associated with more than one load balancer")
        if balancer.type == "network" and group.protocol not in ("TCP", "UDP", "TCP_UDP", "TLS"):
            raise modelled("elbv2", "InvalidConfigurationRequestException", f"The protocol {group.protocol} of the target group does not fit a network load balancer")
    call.forward()
    return None


@rule("elbv2", "ModifyListenerAttributes")
def modify_listener_attributes(call: Call) -> dict[str, Any] | None:
    """B2.12: the idle timeout of TCP is 60 to 6000 seconds."""
    for attribute in call.params["Attributes"]:
        if attribute["Key"] == "tcp.idle_timeout.seconds" and not 60 <= int(attribute["Value"]) <= 6000:
            raise modelled("elbv2", "InvalidConfigurationRequestException", "tcp.idle_timeout.seconds must be between 60 and 6000")
    call.forward()
    return None
