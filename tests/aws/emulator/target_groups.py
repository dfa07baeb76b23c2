"""Target groups: equal settings succeed again, targets must run, and become healthy only after a check."""

from __future__ import annotations

import ipaddress
from typing import Any

from balancers import backend_of, check_name
from rules import Refusal, modelled, rule
from wire import Call

# What a group of TCP has, and its defaults (documentation of TargetGroupAttribute; B2.11, B2.12).
TCP_ATTRIBUTES = {
    "deregistration_delay.timeout_seconds": "300",
    "deregistration_delay.connection_termination.enabled": "false",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "preserve_client_ip.enabled": "true",
    "proxy_protocol_v2.enabled": "false",
    "stickiness.enabled": "false",
    "stickiness.type": "source_ip",
    "target_health_state.unhealthy.connection_termination.enabled": "true",
    "target_health_state.unhealthy.draining_interval_seconds": "0",
}
FIELDS = ("Protocol", "Port", "VpcId", "TargetType", "HealthCheckProtocol", "HealthCheckPort", "HealthCheckPath",
          "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds", "HealthyThresholdCount", "UnhealthyThresholdCount", "Matcher")


def group_of(call: Call) -> Any:
    found = backend_of(call).target_groups.get(call.params["TargetGroupArn"])
    if found is None:
        raise modelled("elbv2", "TargetGroupNotFoundException", "One or more target groups not found")
    return found


def check_health(params: dict[str, Any]) -> None:
    """B2.12: interval 5-300, timeout 2-120 and no longer than the interval, thresholds 2-10, matcher 200-599."""
    limits = {"HealthCheckIntervalSeconds": (5, 300), "HealthCheckTimeoutSeconds": (2, 120), "HealthyThresholdCount": (2, 10), "UnhealthyThresholdCount": (2, 10)}
    for name, (least, most) in limits.items():
        if name in params and not least <= params[name] <= most:
            raise Refusal("ValidationError", f"{name} must be between {least} and {most}")


@rule("elbv2", "CreateTargetGroup")
def create(call: Call) -> dict[str, Any] | None:
    params, backend = call.params, backend_of(call)
    check_name(params["Name"])
    check_health(params)
    for group in backend.target_groups.values():
        if group.name == params["Name"]:
            held = call.world.ask("elbv2", "DescribeTargetGroups", TargetGroupArns=[group.arn])
            settings = held["TargetGroups"][0]
            if any(params[field] != settings.get(field) for field in FIELDS if field in params):
                raise modelled("elbv2", "DuplicateTargetGroupNameException", f"A target group with the same name '{params['Name']}' exists, but with different settings")
            # Documented as idempotent: equal settings succeed and make nothing.
            return held
    answer = call.forward()
    group = backend.target_groups[answer["TargetGroups"][0]["TargetGroupArn"]]
    if group.protocol in ("TCP", "TLS"):
        group.attributes = dict(TCP_ATTRIBUTES)
        if group.health_check_protocol == "HTTP":
            # Of a network load balancer's checks, the default is 200-399 and the path is `/`.
            group.matcher = params.get("Matcher", {"HttpCode": "200-399"})
            group.health_check_path = group.health_check_path or "/"
    return call.world.ask("elbv2", "DescribeTargetGroups", TargetGroupArns=[group.arn])


@rule("elbv2", "ModifyTargetGroup")
def modify(call: Call) -> dict[str, Any] | None:
    """moto changes a matcher only where the group itself is of HTTP."""
    group = group_of(call)
    check_health(call.params)
    call.forward()
    if call.params.get("Matcher") and group.health_check_protocol in ("HTTP", "HTTPS"):
        group.matcher = call.params["Matcher"]
    return call.world.ask("elbv2", "DescribeTargetGroups", TargetGroupArns=[group.arn])


@rule("elbv2", "ModifyTargetGroupAttributes")
def modify_attributes(call: Call) -> dict[str, Any] | None:
    group = group_of(call)
    for attribute in call.params["Attributes"]:
        key, value = attribute["Key"], attribute["Value"]
        if group.protocol in ("TCP", "TLS") and key not in TCP_ATTRIBUTES:
            raise modelled("elbv2", "InvalidConfigurationRequestException", f"Target group attribute key '{key}' is not supported for groups of {group.protocol}")
        if key == "deregistration_delay.timeout_seconds" and not 0 <= int(value) <= 3600:
            raise modelled("elbv2", "InvalidConfigurationRequestException", f"'{value}' must be between 0 and 3600 for {key}")
    call.forward()
    return call.world.ask("elbv2", "DescribeTargetGroupAttributes", TargetGroupArn=group.arn)


