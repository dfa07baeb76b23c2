"""Instances, interfaces, volumes, security groups, load balancers, roles."""

from __future__ import annotations

from typing import Any

from reading.account import Account, Attributes, Named, name_of, tags_of


def instances(aws: Account) -> Named:
    found: Named = {}
    for reservation in aws.every("ec2", "describe_instances", "Reservations"):
        for one in reservation["Instances"]:
            if one["State"]["Name"] in ("terminated", "shutting-down") or not aws.ours(name_of(one, "InstanceId"), tags_of(one)):
                continue

            def attribute(name: str, key: str, one: dict[str, Any] = one) -> Any:
                return aws.ec2.describe_instance_attribute(InstanceId=one["InstanceId"], Attribute=name)[key].get("Value")

            [first] = one["NetworkInterfaces"]
            volumes = aws.every("ec2", "describe_volumes", "Volumes", Filters=[{"Name": "attachment.instance-id", "Values": [one["InstanceId"]]}])
            [root] = [volume for volume in volumes if volume["Attachments"][0]["Device"] == one["RootDeviceName"]]
            found[name_of(one, "InstanceId")] = {
                "type": one["InstanceType"], "image": one["ImageId"], "zone": one["Placement"]["AvailabilityZone"], "subnet": aws.subnets[one["SubnetId"]],
                "state": one["State"]["Name"], "address": one["PrivateIpAddress"], "public_address": one.get("PublicIpAddress"), "key_pair": one.get("KeyName"),
                "interface": interface_name(aws, first["NetworkInterfaceId"]), "interface_kept": not first["Attachment"]["DeleteOnTermination"],
                "security_groups": sorted(group["GroupName"] for group in one["SecurityGroups"]), "profile": one.get("IamInstanceProfile", {}).get("Arn", "").rpartition("/")[2],
                "metadata_tokens": one["MetadataOptions"]["HttpTokens"], "metadata_hops": one["MetadataOptions"]["HttpPutResponseHopLimit"], "metadata_endpoint": one["MetadataOptions"]["HttpEndpoint"],
                "termination_protection": attribute("disableApiTermination", "DisableApiTermination"), "user_data": attribute("userData", "UserData"),
                "root": volume(aws, root), "tags": tags_of(one), "client_token": one.get("ClientToken"),
            }
    return found


def interface_name(aws: Account, name: str) -> str:
    [one] = aws.ec2.describe_network_interfaces(NetworkInterfaceIds=[name])["NetworkInterfaces"]
    return tags_of(one, "TagSet").get("Name", name)


def interfaces(aws: Account) -> Named:
    found: Named = {}
    for one in aws.every("ec2", "describe_network_interfaces", "NetworkInterfaces"):
        tags = tags_of(one, "TagSet")
        if aws.ours(tags.get("Name", ""), tags):
            found[tags.get("Name", one["NetworkInterfaceId"])] = {
                "address": one["PrivateIpAddress"], "subnet": aws.subnets[one["SubnetId"]], "zone": one["AvailabilityZone"], "description": one["Description"],
                "security_groups": sorted(group["GroupName"] for group in one["Groups"]), "status": one["Status"], "public_address": one.get("Association", {}).get("PublicIp"), "tags": tags,
            }
    return found


def volume(aws: Account, one: dict[str, Any]) -> Attributes:
    return {"type": one["VolumeType"], "size": one["Size"], "iops": one.get("Iops"), "throughput": one.get("Throughput"), "encrypted": one["Encrypted"],
            "key": aws.key(one.get("KmsKeyId")), "deleted_with_instance": [at["DeleteOnTermination"] for at in one["Attachments"]]}


def volumes(aws: Account) -> Named:
    """The data volumes; a root stands with its instance."""
    found: Named = {}
    roots = {one["InstanceId"]: one.get("RootDeviceName") for reservation in aws.every("ec2", "describe_instances", "Reservations") for one in reservation["Instances"]}
    for one in aws.every("ec2", "describe_volumes", "Volumes"):
        attached = one["Attachments"][0] if one["Attachments"] else None
        if aws.ours(name_of(one, "VolumeId"), tags_of(one)) and not (attached and roots.get(attached["InstanceId"]) == attached["Device"]):
            more = {"zone": one["AvailabilityZone"], "state": one["State"], "device": attached["Device"] if attached else None, "tags": tags_of(one)}
            found[name_of(one, "VolumeId")] = volume(aws, one) | more
    return found


def security_groups(aws: Account) -> Named:
    found: Named = {}
    for one in aws.every("ec2", "describe_security_groups", "SecurityGroups"):
        if not aws.ours(one["GroupName"], tags_of(one)):
            continue
        rules = aws.every("ec2", "describe_security_group_rules", "SecurityGroupRules", Filters=[{"Name": "group-id", "Values": [one["GroupId"]]}])
        found[one["GroupName"]] = {
            "description": one["Description"], "vpc": aws.vpcs[one["VpcId"]], "tags": tags_of(one),
            "ingress": sorted(rule(aws, each) for each in rules if not each["IsEgress"]), "egress": sorted(rule(aws, each) for each in rules if each["IsEgress"]),
        }
    return found


