"""What fails in AWS without a call: the hardware of a volume, and a load balancer that could not be made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from world import World

REGION = "us-east-1"


def fail(world: World, asked: dict[str, str]) -> list[Any]:
    """`volume`: VolumeState `error`, in which it answers nothing; `balancer`: LoadBalancerStateEnum `failed`."""
    if "volume" in asked:
        world.backend("ec2", REGION).get_volume(asked["volume"]).held_status = "error"
    if "balancer" in asked:
        balancers = world.backend("elbv2", REGION).load_balancers.values()
        [found] = [one for one in balancers if one.name == asked["balancer"]]
        found.state = "failed"
    return []
