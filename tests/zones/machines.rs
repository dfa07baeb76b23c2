//! Machines in the zones: each with files, processes and an agent of Systems Manager of its own.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::ZONES;
use super::network::Network;
use crate::aws::emulator::python;
use crate::aws::stage::Stage;
use crate::support::package;

/// Machines that run, by their nodes; they end with this value, and with the test however that ends.
#[derive(Default)]
pub struct Machines(BTreeMap<String, Child>);

impl Machines {
    /// Boots the machine of every node from what the bucket has for it.
    pub fn boot(stage: &Stage, network: &Network) -> Self {
        let mut machines = Self::default();
        let instances =
            "print(json.dumps({f'nats-{n}': instance(f'nats-{n}') for n in range(1, 6)}))";
        let instances: Value = serde_json::from_str(&stage.by_hand(instances)).unwrap();
        for node in ZONES.iter().flat_map(|(_, members)| members.iter().map(|(node, _)| node)) {
            machines.launch(stage, network, node, instances[node].as_str().unwrap());
        }
        machines
    }

    /// Boots an instance; the disk is that of the node, whatever instance had it before.
    pub fn launch(&mut self, stage: &Stage, network: &Network, node: &str, instance: &str) {
        let has = |members: &[(&str, &str)]| members.iter().any(|(name, _)| *name == node);
        let (zone, _) = ZONES.iter().find(|(_, members)| has(members)).unwrap();
        let scripts = package().join("tests");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &network.space(zone)]);
        // Whatever runs on it ends with its first process, and that with this test.
        command.args(["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]);
        command.arg("sh").arg(scripts.join("zones/machine.sh"));
        command.arg(stage.project.path().join("machines").join(node)).arg(python());
        command.arg(scripts.join("aws/emulator/agent.py"));
        command.args(["natsops-prod-123456789012-us-east-1", node, instance]);
        command.envs(stage.aws.variables());
        // The hub's address, where the machines' zones find AWS.
        command.env("AWS_ENDPOINT_URL", format!("http://10.0.0.2:{}", stage.aws.port));
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        self.0.insert(node.to_owned(), command.spawn().unwrap());
    }

    /// The machine of a node is no more; its disk is.
    pub fn lose(&mut self, node: &str) {
        end(&mut self.0.remove(node).unwrap());
    }
}

fn end(machine: &mut Child) {
    machine.kill().ok();
    machine.wait().ok();
}

impl Drop for Machines {
    fn drop(&mut self) {
        self.0.values_mut().for_each(end);
    }
}
