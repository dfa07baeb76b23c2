//! What is revoked is refused by every server, until something new takes its place.

use jiff::{SignedDuration, Timestamp};
use natsops::jwt::{AccountBody, decode};
use natsops::secrets::Document;
use serde_json::{Value, json};

use super::rotate::{creds, let_in};
use crate::cluster::Keys;
use crate::stores::connections::sign_in;
use crate::support::{Cluster, Project};

#[track_caller]
fn run(project: &Project, arguments: &[&str]) -> Value {
    let arguments = [&["keys"], arguments, &["--yes", "--json"]].concat();
    project.run(&arguments).expect(0).json()
}

#[track_caller]
fn refused(project: &Project, arguments: &[&str]) -> String {
    project.run(&[&["keys"], arguments, &["--yes"]].concat()).expect(5).stderr
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_and_a_service_are_refused_until_they_are_rotated() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let mut neighbour = sign_in(project, "store").await.unwrap();
    for (what, kind) in [("user", "user"), ("service", "signing-key")] {
        let old = creds(project, "wallet");
        let mut connection = sign_in(project, "wallet").await.unwrap();
        let revoked = run(project, &["revoke", "local", what, "wallet"]);
        let steps = revoked["revocation"]["steps"].as_array().unwrap();
        assert_eq!((&steps[1], &steps[2]), (&json!("push"), &json!("verify-old")), "{what}");
        assert!(connection.ask("").await.is_err(), "the connection is still open");
        assert_eq!(let_in(project, &old).await, 0);
        // No apply takes it back.
        project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
        // Once more changes nothing, and proves it again.
        run(project, &["revoke", "local", what, "wallet"]);
        assert_eq!(let_in(project, &old).await, 0);
        assert_eq!(run(project, &["rotate", "local", kind, "wallet"])["rotation"]["done"], true);
        assert_eq!(let_in(project, &creds(project, "wallet")).await, 5);
        assert_eq!(let_in(project, &old).await, 0);
    }
    assert!(neighbour.ask("").await.is_ok(), "another service was disturbed");
    // Claims of the account that are signed later do not make a revoked key good again.
    let old = creds(project, "wallet");
    run(project, &["revoke", "local", "user", "wallet"]);
    assert!(refused(project, &["revoke", "local", "service", "wallet"]).contains("user wallet"));
    run(project, &["revoke", "local", "account", "COMMERCE"]);
    let again = creds(project, "wallet");
    assert_ne!(again.secret.expose(), old.secret.expose());
    assert_eq!((let_in(project, &old).await, let_in(project, &again).await), (0, 5));
    assert_eq!(run(project, &["rotate", "local", "user", "wallet"])["rotation"]["done"], true);
    assert_eq!(let_in(project, &again).await, 5);
    // While something of the service is under way, it is ended first: each would wait for the other.
    run(project, &["revoke", "local", "service", "wallet"]);
    let said = refused(project, &["revoke", "local", "user", "wallet"]);
    assert!(said.contains("next: natsops keys rotate local signing-key wallet"), "{said}");
    assert_eq!(
        run(project, &["rotate", "local", "signing-key", "wallet"])["rotation"]["done"],
        true
    );
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_an_account_issued_until_a_time_is_void_and_stays_so() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let (old, elsewhere) = (creds(project, "wallet"), creds(project, "llm-gateway"));
    let mut connection = sign_in(project, "wallet").await.unwrap();
    // Before anything was issued, so nothing is void.
    let long_ago = (Timestamp::now() - SignedDuration::from_hours(1)).to_string();
    run(project, &["revoke", "local", "account", "COMMERCE", "--before", &long_ago]);
    assert!(connection.ask("").await.is_ok());
    assert_eq!(creds(project, "wallet").public, old.public);

    let revoked = run(project, &["revoke", "local", "account", "COMMERCE"]);
    let steps = json!(["revoke", "push", "verify-old", "verify-new"]);
    assert_eq!(revoked["revocation"]["steps"], steps);
    assert!(connection.ask("").await.is_err(), "the connection is still open");
    let new = creds(project, "wallet");
    assert_eq!((let_in(project, &old).await, let_in(project, &new).await), (0, 5));
    assert_eq!(new.secret.expose(), old.secret.expose());
    assert_eq!(let_in(project, &elsewhere).await, 5);
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
    // A later change of the claims takes it along, on every server.
    project.edit("catalog/commerce.yaml", "limits: {payload: 32 KiB}", "limits: {payload: 48 KiB}");
    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!((let_in(project, &old).await, let_in(project, &new).await), (0, 5));
    let keys = Keys::of(project);
    for token in &keys.held(project, "COMMERCE").await {
        let claims = decode::<AccountBody>(token).unwrap().claims;
        let user = decode::<Value>(
            keys.index.document(&Document::user(&"wallet".parse().unwrap())).unwrap(),
        );
        assert!(claims.nats.revocations["*"] < user.unwrap().claims.iat);
    }
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());

    // A node is away: when the same command goes on, what the first run has signed anew stays good.
    project.kill("nats-5");
    let revoke = ["keys", "revoke", "local", "account", "COMMERCE", "--yes"];
    let said = project.run(&revoke).expect(1).stderr;
    let next = said.lines().find_map(|line| line.trim().strip_prefix("next: natsops ")).unwrap();
    let signed = creds(project, "wallet");
    assert_ne!(signed.public, new.public);
    project.run(&["apply", "local", "--yes"]).expect(0);
    project.run(&next.split(' ').chain(["--yes"]).collect::<Vec<_>>()).expect(0);
    assert_eq!(creds(project, "wallet").public, signed.public);
    assert_eq!((let_in(project, &new).await, let_in(project, &signed).await), (0, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaked_does_not_wait_for_the_changes_of_other_accounts() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let old = creds(project, "wallet");
    let others = |keys: &Keys| keys.index.document(&Document::account("GAME")).map(str::to_owned);
    let before = others(&Keys::of(project));
    // Neither is applied: a service of another account may say something new, and there is a new one.
    let calls = "    calls:\n      - svc.ai.model.v1.select\n";
    project.edit("catalog/game.yaml", calls, &format!("{calls}      - svc.quest.v1.generate\n"));
    let new = "services:\n  scribe: {account: GAME, description: Notes., calls: [svc.quest.v1.generate]}\n";
    project.edit("catalog/game.yaml", "services:\n", new);
    run(project, &["revoke", "local", "user", "wallet"]);
    assert_eq!(let_in(project, &old).await, 0);
    let ended = run(project, &["rotate", "local", "user", "wallet", "--now"]);
    assert_eq!(ended["rotation"]["done"], true);
    let now = creds(project, "wallet");
    assert_eq!((let_in(project, &old).await, let_in(project, &now).await), (0, 5));
    let signers = run(project, &["rotate", "local", "signing-key", "wallet", "--now"]);
    assert_eq!(signers["rotation"]["done"], true);
    assert_eq!(let_in(project, &now).await, 0);
    // Nothing of theirs was made or signed: that is the matter of an apply.
    assert_eq!(others(&Keys::of(project)), before);
    assert!(
        Keys::of(project).index.document(&Document::user(&"scribe".parse().unwrap())).is_none()
    );

    // What the same account waits for would be signed along, unseen.
    project.edit("catalog/commerce.yaml", "limits: {payload: 32 KiB}", "limits: {payload: 48 KiB}");
    let said = refused(project, &["revoke", "local", "user", "wallet"]);
    assert!(said.contains("revoke from the files that were applied"), "{said}");
    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}

#[test]
fn what_cannot_be_revoked_is_refused_with_a_reason() {
    let project = Project::new();
    let said = |arguments: &[&str], code: i32| {
        let arguments = [&["keys", "revoke", "local"], arguments, &["--yes"]].concat();
        project.run(&arguments).expect(code).stderr
    };
    let certificate = said(&["certificate", "wallet"], 5);
    assert!(certificate.contains("pinned_certs") && certificate.contains("keys revoke local user"));
    assert!(said(&["certificate", "walet"], 64).contains("wallet"));
    assert!(said(&["user", "walet"], 64).contains("wallet"));
    assert!(said(&["account", "COMERCE"], 64).contains("COMMERCE"));
    assert!(
        said(&["account", "COMMERCE", "--before", "2126-01-01T00:00:00Z"], 64).contains("not over")
    );
    assert!(said(&["user", "wallet", "--before", "2026-01-01T00:00:00Z"], 64).contains("account"));
    assert!(said(&["user", "wallet"], 5).contains("no key has been made yet"));
}
