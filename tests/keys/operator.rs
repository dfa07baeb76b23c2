//! The operator's signing key is replaced: every server trusts its successor first, then the old one no more.

use natsops::nats::trusted_keys;
use natsops::secrets::KeyName;
use serde_json::{Value, json};

use super::rotate::{creds, let_in};
use crate::cluster::{Keys, servers};
use crate::support::{Cluster, Project};

#[track_caller]
fn rotate(project: &Project) -> Value {
    let arguments = ["keys", "rotate", "local", "operator-key", "--yes", "--json"];
    project.run(&arguments).expect(0).json()["rotation"].clone()
}

/// How many of the servers trust a key.
async fn trusting(project: &Project, key: &str) -> usize {
    let servers = servers(project).await;
    servers.iter().filter(|server| trusted_keys(server).contains(key)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_that_stands_by_takes_over_and_no_server_trusts_the_old_one() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let before = Keys::of(project).index;
    let public = |number: u8| before.public(&KeyName::operator_signing(number)).unwrap().to_owned();
    let (wallet, started) = (creds(project, "wallet"), servers(project).await);

    // Without --yes the steps are shown, and that is all.
    let said = project.run(&["keys", "rotate", "local", "operator-key"]).expect(0).stdout;
    assert!(said.contains("7. forget") && said.contains("add --yes"), "{said}");
    assert_eq!(Keys::of(project).index, before);
    project.run(&["keys", "rotate", "local", "operator-key", "wallet", "--yes"]).expect(64);

    // The identity key, which must sign, is elsewhere; so nothing is begun.
    project.run(&["keys", "offline", "local", "--out", "operator.age", "--yes"]).expect(0);
    let arguments = ["keys", "rotate", "local", "operator-key", "--yes"];
    let said = project.run(&arguments).expect(5).stderr;
    assert!(said.contains("offline") && said.contains("keys online"), "{said}");
    assert!(!Keys::of(project).index.keys.contains_key(&KeyName::retiring_operator_signing()));
    project.run(&["keys", "online", "local", "operator.age"]).expect(0);

    let ended = rotate(project);
    let steps = ["promote", "push", "verify-signed", "drop", "restart", "verify-old", "forget"];
    assert_eq!((&ended["steps"], &ended["done"]), (&json!(steps), &json!(true)));
    assert_eq!(
        (&ended["keys"][0]["new"], &ended["keys"][0]["old"]),
        (&json!(public(2)), &json!(public(1)))
    );
    let after = Keys::of(project).index;
    assert_eq!(after.public(&KeyName::operator_signing(1)).unwrap(), public(2));
    assert_eq!(after.public(&KeyName::operator_signing(2)).unwrap(), public(3));
    let newest = after.public(&KeyName::operator_signing(3)).unwrap();
    assert_eq!(trusting(project, &public(1)).await, 0);
    assert_eq!((trusting(project, &public(2)).await, trusting(project, newest).await), (5, 5));
    for (server, before) in servers(project).await.iter().zip(&started) {
        assert_ne!(server.server_id, before.server_id, "{} did not restart", server.server_name);
    }
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
    // No creds have changed.
    assert_eq!(creds(project, "wallet").public, wallet.public);
    assert_eq!(let_in(project, &wallet).await, 5);
}
