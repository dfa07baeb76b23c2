//! Machines in the zones: each with files, processes and an agent of Systems Manager of its own.

use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::ZONES;
use super::network::Network;
use crate::aws::emulator::python;
use crate::aws::stage::Stage;
use crate::support::package;

/// Machines that run; they end with this value, and with the test however that ends.
pub struct Machines(Vec<Child>);

impl Machines {
    /// Boots the machine of every node from what the bucket has for it.
    pub fn boot(stage: &Stage, network: &Network) -> Self {
        let mut machines = Self(Vec::new());
        let instances =
            "print(json.dumps({f'nats-{n}': instance(f'nats-{n}') for n in range(1, 6)}))";
        let instances: Value = serde_json::from_str(&stage.by_hand(instances)).unwrap();
        let scripts = package().join("tests");
        for (zone, members) in ZONES {
            for (node, _) in members {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", &network.space(zone)]);
                // Whatever runs on it ends with its first process, and that with this test.
                command.args([
                    "unshare",
                    "--mount",
                    "--pid",
                    "--fork",
                    "--mount-proc",
                    "--kill-child",
                ]);
                command.arg("sh").arg(scripts.join("zones/machine.sh"));
                command.arg(stage.project.path().join("machines").join(node)).arg(python());
                command.arg(scripts.join("aws/emulator/agent.py"));
                command.args(["natsops-prod-123456789012-us-east-1", node]);
                command.arg(instances[node].as_str().unwrap()).envs(stage.aws.variables());
                // The hub's address, where the machines' zones find AWS.
                command.env("AWS_ENDPOINT_URL", format!("http://10.0.0.2:{}", stage.aws.port));
                command.stdin(Stdio::piped()).stdout(Stdio::null());
                machines.0.push(command.spawn().unwrap());
            }
        }
        machines
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        for machine in &mut self.0 {
            machine.kill().ok();
            machine.wait().ok();
        }
    }
}
