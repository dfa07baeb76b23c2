"""Proofs of EC2's rules."""

from __future__ import annotations

import base64

from proof import Aws, equal, proof, refused

PERMISSION = {"IpProtocol": "tcp", "FromPort": 4222, "ToPort": 4222}


@proof
def tokens_make_one_object(aws: Aws) -> None:
    volume = {"AvailabilityZone": "us-east-1a", "Size": 20, "VolumeType": "gp3", "ClientToken": "v"}
    first = aws.ec2.create_volume(**volume)["VolumeId"]
    equal(aws.ec2.create_volume(**volume)["VolumeId"], first)
    refused("IdempotentParameterMismatch", lambda: aws.ec2.create_volume(**volume | {"Size": 21}))
    equal(len(aws.get("inventory")["volume"]), 1)
    nic = {"SubnetId": aws.subnet, "PrivateIpAddress": "10.0.1.20", "ClientToken": "n"}
    made = aws.ec2.create_network_interface(**nic)["NetworkInterface"]["NetworkInterfaceId"]
    equal(aws.ec2.create_network_interface(**nic)["NetworkInterface"]["NetworkInterfaceId"], made)
    refused("IdempotentParameterMismatch", lambda: aws.ec2.create_network_interface(**nic | {"Description": "other"}))
    run = {"NetworkInterfaces": [{"DeviceIndex": 0, "NetworkInterfaceId": made}], "ClientToken": "i", "Placement": {"AvailabilityZone": "us-east-1a"}}
    instance = aws.launch(**run)
    equal(aws.launch(**run), instance)
    refused("IdempotentParameterMismatch", lambda: aws.launch(**run, EbsOptimized=True))
    found = aws.ec2.describe_instances(Filters=[{"Name": "client-token", "Values": ["i"]}])["Reservations"]
    equal([one["InstanceId"] for one in found[0]["Instances"]], [instance])
    equal(aws.ec2.describe_instances(Filters=[{"Name": "client-token", "Values": ["x"]}])["Reservations"], [])
    aws.advance(30)
    aws.ec2.terminate_instances(InstanceIds=[instance])
    refused("IdempotentInstanceTerminated", lambda: aws.launch(**run))
    aws.advance(30)
    refused("IdempotentInstanceTerminated", lambda: aws.launch(**run))
    refused("InvalidParameterValue", lambda: aws.launch(ClientToken="x" * 65))
    equal([line for line in aws.get("breaches") if "64" not in line], [])


@proof
def instances_take_their_time(aws: Aws) -> None:
    instance = aws.launch(SubnetId=aws.subnet)
    equal(aws.state(instance), "pending")
    pending = aws.ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["pending"]}])
    equal(len(pending["Reservations"]), 1)
    aws.advance(30)
    equal(aws.state(instance), "running")
    aws.ec2.stop_instances(InstanceIds=[instance])
    equal(aws.state(instance), "stopping")
    aws.advance(30)
    equal(aws.state(instance), "stopped")
    aws.ec2.start_instances(InstanceIds=[instance])
    aws.advance(30)
    answer = aws.ec2.terminate_instances(InstanceIds=[instance])["TerminatingInstances"][0]
    equal((answer["PreviousState"]["Name"], answer["CurrentState"]["Name"]), ("running", "shutting-down"))
    aws.advance(30)
    equal(aws.state(instance), "terminated")
    # Terminating it again is no error, and the inventory does not know it any more.
    aws.ec2.terminate_instances(InstanceIds=[instance])
    equal(aws.get("inventory").get("instance"), None)
    refused("InvalidInstanceID.NotFound", lambda: aws.ec2.terminate_instances(InstanceIds=["i-0123456789abcdef0"]))


