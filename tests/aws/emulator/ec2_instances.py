"""Instances: launch with a token, pending for a while, termination protection, what is left after termination."""

from __future__ import annotations

import base64
from typing import Any

import clock
import tokens
from key_references import key_of, usable
from moto.core.types import Base64EncodedString
from rules import Refusal, rule
from wire import Call
from world import World

PENDING, RUNNING, SHUTTING_DOWN, STOPPING = (0, "pending"), (16, "running"), (32, "shutting-down"), (64, "stopping")


def turn(instance: Any, state: tuple[int, str]) -> None:
    instance._state.code, instance._state.name = state


@rule("ec2", "RunInstances")
def run_instances(call: Call) -> dict[str, Any] | None:
    made = tokens.remembered(call)
    if made is not None:
        return launched_before(call, made)
    check_launch(call)
    answer = call.forward(launch_params(call))
    backend = call.world.backend("ec2", call.region)
    for entry in answer["Instances"]:
        instance = backend.get_instance(entry["InstanceId"])
        finish_launch(call, instance)
        entry["State"] = {"Code": 0, "Name": "pending"}
        tokens.remember(call, instance.id)
        if call.params.get("ClientToken"):
            entry["ClientToken"] = call.params["ClientToken"]
    return answer


def launched_before(call: Call, made: str) -> dict[str, Any]:
    """The same token gives the same instance; that of a terminated one is dead (since 2025-01, boto3#4406)."""
    found = call.world.ask("ec2", "DescribeInstances", InstanceIds=[made])["Reservations"][0]
    if found["Instances"][0]["State"]["Name"] in ("shutting-down", "terminated"):
        raise Refusal("IdempotentInstanceTerminated", "The instance that this client token launched is terminated")
    return found


def check_launch(call: Call) -> None:
    params, world = call.params, call.world
    try:
        user_data = base64.b64decode(params.get("UserData", ""), validate=True)
    except ValueError:
        raise Refusal("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.") from None
    if len(user_data) > 16384:
        # B2.14: 16 KB before base64.
        raise Refusal("InvalidParameterValue", "User data is limited to 16384 bytes")
    profile = params.get("IamInstanceProfile", {})
    if profile:
        check_profile(world, profile)
    backend = world.backend("ec2", call.region)
    for nic in params.get("NetworkInterfaces", []):
        if nic.get("NetworkInterfaceId"):
            check_interface(call, backend, nic)


def check_profile(world: World, profile: dict[str, str]) -> None:
    """B2.9: a fresh profile is not known to EC2 for about 10 s, nor is a role that was just added to it."""
    name = profile.get("Name") or profile.get("Arn", "").rpartition("/")[2]
    shown = f"Value ({name}) for parameter iamInstanceProfile.name is invalid. "
    known = {one.name: one for one in world.backend("iam").instance_profiles.values()}
    if name not in known or world.keep("profiles known at").get(name, 0) > world.clock.now():
        raise Refusal("InvalidParameterValue", shown + "Invalid IAM Instance Profile name")
    if not known[name].roles or world.keep("profile roles known at").get(name, 0) > world.clock.now():
        raise Refusal("InvalidParameterValue", shown + "IAM Instance Profile has no associated IAM Roles")


@rule("ec2", "AssociateIamInstanceProfile", "ReplaceIamInstanceProfileAssociation")
def give_profile(call: Call) -> dict[str, Any] | None:
    check_profile(call.world, call.params["IamInstanceProfile"])
    call.forward()
    return None