@rule("elbv2", "RegisterTargets")
def register(call: Call) -> dict[str, Any] | None:
    """An instance must be running, and registering it again changes nothing."""
    group = group_of(call)
    ec2 = call.world.backend("ec2", call.region)
    states = {instance.id: instance.state for instance in ec2.all_instances()}
    for target in call.params["Targets"]:
        if group.target_type == "instance" and target["Id"] not in states:
            raise modelled("elbv2", "InvalidTargetException", f"The following targets are not valid instances: '{target['Id']}'")
        if group.target_type == "instance" and states[target["Id"]] != "running":
            raise modelled("elbv2", "InvalidTargetException", f"The following targets are not in a running state and cannot be registered: '{target['Id']}'")
        # Addresses are of the VPC or of a private range beyond it.
        if group.target_type == "ip" and not ipaddress.ip_address(target["Id"]).is_private:
            raise modelled("elbv2", "InvalidTargetException", f"The IP address '{target['Id']}' is not within a range that is supported")
    call.forward()
    for target in call.params["Targets"]:
        call.world.keep("registered at").setdefault((group.arn, target["Id"]), call.world.clock.now())
        call.world.keep("draining").pop((group.arn, target["Id"]), None)
    return None


@rule("elbv2", "DeregisterTargets")
def deregister(call: Call) -> dict[str, Any] | None:
    """A target drains for the deregistration delay. One that is not registered is no error."""
    group, world = group_of(call), call.world
    known = [one for one in call.params["Targets"] if one["Id"] in group.targets]
    delay = int(group.attributes.get("deregistration_delay.timeout_seconds", 300))
    for target in known:
        key = (group.arn, target["Id"])
        world.keep("registered at").pop(key, None)
        world.keep("draining")[key] = (world.clock.now() + delay, group.targets[target["Id"]]["Port"])
    if not known:
        return {}
    call.forward({**call.params, "Targets": known})
    return None


@rule("elbv2", "DescribeTargetHealth")
def health(call: Call) -> dict[str, Any] | None:
    group, world = group_of(call), call.world
    states = states_of(call)
    asked = [one["Id"] for one in call.params.get("Targets", [])]
    found = []
    for name, target in group.targets.items():
        found.append((name, target["Port"], state_of(call, group, name, states.get(name))))
    for (arn, name), (until, port) in list(world.keep("draining").items()):
        if arn == group.arn and until > world.clock.now():
            found.append((name, port, ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")))
    listed = {name for name, _, _ in found}
    found += [(name, group.port, ("unused", "Target.NotRegistered", "Target is not registered to the target group")) for name in asked if name not in listed]
    port = group.health_check_port if group.health_check_port != "traffic-port" else None
    entries = []
    for name, on, (state, reason, words) in found:
        if not asked or name in asked:
            said = {"State": state, "Reason": reason, "Description": words} if reason else {"State": state}
            entries.append({"Target": {"Id": name, "Port": int(on)}, "HealthCheckPort": str(port or on), "TargetHealth": said})
    return {"TargetHealthDescriptions": entries}


def states_of(call: Call) -> dict[str, str]:
    """The state of the machine behind a target, by its id and by its addresses."""
    ec2 = call.world.backend("ec2", call.region)
    states = {instance.id: instance.state for instance in ec2.all_instances()}
    return states | {eni.private_ip_address: eni.instance.state for eni in ec2.enis.values() if eni.instance}


def state_of(call: Call, group: Any, name: str, instance: str | None) -> tuple[str, str, str]:
    """B2.12: a new target serves after its first pass, so not before an interval is over."""
    world = call.world
    if not group.load_balancer_arns:
        return "unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"
    if group.target_type == "instance" and instance != "running":
        return "unused", "Target.InvalidState", f"Target is in the {instance or 'terminated'} state"
    balancers = backend_of(call).load_balancers
    begin = world.keep("registered at").get((group.arn, name), 0)
    if any(balancers[arn].state != "active" for arn in group.load_balancer_arns):
        return "initial", "Elb.RegistrationInProgress", "Target registration is in progress"
    if world.clock.now() < begin + int(group.health_check_interval_seconds):
        return "initial", "Elb.InitialHealthChecking", "Initial health checks in progress"
    if instance != "running":
        # Behind an address nobody answers; the balancer knows no more than that.
        return "unhealthy", "Target.FailedHealthChecks", "Health checks failed"
    # A test says which targets fail their checks.
    if name in world.keep("unhealthy"):
        return "unhealthy", "Target.FailedHealthChecks", "Health checks failed"
    return "healthy", "", ""
