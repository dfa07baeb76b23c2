//! The system account, without which nobody can operate a cluster: its claims are lost, and so is every server.

use natsops::secrets::KeyName;

use crate::cluster::Keys;
use crate::support::Cluster;

#[test]
fn lost_claims_of_the_system_account_come_back_with_the_servers() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let index = Keys::of(project).index;
    let account = index.public(&KeyName::account("SYS")).unwrap();
    let nodes: Vec<String> = (1..=5).map(|number| format!("nats-{number}")).collect();
    for node in &nodes {
        std::fs::remove_file(project.node(node).join(format!("data/jwt/{account}.jwt"))).unwrap();
    }
    nodes.iter().for_each(|node| project.kill(node));
    project.run(&["apply", "local", "--yes"]).expect(0);
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
    // Nothing was made anew: the store and the servers' own configuration are enough.
    assert_eq!(Keys::of(project).index.keys, index.keys);
}

#[test]
fn without_a_majority_nothing_is_rotated_and_a_leak_is_revoked_where_it_can_be() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    ["nats-3", "nats-4", "nats-5"].iter().for_each(|node| project.kill(node));
    let before = Keys::of(project).index;
    for what in [&["user", "wallet"][..], &["signing-key", "wallet"], &["node-certificates"]] {
        let arguments = [&["keys", "rotate", "local"], what, &["--yes"]].concat();
        let said = project.run(&arguments).expect(5).stderr;
        assert!(said.contains("does not answer"), "{said}");
    }
    assert_eq!(Keys::of(project).index, before);
    let leak = ["keys", "rotate", "local", "user", "wallet", "--yes", "--now"];
    let said = project.run(&leak).expect(1).stderr;
    assert!(said.contains("2 of 5 servers"), "{said}");
    // With all of them back, the same command goes on to the end.
    project.run(&["apply", "local", "--yes"]).expect(8);
    project.run(&leak).expect(0);
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}
