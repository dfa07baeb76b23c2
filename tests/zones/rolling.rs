//! Servers on machines restart one at a time while services write, whatever becomes of who told them to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{Writer, ZONES, write_everywhere};
use crate::aws::stage::Stage;
use crate::support::{changes, signal};

/// How long two restarts may take: a lame duck each, and a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// A limit that no server takes while it runs. Gives how often something was written into every stream meanwhile.
pub fn servers_restart(stage: &Stage, writers: &[Writer<'_>], runtime: &Runtime) -> u64 {
    stage.project.edit("prod.yaml", "max_pending: 64 MiB", "max_pending: 96 MiB");
    let (ended, former) = (AtomicBool::new(false), orders(stage, "--restart").len());
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut rounds = 0;
            while !ended.load(Ordering::Relaxed) {
                let word = format!("rolling-{rounds}");
                runtime.handle().block_on(write_everywhere(stage, writers, &word));
                rounds += 1;
            }
            rounds
        });
        killed_in_the_middle(stage, former);
        stage.run(&["apply", "prod", "--yes", "--require-checks"]).expect(0);
        ended.store(true, Ordering::Relaxed);
        let rounds = writing.join().unwrap();
        assert!(rounds > 5, "{rounds} rounds are no load");
        in_turn_and_once(&orders(stage, "--restart")[former..]);
        stage.in_sync();
        rounds
    })
}

/// An apply that dies while the second server restarts.
fn killed_in_the_middle(stage: &Stage, former: usize) {
    let plan = stage.run(&["plan", "prod", "--json"]).expect(0).json();
    let restarts =
        changes(&plan).iter().filter(|change| change.starts_with("update node ")).count();
    assert_eq!(restarts, 5, "{:?}", changes(&plan));
    let mut run = stage.command(&["apply", "prod", "--yes"]).spawn().unwrap();
    let begin = Instant::now();
    loop {
        let orders = orders(stage, "--restart");
        if orders.len() == former + 2 && orders[former + 1]["Status"] == "InProgress" {
            break;
        }
        assert!(run.try_wait().unwrap().is_none(), "it has ended before the second restart");
        assert!(begin.elapsed() < PATIENCE, "no second restart: {orders:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    signal(i32::try_from(run.id()).unwrap(), Signal::KILL);
    assert_eq!(run.wait().unwrap().code(), None);
}

/// What machines were told, in its order: what ends with these words.
pub fn orders(stage: &Stage, end: &str) -> Vec<Value> {
    let commands = stage.aws.get("commands").as_array().unwrap().clone();
    let told =
        |command: &Value| command["Parameters"]["commands"][0].as_str().unwrap().ends_with(end);
    commands.into_iter().filter(told).collect()
}

/// Each machine was told once, and none before the one before it was done.
fn in_turn_and_once(orders: &[Value]) {
    let mut machines: Vec<&str> =
        orders.iter().map(|order| order["InstanceIds"][0].as_str().unwrap()).collect();
    machines.sort_unstable();
    machines.dedup();
    assert_eq!((orders.len(), machines.len()), (5, ZONES.iter().map(|(_, n)| n.len()).sum()));
    let times = |order: &Value| {
        let run = &order["invocations"][order["InstanceIds"][0].as_str().unwrap()];
        assert_eq!(run["Status"], "Success", "{order}");
        let time = |name: &str| run[name].as_str().unwrap().to_owned();
        [time("ExecutionStartDateTime"), time("ExecutionEndDateTime")]
    };
    let times: Vec<String> = orders.iter().flat_map(times).collect();
    assert!(times.is_sorted(), "{times:?}");
}

/// A server leaves by order of who is on call, stays away, and comes back by order.
pub fn a_server_is_drained_and_comes_back(stage: &Stage) {
    let order = |words: &[&str]| stage.run(&[&["node"], words].concat()).expect(0);
    let status = || order(&["run", "prod", "nats-4", "status", "--json"]).json()["status"].clone();
    let before = status();
    assert_eq!(before["health"], r#"{"status":"ok"}"#, "{before}");
    order(&["drain", "prod", "nats-4", "--yes"]);
    let after = status();
    assert_eq!((&after["service"], &after["pid"]), (&"inactive".into(), &0.into()), "{after}");
    assert_eq!(after["generation"], before["generation"]);
    let log = order(&["logs", "prod", "nats-4", "-n", "200"]).stdout;
    assert!(log.contains("Entering lame duck mode"), "{log}");
    order(&["run", "prod", "nats-4", "apply", "--yes"]);
    stage.run(&["status", "prod", "--wait", "120"]).expect(0);
    assert_eq!(status()["service"], "active");
}
