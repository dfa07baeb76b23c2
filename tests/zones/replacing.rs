//! A machine makes way for another while services write, and none does while a zone is away.

use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::json;

use super::healed;
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

/// What a machine has besides its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// That of the machine before.
    Kept,
    /// An empty one: that of before is dead.
    Empty,
}

/// A whole cluster spares one machine. The next one has its address, and the command ends when its server is well and has
/// everything, whether its disk brings that or the others do.
pub fn a_machine_makes_way(stage: &Stage, network: &Network, machines: &mut Machines, disk: Disk) {
    let ids = || {
        let ids = "print(instance('nats-3'), volume('nats-3'), interface('nats-3'))";
        stage.by_hand(ids).split(' ').map(str::to_owned).collect::<Vec<_>>()
    };
    let before = ids();
    stage.aws.post("reset-calls", &json!(null));
    let mut replace = vec!["node", "replace", "prod", "nats-3", "--yes", "--json"];
    if disk == Disk::Empty {
        replace.push("--empty-disk");
    }
    let mut run = stage.command(&replace).spawn().unwrap();
    wait(stage, &mut run, "TerminateInstances");
    machines.lose("nats-3");
    if disk == Disk::Empty {
        std::fs::remove_dir_all(stage.project.path().join("machines/nats-3/disk")).unwrap();
    }
    wait(stage, &mut run, "AttachVolume");
    assert!(run.try_wait().unwrap().is_none(), "it does not wait for the server");
    machines.launch(stage, network, "nats-3", &stage.by_hand("print(instance('nats-3'))"));
    let replaced = Output::of(&run.wait_with_output().unwrap()).expect(0).json();
    assert_eq!(replaced["healthy"], true);
    let after = ids();
    assert!(before[0] != after[0] && before[2] == after[2], "{before:?} {after:?}");
    assert_eq!(before[1] == after[1], disk == Disk::Kept, "{before:?} {after:?}");
    healed(stage);
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
