"""Everything that exists, by kind and id; what is terminated or deleted is left out."""

from __future__ import annotations

from typing import Any

from moto_repairs import rule_key
from world import World



def everything(world: World) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    found |= machines(world)
    found |= balancers(world)
    found |= caches(world)
    found |= identities(world)
    found |= stores(world)
    return {kind: sorted(ids) for kind, ids in sorted(found.items()) if ids}


def machines(world: World) -> dict[str, list[str]]:
    backend = world.backend("ec2")
    return {
        "instance": [one.id for one in backend.all_instances() if one.state != "terminated"],
        "vpc": list(backend.vpcs),
        "subnet": [name for zone in backend.subnets.values() for name in zone],
        "route-table": list(backend.route_tables),
        "vpc-endpoint": [name for name, one in backend.vpc_end_points.items() if one.state != "deleted"],
        "security-group": [name for groups in backend.groups.values() for name in groups],
        # A rule is named by what it says: ids of rules differ from one run to the next for no reason.
        "security-group-rule": [name for groups in backend.groups.values() for group in groups.values() for name in rules_of(group)],
        "network-interface": list(backend.enis),
        "volume": list(backend.volumes),
        "address": list(backend.addresses),
        "nat-gateway": list(backend.nat_gateways),
        "internet-gateway": list(backend.internet_gateways),
        "launch-template": list(backend.launch_templates),
    }


def rules_of(group: Any) -> list[str]:
    names = []
    for way, rules in (("in", group.ingress_rules), ("out", group.egress_rules)):
        for rule in rules:
            protocol, begin, end, peer = rule_key(rule)
            names.append(f"{group.id} {way} {protocol} {begin}-{end} {peer}")
    return names


def balancers(world: World) -> dict[str, list[str]]:
    backend = world.backend("elbv2")
    return {
        "load-balancer": [one.name for one in backend.load_balancers.values()],
        "listener": [f"{one.name}:{listener.port}" for one in backend.load_balancers.values() for listener in one.listeners.values()],
        "target-group": [one.name for one in backend.target_groups.values()],
        "target": [f"{one.name} {target}" for one in backend.target_groups.values() for target in one.targets],
    }


def caches(world: World) -> dict[str, list[str]]:
    return {f"elasticache-{kind}": list(world.keep(f"elasticache {kind}")) for kind in
            ("replication-group", "user", "user-group", "subnet-group", "parameter-group", "snapshot")}


def identities(world: World) -> dict[str, list[str]]:
    iam, kms = world.backend("iam"), world.backend("kms")
    return {
        "role": [one.name for one in iam.roles.values()],
        "role-policy": [f"{one.name}/{policy}" for one in iam.roles.values() for policy in [*one.policies, *one.managed_policies]],
        "instance-profile": [one.name for one in iam.instance_profiles.values()],
        "key": [f"{name} {'PendingDeletion' if one.key_state == 'PendingDeletion' else ''}".strip() for name, one in kms.keys.items() if one.key_manager == "CUSTOMER"],
        "alias": [alias for one in kms.keys.values() for alias in one.aliases if not alias.startswith("alias/aws/")],
    }


def stores(world: World) -> dict[str, list[str]]:
    s3, ssm, zones = world.backend("s3"), world.backend("ssm"), world.backend("route53")
    return {
        "bucket": list(s3.buckets),
        "object": [f"{name}/{key}" for name, bucket in s3.buckets.items() for key in bucket.keys],
        "parameter": [name for name in ssm._parameters if not name.startswith("/aws/")],
        "zone": [f"{one.name} {name}" for name, one in zones.zones.items()],
        "record": [f"{record.name} {record.type}" for one in zones.zones.values() for record in one.rrsets],
    }
