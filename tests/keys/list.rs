//! Which keys there are, how old, signed by whom, due when; and where each is in use on real servers.

use jiff::Timestamp;
use natsops::artifacts::{Credential, KeyState, ListedKey, inventory};
use natsops::model::Period;
use natsops::pki::Certificate;
use natsops::secrets::Document;
use serde_json::{Value, json};

use crate::plans::{Issued, cluster, issued};
use crate::schemas::{fits, validator};
use crate::stores::connections::sign_in;
use crate::support::{Cluster, Project};

const DAY: i64 = 86_400;

/// When the keys of [`issued`] were made.
const MADE: i64 = 1_800_000_000;

/// The age and the end of things in days, so that a test can name them.
fn in_days(time: Timestamp) -> i64 {
    (time.as_second() - MADE) / DAY
}

fn listed(issued: &Issued) -> Vec<ListedKey> {
    inventory(&cluster(issued.project.path()), &issued.index)
}

#[track_caller]
fn key<'a>(keys: &'a [ListedKey], name: &str) -> &'a ListedKey {
    keys.iter().find(|key| key.name == name).unwrap_or_else(|| panic!("{name} is not listed"))
}

#[test]
fn every_key_is_listed_once_with_its_signer() {
    let issued = issued();
    let keys = listed(&issued);
    let known: Vec<&str> = issued.index.keys.keys().map(|name| name.as_str()).collect();
    let mut names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, known);
    for (name, kind, issuer) in [
        ("operator/identity", Credential::Operator, Some("operator/identity")),
        ("operator/signing-2", Credential::OperatorKey, Some("operator/identity")),
        ("account/GAME/identity", Credential::Account, Some("operator/signing-1")),
        ("account/SYS/role/natsops", Credential::SigningKey, Some("operator/signing-1")),
        ("user/wallet", Credential::User, Some("account/COMMERCE/role/wallet")),
        ("user/leafnode/edge-eu", Credential::User, Some("account/GAME/role/leafnode/edge-eu")),
        ("authority", Credential::Authority, Some("authority")),
        ("node/nats-3", Credential::NodeCertificate, Some("authority")),
        ("redis/node/redis-1-a", Credential::NodeCertificate, Some("authority")),
        ("client/wallet", Credential::ClientCertificate, Some("authority")),
        ("client/leafnode/edge-eu", Credential::ClientCertificate, Some("authority")),
        ("redis/replication", Credential::CacheUser, None),
    ] {
        let key = key(&keys, name);
        assert_eq!((key.kind, key.issuer.as_deref()), (kind, issuer), "{name}");
    }
    let standby = keys.iter().filter(|key| key.state == KeyState::Standby);
    let standby: Vec<&str> = standby.map(|key| key.name.as_str()).collect();
    assert_eq!(standby, ["operator/signing-2", "operator/signing-3"]);
    assert!(keys.iter().all(|key| matches!(key.state, KeyState::Current | KeyState::Standby)));
    // A certificate is known by its own fingerprint, anything else by its public key.
    let paper = issued.index.document(&Document::client(&"wallet".parse().unwrap())).unwrap();
    let fingerprint = Certificate::read(paper).unwrap().fingerprint;
    assert_eq!(key(&keys, "client/wallet").key.as_ref(), Some(&fingerprint));
    assert!(key(&keys, "user/wallet").key.as_ref().unwrap().starts_with('U'));
}

#[test]
fn a_key_is_due_by_its_age_or_by_the_end_of_its_certificate() {
    let issued = issued();
    let due = |name: &str| in_days(key(&listed(&issued), name).due.unwrap());
    assert_eq!((due("user/wallet"), due("operator/signing-2"), due("authority")), (365, 730, 1825));
    assert_eq!((due("node/nats-1"), due("client/wallet")), (365, 365));
    let rotation = "identity: {rotation: {user: 90d, client: 500d, node: 73000d}}\nredis:";
    issued.project.edit("local.yaml", "redis:", rotation);
    // An apply renews what has 30 of its 397 days left.
    assert_eq!((due("user/wallet"), due("client/wallet"), due("node/nats-1")), (90, 367, 367));
    let keys = listed(&issued);
    let end = key(&keys, "client/wallet").expires.unwrap();
    assert_eq!(in_days(end), 397);
    let at = |days: i64| Timestamp::from_second(MADE + days * DAY).unwrap();
    assert!(key(&keys, "user/wallet").is_due(at(90)) && !key(&keys, "user/wallet").is_due(at(89)));
}

#[test]
fn what_the_catalog_no_longer_has_is_left_over_and_never_due() {
    let issued = issued();
    let mut cluster = cluster(issued.project.path());
    cluster.rotation.user = Period::seconds(0);
    cluster.services.remove("wallet").unwrap();
    let keys = inventory(&cluster, &issued.index);
    for name in ["user/wallet", "client/wallet", "account/COMMERCE/role/wallet"] {
        let key = key(&keys, name);
        assert_eq!((key.state, key.due), (KeyState::LeftOver, None), "{name}");
    }
    assert!(key(&keys, "user/llm-gateway").due.is_some());
}

