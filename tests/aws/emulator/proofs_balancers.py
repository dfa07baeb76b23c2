"""Proofs of the rules of load balancers and target groups."""

from __future__ import annotations

from typing import Any

from proof import Aws, equal, proof, refused


def settings(aws: Aws, **more: Any) -> dict[str, Any]:
    return {"Name": "natsops-proof", "Type": "network", "Scheme": "internal", "Subnets": list(aws.network["subnets"].values())} | more


def health(aws: Aws, **more: Any) -> dict[str, Any]:
    return {"Name": "natsops-proof-4222", "Protocol": "TCP", "Port": 4222, "VpcId": aws.network["vpc"], "TargetType": "instance", "HealthCheckProtocol": "HTTP",
            "HealthCheckPort": "8222", "HealthCheckPath": "/healthz?js-enabled-only=true", "HealthCheckIntervalSeconds": 10, "HealthyThresholdCount": 2} | more


@proof
def equal_settings_succeed_again(aws: Aws) -> None:
    group = aws.group()
    balancer = aws.elbv2.create_load_balancer(**settings(aws, SecurityGroups=[group]))["LoadBalancers"][0]
    equal(aws.elbv2.create_load_balancer(**settings(aws, SecurityGroups=[group]))["LoadBalancers"][0]["LoadBalancerArn"], balancer["LoadBalancerArn"])
    refused("DuplicateLoadBalancerName", lambda: aws.elbv2.create_load_balancer(**settings(aws)))
    made = aws.elbv2.create_target_group(**health(aws))["TargetGroups"][0]["TargetGroupArn"]
    equal(aws.elbv2.create_target_group(**health(aws))["TargetGroups"][0]["TargetGroupArn"], made)
    refused("DuplicateTargetGroupName", lambda: aws.elbv2.create_target_group(**health(aws, HealthCheckIntervalSeconds=30)))
    listener = {"LoadBalancerArn": balancer["LoadBalancerArn"], "Protocol": "TCP", "Port": 4222, "DefaultActions": [{"Type": "forward", "TargetGroupArn": made}]}
    first = aws.elbv2.create_listener(**listener)["Listeners"][0]["ListenerArn"]
    equal(aws.elbv2.create_listener(**listener)["Listeners"][0]["ListenerArn"], first)
    other = aws.elbv2.create_target_group(**health(aws, Name="other"))["TargetGroups"][0]["TargetGroupArn"]
    refused("DuplicateListener", lambda: aws.elbv2.create_listener(**listener | {"DefaultActions": [{"Type": "forward", "TargetGroupArn": other}]}))
    equal([aws.get("inventory")[one] for one in ("load-balancer", "listener", "target-group")], [["natsops-proof"], ["natsops-proof:4222"], ["natsops-proof-4222", "other"]])
    refused("ResourceInUse", lambda: aws.elbv2.delete_target_group(TargetGroupArn=made))
    aws.elbv2.delete_listener(ListenerArn=first)
    aws.elbv2.delete_target_group(TargetGroupArn=made)


@proof
def names_have_32_characters(aws: Aws) -> None:
    refused("ValidationError", lambda: aws.elbv2.create_load_balancer(**settings(aws, Name="n" * 33)))
    refused("ValidationError", lambda: aws.elbv2.create_load_balancer(**settings(aws, Name="internal-natsops")))
    refused("ValidationError", lambda: aws.elbv2.create_target_group(**health(aws, Name="n" * 33)))
    refused("ValidationError", lambda: aws.elbv2.create_target_group(**health(aws, Name="a_b")))
    aws.elbv2.create_load_balancer(**settings(aws, Name="n" * 32))


@proof
def balancers_are_provisioned_for_a_while(aws: Aws) -> None:
    made = aws.elbv2.create_load_balancer(**settings(aws))["LoadBalancers"][0]
    equal(made["State"]["Code"], "provisioning")
    arns = [made["LoadBalancerArn"]]
    equal(aws.elbv2.describe_load_balancers(LoadBalancerArns=arns)["LoadBalancers"][0]["State"]["Code"], "provisioning")
    aws.advance(160)
    equal(aws.elbv2.describe_load_balancers(LoadBalancerArns=arns)["LoadBalancers"][0]["State"]["Code"], "active")


