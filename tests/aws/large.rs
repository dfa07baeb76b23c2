//! A cluster of a hundred nodes: what a plan asks AWS does not grow with it.

use std::fmt::Write as _;

use super::stage::Stage;
use crate::support::{Project, changes};

const NODES: usize = 100;

/// How far the number of calls may be from that of five nodes.
const SLACK: u64 = 2;

/// As many nodes, evenly over the three zones of `prod.yaml`.
fn grow(project: &Project) {
    let path = project.path().join("environments/prod.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once("  nodes:\n").unwrap();
    let (_, after) = rest.split_once("  ports:").unwrap();
    let mut nodes = String::new();
    for number in 0..NODES {
        let (zone, subnet, host) = (["a", "b", "c"][number % 3], number % 3 + 1, 11 + number);
        writeln!(
            nodes,
            "    - {{name: nats-{}, zone: us-east-1{zone}, address: 10.0.{subnet}.{host}}}",
            number + 1
        )
        .unwrap();
    }
    std::fs::write(&path, format!("{before}  nodes:\n{nodes}  ports:{after}")).unwrap();
}

#[track_caller]
fn calls_in_sync(stage: &Stage) -> u64 {
    let plan = stage.plan();
    assert_eq!(changes(&plan), [""; 0]);
    plan["forecast"]["api_calls"].as_u64().unwrap()
}

#[test]
fn a_plan_of_a_hundred_nodes_asks_as_little_as_one_of_five() {
    let stage = Stage::applied();
    let few = calls_in_sync(&stage);
    grow(&stage.project);
    stage.apply().expect(0);
    let machines = stage.by_hand("print(len(ec2.describe_volumes()['Volumes']) // 2)");
    assert_eq!(machines, NODES.to_string());
    let many = calls_in_sync(&stage);
    assert!(few.abs_diff(many) <= SLACK, "{few} calls at 5 nodes, {many} at {NODES}");
}
