//! The certificate authority is replaced under a running cluster: nobody is refused before it is time, and then the old
//! one opens nothing.

use std::sync::Arc;

use natsops::artifacts::trusted;
use natsops::nats::{Probe, Tls, tls};
use natsops::secrets::{Document, KeyName, SecretStore as _, Ticket};
use serde_json::{Value, json};

use super::certificates::{fingerprint, pids, routes, shown};
use super::stage::{commit, kill_after, left, nothing_to_do, rotate};
use crate::cluster::{Keys, monitors};
use crate::redis::own;
use crate::stores::connections::sign_in;
use crate::support::{Cluster, Project};

/// What a client was given at some time.
pub struct Files {
    trusted: String,
    certificate: Ticket,
    user: Ticket,
}

impl Files {
    pub fn of(project: &Project, service: &str) -> Self {
        let (keys, name) = (Keys::of(project), service.parse().unwrap());
        let ticket = |document: Document, key: KeyName| Ticket {
            public: keys.index.document(&document).unwrap().to_owned(),
            secret: keys.store.open(&key).unwrap(),
        };
        Self {
            trusted: trusted(&keys.index).unwrap(),
            certificate: ticket(Document::client(&name), KeyName::client(&name)),
            user: ticket(Document::user(&name), KeyName::user(&name)),
        }
    }

    /// The same certificate, with whom somebody else trusts.
    pub fn trusting(self, other: &Self) -> Self {
        Self { trusted: other.trusted.clone(), ..self }
    }

    /// How many of the five nodes let it in, and are trusted by it.
    pub async fn let_in(&self, project: &Project) -> usize {
        let own = Some((self.certificate.public.as_str(), &self.certificate.secret));
        let config = Tls::With(Arc::new(tls(&self.trusted, own).unwrap()));
        let mut count = 0;
        for address in monitors(project, 4222) {
            let Ok(mut probe) = Probe::open(address, &config).await else { continue };
            count += usize::from(probe.sign_in(Some(&self.user)).await.is_ok());
        }
        count
    }
}

fn authority(project: &Project) -> String {
    fingerprint(project, &Document::authority())
}

/// The states in which authorities are listed.
fn states(project: &Project) -> Vec<String> {
    let listed = project.run(&["keys", "list", "local", "--json"]).expect(0).json();
    let keys = listed["keys"].as_array().unwrap().iter();
    let word = |key: &Value, field: &str| key[field].as_str().unwrap().to_owned();
    keys.filter(|key| key["kind"] == "authority")
        .map(|key| format!("{} {}", word(key, "name"), word(key, "state")))
        .collect()
}

