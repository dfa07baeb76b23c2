"""Proofs that changes by hand and by natsops reach what is described afterwards, where moto alone is known to fall short."""

from __future__ import annotations

import json

from proof import Aws, equal, proof, refused
from proofs_balancers import health, settings

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})


@proof
def profiles_are_replaced(aws: Aws) -> None:
    for name in ("one", "two"):
        aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, Path="/natsops/proof/", Description="before")
        aws.iam.create_instance_profile(InstanceProfileName=name, Path="/natsops/proof/")
        aws.iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    aws.iam.update_role(RoleName="one", Description="after")
    equal({one["RoleName"]: one["Description"] for one in aws.iam.list_roles(PathPrefix="/natsops/proof/")["Roles"]}, {"one": "after", "two": "before"})
    equal(sorted(one["Roles"][0]["RoleName"] for one in aws.iam.list_instance_profiles(PathPrefix="/natsops/proof/")["InstanceProfiles"]), ["one", "two"])
    equal(aws.iam.list_roles(PathPrefix="/natsops/other/")["Roles"], [])
    aws.advance(11)
    instance = aws.launch(SubnetId=aws.subnet, IamInstanceProfile={"Name": "one"})
    filters = [{"Name": "instance-id", "Values": [instance]}]
    [held] = aws.ec2.describe_iam_instance_profile_associations(Filters=filters)["IamInstanceProfileAssociations"]
    aws.ec2.replace_iam_instance_profile_association(AssociationId=held["AssociationId"], IamInstanceProfile={"Name": "two"})
    [held] = aws.ec2.describe_iam_instance_profile_associations(Filters=filters)["IamInstanceProfileAssociations"]
    equal(held["IamInstanceProfile"]["Arn"].endswith("/two"), True)
    shown = aws.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    equal(shown["IamInstanceProfile"]["Arn"].endswith("/two"), True)
    aws.ec2.disassociate_iam_instance_profile(AssociationId=held["AssociationId"])
    equal(aws.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0].get("IamInstanceProfile"), None)
    aws.ec2.associate_iam_instance_profile(InstanceId=instance, IamInstanceProfile={"Name": "one"})
    shown = aws.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    equal(shown["IamInstanceProfile"]["Arn"].endswith("/one"), True)


@proof
def interfaces_change_their_groups(aws: Aws) -> None:
    group, other = aws.group(), aws.group("other")
    nic = aws.interface(Groups=[group])
    instance = aws.launch(NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": nic}])
    aws.ec2.modify_network_interface_attribute(NetworkInterfaceId=nic, Groups=[other])
    equal([one["GroupId"] for one in aws.ec2.describe_network_interfaces(NetworkInterfaceIds=[nic])["NetworkInterfaces"][0]["Groups"]], [other])
    shown = aws.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    equal([one["GroupId"] for one in shown["SecurityGroups"]], [other])
    aws.ec2.delete_security_group(GroupId=group)
    third = aws.group("third")
    aws.ec2.modify_instance_attribute(InstanceId=instance, Groups=[third])
    equal([one["GroupId"] for one in aws.ec2.describe_network_interfaces(NetworkInterfaceIds=[nic])["NetworkInterfaces"][0]["Groups"]], [third])


@proof
def machines_change_when_stopped(aws: Aws) -> None:
    instance = aws.launch(SubnetId=aws.subnet, UserData="before")
    aws.advance(30)
    refused("IncorrectInstanceState", lambda: aws.ec2.modify_instance_attribute(InstanceId=instance, InstanceType={"Value": "m6i.xlarge"}))
    refused("IncorrectInstanceState", lambda: aws.ec2.modify_instance_attribute(InstanceId=instance, UserData={"Value": "after"}))
    aws.ec2.stop_instances(InstanceIds=[instance])
    aws.advance(30)
    aws.ec2.modify_instance_attribute(InstanceId=instance, InstanceType={"Value": "m6i.xlarge"})
    aws.ec2.modify_instance_attribute(InstanceId=instance, UserData={"Value": b"after"})
    aws.ec2.start_instances(InstanceIds=[instance])
    equal(aws.state(instance), "pending")
    aws.advance(30)
    shown = aws.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    equal((shown["State"]["Name"], shown["InstanceType"]), ("running", "m6i.xlarge"))
    text = aws.ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")["UserData"]["Value"]
    # As AWS gives it: in base64.
    equal(text, "YWZ0ZXI=")


@proof
def tags_come_and_go(aws: Aws) -> None:
    nic, group = aws.interface(), aws.group()
    volume = aws.ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    instance = aws.launch(SubnetId=aws.subnet)
    tag = {"Key": "natsops:generation", "Value": "2"}
    aws.ec2.create_tags(Resources=[nic, group, volume, instance], Tags=[tag])
    filters = [{"Name": "tag:natsops:generation", "Values": ["2"]}]
    equal([one["NetworkInterfaceId"] for one in aws.ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]], [nic])
    equal([one["TagSet"] for one in aws.ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]], [[tag]])
    equal([one["GroupId"] for one in aws.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]], [group])
    equal([one["VolumeId"] for one in aws.ec2.describe_volumes(Filters=filters)["Volumes"]], [volume])
    equal([one["Instances"][0]["InstanceId"] for one in aws.ec2.describe_instances(Filters=filters)["Reservations"]], [instance])
    aws.ec2.delete_tags(Resources=[nic], Tags=[{"Key": "natsops:generation"}])
    equal(aws.ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"], [])
    rule = {"IpProtocol": "tcp", "FromPort": 8222, "ToPort": 8222, "IpRanges": [{"CidrIp": "10.0.0.0/16", "Description": "monitoring"}]}
    made = aws.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule], TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": [tag]}])
    equal(made["SecurityGroupRules"][0]["Tags"], [tag])
    name = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    aws.ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[name])
    refused("InvalidSecurityGroupRuleId.NotFound", lambda: aws.ec2.describe_security_group_rules(SecurityGroupRuleIds=[name]))


