"""The account that is read: its clients, the names behind its ids, and what is ours in it."""

from __future__ import annotations

import functools
import re
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

Attributes = dict[str, Any]
Named = dict[str, Attributes]


class Account:
    """Clients for the account, and the names of what has none in its id."""

    def __init__(self, port: str, environment: str, region: str = "us-east-1") -> None:
        self.environment = environment
        self._open = functools.cache(lambda service: boto3.client(
            service, region_name=region, endpoint_url=f"http://127.0.0.1:{port}", aws_access_key_id="AKIAREADERREADER0000",
            aws_secret_access_key="reader", config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})))

    def __getattr__(self, service: str) -> Any:
        if service.startswith("_"):
            raise AttributeError(service)
        return self._open(service)

    def every(self, service: str, operation: str, key: str, **params: Any) -> list[Any]:
        client = self._open(service)
        if not client.can_paginate(operation):
            return getattr(client, operation)(**params).get(key, [])
        return [one for page in client.get_paginator(operation).paginate(**params) for one in page.get(key, [])]

    def ours(self, name: str, tags: dict[str, str]) -> bool:
        """By the tag, or by the name `natsops-ENV…` or `/natsops/ENV/…` where tags can not be had."""
        words = rf"(^|[/:])natsops[-/]{re.escape(self.environment)}([-/]|$)"
        return tags.get("natsops:environment") == self.environment or re.search(words, name) is not None

    @functools.cached_property
    def groups(self) -> dict[str, str]:
        return {one["GroupId"]: one["GroupName"] for one in self.every("ec2", "describe_security_groups", "SecurityGroups")}

    @functools.cached_property
    def subnets(self) -> dict[str, str]:
        return {one["SubnetId"]: tags_of(one).get("Name", one["SubnetId"]) for one in self.every("ec2", "describe_subnets", "Subnets")}

    @functools.cached_property
    def vpcs(self) -> dict[str, str]:
        return {one["VpcId"]: tags_of(one).get("Name", one["VpcId"]) for one in self.every("ec2", "describe_vpcs", "Vpcs")}

    @functools.cached_property
    def aliases(self) -> dict[str, str]:
        return {one["TargetKeyId"]: one["AliasName"] for one in self.every("kms", "list_aliases", "Aliases") if "TargetKeyId" in one}

    def key(self, reference: str | None) -> str | None:
        """A key by its alias."""
        return self.aliases.get(reference.rpartition("/")[2], reference) if reference else None

    def group_names(self, ids: list[str]) -> list[str]:
        return sorted(self.groups.get(one, one) for one in ids)


def tags_of(one: dict[str, Any], field: str = "Tags") -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in one.get(field, [])}


def name_of(one: dict[str, Any], identity: str) -> str:
    return tags_of(one).get("Name", one[identity])


def or_nothing(action: Any, *codes: str) -> Any:
    try:
        return action()
    except ClientError as error:
        if error.response["Error"]["Code"] in codes:
            return None
        raise