@proof
def an_interface_outlives_its_instance(aws: Aws) -> None:
    group = aws.group()
    nic = aws.interface(Groups=[group])
    instance = aws.launch(NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": nic}])
    shown = aws.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    equal((shown["PrivateIpAddress"], [one["GroupId"] for one in shown["SecurityGroups"]]), ("10.0.1.10", [group]))
    equal(shown.get("PublicIpAddress"), None)
    refused("InvalidNetworkInterface.InUse", lambda: aws.launch(NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": nic}]))
    refused("InvalidParameterValue", lambda: aws.ec2.delete_network_interface(NetworkInterfaceId=nic))
    other = aws.launch(SubnetId=aws.subnet)
    own = aws.ec2.describe_instances(InstanceIds=[other])["Reservations"][0]["Instances"][0]["NetworkInterfaces"][0]["NetworkInterfaceId"]
    aws.advance(30)
    aws.ec2.terminate_instances(InstanceIds=[instance, other])
    aws.advance(30)
    found = aws.ec2.describe_network_interfaces(NetworkInterfaceIds=[nic])["NetworkInterfaces"][0]
    equal((found["Status"], found.get("Attachment")), ("available", None))
    # What the launch itself made goes with its instance.
    refused("InvalidNetworkInterfaceID.NotFound", lambda: aws.ec2.describe_network_interfaces(NetworkInterfaceIds=[own]))
    gone = aws.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    equal(gone.get("NetworkInterfaces", []), [])
    again = aws.launch(NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": nic}])
    equal(aws.ec2.describe_instances(InstanceIds=[again])["Reservations"][0]["Instances"][0]["PrivateIpAddress"], "10.0.1.10")


@proof
def addresses_are_unique(aws: Aws) -> None:
    aws.interface("10.0.1.10")
    refused("InvalidIPAddress.InUse", lambda: aws.interface("10.0.1.10"))
    refused("InvalidParameterValue", lambda: aws.interface("10.0.1.3"))
    refused("InvalidParameterValue", lambda: aws.interface("10.0.2.10"))
    refused("InvalidSecurityGroupID.NotFound", lambda: aws.interface("10.0.1.11", Groups=["sg-0123456789abcdef0"]))


@proof
def termination_protection_holds(aws: Aws) -> None:
    instance = aws.launch(SubnetId=aws.subnet, DisableApiTermination=True)
    said = aws.ec2.describe_instance_attribute(InstanceId=instance, Attribute="disableApiTermination")
    equal(said["DisableApiTermination"]["Value"], True)
    aws.advance(30)
    refused("OperationNotPermitted", lambda: aws.ec2.terminate_instances(InstanceIds=[instance]))
    equal(aws.state(instance), "running")
    aws.ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": False})
    aws.ec2.terminate_instances(InstanceIds=[instance])
    aws.advance(30)
    equal(aws.state(instance), "terminated")


@proof
def a_launch_keeps_what_was_asked(aws: Aws) -> None:
    key = aws.key()
    root = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3", "Iops": 4000, "Throughput": 250, "Encrypted": True, "KmsKeyId": key}}
    tags = [{"ResourceType": kind, "Tags": [{"Key": "natsops:environment", "Value": "proof"}]} for kind in ("instance", "volume")]
    metadata = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"}
    instance = aws.launch(SubnetId=aws.subnet, BlockDeviceMappings=[root], TagSpecifications=tags, MetadataOptions=metadata, UserData="hello")
    shown = aws.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    equal((shown["MetadataOptions"]["HttpTokens"], shown["MetadataOptions"]["HttpPutResponseHopLimit"]), ("required", 1))
    [volume] = aws.ec2.describe_volumes(Filters=[{"Name": "tag:natsops:environment", "Values": ["proof"]}])["Volumes"]
    equal([volume[one] for one in ("Size", "Iops", "Throughput", "Encrypted", "KmsKeyId")], [20, 4000, 250, True, key])
    equal(volume["Attachments"][0]["DeleteOnTermination"], True)
    text = aws.ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")["UserData"]["Value"]
    equal(base64.b64decode(text), b"hello")
    aws.ec2.modify_instance_metadata_options(InstanceId=instance, HttpTokens="optional")
    shown = aws.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    equal(shown["MetadataOptions"]["HttpTokens"], "optional")
    aws.advance(30)
    aws.ec2.terminate_instances(InstanceIds=[instance])
    aws.advance(30)
    equal(aws.get("inventory").get("volume"), None)


@proof
def limits_of_a_launch(aws: Aws) -> None:
    aws.launch(SubnetId=aws.subnet, UserData="x" * 16384)
    refused("InvalidParameterValue", lambda: aws.launch(SubnetId=aws.subnet, UserData="x" * 16385))
    refused("InvalidAMIID.NotFound", lambda: aws.launch(ImageId="ami-0123456789abcdef0"))
    bad = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "Encrypted": True, "KmsKeyId": "alias/nobody"}}
    instance = aws.launch(SubnetId=aws.subnet, BlockDeviceMappings=[bad])
    equal(aws.state(instance), "pending")
    aws.advance(30)
    shown = aws.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    equal((shown["State"]["Name"], shown["StateReason"]["Code"]), ("terminated", "Client.InternalError"))


@proof
def a_fresh_profile_is_not_known_at_once(aws: Aws) -> None:
    trust = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
    aws.iam.create_role(RoleName="node", AssumeRolePolicyDocument=trust)
    refused("EntityAlreadyExists", lambda: aws.iam.create_role(RoleName="Node", AssumeRolePolicyDocument=trust))
    aws.iam.create_instance_profile(InstanceProfileName="node")
    refused("EntityAlreadyExists", lambda: aws.iam.create_instance_profile(InstanceProfileName="NODE"))
    launch = {"SubnetId": aws.subnet, "IamInstanceProfile": {"Name": "node"}, "ClientToken": "p"}
    refused("InvalidParameterValue", lambda: aws.launch(**launch))
    aws.advance(11)
    refused("InvalidParameterValue", lambda: aws.launch(**launch))
    aws.iam.add_role_to_instance_profile(InstanceProfileName="node", RoleName="node")
    refused("LimitExceeded", lambda: aws.iam.add_role_to_instance_profile(InstanceProfileName="node", RoleName="node"))
    refused("InvalidParameterValue", lambda: aws.launch(**launch))
    aws.advance(11)
    # The same token and parameters, as a client retries.
    instance = aws.launch(**launch)
    profile = aws.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["IamInstanceProfile"]["Arn"]
    equal(profile.endswith("instance-profile/node"), True)
    refused("DeleteConflict", lambda: aws.iam.delete_role(RoleName="node"))
    refused("DeleteConflict", lambda: aws.iam.delete_instance_profile(InstanceProfileName="node"))


@proof
def groups_in_use_stay(aws: Aws) -> None:
    group, other = aws.group(), aws.group("clients")
    refused("InvalidGroup.Duplicate", lambda: aws.group("NODES"))
    rule = [{**PERMISSION, "UserIdGroupPairs": [{"GroupId": group, "Description": "clients"}]}]
    aws.ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=rule)
    refused("DependencyViolation", lambda: aws.ec2.delete_security_group(GroupId=group))
    aws.ec2.revoke_security_group_ingress(GroupId=other, IpPermissions=rule)
    nic = aws.interface(Groups=[group])
    refused("DependencyViolation", lambda: aws.ec2.delete_security_group(GroupId=group))
    aws.ec2.delete_network_interface(NetworkInterfaceId=nic)
    aws.ec2.delete_security_group(GroupId=group)
    refused("InvalidGroup.NotFound", lambda: aws.ec2.delete_security_group(GroupId=group))


@proof
def rules_are_not_doubled(aws: Aws) -> None:
    group = aws.group()
    own = {**PERMISSION, "UserIdGroupPairs": [{"GroupId": group, "Description": "nodes"}]}
    aws.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[own])
    [shown] = [one for one in aws.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"] if not one["IsEgress"]]
    equal((shown["Description"], shown["ReferencedGroupInfo"]["GroupId"], shown["FromPort"]), ("nodes", group, 4222))
    changed = {**PERMISSION, "UserIdGroupPairs": [{"GroupId": group, "Description": "another"}]}
    refused("InvalidPermission.Duplicate", lambda: aws.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[changed]))
    fresh = {**PERMISSION, "FromPort": 7422, "ToPort": 7422, "IpRanges": [{"CidrIp": "10.0.1.7/24"}]}
    # One that exists refuses the whole batch.
    refused("InvalidPermission.Duplicate", lambda: aws.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[fresh, own]))
    aws.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[fresh])
    ranges = [one.get("CidrIpv4") for one in aws.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]]
    equal("10.0.1.0/24" in ranges, True)
    every = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    refused("InvalidPermission.Duplicate", lambda: aws.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[own, every]))
    aws.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[own])
    aws.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[every])
    refused("InvalidPermission.NotFound", lambda: aws.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[every]))
    refused("InvalidParameterValue", lambda: aws.ec2.create_security_group(GroupName="other", Description="naïve", VpcId=aws.network["vpc"]))


