//! `natsops node` on a local cluster: what it tells, what it stops, and what it refuses.

use serde_json::{Value, json};

use crate::support::{Cluster, Output, changes};

fn node(cluster: &Cluster, words: &[&str]) -> Output {
    cluster.project.run(&[&["node"], words].concat())
}

fn status(cluster: &Cluster, name: &str) -> Value {
    node(cluster, &["run", "local", name, "status", "--json"]).expect(0).json()["status"].clone()
}

#[test]
fn a_node_is_drained_while_the_others_go_on_and_an_apply_brings_it_back() {
    let cluster = Cluster::applied();
    let before = status(&cluster, "nats-2");
    assert_eq!(before["node"], "nats-2");
    assert_eq!(before["service"], "active");
    assert_eq!(before["health"], r#"{"status":"ok"}"#);
    assert_eq!(before["pid"], cluster.project.pid("nats-2"));

    let drained = node(&cluster, &["drain", "local", "nats-2", "--yes", "--json"]).expect(0).json();
    assert_eq!(drained["operation"], "drain");
    let after = status(&cluster, "nats-2");
    assert_eq!((&after["service"], &after["pid"]), (&json!("inactive"), &json!(0)));
    assert_eq!(after["health"], Value::Null);
    assert_eq!(after["generation"], before["generation"]);
    let log = node(&cluster, &["logs", "local", "nats-2", "-n", "100", "--json"]).expect(0).json();
    let lines = log["lines"].as_array().unwrap();
    let said = |words: &str| lines.iter().any(|line| line.as_str().unwrap().contains(words));
    assert!(said("Entering lame duck mode"), "{lines:?}");

    // The third of five that leaves takes the quorum of the meta group along.
    node(&cluster, &["drain", "local", "nats-4", "--yes", "--allow-interruption"]).expect(0);
    let pid = cluster.project.pid("nats-5");
    let refused = node(&cluster, &["drain", "local", "nats-5", "--yes"]).expect(5).stderr;
    assert!(refused.contains("nats-5 can't leave without an interruption"), "{refused}");
    assert!(refused.contains("--allow-interruption"), "{refused}");
    assert_eq!(cluster.project.pid("nats-5"), pid);
    // It is away already, so nothing leaves with it.
    node(&cluster, &["drain", "local", "nats-2", "--yes"]).expect(0);

    cluster.project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(changes(&cluster.plan()), [""; 0]);
    assert_eq!(status(&cluster, "nats-2")["service"], "active");
}

#[test]
fn what_makes_no_sense_is_refused_with_what_to_do_instead() {
    let cluster = Cluster::idle();
    let said = |words: &[&str], code: i32| node(&cluster, words).expect(code).stderr;
    for (operation, next) in [
        ("apply", "next: natsops apply local"),
        ("rollback", "next: bring the files back to what they were, then natsops apply local"),
    ] {
        let refused = said(&["run", "local", "nats-1", operation, "--yes"], 64);
        assert!(refused.contains(next), "{refused}");
    }
    let asked = said(&["drain", "local", "nats-1"], 5);
    assert!(asked.contains("nobody can be asked"), "{asked}");
    let unknown = said(&["logs", "local", "nats-9"], 64);
    assert!(unknown.contains("there is no node `nats-9`"), "{unknown}");
    let early = said(&["run", "local", "nats-1", "status"], 1);
    assert!(early.contains("nats-1 is not there yet"), "{early}");
    let reload = said(&["run", "local", "nats-1", "drain", "--reload", "--yes"], 64);
    assert!(reload.contains("leave --reload out"), "{reload}");
}
