"""Volumes: creation with a token, states on the way, one instance at a time, sizes that only grow."""

from __future__ import annotations

from typing import Any

import clock
import tokens
from key_references import key_of, usable
from moto.ec2.models.elastic_block_store import Volume, VolumeAttachment, VolumeModification
from rules import Refusal, rule
from wire import Call
from world import World


def repair() -> None:
    """A volume passes through `creating`, and a modification through `modifying`; moto knows neither."""
    inner = Volume.status.fget
    assert inner is not None
    Volume.status = property(lambda volume: volume.__dict__.get("held_status") or inner(volume))
    VolumeAttachment.delete_on_termination = property(goes_with_instance)
    VolumeModification.modification_state = property(lambda one: one.__dict__.get("held_state", "completed"))
    VolumeModification.progress = property(lambda one: 100 if one.modification_state == "completed" else 1)


def goes_with_instance(attachment: Any) -> bool:
    """moto knows it of the instance's mapping only."""
    block = attachment.instance.block_device_mapping.get(attachment.device)
    return bool(block and block.delete_on_termination)


@rule("ec2", "CreateVolume")
def create_volume(call: Call) -> dict[str, Any] | None:
    made = tokens.remembered(call)
    if made is not None:
        return dict(call.world.ask("ec2", "DescribeVolumes", VolumeIds=[made])["Volumes"][0])
    params = call.params
    if params.get("VolumeType") == "gp3":
        check_gp3(params)
    answer = call.forward()
    volume = call.world.backend("ec2", call.region).get_volume(answer["VolumeId"])
    if volume.volume_type == "gp3":
        volume.throughput = volume.throughput or 125
    key = None
    if params.get("KmsKeyId"):
        key = key_of(call.world, params["KmsKeyId"])
        # Shown as an ARN, whatever was given.
        volume.kms_key_id = key.arn if key else params["KmsKeyId"]
    volume.held_status = "creating"
    good = not params.get("KmsKeyId") or usable(key)
    good = good and not call.world.keep("failing changes").pop("volume", None)
    call.world.clock.later(clock.VOLUME_READY, lambda: ready(call.world, volume, good))
    tokens.remember(call, volume.id)
    return dict(call.world.ask("ec2", "DescribeVolumes", VolumeIds=[volume.id])["Volumes"][0])


def check_gp3(params: dict[str, Any]) -> None:
    """B2.15, today's limits: 3,000-80,000 IOPS, 125-2,000 MiB/s, 500 IOPS for a GiB, 0.25 MiB/s for an IOPS."""
    iops, throughput, size = params.get("Iops", 3000), params.get("Throughput", 125), params.get("Size", 1)
    if not 3000 <= iops <= 80000 or (iops > 3000 and iops > 500 * size):
        raise Refusal("InvalidParameterValue", f"Volume iops of {iops} is not supported for a gp3 volume of {size} GiB")
    if not 125 <= throughput <= 2000 or throughput > iops / 4:
        raise Refusal("InvalidParameterValue", f"Throughput of {throughput} MiB/s is not supported with {iops} IOPS")
    if not 1 <= size <= 65536:
        raise Refusal("InvalidParameterValue", f"Volume of {size}GiB is not supported for volume type gp3")


def ready(world: World, volume: Any, good: bool) -> None:
    volume.held_status = None
    if not good:
        # B2.7: CreateVolume says yes to a bad key, and the volume is gone a little later.
        volume.ec2_backend.volumes.pop(volume.id, None)


@rule("ec2", "AttachVolume")
def attach_volume(call: Call) -> dict[str, Any] | None:
    backend = call.world.backend("ec2", call.region)
    volume, instance = backend.get_volume(call.params["VolumeId"]), backend.get_instance(call.params["InstanceId"])
    if volume.status == "creating":
        raise Refusal("IncorrectState", f"Volume '{volume.id}' is not 'available'.")
    if volume.attachment:
        raise Refusal("VolumeInUse", f"{volume.id} is already attached to an instance")
    if instance.state not in ("running", "stopped"):
        # A pending instance takes no volume.
        raise Refusal("IncorrectState", f"Instance '{instance.id}' is not 'running'.")
    if volume.zone.name != instance.availability_zone:
        raise Refusal("InvalidVolume.ZoneMismatch", f"The volume '{volume.id}' is not in the same availability zone as instance '{instance.id}'")
    if call.params["Device"] in instance.block_device_mapping:
        raise Refusal("InvalidParameterValue", f"Invalid value '{call.params['Device']}' for unixDevice. Attachment point {call.params['Device']} is already in use")
    answer = call.forward()
    volume.attachment.status = "attaching"
    call.world.clock.later(clock.ATTACHES, lambda: attached(volume))
    return {**answer, "State": "attaching"}