def check_interface(call: Call, backend: Any, nic: dict[str, Any]) -> None:
    eni = backend.get_network_interface(nic["NetworkInterfaceId"])
    if eni.status != "available":
        raise Refusal("InvalidNetworkInterface.InUse", f"Interface: [{eni.id}] in use.")
    # With an interface that exists, groups, subnet and address are the interface's.
    if call.params.get("SecurityGroupIds") or call.params.get("SubnetId") or call.params.get("PrivateIpAddress"):
        raise Refusal("InvalidParameterCombination", "Network interfaces and an instance-level subnet, group or address may not be specified together")
    if nic.get("DeleteOnTermination"):
        raise Refusal("InvalidParameterCombination", "DeleteOnTermination may not be true for an interface that exists")
    zone = call.params.get("Placement", {}).get("AvailabilityZone")
    if zone and zone != eni.subnet.availability_zone:
        raise Refusal("InvalidParameterCombination", f"The network interface {eni.id} is not in the Availability Zone {zone}")


def launch_params(call: Call) -> dict[str, Any]:
    """What moto is told: there is always a root, as the image says (8 GiB of gp3 in Amazon Linux 2023); it goes with its instance unless the launch says otherwise."""
    params = {**call.params}
    mappings = []
    images = call.world.ask("ec2", "DescribeImages", ImageIds=[params["ImageId"]])["Images"] if params.get("ImageId") else []
    root = images[0]["RootDeviceName"] if images else "/dev/xvda"
    if all(mapping["DeviceName"] != root for mapping in params.get("BlockDeviceMappings", [])):
        mappings.append({"DeviceName": root, "Ebs": {"VolumeSize": 8, "VolumeType": "gp3", "DeleteOnTermination": True}})
    for mapping in params.get("BlockDeviceMappings", []):
        if "Ebs" in mapping:
            mapping = {**mapping, "Ebs": {"DeleteOnTermination": True, **({"VolumeSize": 8} if mapping["DeviceName"] == root else {}), **mapping["Ebs"]}}
            # moto takes neither of them here; they are set afterwards.
            mapping["Ebs"].pop("Iops", None)
            mapping["Ebs"].pop("Throughput", None)
        mappings.append(mapping)
    return params | {"BlockDeviceMappings": mappings}


def finish_launch(call: Call, instance: Any) -> None:
    params, world = call.params, call.world
    turn(instance, PENDING)
    instance.disable_api_termination = params.get("DisableApiTermination", False)
    instance.client_token = params.get("ClientToken")
    given = {nic.get("NetworkInterfaceId"): nic for nic in params.get("NetworkInterfaces", [])}
    for nic in instance.nics.values():
        # An interface that the launch makes goes with its instance; one that existed before stays.
        nic.delete_on_termination = nic.id not in given
    reason = ""
    asked = {mapping["DeviceName"]: mapping.get("Ebs", {}) for mapping in params.get("BlockDeviceMappings", [])}
    for device, block in list(instance.block_device_mapping.items()):
        volume = instance.ec2_backend.get_volume(block.volume_id)
        ebs = asked.get(device, {})
        if volume.volume_type == "gp3":
            volume.iops, volume.throughput = ebs.get("Iops", 3000), ebs.get("Throughput", 125)
        if ebs.get("KmsKeyId"):
            # B2.7: EBS checks the key only later; then the instance goes from pending to terminated.
            key = key_of(world, ebs["KmsKeyId"])
            volume.kms_key_id = key.arn if key else ebs["KmsKeyId"]
            reason = reason or ("" if usable(key) else "Client.InternalError: Client error on launch")
    world.clock.later(clock.INSTANCE_STARTS, lambda: started(world, instance, reason))


def started(world: World, instance: Any, reason: str) -> None:
    if instance.state != "pending":
        return
    if reason:
        terminated(world, instance)
        instance.state_reason.code, instance.state_reason.message = "Client.InternalError", reason
        return
    turn(instance, RUNNING)


