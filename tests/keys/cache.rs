//! A service gets a new password for the cache, on real servers.

use std::sync::Arc;

use natsops::pki::client_config;
use natsops::redis::{Connection, Pass, enter};
use natsops::secrets::{Beside, KeyName, Secret, SecretStore as _};
use serde_json::json;

use super::stage::{commit, kill_after, left, nothing_to_do, refused, rotate};
use crate::cluster::Keys;
use crate::redis::{NODES, address, kill, own};
use crate::support::{Cluster, Project};

pub fn password(project: &Project) -> Secret<String> {
    Keys::of(project).store.open(&KeyName::redis_user("store")).unwrap()
}

async fn sign_in(
    project: &Project,
    node: &str,
    (user, password): (&str, &Secret<String>),
) -> Result<Connection, String> {
    let access = Keys::of(project).access(project);
    let own = &access.certificate;
    let tls = client_config(&access.authority, Some((&own.public, &own.secret))).unwrap();
    let user = Some((user.to_owned(), password.clone()));
    let pass = Pass { tls: Some(Arc::new(tls)), user };
    enter(address(project, node), &pass).await.map_err(|error| error.to_string())
}

/// How many of the six nodes let a password of the service `store` in.
pub async fn let_in(project: &Project, password: &Secret<String>) -> usize {
    let_in_as(project, "store", password).await
}

async fn let_in_as(project: &Project, user: &str, password: &Secret<String>) -> usize {
    let mut count = 0;
    for node in NODES {
        count += usize::from(sign_in(project, node, (user, password)).await.is_ok());
    }
    count
}

/// How many replicas have the keys of their primary, and go on having them.
async fn linked(project: &Project) -> usize {
    let mut count = 0;
    for node in NODES {
        let mut command = redis::cmd("INFO");
        command.arg("replication");
        let info: String = command.query_async(&mut own(project, node).await).await.unwrap();
        count += usize::from(info.contains("master_link_status:up"));
    }
    count
}

async fn answers(connection: &mut Connection) -> bool {
    redis::cmd("PING").exec_async(connection).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_passwords_are_let_in_until_the_overlap_is_over_and_then_one() {
    let cluster = Cluster::with_cache();
    let project = &cluster.project;
    let old = password(project);
    let mut connection = sign_in(project, "redis-2-a", ("store", &old)).await.unwrap();
    // What was made in the same second could have any of the two.
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;

    let begun = rotate(project, &["redis", "store"]);
    assert_eq!(begun["steps"], json!(["issue", "accept", "verify-new", "wait"]));
    assert_eq!((&begun["done"], &begun["keys"][0]["connections"]), (&json!(false), &json!(1)));
    let new = password(project);
    assert_eq!((let_in(project, &old).await, let_in(project, &new).await), (6, 6));
    nothing_to_do(project);
    let listed = project.run(&["keys", "list", "local"]).expect(0).stdout;
    let line = listed.lines().find(|line| line.starts_with("retiring/redis/user/store")).unwrap();
    assert!(line.contains(" retiring "), "{line}");
    // A node that starts anew lets both in as well.
    kill(project, "redis-3-b");
    let said = refused(project, &["redis", "store"], 5);
    assert!(said.contains("redis-3-b does not answer"), "{said}");
    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!((let_in(project, &old).await, let_in(project, &new).await), (6, 6));
    assert!(answers(&mut connection).await);

    let ended = rotate(project, &["redis", "store", "--overlap", "0s"]);
    let steps = ["accept", "verify-new", "drop", "evict", "verify-old", "verify-new", "forget"];
    assert_eq!((&ended["steps"], &ended["done"]), (&json!(steps), &json!(true)));
    assert!(!answers(&mut connection).await, "the old connection is still open");
    assert_eq!((let_in(project, &old).await, let_in(project, &new).await), (0, 6));
    nothing_to_do(project);

    // It leaks: at once, and the program dies after each of its commits.
    let name = [KeyName::redis_user("store")];
    commit(project, |scribe, index| scribe.renew(&name, Beside::Revoked, index));
    let third = password(project);
    assert_eq!((let_in(project, &new).await, let_in(project, &third).await), (6, 0));
    let steps = json!(["drop", "evict", "verify-old", "verify-new", "forget"]);
    assert_eq!(left(project, &["redis", "store"]), steps);
    assert_eq!(rotate(project, &["redis", "store"])["steps"], steps);
    assert_eq!((let_in(project, &new).await, let_in(project, &third).await), (0, 6));
    commit(project, |scribe, index| scribe.renew(&name, Beside::Retiring, index));
    commit(project, |scribe, index| scribe.dismiss(&name, index));
    assert_eq!(rotate(project, &["redis", "store"])["steps"], steps);
    for moment in [150, 500] {
        kill_after(project, moment, &["redis", "store", "--now", "--yes"]);
    }
    rotate(project, &["redis", "store", "--now"]);
    assert_eq!((let_in(project, &third).await, let_in(project, &password(project)).await), (0, 6));
    assert!(!Keys::of(project).index.keys.keys().any(|name| name.parted().0.is_some()));
    nothing_to_do(project);
    assert!(refused(project, &["redis", "wallet"], 64).contains("does not use the cache"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_passwords_of_natsops_and_of_the_replicas_are_replaced_while_the_cache_runs() {
    let cluster = Cluster::with_cache();
    let project = &cluster.project;
    let running = NODES.map(|node| project.pid(node));
    for (what, user, name) in [
        ("natsops", "natsops", KeyName::redis_user("natsops")),
        ("replication", "natsops-replication", KeyName::redis_replication()),
    ] {
        let now = || Keys::of(project).store.open(&name).unwrap();
        let let_in = async |password: &Secret<String>| let_in_as(project, user, password).await;
        let old = now();
        let begun = rotate(project, &["redis", what]);
        assert_eq!(begun["steps"], json!(["issue", "accept", "verify-new", "wait"]));
        assert_eq!((&begun["done"], &begun["redeploy"]), (&json!(false), &json!([])));
        let new = now();
        assert_eq!((let_in(&old).await, let_in(&new).await), (6, 6));
        nothing_to_do(project);
        let ended = rotate(project, &["redis", what, "--overlap", "0s"]);
        let steps = ["accept", "verify-new", "drop", "evict", "verify-old", "verify-new", "forget"];
        assert_eq!((&ended["steps"], &ended["done"]), (&json!(steps), &json!(true)));
        assert_eq!((let_in(&old).await, let_in(&new).await, linked(project).await), (0, 6, 3));
        nothing_to_do(project);

        // It leaks, and the program dies after its first commit: no node knows the new one yet, an apply finds a way in.
        commit(project, |scribe, index| {
            scribe.renew(std::slice::from_ref(&name), Beside::Revoked, index)
        });
        let third = now();
        assert_eq!((let_in(&new).await, let_in(&third).await), (6, 0));
        project.run(&["apply", "local", "--yes"]).expect(0);
        assert_eq!((let_in(&new).await, let_in(&third).await), (0, 6));
        assert_eq!(rotate(project, &["redis", what])["done"], true);
        for moment in [150, 500, 900] {
            kill_after(project, moment, &["redis", what, "--now", "--yes"]);
        }
        rotate(project, &["redis", what, "--now"]);
        assert_eq!((let_in(&third).await, let_in(&now()).await, linked(project).await), (0, 6, 3));
        nothing_to_do(project);
    }
    assert_eq!(NODES.map(|node| project.pid(node)), running, "a node was restarted");
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}