def attached(volume: Any) -> None:
    if volume.attachment:
        volume.attachment.status = "attached"


@rule("ec2", "DetachVolume")
def detach_volume(call: Call) -> dict[str, Any] | None:
    """The root volume of a running instance stays."""
    backend = call.world.backend("ec2", call.region)
    volume = backend.get_volume(call.params["VolumeId"])
    if not volume.attachment:
        raise Refusal("IncorrectState", f"Volume '{volume.id}' is in the 'available' state.")
    instance = volume.attachment.instance
    if instance.state == "running" and volume.attachment.device == instance.root_device_name:
        raise Refusal("OperationNotPermitted", f"Unable to detach root volume '{volume.id}' from instance '{instance.id}'")
    params = {**call.params, "InstanceId": instance.id, "Device": volume.attachment.device}
    answer = call.forward(params)
    volume.held_status = "in-use"
    call.world.clock.later(clock.ATTACHES, lambda: setattr(volume, "held_status", None))
    return {**answer, "State": "detaching"}


@rule("ec2", "DeleteVolume")
def delete_volume(call: Call) -> dict[str, Any] | None:
    volume = call.world.backend("ec2", call.region).get_volume(call.params["VolumeId"])
    if volume.attachment or volume.status in ("creating", "in-use"):
        raise Refusal("VolumeInUse", f"Volume {volume.id} is currently attached or not available")
    call.forward()
    return None


@rule("ec2", "ModifyVolume")
def modify_volume(call: Call) -> dict[str, Any] | None:
    """B1: at most 4 changes in 24 h, each completed before the next; sizes only grow."""
    params, world = call.params, call.world
    volume = world.backend("ec2", call.region).get_volume(params["VolumeId"])
    if params.get("Size", volume.size) < volume.size:
        raise Refusal("InvalidParameterValue", "New size cannot be smaller than existing size")
    if any(one.modification_state not in ("completed", "failed") for one in volume.modifications):
        raise Refusal("IncorrectModificationState", f"Cannot modify volume {volume.id} in modification state MODIFYING")
    times = world.keep("volume changes").setdefault(volume.id, [])
    if len([at for at in times if at > world.clock.now() - 86400]) >= 4:
        raise Refusal("VolumeModificationRateExceeded", "You've reached the maximum modification rate per volume limit")
    wanted = {"VolumeType": volume.volume_type, "Size": volume.size, "Iops": volume.iops, "Throughput": volume.throughput}
    wanted |= {key: value for key, value in params.items() if key in wanted}
    if wanted["VolumeType"] == "gp3":
        check_gp3({key: value for key, value in wanted.items() if value is not None})
    answer = call.forward()
    times.append(world.clock.now())
    modification = volume.modifications[-1]
    modification.held_state = "modifying"
    reason = world.keep("failing changes").pop(volume.id, None)
    if reason:
        world.clock.later(clock.VOLUME_READY, lambda: fail(volume, modification, reason))
    else:
        world.clock.later(clock.VOLUME_READY, lambda: setattr(modification, "held_state", "optimizing"))
        world.clock.later(clock.VOLUME_GROWS, lambda: setattr(modification, "held_state", "completed"))
    answer["VolumeModification"]["ModificationState"] = "modifying"
    answer["VolumeModification"]["Progress"] = 1
    return answer


def fail(volume: Any, modification: Any, reason: str) -> None:
    """A volume whose modification failed stays what it was; the reason stands in the status message."""
    modification.held_state, modification.held_message = "failed", reason
    volume.size, volume.volume_type = modification.original_size, modification.original_volume_type
    volume.iops, volume.throughput = modification.original_iops, modification.original_throughput


@rule("ec2", "DescribeVolumesModifications")
def describe_modifications(call: Call) -> dict[str, Any] | None:
    """AWS tells the most recent modification of each volume; moto lists every one."""
    answer, backend = call.forward(), call.world.backend("ec2", call.region)
    latest = {one["VolumeId"]: one for one in answer["VolumesModifications"]}
    for name, one in latest.items():
        if message := backend.get_volume(name).modifications[-1].__dict__.get("held_message"):
            one["StatusMessage"] = message
    answer["VolumesModifications"] = list(latest.values())
    return answer
