//! A machine makes way for another while services write, and none does while a zone is away.

use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::json;

use super::machines::Machines;
use super::network::Network;
use crate::aws::stage::Stage;
use crate::support::Output;

/// How long each part of a replacement may take: a lame duck, a start, and the replicas of all streams.
const PATIENCE: Duration = Duration::from_secs(180);

/// While a zone is away no machine goes, neither one of those that are left nor one of those that are away.
pub fn is_refused_while_a_zone_is_away(stage: &Stage) {
    let made = stage.changes().len();
    for (node, away) in
        [("nats-1", "nats-2: it does not answer"), ("nats-2", "nats-5: it does not answer")]
    {
        let refused = stage.run(&["node", "replace", "prod", node, "--yes"]).expect(5).stderr;
        for words in
            [away, "something else is not well", "nothing was changed", "natsops status prod"]
        {
            assert!(refused.contains(words), "{refused}");
        }
    }
    assert_eq!(stage.changes().len(), made, "nothing was touched");
}

/// A whole cluster spares one machine. The next one has its address and its disk, and the command ends when its server is
/// well and has everything.
pub fn a_machine_makes_way(stage: &Stage, network: &Network, machines: &mut Machines) {
    let before = stage.by_hand("print(instance('nats-3'), volume('nats-3'), interface('nats-3'))");
    stage.aws.post("reset-calls", &json!(null));
    let replace = ["node", "replace", "prod", "nats-3", "--yes", "--json"];
    let mut run = stage.command(&replace).spawn().unwrap();
    wait(stage, &mut run, "TerminateInstances");
    machines.lose("nats-3");
    wait(stage, &mut run, "AttachVolume");
    assert!(run.try_wait().unwrap().is_none(), "it does not wait for the server");
    machines.launch(stage, network, "nats-3", &stage.by_hand("print(instance('nats-3'))"));
    let replaced = Output::of(&run.wait_with_output().unwrap()).expect(0).json();
    assert_eq!((&replaced["generation"], &replaced["healthy"]), (&json!(2), &json!(true)));
    let after = stage.by_hand("print(instance('nats-3'), volume('nats-3'), interface('nats-3'))");
    let parts = |ids: &str| ids.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (before, after) = (parts(&before), parts(&after));
    assert!(before[0] != after[0] && before[1..] == after[1..], "{before:?} {after:?}");
    let status = stage.run(&["status", "prod", "--json"]).expect(0).json();
    let streams = status["status"]["streams"].as_array().unwrap();
    assert!(streams.iter().all(|stream| stream["current"] == stream["replicas"]), "{status}");
    stage.in_sync();
}

/// Waits until AWS was asked for something.
fn wait(stage: &Stage, run: &mut Child, operation: &str) {
    let begin = Instant::now();
    while !stage.aws.calls().iter().any(|call| call.operation == operation) {
        assert!(run.try_wait().unwrap().is_none(), "it has ended before {operation}");
        assert!(begin.elapsed() < PATIENCE, "no {operation}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