@proof
def volumes_have_states(aws: Aws) -> None:
    key = aws.key()
    made = aws.ec2.create_volume(AvailabilityZone="us-east-1a", Size=500, VolumeType="gp3", Encrypted=True, KmsKeyId=key.rpartition("/")[2])
    volume = made["VolumeId"]
    equal([made[one] for one in ("State", "KmsKeyId", "Iops", "Throughput")], ["creating", key, 3000, 125])
    instance = aws.launch(SubnetId=aws.subnet)
    attach = {"VolumeId": volume, "InstanceId": instance, "Device": "/dev/sdf"}
    refused("IncorrectState", lambda: aws.ec2.attach_volume(**attach))
    aws.advance(4)
    # The volume is available by now; the instance is still pending.
    refused("IncorrectState", lambda: aws.ec2.attach_volume(**attach))
    aws.advance(30)
    equal(aws.ec2.attach_volume(**attach)["State"], "attaching")
    refused("VolumeInUse", lambda: aws.ec2.attach_volume(**attach))
    refused("VolumeInUse", lambda: aws.ec2.delete_volume(VolumeId=volume))
    aws.advance(6)
    shown = aws.ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]
    equal((shown["State"], shown["Attachments"][0]["State"], shown["Attachments"][0]["DeleteOnTermination"]), ("in-use", "attached", False))
    equal(aws.ec2.detach_volume(VolumeId=volume)["State"], "detaching")
    refused("VolumeInUse", lambda: aws.ec2.delete_volume(VolumeId=volume))
    aws.advance(6)
    refused("IncorrectState", lambda: aws.ec2.detach_volume(VolumeId=volume))
    [root] = aws.ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])["Volumes"]
    refused("OperationNotPermitted", lambda: aws.ec2.detach_volume(VolumeId=root["VolumeId"]))
    aws.ec2.attach_volume(**attach)
    aws.ec2.terminate_instances(InstanceIds=[instance])
    aws.advance(30)
    equal(aws.ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"], "available")
    elsewhere = aws.launch(SubnetId=aws.network["subnets"]["us-east-1b"])
    aws.advance(30)
    refused("InvalidVolume.ZoneMismatch", lambda: aws.ec2.attach_volume(**attach | {"InstanceId": elsewhere}))
    aws.ec2.delete_volume(VolumeId=volume)
    refused("InvalidVolume.NotFound", lambda: aws.ec2.describe_volumes(VolumeIds=[volume]))
    bad = aws.ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, Encrypted=True, KmsKeyId="alias/nobody")["VolumeId"]
    aws.advance(5)
    refused("InvalidVolume.NotFound", lambda: aws.ec2.describe_volumes(VolumeIds=[bad]))