const ALL: [&str; 12] = [
    "accept",
    "trust",
    "verify-both",
    "wait-trust",
    "issue",
    "reload",
    "verify-new",
    "wait-certificates",
    "retire",
    "distrust",
    "verify-old",
    "forget",
];

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_refused_until_the_old_authority_is_dropped_and_then_it_opens_nothing() {
    let cluster = Cluster::with_cache();
    let project = &cluster.project;
    let (index, old) = (Keys::of(project).index, authority(project));
    // Without --yes it only tells.
    let told = project.run(&["keys", "rotate", "local", "ca"]).expect(0).stdout;
    assert!(told.contains("1. make another authority") && told.contains("12. "), "{told}");
    assert!(told.contains("nothing was done: add --yes"), "{told}");
    assert_eq!((Keys::of(project).index, left(project, &["ca"])), (index, json!(ALL)));

    let first = Files::of(project, "wallet");
    let mut connection = sign_in(project, "wallet").await.unwrap();
    let mut cached = own(project, "redis-1-a").await;
    let (before, old_routes, old_pids) =
        (shown(project).await, routes(project).await, pids(project));
    let accepted = rotate(project, &["ca"]);
    assert_eq!(accepted["steps"], json!(ALL[..4]));
    assert!(accepted["redeploy"].as_array().unwrap().contains(&json!("wallet")));
    let new = accepted["keys"][0]["new"].as_str().unwrap();
    assert_eq!(
        (authority(project), accepted["keys"][0]["old"].as_str()),
        (old.clone(), Some(&*old))
    );
    assert_eq!(states(project), ["authority current", "standby/authority standby"]);
    assert_eq!(shown(project).await, before);
    let second = Files::of(project, "wallet");
    assert_eq!((first.let_in(project).await, second.let_in(project).await), (5, 5));
    assert_eq!((routes(project).await, pids(project)), (old_routes, old_pids));
    nothing_to_do(project);
    assert_eq!(rotate(project, &["ca"])["steps"], json!(ALL[1..4]));

    // The program dies after it has issued. A node that restarts now presents what the others do not have yet, and an
    // apply gives it to them; the stage stays.
    commit(project, |scribe, index| scribe.succeed_authority(index));
    project.kill("nats-2");
    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(left(project, &["ca"]), json!(ALL[5..]));
    let (old_routes, old_pids) = (routes(project).await, pids(project));
    let third = Files::of(project, "wallet");
    assert_eq!((second.let_in(project).await, third.let_in(project).await), (5, 5));
    assert_eq!(states(project), ["authority current", "retiring/authority retiring"]);
    assert_eq!(authority(project), new);
    let issued = rotate(project, &["ca"]);
    assert_eq!(issued["steps"], json!(ALL[5..8]));
    // The one that was there from the beginning, unless it was on the node that was killed.
    assert!(issued["keys"][0]["connections"].as_u64().unwrap() <= 1);
    let after = shown(project).await;
    assert!(after.iter().all(|(port, print)| before[port] != *print));
    nothing_to_do(project);

    let ended = rotate(project, &["ca", "--overlap", "0s"]);
    let steps: Vec<&str> =
        ALL[5..].iter().copied().filter(|step| !step.starts_with("wait")).collect();
    assert_eq!((&ended["steps"], &ended["done"]), (&json!(steps), &json!(true)));
    assert_eq!(states(project), ["authority current"]);
    assert_eq!((first.let_in(project).await, second.let_in(project).await), (0, 0));
    assert_eq!(third.let_in(project).await, 5);
    assert!(connection.ask("").await.is_ok(), "a connection was closed");
    redis::cmd("PING").exec_async(&mut cached).await.unwrap();
    assert_eq!((routes(project).await, pids(project)), (old_routes, old_pids));
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
    nothing_to_do(project);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_dies_is_continued_and_fresh_files_are_good_at_every_moment() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let first = Files::of(project, "wallet");
    // After its first commit: an apply hands it out, and the stage stays.
    commit(project, |scribe, index| scribe.accept_authority(index));
    assert_eq!(left(project, &["ca"]), json!(ALL[1..]));
    project.run(&["apply", "local", "--yes"]).expect(0);
    nothing_to_do(project);
    assert_eq!(left(project, &["ca"]), json!(ALL[1..]));
    rotate(project, &["ca", "--now"]);
    assert_eq!(
        (first.let_in(project).await, Files::of(project, "wallet").let_in(project).await),
        (0, 5)
    );

    // After its last but one.
    commit(project, |scribe, index| scribe.accept_authority(index));
    project.run(&["apply", "local", "--yes"]).expect(0);
    commit(project, |scribe, index| scribe.succeed_authority(index));
    project.run(&["apply", "local", "--yes"]).expect(0);
    let old = Files::of(project, "wallet");
    commit(project, |scribe, index| scribe.dismiss(&[KeyName::authority()], index));
    assert_eq!(states(project), ["authority current", "revoked/authority revoked"]);
    assert_eq!(Files::of(project, "wallet").let_in(project).await, 5);
    let ended = rotate(project, &["ca"]);
    assert_eq!(ended["steps"], json!(ALL[9..]));
    assert_eq!(old.let_in(project).await, 5);

    // Whatever it is doing.
    for moment in [200, 600, 1000, 1500, 2200] {
        kill_after(project, moment, &["ca", "--now", "--yes"]);
        assert_eq!(
            Files::of(project, "wallet").let_in(project).await,
            5,
            "killed after {moment} ms"
        );
    }
    assert_eq!(rotate(project, &["ca", "--now"])["done"], true);
    assert_eq!(states(project), ["authority current"]);
    assert_eq!(Files::of(project, "wallet").let_in(project).await, 5);
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
    nothing_to_do(project);
}
