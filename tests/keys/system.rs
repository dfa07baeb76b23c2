//! The system account, without which nobody can operate a cluster: its claims are lost, and so is every server.

use jiff::{SignedDuration, Timestamp};
use natsops::artifacts::short_lived_user;
use natsops::jwt::{AccountBody, Claims, decode, sign};
use natsops::nats::push;
use natsops::secrets::{Document, KeyName, OsEntropy, SecretStore as _, Ticket};
use serde_json::json;

use super::certificates::pids;
use super::rotate::let_in;
use super::stage::{kill_after, left, nothing_to_do, rotate};
use crate::cluster::{Keys, servers};
use crate::support::{Cluster, Project};

/// A user of natsops itself in the system account, as each run makes one.
fn own(project: &Project) -> Ticket {
    Keys::of(project).own_user("SYS")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_system_account_gets_another_signing_key_and_no_node_restarts() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let (old, running) = (own(project), pids(project));
    let what = ["signing-key", "SYS"];
    let steps =
        ["accept", "distribute", "preload", "verify-accepted", "issue", "verify-new", "wait"];
    let begun = rotate(project, &what);
    assert_eq!((&begun["steps"], &begun["done"]), (&json!(steps), &json!(false)));
    assert_eq!(begun["keys"][0]["name"], "account/SYS/role/natsops");
    let new = own(project);
    assert_eq!((let_in(project, &old).await, let_in(project, &new).await), (5, 5));
    nothing_to_do(project);

    let ended = rotate(project, &[&what[..], &["--overlap", "0s"]].concat());
    let steps = ["verify-new", "drop", "push", "preload", "verify-old", "forget"];
    assert_eq!((&ended["steps"], &ended["done"]), (&json!(steps), &json!(true)));
    assert_eq!((let_in(project, &old).await, let_in(project, &new).await), (0, 5));
    assert_eq!(pids(project), running, "a node was restarted");
    nothing_to_do(project);
    // A node that starts anew knows what the others know.
    project.kill("nats-2");
    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!((let_in(project, &old).await, let_in(project, &new).await), (0, 5));

    // It leaks: nobody waits, and every server knows the new key before the old one goes, since natsops comes in by it.
    let steps = left(project, &[&what[..], &["--now"]].concat());
    assert_eq!((&steps[0], &steps[6]), (&json!("accept"), &json!("drop")), "{steps}");
    for moment in [100, 300, 600, 1000, 1500] {
        kill_after(project, moment, &[&what[..], &["--now", "--yes"]].concat());
        assert_eq!(let_in(project, &own(project)).await, 5, "killed after {moment} ms");
    }
    assert_eq!(rotate(project, &[&what[..], &["--now"]].concat())["done"], true);
    assert_eq!((let_in(project, &new).await, let_in(project, &own(project)).await), (0, 5));
    nothing_to_do(project);
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_claims_of_the_system_account_are_signed_anew_by_the_operators_key() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let keys = Keys::of(project);
    let token = keys.index.document(&Document::account("SYS")).unwrap();
    let mut claims: Claims<AccountBody> = decode(token).unwrap().claims;
    (claims.iat, claims.exp) = (claims.iat + 1, Some(Timestamp::now().as_second() + 2));
    let token = sign(claims, &keys.store.open(&KeyName::operator_signing(1)).unwrap()).unwrap();
    push(&keys.control(project).await, &token, &servers(project).await).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(let_in(project, &own(project)).await, 0, "the claims have not expired");
    assert!(!cluster.failing_checks().is_empty());

    let ended = rotate(project, &["signing-key", "SYS", "--now"]);
    assert_eq!(ended["done"], true);
    assert_eq!(ended["steps"].as_array().unwrap()[..2], [json!("sign"), json!("restart")]);
    assert_eq!(let_in(project, &own(project)).await, 5);
    nothing_to_do(project);
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}

/// Each run makes a user of its own, so one that has expired keeps nobody out.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_the_system_account_expires_and_the_next_run_has_another() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let keys = Keys::of(project);
    let before = Timestamp::now() - SignedDuration::from_hours(2);
    let old = short_lived_user("SYS", &keys.index, &keys.store, &OsEntropy, before).unwrap();
    assert_eq!((let_in(project, &old).await, let_in(project, &own(project)).await), (0, 5));
    nothing_to_do(project);
}

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
