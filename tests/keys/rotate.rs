//! A service gets a new user key: with an overlap, at once, and after the program has died in between.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use natsops::artifacts::Scribe;
use natsops::jwt::{AccountBody, decode};
use natsops::nats::{Probe, Tls, tls};
use natsops::secrets::{Document, Index, KeyName, SecretStore as _, Ticket};
use serde_json::{Value, json};

use super::stage::{commit, commit_at, kill_after};
use crate::cluster::{Keys, monitors, options};
use crate::stores::connections::sign_in;
use crate::support::{Cluster, Project};

/// The creds that a service has now.
pub fn creds(project: &Project, service: &str) -> Ticket {
    let (keys, name) = (Keys::of(project), service.parse().unwrap());
    Ticket {
        public: keys.index.document(&Document::user(&name)).unwrap().to_owned(),
        secret: keys.store.open(&KeyName::user(&name)).unwrap(),
    }
}

/// How many of the five nodes let these creds in.
pub async fn let_in(project: &Project, user: &Ticket) -> usize {
    let access = Keys::of(project).access(project);
    let certificate = (access.certificate.public.as_str(), &access.certificate.secret);
    let config = tls(&access.authority, Some(certificate)).unwrap();
    let config = Tls::With(Arc::new(config));
    let mut count = 0;
    for address in monitors(project, 4222) {
        let mut probe = Probe::open(address, &config).await.unwrap();
        count += usize::from(probe.sign_in(Some(user)).await.is_ok());
    }
    count
}

#[track_caller]
fn rotate(project: &Project, service: &str, more: &[&str]) -> Value {
    let arguments = ["keys", "rotate", "local", "user", service, "--yes", "--json"];
    project.run(&[&arguments, more].concat()).expect(0).json()["rotation"].clone()
}

