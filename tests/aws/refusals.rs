//! What natsops refuses, and says: the network is not as it must be, rights are missing, somebody else's things are in the
//! way. Nothing is changed before it is known, and every refusal names the command to run next.

use serde_json::json;

use super::stage::Stage;
use crate::support::Output;

/// An apply ends with this code and says these words, and nothing was changed. It plans first, so a plan says the same.
#[track_caller]
fn refused(stage: &Stage, code: i32, words: &[&str]) {
    let before = stage.aws.inventory();
    says(&stage.apply().expect(code), words);
    assert_eq!(stage.aws.inventory(), before);
}

#[track_caller]
fn says(output: &Output, words: &[&str]) {
    for word in words {
        assert!(output.stderr.contains(word), "`{word}` is not said:\n{}", output.stderr);
    }
}

#[test]
fn credentials_that_are_missing_old_or_of_another_account_are_told() {
    let stage = Stage::new();
    let mut command = stage.command(&["plan", "prod"]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let output = Output::of(&command.output().unwrap()).expect(4);
    says(&output, &["no credentials", "next:"]);

    stage.aws.faults(&json!({
        "mode": "error", "service": "sts", "code": "ExpiredToken", "status": 403, "times": 1000,
        "message": "The security token included in the request is expired",
    }));
    refused(&stage, 4, &["expired", "aws sso login"]);
    stage.aws.post("clear-faults", &json!(null));

    stage.project.edit("prod.yaml", "\"123456789012\"", "\"210987654321\"");
    refused(&stage, 4, &["are of account 123456789012", "lives in 210987654321", "untouched"]);
}

/// They end in the middle of an apply: what was done stays, and the next run with fresh ones goes on.
#[test]
fn credentials_that_expire_in_the_middle_are_told() {
    let stage = Stage::new();
    stage.aws.faults(&json!({
        "mode": "error", "service": "ec2", "operation": "RunInstances", "code": "RequestExpired", "status": 400,
        "message": "Request has expired", "times": 1000,
    }));
    says(&stage.apply().expect(4), &["Request has expired", "aws sso login"]);
    stage.aws.post("clear-faults", &json!(null));
    stage.apply().expect(0);
    stage.in_sync();
}

/// Each: what is done to the network, and what is said about it.
const NETWORKS: [(&str, &[&str]); 8] = [
    (
        "ec2.delete_tags(Resources=[NETWORK['vpc']], Tags=[{'Key': 'Name'}])",
        &["there is no network `game-platform`"],
    ),
    (
        "second = ec2.create_vpc(CidrBlock='10.1.0.0/16')['Vpc']['VpcId']
ec2.create_tags(Resources=[second], Tags=[{'Key': 'Name', 'Value': 'game-platform'}])",
        &["several networks are called `game-platform`", "vpc-"],
    ),
    (
        "ec2.create_subnet(VpcId=NETWORK['vpc'], CidrBlock='10.0.7.0/24', AvailabilityZone='us-east-1a')",
        &["us-east-1a has several private subnets", "provider.aws.subnets"],
    ),
    (
        "gateway = ec2.create_internet_gateway()['InternetGateway']['InternetGatewayId']
ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=NETWORK['vpc'])
ec2.create_route(RouteTableId=NETWORK['route_table'], DestinationCidrBlock='0.0.0.0/0', GatewayId=gateway)",
        &["there is no private subnet in us-east-1a", "us-east-1b", "us-east-1c"],
    ),
    (
        "ec2.delete_vpc_endpoints(VpcEndpointIds=[NETWORK['endpoints']['s3']])",
        &["reaches neither a NAT gateway nor endpoints of s3"],
    ),
    (
        "ends = [NETWORK['endpoints'][name] for name in ('ssm', 'ssmmessages')]
ec2.delete_vpc_endpoints(VpcEndpointIds=ends)",
        &["endpoints of ssm, ssmmessages"],
    ),
    (
        "ec2.delete_vpc_endpoints(VpcEndpointIds=[NETWORK['endpoints']['ssm']])
ec2.create_vpc_endpoint(
    VpcId=NETWORK['vpc'], VpcEndpointType='Interface', ServiceName='com.amazonaws.us-east-1.ssm',
    SubnetIds=list(NETWORK['subnets'].values()), PrivateDnsEnabled=False)",
        &["reaches neither a NAT gateway nor endpoints of ssm"],
    ),
    (
        "ec2.modify_vpc_attribute(VpcId=NETWORK['vpc'], EnableDnsHostnames={'Value': False})",
        &["must have DNS support and DNS hostnames"],
    ),
];

