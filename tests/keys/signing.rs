//! Signing keys are replaced: nobody is cut before the overlap ends, and whoever dies in between is continued.

use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use natsops::artifacts::{Newer, Role, Scribe};
use natsops::secrets::{Change, Document, Index, KeyName, OsEntropy, SecretStore as _};
use serde_json::{Value, json};

use super::rotate::{creds, let_in};
use super::stage::model;
use crate::cluster::Keys;
use crate::stores::connections::sign_in;
use crate::support::{Cluster, Project, changes};

#[track_caller]
fn rotate(project: &Project, name: &str, more: &[&str]) -> Value {
    let arguments = ["keys", "rotate", "local", "signing-key", name, "--yes", "--json"];
    project.run(&[&arguments, more].concat()).expect(0).json()["rotation"].clone()
}

#[track_caller]
fn refused(project: &Project, arguments: &[&str]) -> String {
    let arguments = [&["keys", "rotate", "local"], arguments, &["--yes"]].concat();
    project.run(&arguments).expect(5).stderr
}

/// The index without what differs from rotation to rotation: the role keys, what they and the operator have signed,
/// and the commits.
fn lasting(index: &Index) -> String {
    let mut index = index.clone();
    index.keys.retain(|name, _| !name.as_str().contains("/role/"));
    index.documents.retain(|document, _| !document.as_str().starts_with("jwt/"));
    (index.generation, index.audit) = (0, None);
    serde_json::to_string(&index).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_key_is_known_everywhere_before_it_signs_and_nobody_is_cut_before_the_overlap_ends()
{
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let before = Keys::of(project).index;
    let old = creds(project, "wallet");
    let mut connection = sign_in(project, "wallet").await.unwrap();
    let mut neighbour = sign_in(project, "store").await.unwrap();

    let begun = rotate(project, "wallet", &[]);
    let steps = json!(["accept", "distribute", "verify-accepted", "issue", "verify-new", "wait"]);
    assert_eq!((&begun["steps"], &begun["done"]), (&steps, &json!(false)));
    assert_eq!(begun["keys"][0]["connections"], 1);
    assert_eq!(begun["redeploy"], json!(["wallet"]));
    assert!(begun["remarks"][0].as_str().unwrap().contains("1 of wallet"), "{begun}");
    let new = creds(project, "wallet");
    assert!(new.public != old.public && new.secret.expose() == old.secret.expose());
    assert!(connection.ask("").await.is_ok());
    assert_eq!((let_in(project, &old).await, let_in(project, &new).await), (5, 5));
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
    let listed = project.run(&["keys", "list", "local"]).expect(0).stdout;
    let name = "retiring/account/COMMERCE/role/wallet";
    let retiring = listed.lines().find(|line| line.starts_with(name)).unwrap();
    assert!(retiring.contains(" retiring ") && retiring.contains("1 connection"), "{retiring}");

    // Of the same user nothing else is replaced meanwhile.
    assert!(refused(project, &["user", "wallet"]).contains("signing-key wallet"));
    assert!(refused(project, &["signing-key", "COMMERCE"]).contains("signing-key wallet"));
    // What the service may do changes for both keys, and the plan names the service once.
    project.edit("catalog/commerce.yaml", "limits: {payload: 32 KiB}", "limits: {payload: 48 KiB}");
    let plan = cluster.plan();
    assert_eq!(changes(&plan), ["update jwt account/COMMERCE", "update claims COMMERCE"]);
    assert!(!plan.to_string().contains("clients of wallet (retiring)"), "{plan}");
    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!((let_in(project, &old).await, let_in(project, &new).await), (5, 5));
    let mut connection = sign_in(project, "wallet").await.unwrap();

    let ended = rotate(project, "wallet", &["--overlap", "0s"]);
    let steps = json!(["verify-new", "drop", "push", "verify-old", "forget"]);
    assert_eq!((&ended["steps"], &ended["done"]), (&steps, &json!(true)));
    assert_eq!((let_in(project, &old).await, let_in(project, &new).await), (0, 5));
    assert!(connection.ask("").await.is_ok(), "a connection of the new key was closed");
    assert!(neighbour.ask("").await.is_ok(), "another service was disturbed");
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
    assert!(lasting(&Keys::of(project).index) == lasting(&before), "something else has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_keys_of_an_account_go_together_and_the_end_says_who_is_cut() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let old = creds(project, "wallet");
    let mut cut = sign_in(project, "wallet").await.unwrap();
    let mut elsewhere = sign_in(project, "llm-gateway").await.unwrap();
    let generation = Keys::of(project).index.generation;
    let begun = rotate(project, "COMMERCE", &[]);
    let keys = begun["keys"].as_array().unwrap();
    assert_eq!(keys[0]["name"], "account/COMMERCE/role/natsops");
    assert_eq!(keys.len(), begun["redeploy"].as_array().unwrap().len() + 1);
    // One commit for each step, however many keys, and one that says when the overlap has begun.
    assert_eq!(Keys::of(project).index.generation, generation + 3);
    assert!(cut.ask("").await.is_ok());
    assert!(refused(project, &["signing-key", "wallet"]).contains("signing-key COMMERCE"));
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
    let ended = rotate(project, "COMMERCE", &["--overlap", "0s"]);
    assert!(ended["remarks"][0].as_str().unwrap().ends_with("closed: 1 of wallet"), "{ended}");
    assert!(cut.ask("").await.is_err(), "the old connection is still open");
    assert!(elsewhere.ask("").await.is_ok(), "another account was disturbed");
    assert_eq!(let_in(project, &old).await, 0);
    assert_eq!(let_in(project, &creds(project, "wallet")).await, 5);
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
    // The leafnode, whose key has another door.
    assert_eq!(rotate(project, "leafnode/edge-eu", &["--overlap", "0s"])["done"], true);
    assert_eq!(rotate(project, "GAME", &["--now"])["done"], true);
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}

/// Commits one step of a rotation, as if the program had died straight after it.
fn die_after(
    project: &Project,
    step: impl FnOnce(&Scribe<'_>, &[Role], &Index) -> Result<Change, natsops::artifacts::IssueError>,
) {
    let (keys, model) = (Keys::of(project), model(project));
    let (store, newer) = (&keys.store, &Newer::new());
    let now = Timestamp::now();
    let scribe = Scribe { cluster: &model, store, entropy: &OsEntropy, now, newer, only: None };
    let roles = [Role::of((&model.services["wallet"]).into())];
    let change = step(&scribe, &roles, &keys.index).unwrap();
    store.commit(keys.index.generation, change).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_after_a_step_is_continued_and_an_apply_in_between_does_no_harm() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let (keys, old) = (Keys::of(project).index, creds(project, "wallet"));
    let mut connection = sign_in(project, "wallet").await.unwrap();
    let left = || {
        let shown = ["keys", "rotate", "local", "signing-key", "wallet", "--dry-run", "--json"];
        project.run(&shown).expect(0).json()["left"].as_array().unwrap().len()
    };
    assert_eq!(left(), 10);
    die_after(project, |scribe, roles, index| scribe.accept(roles, index));
    assert_eq!(left(), 9);
    // No server knows the new key, so nothing is signed by it.
    assert_eq!(creds(project, "wallet").public, old.public);
    assert_eq!(changes(&cluster.plan()), ["update claims COMMERCE"]);
    project.run(&["apply", "local", "--yes"]).expect(0);
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
    assert_eq!(creds(project, "wallet").public, old.public);
    let steps = rotate(project, "wallet", &[])["steps"].clone();
    assert_eq!(steps, json!(["distribute", "verify-accepted", "issue", "verify-new", "wait"]));
    assert!(connection.ask("").await.is_ok());
    let new = creds(project, "wallet");

    die_after(project, |scribe, roles, index| scribe.drop_old(roles, index));
    assert_eq!(let_in(project, &old).await, 5);
    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!((let_in(project, &old).await, let_in(project, &new).await), (0, 5));
    let steps = rotate(project, "wallet", &[])["steps"].clone();
    assert_eq!(steps, json!(["push", "verify-old", "verify-new", "forget"]));
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
    let role = KeyName::role("COMMERCE", "wallet");
    let index = Keys::of(project).index;
    assert_ne!(index.public(&role), keys.public(&role));
    assert!(!serde_json::to_string(&index).unwrap().contains("retiring"), "something is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_leaked_key_has_signed_is_refused_before_anything_is_signed_anew() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let old = creds(project, "wallet");
    die_after(project, |scribe, roles, index| scribe.drop_old(roles, index));
    // Nothing is signed anew before every server is seen to refuse what the old key has signed.
    assert_eq!(creds(project, "wallet").public, old.public);
    let steps = rotate(project, "wallet", &["--now"])["steps"].clone();
    assert_eq!(steps, json!(["push", "verify-old", "issue", "verify-new", "forget"]));
    let second = creds(project, "wallet");
    assert_eq!((let_in(project, &old).await, let_in(project, &second).await), (0, 5));

    for moment in [60, 150, 250, 350, 450] {
        let arguments = ["keys", "rotate", "local", "signing-key", "COMMERCE", "--yes", "--now"];
        let mut command = project.command(&arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(moment));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(rotate(project, "COMMERCE", &["--now"])["done"], true);
    let third = creds(project, "wallet");
    assert_eq!((let_in(project, &second).await, let_in(project, &third).await), (0, 5));
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}

#[test]
fn a_wrong_name_lists_the_near_ones_and_a_node_that_is_away_is_named() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let said = |name: &str| {
        project.run(&["keys", "rotate", "local", "signing-key", name, "--yes"]).expect(64).stderr
    };
    assert!(said("walet").contains("wallet"));
    assert!(said("COMERCE").contains("COMMERCE"));
    assert!(said("edge-eu").contains("leafnode/edge-eu"));
    let before = Keys::of(project).index;
    project.kill("nats-5");
    assert!(refused(project, &["signing-key", "wallet"]).contains("nats-5 does not answer"));
    assert_eq!(Keys::of(project).index, before);
    // A user key that is being replaced ends first.
    project.run(&["apply", "local", "--yes"]).expect(0);
    project.run(&["keys", "rotate", "local", "user", "wallet", "--yes"]).expect(0);
    for name in ["wallet", "COMMERCE"] {
        assert!(refused(project, &["signing-key", name]).contains("rotate local user wallet"));
    }
    assert!(Keys::of(project).index.document(&Document::operator()).is_some());
}