@proof
def balancers_change(aws: Aws) -> None:
    two = [aws.network["subnets"][f"us-east-1{zone}"] for zone in "ab"]
    arn = aws.elbv2.create_load_balancer(**settings(aws, Subnets=two))["LoadBalancers"][0]["LoadBalancerArn"]
    aws.elbv2.set_subnets(LoadBalancerArn=arn, Subnets=list(aws.network["subnets"].values()))
    equal(len(aws.elbv2.describe_load_balancers(Names=["natsops-proof"])["LoadBalancers"][0]["AvailabilityZones"]), 3)
    one = aws.elbv2.create_target_group(**health(aws))["TargetGroups"][0]["TargetGroupArn"]
    other = aws.elbv2.create_target_group(**health(aws, Name="other"))["TargetGroups"][0]["TargetGroupArn"]
    listener = aws.elbv2.create_listener(LoadBalancerArn=arn, Protocol="TCP", Port=4222, DefaultActions=[{"Type": "forward", "TargetGroupArn": one}])["Listeners"][0]["ListenerArn"]
    aws.elbv2.modify_listener(ListenerArn=listener, Port=4223, Protocol="TCP", DefaultActions=[{"Type": "forward", "TargetGroupArn": other}])
    [shown] = aws.elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"]
    equal((shown["Port"], shown["DefaultActions"][0]["TargetGroupArn"]), (4223, other))
    groups = aws.elbv2.describe_target_groups(LoadBalancerArn=arn)["TargetGroups"]
    equal([each["TargetGroupArn"] for each in groups], [other])
    aws.elbv2.delete_target_group(TargetGroupArn=one)
    aws.elbv2.add_tags(ResourceArns=[arn], Tags=[{"Key": "a", "Value": "b"}])
    aws.elbv2.remove_tags(ResourceArns=[arn], TagKeys=["a"])
    equal(aws.elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"], [])
    refused("LoadBalancerNotFound", lambda: aws.elbv2.describe_listeners(LoadBalancerArn=arn.replace("natsops-proof", "natsops-other")))
    refused("TargetGroupNotFound", lambda: aws.elbv2.describe_target_groups(Names=["nothing"]))


@proof
def lists_come_in_pages(aws: Aws) -> None:
    for number in range(12):
        aws.ssm.put_parameter(Name=f"/natsops/proof/p{number}", Value="x", Type="String")
    path = [{"Key": "Path", "Option": "Recursive", "Values": ["/natsops/proof"]}]
    equal(len(aws.ssm.describe_parameters(ParameterFilters=path, MaxResults=50)["Parameters"]), 12)
    first = aws.ssm.describe_parameters(ParameterFilters=path, MaxResults=10)
    equal((len(first["Parameters"]), len(aws.ssm.describe_parameters(ParameterFilters=path, MaxResults=10, NextToken=first["NextToken"])["Parameters"])), (10, 2))
    for number in range(25):
        aws.elasticache.create_user(UserId=f"u{number:02}", UserName=f"u{number}", Engine="redis", AccessString="off", NoPasswordRequired=True)
    first = aws.elasticache.describe_users(MaxRecords=20)
    equal((len(first["Users"]), len(aws.elasticache.describe_users(MaxRecords=20, Marker=first["Marker"])["Users"])), (20, 6))
    equal([one["UserId"] for one in aws.elasticache.describe_users(Filters=[{"Name": "user-id", "Values": ["u03", "u04"]}])["Users"]], ["u03", "u04"])
    zone = aws.route53.create_hosted_zone(Name="proof.internal", CallerReference="x", VPC={"VPCRegion": "us-east-1", "VPCId": aws.network["vpc"]}, HostedZoneConfig={"Comment": "natsops proof"})
    found = aws.route53.list_hosted_zones_by_name(DNSName="proof.internal.")["HostedZones"]
    equal([(one["Id"], one["Config"]) for one in found], [(zone["HostedZone"]["Id"], {"Comment": "natsops proof", "PrivateZone": True})])
    equal(aws.kms.list_keys().get("Truncated"), False)