@rule("ec2", "DescribeInstances")
def describe_instances(call: Call) -> dict[str, Any] | None:
    """moto has no filter `client-token`."""
    filters = call.params.get("Filters", [])
    wanted = [one for one in filters if one["Name"] == "client-token"]
    if not wanted:
        call.forward()
        return None
    others = {**call.params, "Filters": [one for one in filters if one["Name"] != "client-token"]}
    if not others["Filters"]:
        del others["Filters"]
    answer = call.forward(others)
    for reservation in answer["Reservations"]:
        reservation["Instances"] = [one for one in reservation["Instances"] if all(one.get("ClientToken") in filter["Values"] for filter in wanted)]
    answer["Reservations"] = [one for one in answer["Reservations"] if one["Instances"]]
    return answer


@rule("ec2", "TerminateInstances")
def terminate_instances(call: Call) -> dict[str, Any] | None:
    """Protection holds; it takes a while; terminating what is terminated is no error."""
    world, backend = call.world, call.world.backend("ec2", call.region)
    instances = [backend.get_instance(name) for name in known_instances(backend, call.params["InstanceIds"])]
    for instance in instances:
        if instance.disable_api_termination and instance.state != "terminated":
            raise Refusal("OperationNotPermitted", f"The instance '{instance.id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.")
    answer = []
    for instance in instances:
        before = {"Code": instance.state_code, "Name": instance.state}
        if instance.state not in ("shutting-down", "terminated"):
            turn(instance, SHUTTING_DOWN)
            world.clock.later(clock.INSTANCE_STOPS, lambda instance=instance: terminated(world, instance))
        answer.append({"InstanceId": instance.id, "CurrentState": {"Code": instance.state_code, "Name": instance.state}, "PreviousState": before})
    return {"TerminatingInstances": answer}


def known_instances(backend: Any, ids: list[str]) -> list[str]:
    known = {instance.id for instance in backend.all_instances()}
    if missing := [name for name in ids if name not in known]:
        raise Refusal("InvalidInstanceID.NotFound", f"The instance IDs '{', '.join(missing)}' do not exist")
    return ids


def terminated(world: World, instance: Any) -> None:
    """Interfaces and volumes without delete-on-termination outlive their instance and are available again."""
    nics = list(instance.nics.values())
    instance.nics = {index: nic for index, nic in instance.nics.items()}
    world.ask("ec2", "TerminateInstances", InstanceIds=[instance.id])
    for nic in nics:
        nic.instance, nic.attachment_id, nic.attach_time, nic.device_index = None, None, None, None
        nic.status = "available"


@rule("ec2", "StopInstances", "StartInstances")
def stop_or_start(call: Call) -> dict[str, Any] | None:
    """Both take their time."""
    starts = call.operation == "StartInstances"
    call.forward()
    for name in call.params["InstanceIds"]:
        instance = call.world.backend("ec2", call.region).get_instance(name)
        final = (instance._state.code, instance._state.name)
        turn(instance, PENDING if starts else STOPPING)
        between = instance.state
        call.world.clock.later(clock.INSTANCE_STARTS, lambda i=instance, s=final, b=between: turn(i, s) if i.state == b else None)
    return None


@rule("ec2", "ModifyInstanceAttribute")
def modify_attribute(call: Call) -> dict[str, Any] | None:
    """User data and type change on a stopped instance only."""
    params = call.params
    [name] = known_instances(call.world.backend("ec2", call.region), [params["InstanceId"]])
    instance = call.world.backend("ec2", call.region).get_instance(name)
    if (params.get("UserData") or params.get("InstanceType")) and instance.state != "stopped":
        raise Refusal("IncorrectInstanceState", f"The instance '{name}' is not in the 'stopped' state.")
    if "DisableApiTermination" in params:
        instance.disable_api_termination = params["DisableApiTermination"]["Value"]
        return {}
    if params.get("UserData"):
        # moto decodes it twice.
        instance.user_data = Base64EncodedString(base64.b64encode(params["UserData"]["Value"]).decode())
        return {}
    if params.get("Groups"):
        instance.nics[0]._group_set = [instance.ec2_backend.get_security_group_from_id(one) for one in params["Groups"]]
        return {}
    call.forward()
    return None