#[test]
fn before_the_first_apply_nothing_is_there_and_nothing_is_due() {
    let project = Project::new();
    let said = project.run(&["keys", "list", "local"]).expect(0).stdout;
    assert_eq!(said, "no key has been made yet: natsops apply local makes them\n");
    let shown = project.run(&["keys", "list", "local", "--json"]).expect(0).json();
    fits(&validator(&project, "keys"), &shown);
    let keys = shown["keys"].as_array().unwrap();
    assert!(keys.len() > 100 && keys.iter().all(|key| key["state"] == "missing"));
    let due = project.run(&["keys", "list", "local", "--due", "9000d", "--json"]).expect(0).json();
    assert_eq!(due["keys"], json!([]));
    assert!(!project.path().join(".natsops").exists(), "a look has made something");
}

#[test]
fn what_cannot_be_answered_is_refused_with_a_reason() {
    let project = Project::new();
    let refused = |arguments: &[&str], code: i32| project.run(arguments).expect(code).stderr;
    assert!(refused(&["keys", "list", "local", "--due", "soon"], 64).contains("not a period"));
    project.edit("local.yaml", "redis:", "identity: {rotation: {users: 90d}}\nredis:");
    assert!(refused(&["keys", "list", "local"], 3).contains("did you mean `user`"));
}

/// The keys that are shown, with everything that a look must fit.
#[track_caller]
fn look(project: &Project) -> Vec<Value> {
    let shown = project.run(&["keys", "list", "local", "--json"]).expect(0).json();
    fits(&validator(project, "keys"), &shown);
    shown["keys"].as_array().unwrap().clone()
}

/// Where a key is in use, and what was not observed.
#[track_caller]
fn in_use(keys: &[Value], name: &str) -> (Value, Value) {
    let key = keys.iter().find(|key| key["name"] == name).unwrap();
    (key["in_use"].clone(), key["not_observed"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_keys_are_in_use_is_read_from_the_servers() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let mut gateway = sign_in(project, "llm-gateway").await.unwrap();
    let mut second = sign_in(project, "llm-gateway").await.unwrap();
    let mut wallet = sign_in(project, "wallet").await.unwrap();
    let keys = look(project);
    let connections = |count: usize| (json!({ "connections": count }), Value::Null);
    let servers = |count: usize| (json!({ "servers": count }), Value::Null);
    for (name, uses) in [
        ("user/llm-gateway", connections(2)),
        ("client/llm-gateway", connections(2)),
        ("account/GAME/role/llm-gateway", connections(2)),
        ("account/GAME/identity", connections(2)),
        ("account/COMMERCE/identity", connections(1)),
        ("user/wallet", connections(1)),
        ("user/quest-generator", connections(0)),
        ("client/quest-generator", connections(0)),
        ("operator/identity", servers(5)),
        ("operator/signing-3", servers(5)),
        ("authority", servers(5)),
        ("node/nats-4", servers(1)),
    ] {
        assert_eq!(in_use(&keys, name), uses, "{name}");
    }
    assert_eq!(in_use(&keys, "user/leafnode/edge-eu").0, Value::Null);
    assert!(in_use(&keys, "user/leafnode/edge-eu").1.is_string());

    // Without the age identity nothing of it changes: no secret is opened.
    std::fs::rename(project.identity(), project.path().join("elsewhere")).unwrap();
    assert_eq!(look(project), keys);
    std::fs::rename(project.path().join("elsewhere"), project.identity()).unwrap();
    for probe in [&mut gateway, &mut second, &mut wallet] {
        assert!(probe.ask("").await.is_ok(), "a look has closed a connection");
    }

    project.kill("nats-5");
    let keys = look(project);
    let silent = json!("without nats-5, which does not answer");
    assert_eq!(in_use(&keys, "operator/identity"), (json!({ "servers": 4 }), silent));
    assert_eq!(in_use(&keys, "node/nats-5"), (Value::Null, json!("nats-5 does not answer")));
    assert_eq!(in_use(&keys, "node/nats-4"), servers(1));
}

#[test]
fn what_is_due_gives_an_exit_code_while_no_server_runs() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let due = |period: &str, code: i32| {
        let shown = project.run(&["keys", "list", "local", "--due", period, "--json"]).expect(code);
        let shown = shown.json();
        let keys = shown["keys"].as_array().unwrap().iter();
        keys.map(|key| key["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(due("30d", 0), Vec::<String>::new());
    project.run(&["destroy", "local", "--yes"]).expect(0);
    assert_eq!(in_use(&look(project), "user/wallet"), (Value::Null, json!("no server answers")));
    project.edit("local.yaml", "accept:", "identity: {rotation: {user: 20d}}\naccept:");
    assert_eq!(due("10d", 0), Vec::<String>::new());
    // Every service, and the leafnode.
    assert_eq!(due("30d", 2), vec!["user"; 23]);
    // What is overdue is due within any time.
    project.edit("local.yaml", "user: 20d", "user: 0s");
    assert_eq!(due("0s", 2).len(), 23);
    let said = project.run(&["keys", "list", "local", "--due", "0s"]).expect(2).stdout;
    assert!(said.contains("23 due today or before") && said.contains("not observed"), "{said}");
    // A policy is no change of the cluster.
    project.run(&["apply", "local", "--yes"]).expect(0);
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
}
