"""What botocore says about the services: operations, shapes, errors."""

from __future__ import annotations

import functools

from botocore.loaders import Loader
from botocore.model import ServiceModel

# The name in a signature's scope -> botocore's name of the service.
SIGNED_AS = {
    "ec2": "ec2",
    "elasticloadbalancing": "elbv2",
    "elasticache": "elasticache",
    "kms": "kms",
    "iam": "iam",
    "s3": "s3",
    "ssm": "ssm",
    "route53": "route53",
    "sts": "sts",
}
SIGNING_NAMES = {name: signed for signed, name in SIGNED_AS.items()}


@functools.cache
def service_model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def protocol(service: str) -> str:
    """The protocol that botocore and the Rust SDK speak."""
    return service_model(service).metadata["protocol"]


@functools.cache
def fault(service: str, shape: str) -> tuple[str, int]:
    """The code on the wire and the status of a modelled error: `UserAlreadyExistsFault` is `UserAlreadyExists`."""
    error = service_model(service).shape_for(shape).metadata.get("error", {})
    return error.get("code", shape), error.get("httpStatusCode", 400)
