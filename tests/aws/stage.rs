//! The environment `prod` before and after an apply: a project, an account with the shared network, the real program.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::emulator::{Call, Emulator, python};
use crate::support::{Output, Project};

/// The pinned image of `prod.yaml`, which the emulator does not have.
const IMAGE: &str = "ami-0a1b2c3d4e5f60718";

/// Clients of every service, for scripts that change the world by hand.
const CLIENTS: &str = "
import json
import os
import urllib.request
import boto3
from botocore.config import Config
def client(service):
    return boto3.client(service, config=Config(s3={'addressing_style': 'path'}))
ec2, elb, cache, kms, iam, s3, ssm, dns = map(client, (
    'ec2', 'elbv2', 'elasticache', 'kms', 'iam', 's3', 'ssm', 'route53'))
def advance(seconds):
    address = os.environ['AWS_ENDPOINT_URL'] + '/_emulator/advance'
    urllib.request.urlopen(urllib.request.Request(address, data=str(seconds).encode(), method='POST')).read()
BUCKET = 'natsops-prod-123456789012-us-east-1'
def group(name):
    found = ec2.describe_security_groups(Filters=[{'Name': 'group-name', 'Values': [name]}])
    return found['SecurityGroups'][0]['GroupId']
def instance(node):
    found = ec2.describe_instances(Filters=[
        {'Name': 'tag:natsops:node', 'Values': [node]},
        {'Name': 'instance-state-name', 'Values': ['running', 'stopped']}])
    return found['Reservations'][0]['Instances'][0]['InstanceId']
def interface(node):
    found = ec2.describe_network_interfaces(Filters=[{'Name': 'tag:natsops:node', 'Values': [node]}])
    return found['NetworkInterfaces'][0]['NetworkInterfaceId']
def volume(node):
    found = ec2.describe_volumes(Filters=[
        {'Name': 'tag:natsops:node', 'Values': [node]}, {'Name': 'tag:natsops:role', 'Values': ['data']}])
    return found['Volumes'][0]['VolumeId']
def balancer():
    return elb.describe_load_balancers(Names=['natsops-prod'])['LoadBalancers'][0]['LoadBalancerArn']
def targets(door):
    return elb.describe_target_groups(Names=['natsops-prod-' + door])['TargetGroups'][0]['TargetGroupArn']
def listener(port):
    found = elb.describe_listeners(LoadBalancerArn=balancer())['Listeners']
    return [one['ListenerArn'] for one in found if one['Port'] == port][0]
def zone():
    found = dns.list_hosted_zones_by_name(DNSName='prod.internal.')['HostedZones']
    return found[0]['Id'].rpartition('/')[2]
";

/// A project whose `prod` lives in an emulator of its own.
pub struct Stage {
    pub aws: Emulator,
    pub project: Project,
    /// The ids of the network that was there before.
    pub network: Value,
    /// The image that stands in `prod.yaml` here.
    pub image: String,
    /// Whether AWS takes long; then natsops is patient too, so that a busy machine does not miss a renewal of its lease.
    slow: bool,
}

impl Stage {
    /// Nothing is applied yet.
    pub fn new() -> Self {
        Self::of(Emulator::start(), false)
    }

    /// Nothing is applied yet, and AWS takes long: the cache comes after a minute.
    pub fn slow() -> Self {
        Self::of(Emulator::scaled(0.1), true)
    }

    /// Nothing is applied yet, and AWS takes as long as it does: only tests let time pass.
    pub fn in_real_time() -> Self {
        Self::of(Emulator::scaled(1.0), true)
    }

    fn of(aws: Emulator, slow: bool) -> Self {
        let project = Project::new();
        let network = aws.seed();
        let mut stage = Self { aws, project, network, image: String::new(), slow };
        stage.image = stage.by_hand(
            "name = '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64'\n\
             print(ssm.get_parameter(Name=name)['Parameter']['Value'])",
        );
        stage.project.edit("prod.yaml", IMAGE, &stage.image);
        stage
    }

    /// It is applied.
    #[track_caller]
    pub fn applied() -> Self {
        let stage = Self::new();
        stage.apply().expect(0);
        stage
    }

    /// It is applied, and machines of other networks reach AWS.
    #[track_caller]
    pub fn applied_and_open() -> Self {
        let stage = Self::of(Emulator::open(), false);
        stage.apply().expect(0);
        stage
    }

    /// An account as on the first day: whatever was in it is forgotten, and the network is made anew.
    pub fn begin_again(&mut self) {
        self.aws.post("reset", &json!(null));
        self.network = self.aws.seed();
    }

    /// The program, with credentials.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.envs(self.aws.variables()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if self.slow {
            command.env("NATSOPS_WAIT_SCALE", "0.1");
        }
        command
    }

    /// Runs it. Whatever it says is searched for secrets.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Output {
        Output::of(&self.command(arguments).output().unwrap())
    }

    #[track_caller]
    pub fn apply(&self) -> Output {
        self.run(&["apply", "prod", "--yes"])
    }

    /// The plan from what there is, as JSON.
    #[track_caller]
    pub fn plan(&self) -> Value {
        self.run(&["plan", "prod", "--json"]).expect(0).json()
    }

    /// Fails unless nothing is left to do.
    #[track_caller]
    pub fn in_sync(&self) {
        let changes = crate::support::changes(&self.plan());
        assert_eq!(changes, [""; 0]);
    }

    /// Runs a script with boto3, as somebody would who knows nothing of natsops. Gives what it prints.
    #[track_caller]
    pub fn by_hand(&self, script: &str) -> String {
        let output = Command::new(python())
            .args(["-c", &format!("{CLIENTS}\nNETWORK = json.loads('{}')\n{script}", self.network)])
            .envs(self.aws.variables())
            .output()
            .unwrap();
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// The calls that change something.
    pub fn changes(&self) -> Vec<Call> {
        let reads = ["Describe", "Get", "List", "Head"];
        let calls = self.aws.calls().into_iter();
        calls.filter(|call| !reads.iter().any(|read| call.operation.starts_with(read))).collect()
    }

    /// No longer protected, so that it may be destroyed.
    #[track_caller]
    pub fn release(&self) {
        self.project.edit("prod.yaml", "protected: true", "protected: false");
        self.apply().expect(0);
    }
}
