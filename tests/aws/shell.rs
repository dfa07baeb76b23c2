//! Machines are told something through Systems Manager: once, whatever is lost on the way, and what comes back is told.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::emulator::python;
use super::stage::Stage;
use crate::support::{Output, package};

/// What a machine answers here in the place of the node tool, which `zones` and `boot` have: it notes what it was told.
const TOOL: &str = r#"#!/bin/sh
echo "$*" >>"${0%/*}/told"
case $1 in
status) echo '{"node":"nats-1","service":"active","previous":null}' ;;
logs) seq "$2" ;;
drain) echo 'natsops: nats-1: failed: drain: it hangs'; exit 1 ;;
apply) sleep 3 ;;
rollback) echo 'natsops-node: another command runs' >&2; exit 75 ;;
esac
"#;

/// A machine whose agent listens; it ends with this value.
struct Machine {
    agent: Child,
    folder: tempfile::TempDir,
}

impl Machine {
    fn start(stage: &Stage, node: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tool = folder.path().join("natsops-node");
        std::fs::write(&tool, TOOL).unwrap();
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
        let instance = stage.by_hand(&format!("print(instance('{node}'))"));
        let path = std::env::var("PATH").unwrap();
        let agent = Command::new(python())
            .arg(package().join("tests/aws/emulator/agent.py"))
            .args([format!("http://127.0.0.1:{}", stage.aws.port), instance.clone()])
            .env("PATH", format!("{}:{path}", folder.path().display()))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let known = || stage.aws.get("agents").as_array().unwrap().contains(&json!(instance));
        wait_for("the agent", known);
        Self { agent, folder }
    }

    /// What the tool was told, a line for each time.
    fn told(&self) -> Vec<String> {
        let told = std::fs::read_to_string(self.folder.path().join("told")).unwrap_or_default();
        told.lines().map(str::to_owned).collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.agent.stdin.take());
        self.agent.wait().ok();
    }
}

