"""Where moto's own objects say something else than AWS, in words of their classes."""

from __future__ import annotations

from typing import Any

from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance
from moto.ec2.models.security_groups import SecurityGroupRule


def repair() -> None:
    # An interface has its own groups; moto adds those of its instance.
    NetworkInterface.group_set = property(lambda eni: eni._group_set)
    # An instance's groups are those of its first interface. moto keeps a list of its own that no change reaches.
    Instance.security_groups = property(groups_of, lambda instance, groups: instance.__dict__.__setitem__("given_groups", groups))
    # Its profile is that of its association; moto keeps a copy that a replacement does not reach.
    Instance.iam_instance_profile = property(profile_of, lambda instance, profile: None)
    # A terminated instance has no interfaces any more.
    Instance.network_interfaces = property(lambda instance: [] if instance.state == "terminated" else list(instance.nics.values()))
    # The description of a rule stands with its peer, whatever kind of peer it is; moto knows it for addresses only.
    SecurityGroupRule.description = property(lambda rule: rule.ip_range.get("Description") or rule.source_group.get("Description"))
    SecurityGroupRule.referenced_group_info = property(referenced_group)
    SecurityGroupRule.__eq__ = same_rule
    SecurityGroupRule.__hash__ = None


def groups_of(instance: Any) -> list[Any]:
    nics = instance.__dict__.get("nics")
    return nics[0]._group_set if nics and 0 in nics else instance.__dict__.get("given_groups", [])


def profile_of(instance: Any) -> dict[str, str] | None:
    association = instance.ec2_backend.iam_instance_profile_associations.get(instance.id)
    return {"Arn": association.iam_instance_profile.arn, "Id": association.iam_instance_profile.id} if association else None


def referenced_group(rule: Any) -> dict[str, str] | None:
    if not rule.source_group:
        return None
    return {key: rule.source_group[key] for key in ("GroupId", "UserId") if key in rule.source_group}


def rule_key(rule: Any) -> tuple[Any, ...]:
    """What makes a rule: (protocol, ports, peer). Its description is no part of it."""
    peer = rule.ip_range.get("CidrIp") or rule.ip_range.get("CidrIpv6") or rule.source_group.get("GroupId") or rule.prefix_list_id
    return (rule.ip_protocol, rule.from_port, rule.to_port, peer)


def same_rule(rule: Any, other: Any) -> bool:
    return rule_key(rule) == rule_key(other)
