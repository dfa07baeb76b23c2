"""The network that exists before natsops comes: what an environment file names and never changes."""

from __future__ import annotations

import copy
from typing import Any

from rules import as_pairs
from world import REGION, World

# Zone, range.
SUBNETS = {"a": "10.0.1.0/24", "b": "10.0.2.0/24", "c": "10.0.3.0/24"}


# The image that the shipped environment pins: Amazon Linux 2023 under an id of its own.
IMAGE = "ami-0a1b2c3d4e5f60718"
LATEST = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"


def pinned_image(world: World) -> None:
    amis = world.backend("ec2").amis
    latest = amis[world.ask("ssm", "GetParameter", Name=LATEST)["Parameter"]["Value"]]
    image = copy.copy(latest)
    image.id = IMAGE
    amis[IMAGE] = image


def tagged(kind: str, **tags: str) -> list[dict[str, Any]]:
    names = {key.replace("__", ":"): value for key, value in tags.items()}
    return [{"ResourceType": kind, "Tags": as_pairs(names)}]


def network(world: World) -> dict[str, Any]:
    """A VPC with DNS, three private subnets, and the ways to S3 and Systems Manager without a NAT gateway."""
    ask = world.ask
    pinned_image(world)
    vpc = ask("ec2", "CreateVpc", CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc", Name="game-platform"))["Vpc"]["VpcId"]
    ask("ec2", "ModifyVpcAttribute", VpcId=vpc, EnableDnsSupport={"Value": True})
    ask("ec2", "ModifyVpcAttribute", VpcId=vpc, EnableDnsHostnames={"Value": True})
    table = ask("ec2", "CreateRouteTable", VpcId=vpc, TagSpecifications=tagged("route-table", Name="game-platform-private"))
    table_id = table["RouteTable"]["RouteTableId"]
    subnets = {}
    for zone, cidr in SUBNETS.items():
        tags = tagged("subnet", Name=f"game-platform-private-{zone}", natsops__subnets="private")
        made = ask("ec2", "CreateSubnet", VpcId=vpc, CidrBlock=cidr, AvailabilityZone=REGION + zone, TagSpecifications=tags)
        subnets[REGION + zone] = made["Subnet"]["SubnetId"]
        ask("ec2", "AssociateRouteTable", RouteTableId=table_id, SubnetId=subnets[REGION + zone])
    group = ask("ec2", "CreateSecurityGroup", GroupName="game-platform-endpoints", Description="Interface endpoints", VpcId=vpc)["GroupId"]
    gateway = ask("ec2", "CreateVpcEndpoint", VpcId=vpc, VpcEndpointType="Gateway", ServiceName=f"com.amazonaws.{REGION}.s3", RouteTableIds=[table_id])
    endpoints = {"s3": gateway["VpcEndpoint"]["VpcEndpointId"]}
    for name in ("ssm", "ssmmessages"):
        made = ask("ec2", "CreateVpcEndpoint", VpcId=vpc, VpcEndpointType="Interface", ServiceName=f"com.amazonaws.{REGION}.{name}",
                   SubnetIds=list(subnets.values()), SecurityGroupIds=[group], PrivateDnsEnabled=True)
        endpoints[name] = made["VpcEndpoint"]["VpcEndpointId"]
    return {"vpc": vpc, "subnets": subnets, "route_table": table_id, "endpoints": endpoints, "image": IMAGE}