/// What of an index changes neither with a rotation of `service` nor with the account's claims.
fn others(index: &Index, service: &str) -> String {
    let mut index = index.clone();
    let (user, account) = (format!("user/{service}"), "jwt/account/COMMERCE");
    index.keys.retain(|name, _| name.as_str() != user);
    index
        .documents
        .retain(|name, _| name.as_str() != account && name.as_str() != format!("jwt/{user}"));
    serde_json::to_string(&(index.keys, index.documents)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_key_is_let_in_until_the_overlap_is_over_and_by_nobody_afterwards() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let before = Keys::of(project).index;
    assert!(!serde_json::to_string(&before).unwrap().contains("revocations"), "an older form");
    let old = creds(project, "wallet");
    let mut connection = sign_in(project, "wallet").await.unwrap();

    let begun = rotate(project, "wallet", &[]);
    assert_eq!(begun["steps"], json!(["issue", "verify-new", "wait"]));
    assert_eq!((&begun["done"], &begun["keys"][0]["connections"]), (&json!(false), &json!(1)));
    assert!(connection.ask("").await.is_ok());
    let new = creds(project, "wallet");
    assert_eq!((let_in(project, &old).await, let_in(project, &new).await), (5, 5));
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
    let listed = project.run(&["keys", "list", "local"]).expect(0).stdout;
    let retiring = listed.lines().find(|line| line.starts_with("retiring/user/wallet")).unwrap();
    assert!(retiring.contains(" retiring ") && retiring.contains("1 connection"), "{retiring}");

    let log = project.run(&["keys", "audit", "local"]).expect(0).stdout;
    assert!(log.contains("began the overlap of user/wallet"), "{log}");

    // The overlap is not over: nothing more happens, and no third key is made.
    let waiting = rotate(project, "wallet", &[]);
    assert_eq!(waiting["steps"], json!(["verify-new", "wait"]));
    assert_eq!(waiting["keys"][0], begun["keys"][0]);

    let ended = rotate(project, "wallet", &["--overlap", "0s"]);
    let steps = json!(["verify-new", "revoke", "push", "verify-old", "forget"]);
    assert_eq!((&ended["steps"], &ended["done"]), (&steps, &json!(true)));
    assert!(connection.ask("").await.is_err(), "the old connection is still open");
    assert_eq!((let_in(project, &old).await, let_in(project, &new).await), (0, 5));
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
    let after = Keys::of(project).index;
    assert!(after.is_revoked(begun["keys"][0]["old"].as_str().unwrap()));
    assert_eq!(others(&after, "wallet"), others(&before, "wallet"));
    // A later change of the account's claims takes the revocation along.
    project.edit("catalog/commerce.yaml", "limits: {payload: 32 KiB}", "limits: {payload: 48 KiB}");
    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!((let_in(project, &old).await, let_in(project, &new).await), (0, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overlap_begins_when_the_new_key_can_be_had_and_clocks_may_differ() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let old = creds(project, "wallet");
    let succeed = |scribe: &Scribe<'_>, index: &Index| {
        scribe.succeed((&scribe.cluster.services["wallet"]).into(), index)
    };
    // Whoever made the new key died two days ago, and nobody was told of it.
    commit_at(Timestamp::now() - SignedDuration::from_hours(48), project, succeed);
    assert_eq!(rotate(project, "wallet", &[])["steps"], json!(["verify-new", "wait"]));
    assert_eq!(let_in(project, &old).await, 5);
    assert_eq!(rotate(project, "wallet", &["--overlap", "0s"])["done"], true);

    // The next one is made where the clock is an hour ahead, and has leaked.
    commit_at(Timestamp::now() + SignedDuration::from_hours(1), project, succeed);
    assert_eq!(rotate(project, "wallet", &["--overlap", "0s"])["done"], true);
    let ahead = creds(project, "wallet");
    assert_eq!(let_in(project, &ahead).await, 5);
    assert_eq!(rotate(project, "wallet", &["--now"])["done"], true);
    assert_eq!(let_in(project, &ahead).await, 0);
    assert_eq!(let_in(project, &creds(project, "wallet")).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaked_key_is_refused_first_and_whoever_dies_is_continued() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let old = creds(project, "wallet");
    // As if the program had died straight after it revoked the key: no server knows of it.
    commit(project, |scribe, index| {
        scribe.revoke((&scribe.cluster.services["wallet"]).into(), index)
    });
    assert_eq!(let_in(project, &old).await, 5);
    let left = project.run(&["keys", "rotate", "local", "user", "wallet", "--dry-run", "--json"]);
    let left = left.expect(0).json()["left"].clone();
    let steps = json!(["push", "verify-old", "issue", "verify-new", "forget"]);
    assert_eq!(left, steps);
    assert_eq!(rotate(project, "wallet", &["--now"])["steps"], steps);
    let second = creds(project, "wallet");
    assert_eq!((let_in(project, &old).await, let_in(project, &second).await), (0, 5));

    // The same with a program that is killed, whatever it is doing.
    for moment in [60, 150, 250, 400] {
        kill_after(project, moment, &["user", "wallet", "--yes", "--now"]);
    }
    assert_eq!(rotate(project, "wallet", &["--now"])["done"], true);
    let third = creds(project, "wallet");
    assert_eq!((let_in(project, &second).await, let_in(project, &third).await), (0, 5));
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaked_key_is_revoked_where_it_can_be_while_a_node_is_away() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let old = creds(project, "wallet");
    project.kill("nats-5");
    let arguments = ["keys", "rotate", "local", "user", "wallet", "--yes", "--now"];
    let said = project.run(&arguments).expect(1).stderr;
    assert!(said.contains("4 of 5 servers"), "{said}");
    assert!(said.contains("next: natsops keys rotate local user wallet --now"), "{said}");
    // The node that was away learns of it when it is back, and only then a new key is made.
    project.run(&["apply", "local", "--yes"]).expect(8);
    let ended = rotate(project, "wallet", &[]);
    assert_eq!(ended["done"], true);
    assert_eq!(let_in(project, &old).await, 0);
    assert_eq!(let_in(project, &creds(project, "wallet")).await, 5);
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_would_be_cut_off_is_told_before_anything_is_done() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let told = |what: &[&str]| {
        let arguments = [&["keys", "rotate", "local"], what, &["--dry-run"]].concat();
        let lines = project.run(&arguments).expect(0).stdout;
        lines.lines().filter(|line| !line.contains(". ")).collect::<Vec<_>>().join("\n")
    };
    let user = ["user", "payments"];
    assert_eq!(told(&user), "no connection uses what is replaced");
    let folder = project.path().join("payments");
    project
        .run(&["creds", "export", "local", "payments", "--out", folder.to_str().unwrap()])
        .expect(0);
    let connect = async |address: &std::net::SocketAddr| {
        let address = format!("tls://{address}");
        options(&folder, "payments").await.connect(address).await.unwrap()
    };
    let doors = monitors(project, 4222);
    let _first = connect(&doors[0]).await;
    let second = connect(&doors[3]).await;
    let cut = "whoever still uses these when they are refused is cut off:\n";
    assert_eq!(told(&user), format!("{cut}user/payments: 2 connections"));
    // The same by whoever has signed for them, of all of an account.
    for what in [["signing-key", "payments"], ["signing-key", "COMMERCE"]] {
        assert_eq!(told(&what), format!("{cut}account/COMMERCE/role/payments: 2 connections"));
    }
    // Who takes the new key is not cut off, and who keeps the old one is.
    rotate(project, "payments", &[]);
    drop(second);
    let begin = std::time::Instant::now();
    while told(&user) != format!("{cut}retiring/user/payments: 1 connection") {
        assert!(begin.elapsed().as_secs() < 10, "{}", told(&user));
    }
    let asked = project.run(&["keys", "rotate", "local", "user", "payments"]).expect(5).stderr;
    assert!(asked.contains("retiring/user/payments: 1 connection"), "{asked}");
    // A node that is away can tell nothing.
    project.kill("nats-5");
    let json = ["keys", "rotate", "local", "user", "payments", "--dry-run", "--json"];
    let ends = project.run(&json).expect(0).json()["ends"].clone();
    assert!(ends[0]["not_observed"].as_str().unwrap().contains("nats-5"), "{ends}");
}

/// Nobody can sign in as such a service over an ordinary connection; the claims that every server holds are the proof.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_tried_are_proven_by_the_claims_that_servers_hold() {
    let cluster = Cluster::idle();
    let project = &cluster.project;
    let limits = "limits: {payload: 32 KiB}\n";
    let other = format!("{limits}    connections: [mqtt]\n");
    project.edit("catalog/commerce.yaml", limits, &other);
    project.run(&["apply", "local", "--yes"]).expect(0);
    let before = Keys::of(project).index;
    let user = KeyName::user(&"wallet".parse().unwrap());
    let role = KeyName::role("COMMERCE", "wallet");

    for (what, key) in [("user", &user), ("signing-key", &role)] {
        let arguments = ["keys", "rotate", "local", what, "wallet", "--yes", "--overlap", "0s"];
        let said = project.run(&arguments).expect(0).stdout;
        assert!(said.contains("wallet has no ordinary connection"), "{said}");
        assert_ne!(Keys::of(project).index.public(key), before.public(key));
    }
    let keys = Keys::of(project);
    for token in &keys.held(project, "COMMERCE").await {
        let claims = decode::<AccountBody>(token).unwrap().claims;
        assert!(claims.nats.revocations.contains_key(before.public(&user).unwrap()));
        assert!(!token_lists(token, before.public(&role).unwrap()));
        assert!(token_lists(token, keys.index.public(&role).unwrap()));
    }
    project.run(&["keys", "revoke", "local", "user", "wallet", "--yes"]).expect(0);
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
}

/// Whether claims name a key, in whatever place.
fn token_lists(token: &str, key: &str) -> bool {
    decode::<Value>(token).unwrap().claims.nats.to_string().contains(key)
}

#[test]
fn what_cannot_be_rotated_is_refused_and_nothing_is_changed() {
    let cluster = Cluster::idle();
    let project = &cluster.project;
    let refused = |more: &[&str], code: i32| {
        let arguments = [&["keys", "rotate", "local", "user"], more].concat();
        project.run(&arguments).expect(code).stderr
    };
    let slip = refused(&["walet", "--yes"], 64);
    assert!(slip.contains("wallet") && !slip.contains("next:"), "{slip}");
    assert!(refused(&["wallet", "--yes"], 5).contains("no key has been made yet"));
    assert!(refused(&["wallet"], 5).contains("--yes"));
    refused(&["wallet", "--yes", "--now", "--overlap", "1h"], 64);
    project.run(&["apply", "local", "--yes"]).expect(0);
    let before = Keys::of(project).index;
    project.kill("nats-5");
    assert!(refused(&["wallet", "--yes"], 5).contains("nats-5 does not answer"));
    project.edit("catalog/commerce.yaml", "limits: {payload: 32 KiB}", "limits: {payload: 48 KiB}");
    assert!(refused(&["wallet", "--yes"], 5).contains("natsops apply local"));
    assert_eq!(Keys::of(project).index, before);
}