/// Waits for something that must come.
#[track_caller]
fn wait_for(what: &str, come: impl Fn() -> bool) {
    let begin = Instant::now();
    while !come() {
        assert!(begin.elapsed() < Duration::from_secs(30), "{what} does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How often AWS was asked for it.
fn times(stage: &Stage, operation: &str) -> usize {
    stage.aws.calls().iter().filter(|call| call.operation == operation).count()
}

fn status(stage: &Stage) -> Output {
    stage.run(&["node", "run", "prod", "nats-1", "status", "--json"])
}

#[test]
fn an_order_whose_answer_is_lost_is_looked_for_and_not_sent_again() {
    let stage = Stage::applied();
    let machine = Machine::start(&stage, "nats-1");
    stage.aws.post("reset-calls", &json!(null));
    let shown = status(&stage).expect(0).json();
    assert_eq!(shown["status"], json!({"node": "nats-1", "service": "active", "previous": null}));
    assert_eq!((times(&stage, "SendCommand"), machine.told().len()), (1, 1));

    // AWS has taken it, and nobody heard that.
    stage.aws.faults(&json!({"mode": "fail-after", "service": "ssm", "operation": "SendCommand"}));
    status(&stage).expect(0);
    assert_eq!((times(&stage, "SendCommand"), machine.told().len()), (2, 2));

    // AWS has not taken it, and nobody knows: it is said rather than tried.
    stage.aws.faults(&json!({"mode": "fail-before", "service": "ssm", "operation": "SendCommand"}));
    let lost = status(&stage).expect(9);
    assert!(lost.stderr.contains("nobody knows whether nats-1 was told"), "{}", lost.stderr);
    assert!(lost.stderr.contains("it was not sent again"), "{}", lost.stderr);
    assert_eq!((times(&stage, "SendCommand"), machine.told().len()), (3, 2));

    // Whoever is asked to slow down was refused, so it is tried again.
    stage.aws.faults(
        &json!({"mode": "throttle", "service": "ssm", "operation": "SendCommand", "times": 2}),
    );
    status(&stage).expect(0);
    assert_eq!((times(&stage, "SendCommand"), machine.told().len()), (6, 3));
    assert_eq!(machine.told(), ["status --json"; 3]);
    let comments: Vec<Value> = stage.aws.get("commands").as_array().unwrap().clone();
    let all = comments
        .iter()
        .all(|one| one["Comment"].as_str().unwrap().starts_with("natsops prod nats-1 status "));
    assert!(all, "{comments:?}");
    stage.aws.trusted();
}

#[test]
fn an_order_whose_giver_dies_is_followed_by_the_next() {
    let stage = Stage::applied();
    let machine = Machine::start(&stage, "nats-1");
    let apply = ["node", "run", "prod", "nats-1", "apply", "--yes", "--allow-interruption"];
    let mut run = stage.command(&apply).spawn().unwrap();
    wait_for("the machine", || machine.told().len() == 1);
    run.kill().unwrap();
    run.wait().unwrap();
    stage.run(&apply).expect(0);
    assert_eq!((times(&stage, "SendCommand"), machine.told().len()), (1, 1));
    // It has ended, and nobody reaches the server to see what it is by now: the same wish is a new one.
    stage.run(&apply).expect(0);
    assert_eq!((times(&stage, "SendCommand"), machine.told().len()), (2, 2));
    stage.aws.trusted();
}

#[test]
fn what_a_machine_can_not_do_is_told_with_what_to_do_next() {
    let stage = Stage::applied();
    let unknown = status(&stage).expect(1).stderr;
    assert!(unknown.contains("not online in Systems Manager"), "{unknown}");
    assert!(unknown.contains("aws ssm describe-instance-information"), "{unknown}");
    assert_eq!(times(&stage, "SendCommand"), 1);

    // One that has said that it is there, and is not any more.
    let instance = stage.by_hand("print(instance('nats-2'))");
    stage.aws.post("agent", &json!({"instance": instance}));
    let silent = stage.command(&["node", "logs", "prod", "nats-2"]).spawn().unwrap();
    wait_for("the command", || !stage.aws.get("commands").as_array().unwrap().is_empty());
    stage.aws.post("advance", &json!(150));
    let silent = Output::of(&silent.wait_with_output().unwrap()).expect(1).stderr;
    assert!(silent.contains("it did not fetch the command in 120 s"), "{silent}");

    let machine = Machine::start(&stage, "nats-1");
    let lines =
        stage.run(&["node", "logs", "prod", "nats-1", "-n", "4", "--json"]).expect(0).json();
    assert_eq!(lines["lines"], json!(["1", "2", "3", "4"]));
    let order = |operation: &str| {
        let order = ["node", "run", "prod", "nats-1", operation, "--yes", "--allow-interruption"];
        stage.run(&order)
    };
    let failed = order("drain").expect(1).stderr;
    let words = "`natsops-node drain` failed on nats-1 with exit code 1: drain: it hangs";
    assert!(failed.contains(words), "{failed}");
    let busy = order("rollback").expect(6).stderr;
    assert!(busy.contains("another command runs on nats-1"), "{busy}");
    order("apply").expect(0);
    let told = machine.told();
    assert_eq!(told[..3], ["logs 4", "drain", "rollback --restart"]);
    let generation = told[3].strip_prefix("apply ").unwrap().strip_suffix(" --restart").unwrap();
    assert!(generation.ends_with("-2.15.1") && generation.len() > 20, "{generation}");

    // Nobody is reached here, so nobody can say what depends on the node; and nobody is asked.
    let refused = stage.run(&["node", "drain", "prod", "nats-1", "--yes"]).expect(5).stderr;
    assert!(refused.contains("can be reached from here"), "{refused}");
    stage.run(&["node", "drain", "prod", "nats-1"]).expect(5);
    assert_eq!(machine.told().len(), 4);

    stage.aws.post("deny", &json!(["ssm:SendCommand"]));
    let denied = status(&stage).expect(4).stderr;
    assert!(denied.contains("natsops policy ENV operate"), "{denied}");
    stage.aws.trusted();
}