#[test]
fn a_network_that_lacks_something_is_told_before_anything_is_made() {
    let mut stage = Stage::new();
    for (script, words) in NETWORKS {
        stage.begin_again();
        stage.by_hand(script);
        refused(&stage, 1, words);
        says(&stage.run(&["plan", "prod"]).expect(1), &["next: natsops plan prod"]);
    }
    stage.aws.trusted();
}

/// A NAT gateway leads to everything, whatever endpoints there are.
#[test]
fn a_network_with_a_nat_gateway_needs_no_endpoints() {
    let stage = Stage::new();
    stage.by_hand(
        "ec2.delete_vpc_endpoints(VpcEndpointIds=list(NETWORK['endpoints'].values()))
address = ec2.allocate_address(Domain='vpc')['AllocationId']
gateway = ec2.create_nat_gateway(SubnetId=list(NETWORK['subnets'].values())[0], AllocationId=address)['NatGateway']['NatGatewayId']
ec2.create_route(RouteTableId=NETWORK['route_table'], DestinationCidrBlock='0.0.0.0/0', NatGatewayId=gateway)",
    );
    stage.run(&["plan", "prod"]).expect(0);
}

/// Each: what stands in the file instead, and what is said about it.
#[test]
fn a_file_that_does_not_fit_the_network_is_told_before_anything_is_made() {
    let stage = Stage::new();
    let image = stage.image.clone();
    let cases: [(&str, &str, &str); 6] = [
        (
            "address: 10.0.1.11",
            "address: 10.0.2.99",
            "10.0.2.99 is no address that nats-1 can have in 10.0.1.0/24",
        ),
        ("address: 10.0.1.11", "address: 10.0.1.3", "10.0.1.3 is no address that nats-1 can have"),
        (
            "address: 10.0.1.11",
            "address: 10.0.1.255",
            "10.0.1.255 is no address that nats-1 can have",
        ),
        (
            "zone: us-east-1c, address: 10.0.3.13",
            "zone: us-east-1d, address: 10.0.4.13",
            "no private subnet in us-east-1d",
        ),
        (&image, "ami-0123456789abcdef0", "there is no image ami-0123456789abcdef0 in us-east-1"),
        (
            "instance_type: m6i.large",
            "instance_type: m6i.none",
            "there is no m6i.none in us-east-1a, us-east-1b, us-east-1c",
        ),
    ];
    for (from, to, words) in cases {
        stage.project.edit("prod.yaml", from, to);
        refused(&stage, 1, &[words]);
        stage.project.edit("prod.yaml", to, from);
    }
    // A name that would not fit the names of load balancers.
    stage.project.edit("prod.yaml", "name: prod\n", "name: production-europe-1\n");
    let output = stage.run(&["validate", "prod"]).expect(3);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(said.contains("16"), "{said}");
}

/// Each node has its address, and the load balancer and the cache would find none.
#[test]
fn a_subnet_that_is_too_small_for_all_of_it_is_told_before_anything_is_made() {
    let stage = Stage::new();
    let small = stage.by_hand(
        "small = ec2.create_subnet(VpcId=NETWORK['vpc'], CidrBlock='10.0.7.0/28', AvailabilityZone='us-east-1a')
small = small['Subnet']['SubnetId']
ec2.associate_route_table(RouteTableId=NETWORK['route_table'], SubnetId=small)
print(small)",
    );
    let of = |zone: &str| stage.network["subnets"][zone].as_str().unwrap();
    let subnets = format!("[{small}, {}, {}]", of("us-east-1b"), of("us-east-1c"));
    let vpc = "vpc: game-platform";
    stage.project.edit("prod.yaml", vpc, &format!("{vpc}\n    subnets: {subnets}"));
    stage.project.edit("prod.yaml", "10.0.1.11", "10.0.7.5");
    stage.project.edit("prod.yaml", "10.0.1.14", "10.0.7.6");
    stage.project.edit("prod.yaml", "shards: 3", "shards: 14");
    let words = "11 addresses to give, and 13 are needed: 2 for nodes, 1 for the load balancer, 10 for the cache";
    refused(&stage, 1, &[&small, "is too small", words]);
}

/// Nobody answers: said in the network's own words, with what to do next.
#[test]
fn an_endpoint_that_nobody_serves_is_told() {
    let stage = Stage::new();
    let mut command = stage.command(&["plan", "prod"]);
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let output = Output::of(&command.output().unwrap()).expect(1);
    says(&output, &["Connection refused", "next: natsops plan prod"]);
}