@proof
def groups_only_from_the_beginning(aws: Aws) -> None:
    group, other = aws.group(), aws.group("other")
    bare = aws.elbv2.create_load_balancer(**settings(aws))["LoadBalancers"][0]["LoadBalancerArn"]
    refused("InvalidConfigurationRequest", lambda: aws.elbv2.set_security_groups(LoadBalancerArn=bare, SecurityGroups=[group]))
    guarded = aws.elbv2.create_load_balancer(**settings(aws, Name="guarded", SecurityGroups=[group]))["LoadBalancers"][0]
    equal(guarded["SecurityGroups"], [group])
    # The balancer's interfaces hold the group, and tell whose they are.
    refused("DependencyViolation", lambda: aws.ec2.delete_security_group(GroupId=group))
    held = aws.ec2.describe_network_interfaces(Filters=[{"Name": "group-id", "Values": [group]}])["NetworkInterfaces"]
    equal((len(held), {one["RequesterManaged"] for one in held}, held[0]["Description"].startswith("ELB net/guarded/")), (3, {True}, True))
    aws.elbv2.set_security_groups(LoadBalancerArn=guarded["LoadBalancerArn"], SecurityGroups=[other])
    aws.ec2.delete_security_group(GroupId=group)
    aws.elbv2.delete_load_balancer(LoadBalancerArn=guarded["LoadBalancerArn"])
    refused("DependencyViolation", lambda: aws.ec2.delete_security_group(GroupId=other))
    aws.advance(70)
    aws.ec2.delete_security_group(GroupId=other)


@proof
def deletion_protection_holds(aws: Aws) -> None:
    arn = aws.elbv2.create_load_balancer(**settings(aws))["LoadBalancers"][0]["LoadBalancerArn"]

    def attributes() -> dict[str, str]:
        return {one["Key"]: one["Value"] for one in aws.elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]}

    equal((attributes()["deletion_protection.enabled"], attributes()["load_balancing.cross_zone.enabled"]), ("false", "false"))
    on = [{"Key": "deletion_protection.enabled", "Value": "true"}, {"Key": "load_balancing.cross_zone.enabled", "Value": "true"}]
    aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=on)
    equal((attributes()["deletion_protection.enabled"], attributes()["load_balancing.cross_zone.enabled"]), ("true", "true"))
    refused("OperationNotPermitted", lambda: aws.elbv2.delete_load_balancer(LoadBalancerArn=arn))
    aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}])
    aws.elbv2.delete_load_balancer(LoadBalancerArn=arn)
    aws.elbv2.delete_load_balancer(LoadBalancerArn=arn)
    refused("LoadBalancerNotFound", lambda: aws.elbv2.describe_load_balancers(LoadBalancerArns=[arn]))
    refused("LoadBalancerNotFound", lambda: aws.elbv2.describe_load_balancers(Names=["natsops-proof"]))


@proof
def targets_become_healthy(aws: Aws) -> None:
    arn = aws.elbv2.create_load_balancer(**settings(aws))["LoadBalancers"][0]["LoadBalancerArn"]
    group = aws.elbv2.create_target_group(**health(aws))["TargetGroups"][0]["TargetGroupArn"]
    instance = aws.launch(SubnetId=aws.subnet)
    target = {"TargetGroupArn": group, "Targets": [{"Id": instance}]}

    def state() -> str:
        [one] = aws.elbv2.describe_target_health(**target)["TargetHealthDescriptions"]
        return one["TargetHealth"]["State"]

    refused("InvalidTarget", lambda: aws.elbv2.register_targets(**target))
    aws.advance(30)
    equal(state(), "unused")
    aws.elbv2.register_targets(**target)
    equal(state(), "unused")
    aws.elbv2.create_listener(LoadBalancerArn=arn, Protocol="TCP", Port=4222, DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])
    equal(aws.elbv2.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0]["LoadBalancerArns"], [arn])
    equal(state(), "initial")
    aws.advance(200)
    equal(state(), "healthy")
    aws.post("unhealthy", [instance])
    equal(state(), "unhealthy")
    aws.post("unhealthy", [])
    aws.elbv2.deregister_targets(**target)
    aws.elbv2.deregister_targets(**target)
    equal(state(), "draining")
    aws.elbv2.register_targets(**target)
    equal(state(), "initial")
    aws.advance(11)
    equal(state(), "healthy")
    aws.elbv2.deregister_targets(**target)
    aws.advance(310)
    equal(state(), "unused")
    equal(aws.get("inventory").get("target"), None)