@proof
def volumes_only_grow(aws: Aws) -> None:
    volume = aws.ec2.create_volume(AvailabilityZone="us-east-1a", Size=500, VolumeType="gp3")["VolumeId"]
    refused("InvalidParameterValue", lambda: aws.ec2.create_volume(AvailabilityZone="us-east-1a", Size=500, VolumeType="gp3", Throughput=1000))
    aws.advance(5)
    refused("InvalidParameterValue", lambda: aws.ec2.modify_volume(VolumeId=volume, Size=400))
    equal(aws.ec2.modify_volume(VolumeId=volume, Size=600, Iops=4000)["VolumeModification"]["ModificationState"], "modifying")
    refused("IncorrectModificationState", lambda: aws.ec2.modify_volume(VolumeId=volume, Throughput=250))
    for throughput in (250, 300, 350):
        aws.advance(100)
        aws.ec2.modify_volume(VolumeId=volume, Throughput=throughput)
    aws.advance(100)
    equal(aws.ec2.describe_volumes_modifications(VolumeIds=[volume])["VolumesModifications"][-1]["ModificationState"], "completed")
    refused("VolumeModificationRateExceeded", lambda: aws.ec2.modify_volume(VolumeId=volume, Throughput=400))
    aws.advance(86400)
    aws.ec2.modify_volume(VolumeId=volume, Throughput=400)
    shown = aws.ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]
    equal([shown[one] for one in ("Size", "Iops", "Throughput")], [600, 4000, 400])
    aws.advance(86400)
    aws.post("fail-change", {"thing": volume, "reason": "no room"})
    aws.ec2.modify_volume(VolumeId=volume, Size=700)
    aws.advance(5)
    [change] = aws.ec2.describe_volumes_modifications(VolumeIds=[volume])["VolumesModifications"]
    equal((change["ModificationState"], change["StatusMessage"]), ("failed", "no room"))
    equal(aws.ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Size"], 600)


@proof
def the_shared_network_is_there(aws: Aws) -> None:
    [vpc] = aws.ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["game-platform"]}])["Vpcs"]
    equal(vpc["CidrBlock"], "10.0.0.0/16")
    for attribute, name in (("enableDnsSupport", "EnableDnsSupport"), ("enableDnsHostnames", "EnableDnsHostnames")):
        equal(aws.ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=attribute)[name]["Value"], True)
    filters = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}, {"Name": "tag:natsops:subnets", "Values": ["private"]}]
    subnets = aws.ec2.describe_subnets(Filters=filters)["Subnets"]
    equal(sorted((one["AvailabilityZone"], one["CidrBlock"]) for one in subnets), [("us-east-1a", "10.0.1.0/24"), ("us-east-1b", "10.0.2.0/24"), ("us-east-1c", "10.0.3.0/24")])
    endpoints = aws.ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["VpcEndpoints"]
    equal(sorted(one["ServiceName"].rpartition(".")[2] for one in endpoints), ["s3", "ssm", "ssmmessages"])
    equal({one["State"] for one in endpoints}, {"available"})
    tables = aws.ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [subnets[0]["SubnetId"]]}])["RouteTables"]
    equal(any(route.get("GatewayId", "").startswith("vpce-") for route in tables[0]["Routes"]), True)
    offered = aws.ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["m6i.large"]}])
    equal({"us-east-1a", "us-east-1b", "us-east-1c"} <= {one["Location"] for one in offered["InstanceTypeOfferings"]}, True)
    [image] = aws.ec2.describe_images(ImageIds=[aws.image()])["Images"]
    equal((image["Architecture"], image["RootDeviceName"]), ("x86_64", "/dev/xvda"))