/// A right is missing in the middle: said with what is safe and where the rights are listed; with it, the next run goes on.
#[test]
fn a_right_that_is_missing_in_the_middle_is_told() {
    let stage = Stage::new();
    stage.aws.post("deny", &json!(["ec2:RunInstances", "elasticloadbalancing:CreateListener"]));
    let words = ["not authorized to perform", "what was done stays", "natsops policy prod apply"];
    says(&stage.apply().expect(4), &words);
    let left = stage.aws.inventory();
    assert_eq!(left["volume"].as_array().unwrap().len(), 5, "what does not need it was done");
    assert_eq!(left["elasticache-replication-group"].as_array().unwrap().len(), 1);
    stage.aws.post("deny", &json!([]));
    stage.apply().expect(0);
    stage.in_sync();

    stage.aws.post("deny", &json!(["iam:ListRoles"]));
    says(&stage.run(&["plan", "prod"]).expect(4), &["iam:ListRoles", "natsops policy prod plan"]);
}

/// AWS has no machine for one node: the others are made, and the next run makes the missing one.
#[test]
fn a_zone_without_capacity_leaves_the_other_nodes_whole() {
    let stage = Stage::new();
    stage.aws.faults(&json!({
        "mode": "error", "service": "ec2", "operation": "RunInstances", "code": "InsufficientInstanceCapacity",
        "status": 400, "nth": 2, "message": "We currently do not have sufficient m6i.large capacity in us-east-1a",
    }));
    let words =
        ["sufficient m6i.large capacity in us-east-1a", "what was done stays", "natsops plan prod"];
    says(&stage.apply().expect(7), &words);
    assert_eq!(stage.aws.inventory()["instance"].as_array().unwrap().len(), 4);
    stage.aws.post("clear-faults", &json!(null));
    let changes = crate::support::changes(&stage.plan());
    assert_eq!(changes.len(), 1, "{changes:?}");
    stage.apply().expect(0);
    stage.in_sync();
    assert_eq!(stage.aws.inventory()["instance"].as_array().unwrap().len(), 5);
}

/// Somebody else's things with our names: told, and never touched.
#[test]
fn somebody_elses_things_are_told_and_never_touched() {
    let mut stage = Stage::new();
    stage.by_hand(
        "ec2.create_security_group(GroupName='natsops-prod-nodes', Description='Mine', VpcId=NETWORK['vpc'])",
    );
    refused(&stage, 5, &["nothing was changed"]);
    stage.begin_again();
    stage.by_hand(
        "elb.create_load_balancer(
    Name='natsops-prod', Type='network', Scheme='internal', Subnets=list(NETWORK['subnets'].values()))",
    );
    refused(&stage, 5, &["nothing was changed"]);
    stage.begin_again();
    stage.by_hand("kms.create_alias(AliasName='alias/natsops-prod', TargetKeyId=kms.create_key()['KeyMetadata']['KeyId'])");
    refused(&stage, 5, &["nothing was changed"]);

    // What no list tells is found out when it would be made.
    stage.begin_again();
    let role = "trust = {'Effect': 'Allow', 'Action': 'sts:AssumeRole', 'Principal': {'Service': 'ecs-tasks.amazonaws.com'}}
role = {'RoleName': 'natsops-prod-us-east-1-nats-1'}
iam.create_role(**role, AssumeRolePolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [trust]}))";
    stage.by_hand(role);
    let output = stage.apply().expect(1);
    says(&output, &["somebody else's role is called natsops-prod-us-east-1-nats-1", "not touched"]);
    let found = stage.by_hand(
        "role = iam.get_role(RoleName='natsops-prod-us-east-1-nats-1')['Role']
print(role['AssumeRolePolicyDocument']['Statement'][0]['Principal']['Service'])
print(iam.list_role_policies(RoleName='natsops-prod-us-east-1-nats-1')['PolicyNames'])",
    );
    assert_eq!(found, "ecs-tasks.amazonaws.com\n[]");
    stage.begin_again();
    let name = "InstanceProfileName='natsops-prod-us-east-1-nats-1'";
    stage.by_hand(&format!("iam.create_instance_profile({name})"));
    let output = stage.apply().expect(1);
    says(
        &output,
        &[
            "somebody else's instance profile is called natsops-prod-us-east-1-nats-1",
            "not touched",
        ],
    );
    let roles = format!("print(iam.get_instance_profile({name})['InstanceProfile']['Roles'])");
    assert_eq!(stage.by_hand(&roles), "[]");
    stage.aws.trusted();
}
