//! What is seen of machines whose servers do not answer.

use serde_json::{Value, json};

use super::stage::Stage;

const FAILED: &str = "boot: wait for volume vol-1: it has not come in 300 s";

/// The machine of a node, as `status --json` tells of it.
fn machine(status: &Value, node: &str) -> Value {
    let nodes = status["status"]["nodes"].as_array().unwrap();
    nodes.iter().find(|found| found["name"] == node).unwrap()["machine"].clone()
}

#[test]
fn a_boot_that_failed_is_seen_from_outside_of_the_network() {
    let stage = Stage::applied();
    let id = stage.by_hand("print(instance('nats-2'))");
    let console = format!(
        "Linux\r\nnatsops: nats-2: prepare folders 20 ms\nnatsops: nats-2: failed: {FAILED}\n"
    );
    stage.aws.post("console", &json!({ id.as_str(): console }));
    stage.by_hand(
        "id = instance('nats-4')\n\
         ec2.modify_instance_attribute(InstanceId=id, DisableApiTermination={'Value': False})\n\
         ec2.terminate_instances(InstanceIds=[id])\n\
         ec2.stop_instances(InstanceIds=[instance('nats-5')])\n\
         advance(60)",
    );
    let status = stage.run(&["status", "prod", "--json"]).expect(8).json();
    assert_eq!(status["status"]["healthy"], false);
    let found = machine(&status, "nats-2");
    assert_eq!((&found["id"], &found["state"]), (&json!(id), &json!("running")));
    assert_eq!((&found["zone"], &found["generation"]), (&json!("us-east-1b"), &json!(1)));
    assert_eq!(found["console"], format!("failed: {FAILED}"));
    assert_eq!(machine(&status, "nats-1")["console"], Value::Null);
    assert_eq!(machine(&status, "nats-4")["state"], "absent");
    assert_eq!(machine(&status, "nats-5")["state"], "stopped");

    let table = stage.run(&["status", "prod"]).expect(8).stdout;
    for line in [
        format!(
            "nats-2: machine {id} in us-east-1b is running, generation 1; its console: failed: {FAILED}"
        ),
        "nats-4: there is no machine; natsops apply prod makes one".to_owned(),
        "no server answers here".to_owned(),
    ] {
        assert!(table.contains(&line), "{line}\n{table}");
    }

    // Whoever may only plan sees the machines, and which right the rest takes.
    stage.aws.post("deny", &json!(["ec2:GetConsoleOutput"]));
    let table = stage.run(&["status", "prod"]).expect(8).stdout;
    assert!(table.contains("natsops policy prod operate"), "{table}");
    stage.aws.trusted();
}