def rule(aws: Account, one: dict[str, Any]) -> str:
    """`tcp 4222 natsops-prod-clients`, with the ports as a range where they are one."""
    peer = one.get("CidrIpv4") or one.get("CidrIpv6") or one.get("PrefixListId") or aws.groups[one["ReferencedGroupInfo"]["GroupId"]]
    if one["IpProtocol"] == "-1":
        return f"all {peer}"
    ports = str(one["FromPort"]) if one["FromPort"] == one["ToPort"] else f"{one['FromPort']}-{one['ToPort']}"
    return f"{one['IpProtocol']} {ports} {peer}"


def balancers(aws: Account) -> Named:
    found: Named = {}
    for one in aws.every("elbv2", "describe_load_balancers", "LoadBalancers"):
        arn, name = one["LoadBalancerArn"], one["LoadBalancerName"]
        tags = tags_of(aws.elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"][0])
        if not aws.ours(name, tags):
            continue
        attributes = tags_of({"Tags": aws.elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]})
        listeners = {str(each["Port"]): {
            "protocol": each["Protocol"], "target_group": each["DefaultActions"][0]["TargetGroupArn"].split("/")[1],
            "tags": tags_of(aws.elbv2.describe_tags(ResourceArns=[each["ListenerArn"]])["TagDescriptions"][0]),
            "attributes": tags_of({"Tags": aws.elbv2.describe_listener_attributes(ListenerArn=each["ListenerArn"])["Attributes"]}),
        } for each in aws.every("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=arn)}
        found[name] = {
            "type": one["Type"], "scheme": one["Scheme"], "state": one["State"]["Code"], "vpc": aws.vpcs[one["VpcId"]], "address_type": one["IpAddressType"],
            "subnets": sorted(aws.subnets[zone["SubnetId"]] for zone in one["AvailabilityZones"]), "security_groups": aws.group_names(one.get("SecurityGroups", [])),
            "cross_zone": attributes["load_balancing.cross_zone.enabled"] == "true", "deletion_protection": attributes["deletion_protection.enabled"] == "true",
            "attributes": attributes, "listeners": listeners, "tags": tags,
        }
    return found


def target_groups(aws: Account) -> Named:
    found: Named = {}
    for one in aws.every("elbv2", "describe_target_groups", "TargetGroups"):
        arn, name = one["TargetGroupArn"], one["TargetGroupName"]
        tags = tags_of(aws.elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"][0])
        if not aws.ours(name, tags):
            continue
        attributes = tags_of({"Tags": aws.elbv2.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]})
        health = aws.elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        found[name] = {
            "protocol": one["Protocol"], "port": one["Port"], "target_type": one["TargetType"], "vpc": aws.vpcs[one["VpcId"]],
            "check": {"protocol": one["HealthCheckProtocol"], "port": one["HealthCheckPort"], "path": one.get("HealthCheckPath"), "interval": one["HealthCheckIntervalSeconds"],
                      "timeout": one["HealthCheckTimeoutSeconds"], "healthy": one["HealthyThresholdCount"], "unhealthy": one["UnhealthyThresholdCount"], "codes": one.get("Matcher", {}).get("HttpCode")},
            "deregistration_delay": int(attributes["deregistration_delay.timeout_seconds"]), "preserve_client_ip": attributes.get("preserve_client_ip.enabled") == "true",
            "attributes": attributes, "balancers": sorted(each.split("/")[-2] for each in one["LoadBalancerArns"]), "tags": tags,
            "targets": sorted(f"{target_name(aws, each['Target']['Id'])}:{each['Target']['Port']}" for each in health if each["TargetHealth"]["State"] != "draining"),
        }
    return found


def target_name(aws: Account, name: str) -> str:
    if not name.startswith("i-"):
        return name
    return name_of(aws.ec2.describe_instances(InstanceIds=[name])["Reservations"][0]["Instances"][0], "InstanceId")


def roles(aws: Account) -> Named:
    found: Named = {}
    for one in aws.every("iam", "list_roles", "Roles"):
        name = one["RoleName"]
        tags = tags_of(aws.iam.list_role_tags(RoleName=name))
        if aws.ours(name, tags):
            inline = aws.every("iam", "list_role_policies", "PolicyNames", RoleName=name)
            found[name] = {
                "trust": one["AssumeRolePolicyDocument"], "tags": tags, "path": one["Path"],
                "policies": {each: aws.iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"] for each in inline},
                "attached": sorted(each["PolicyArn"] for each in aws.every("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)),
            }
    return found


def profiles(aws: Account) -> Named:
    return {one["InstanceProfileName"]: {"roles": [role["RoleName"] for role in one["Roles"]], "tags": tags_of(one)}
            for one in aws.every("iam", "list_instance_profiles", "InstanceProfiles") if aws.ours(one["InstanceProfileName"], tags_of(one))}