@proof
def addresses_are_targets_too(aws: Aws) -> None:
    arn = aws.elbv2.create_load_balancer(**settings(aws))["LoadBalancers"][0]["LoadBalancerArn"]
    group = aws.elbv2.create_target_group(**health(aws, TargetType="ip"))["TargetGroups"][0]["TargetGroupArn"]
    aws.elbv2.create_listener(LoadBalancerArn=arn, Protocol="TCP", Port=4222, DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])
    aws.launch(NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": aws.interface("10.0.1.10")}])
    # An address need not answer when it is registered, but it must be of the network.
    aws.elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": "10.0.1.10"}, {"Id": "10.0.1.11"}])
    refused("InvalidTarget", lambda: aws.elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": "8.8.8.8"}]))
    aws.advance(200)
    said = {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]}
    equal(said, {"10.0.1.10": "healthy", "10.0.1.11": "unhealthy"})


@proof
def groups_keep_their_checks_and_attributes(aws: Aws) -> None:
    made = aws.elbv2.create_target_group(**health(aws))["TargetGroups"][0]
    equal([made[one] for one in ("HealthCheckProtocol", "HealthCheckPort", "HealthCheckPath", "Matcher")], ["HTTP", "8222", "/healthz?js-enabled-only=true", {"HttpCode": "200-399"}])
    arn = made["TargetGroupArn"]
    changed = aws.elbv2.modify_target_group(TargetGroupArn=arn, HealthCheckIntervalSeconds=20, Matcher={"HttpCode": "200"})["TargetGroups"][0]
    equal((changed["HealthCheckIntervalSeconds"], changed["Matcher"]), (20, {"HttpCode": "200"}))
    refused("ValidationError", lambda: aws.elbv2.create_target_group(**health(aws, Name="other", HealthyThresholdCount=11)))
    aws.breached("HealthyThresholdCount")

    def attributes() -> dict[str, str]:
        return {one["Key"]: one["Value"] for one in aws.elbv2.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]}

    equal((attributes()["deregistration_delay.timeout_seconds"], attributes()["preserve_client_ip.enabled"]), ("300", "true"))
    aws.elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}, {"Key": "preserve_client_ip.enabled", "Value": "false"}])
    equal((attributes()["deregistration_delay.timeout_seconds"], attributes()["preserve_client_ip.enabled"]), ("30", "false"))
    refused("InvalidConfigurationRequest", lambda: aws.elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "4000"}]))
    refused("InvalidConfigurationRequest", lambda: aws.elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[{"Key": "slow_start.duration_seconds", "Value": "30"}]))


@proof
def balancers_carry_tags(aws: Aws) -> None:
    tags = [{"Key": "natsops:environment", "Value": "proof"}]
    arn = aws.elbv2.create_load_balancer(**settings(aws, Tags=tags))["LoadBalancers"][0]["LoadBalancerArn"]
    group = aws.elbv2.create_target_group(**health(aws, Tags=tags))["TargetGroups"][0]["TargetGroupArn"]
    said = {one["ResourceArn"]: one["Tags"] for one in aws.elbv2.describe_tags(ResourceArns=[arn, group])["TagDescriptions"]}
    equal(said, {arn: tags, group: tags})
    idle = [{"Key": "tcp.idle_timeout.seconds", "Value": "10"}]
    listener = aws.elbv2.create_listener(LoadBalancerArn=arn, Protocol="TCP", Port=4222, DefaultActions=[{"Type": "forward", "TargetGroupArn": group}], Tags=tags)["Listeners"][0]["ListenerArn"]
    refused("InvalidConfigurationRequest", lambda: aws.elbv2.modify_listener_attributes(ListenerArn=listener, Attributes=idle))
    aws.elbv2.modify_listener_attributes(ListenerArn=listener, Attributes=[{"Key": "tcp.idle_timeout.seconds", "Value": "6000"}])
    equal(aws.elbv2.describe_listener_attributes(ListenerArn=listener)["Attributes"], [{"Key": "tcp.idle_timeout.seconds", "Value": "6000"}])
