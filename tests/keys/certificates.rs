//! Nodes and clients get new certificates, on real servers, and nobody loses a connection by it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use natsops::nats::{Greeting, Monitor, presented, tls};
use natsops::pki::Certificate;
use natsops::secrets::{Beside, Document, KeyName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::stage::{commit, kill_after, left, nothing_to_do, refused, rotate};
use crate::cluster::{Keys, client, monitors};
use crate::redis::{address, own};
use crate::stores::connections::sign_in;
use crate::support::{Cluster, Project};

/// Every port that encrypts, by name.
pub fn ports(project: &Project) -> Vec<(String, SocketAddr, Greeting)> {
    let purposes = [
        ("client", 4222, Greeting::Server),
        ("leafnode", 7422, Greeting::Server),
        ("route", 6222, Greeting::None),
    ];
    let mut all = Vec::new();
    for (purpose, port, greeting) in purposes {
        for (number, address) in (1..).zip(monitors(project, port)) {
            all.push((format!("nats-{number}/{purpose}"), address, greeting));
        }
    }
    for node in crate::redis::NODES {
        if project.node(node).exists() {
            all.push((format!("{node}/cache"), address(project, node), Greeting::None));
        }
    }
    all
}

/// The certificate that each port presents.
pub async fn shown(project: &Project) -> BTreeMap<String, String> {
    let access = Keys::of(project).access(project);
    let own = &access.certificate;
    let config = Arc::new(tls(&access.authority, Some((&own.public, &own.secret))).unwrap());
    let mut shown = BTreeMap::new();
    for (name, address, greeting) in ports(project) {
        shown.insert(name, presented(address, greeting, &config).await.unwrap());
    }
    shown
}

/// The fingerprint of a certificate of the store.
pub fn fingerprint(project: &Project, document: &Document) -> String {
    let index = Keys::of(project).index;
    Certificate::read(index.document(document).unwrap()).unwrap().fingerprint
}

/// What the store has for each of these ports.
fn wanted(project: &Project, ports: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let of = |name: &str| {
        let node = name.split('/').next().unwrap().parse().unwrap();
        match name.starts_with("redis") {
            true => fingerprint(project, &Document::redis_node(&node)),
            false => fingerprint(project, &Document::node(&node)),
        }
    };
    ports.keys().map(|name| (name.clone(), of(name))).collect()
}

/// Every route of every node, with the time since when it is there.
pub async fn routes(project: &Project) -> Vec<String> {
    let mut all = Vec::new();
    for address in monitors(project, 8222) {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = "GET /routez HTTP/1.0\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let page: Value = serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
        let routes = page["routes"].as_array().unwrap().iter();
        all.extend(routes.map(|route| format!("{address} {} {}", route["rid"], route["start"])));
    }
    assert!(all.len() >= 20, "five nodes have four others each");
    all.sort();
    all
}

pub fn pids(project: &Project) -> Vec<i32> {
    (1..=5).map(|node| project.pid(&format!("nats-{node}"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_port_presents_a_new_certificate_and_every_connection_lives_on() {
    let cluster = Cluster::with_cache();
    let project = &cluster.project;
    let mut connection = sign_in(project, "wallet").await.unwrap();
    let mut cached = own(project, "redis-1-a").await;
    let (before, old_routes, old_pids) =
        (shown(project).await, routes(project).await, pids(project));
    assert_eq!(before.len(), 21);
    let steps = json!(["issue", "reload", "verify-new", "forget"]);
    assert_eq!(left(project, &["node-certificates"]), steps);

    let ended = rotate(project, &["node-certificates"]);
    assert_eq!((&ended["steps"], &ended["done"]), (&steps, &json!(true)));
    assert_eq!(ended["keys"].as_array().unwrap().len(), 11);
    let after = shown(project).await;
    assert_eq!(after, wanted(project, &after));
    assert!(after.iter().all(|(port, print)| before[port] != *print));
    assert!(connection.ask("").await.is_ok());
    redis::cmd("PING").exec_async(&mut cached).await.unwrap();
    assert_eq!((routes(project).await, pids(project)), (old_routes.clone(), old_pids.clone()));
    nothing_to_do(project);

    // One node alone; the program dies after its commit, and no other key is made.
    let name = KeyName::node(&"nats-3".parse().unwrap());
    commit(project, |scribe, index| {
        scribe.renew(std::slice::from_ref(&name), Beside::Retiring, index)
    });
    let committed = Keys::of(project).index.public(&name).unwrap().to_owned();
    let listed = project.run(&["keys", "list", "local"]).expect(0).stdout;
    let retiring = listed.lines().find(|line| line.starts_with("retiring/node/nats-3")).unwrap();
    assert!(retiring.contains(" retiring ") && retiring.contains("1 server"), "{retiring}");
    assert_eq!(shown(project).await, after);
    let steps = json!(["reload", "verify-new", "forget"]);
    assert_eq!(left(project, &["node-certificates", "nats-3"]), steps);
    assert_eq!(rotate(project, &["node-certificates", "nats-3"])["steps"], steps);
    assert_eq!(Keys::of(project).index.public(&name).unwrap(), committed);
    let again = shown(project).await;
    assert_eq!(again, wanted(project, &again));
    let changed = again.iter().filter(|(port, print)| after[*port] != **print);
    let changed: Vec<&str> = changed.map(|(port, _)| port.as_str()).collect();
    assert_eq!(changed, ["nats-3/client", "nats-3/leafnode", "nats-3/route"]);

    // Died after the reload: what was begun is proven and ended, without another key.
    commit(project, |scribe, index| {
        scribe.renew(std::slice::from_ref(&name), Beside::Retiring, index)
    });
    project.run(&["apply", "local", "--yes"]).expect(0);
    let committed = Keys::of(project).index.public(&name).unwrap().to_owned();
    rotate(project, &["node-certificates"]);
    assert_eq!(Keys::of(project).index.public(&name).unwrap(), committed);

    for moment in [150, 600, 1000] {
        kill_after(project, moment, &["node-certificates", "--yes"]);
    }
    rotate(project, &["node-certificates"]);
    let last = shown(project).await;
    assert_eq!(last, wanted(project, &last));
    assert!(!Keys::of(project).index.keys.keys().any(|name| name.parted().0.is_some()));
    assert!(connection.ask("").await.is_ok());
    assert_eq!((routes(project).await, pids(project)), (old_routes, old_pids));
    nothing_to_do(project);

    // What can't be proven is not begun.
    assert!(refused(project, &["node-certificates", "nats-9"], 64).contains("nats-"));
    assert!(refused(project, &["node-certificates", "--now"], 64).contains("nothing overlaps"));
    let index = Keys::of(project).index;
    project.kill("nats-5");
    let said = refused(project, &["node-certificates", "nats-1"], 5);
    assert!(said.contains("nats-5 does not answer"), "{said}");
    assert_eq!(Keys::of(project).index, index);
}

/// How many connections show a certificate.
async fn showing(project: &Project, print: &str) -> usize {
    let mut count = 0;
    for address in monitors(project, 8222) {
        let clients = Monitor::new(address).clients().await.unwrap();
        let own = clients.iter().filter_map(|client| client.tls_peer_certs.first());
        count += own.filter(|certificate| certificate.cert_sha256 == print).count();
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_gets_a_new_certificate_and_the_old_one_is_said_to_stay_good() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let name = "wallet".parse().unwrap();
    let paper = Document::client(&name);
    let old = fingerprint(project, &paper);
    let mut connection = sign_in(project, "wallet").await.unwrap();

    let begun = rotate(project, &["client-certificates", "wallet"]);
    assert_eq!(begun["steps"], json!(["issue", "verify-new", "wait"]));
    let new = fingerprint(project, &paper);
    assert_eq!(
        begun["keys"],
        json!([{ "name": "client/wallet", "new": new, "old": old, "connections": 1 }])
    );
    assert_eq!(begun["redeploy"], json!(["wallet"]));
    let remarks = begun["remarks"].to_string();
    assert!(remarks.contains("go on accepting"), "{remarks}");
    assert!(remarks.contains("natsops keys rotate local ca"), "{remarks}");
    let listed = project.run(&["keys", "list", "local"]).expect(0).stdout;
    let line = listed.lines().find(|line| line.starts_with("retiring/client/wallet")).unwrap();
    assert!(line.contains(" retiring ") && line.contains("1 connection"), "{line}");
    nothing_to_do(project);

    // An ordinary client with the new files shows the new one. While somebody shows the old one, it is kept in mind.
    let ordinary = client(project, "wallet").await;
    assert_eq!((showing(project, &old).await, showing(project, &new).await), (1, 1));
    let waiting = rotate(project, &["client-certificates", "wallet"]);
    assert_eq!(waiting["steps"], json!(["verify-new", "wait"]));
    assert!(connection.ask("").await.is_ok());
    drop(connection);
    while showing(project, &old).await > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let ended = rotate(project, &["client-certificates", "wallet"]);
    let steps = json!(["verify-new", "forget"]);
    assert_eq!((&ended["steps"], &ended["done"]), (&steps, &json!(true)));
    drop(ordinary);

    // All at once, and the program dies after the commit.
    let before = Keys::of(project).index;
    let names: Vec<KeyName> =
        before.keys.keys().filter(|name| name.as_str().starts_with("client/")).cloned().collect();
    commit(project, |scribe, index| scribe.renew(&names, Beside::Retiring, index));
    let committed = Keys::of(project).index;
    nothing_to_do(project);
    assert_eq!(left(project, &["client-certificates"]), json!(["verify-new", "wait", "forget"]));
    let begun = rotate(project, &["client-certificates"]);
    // Of a leafnode the servers do not tell what it shows, so the overlap counts.
    assert_eq!(begun["steps"], json!(["verify-new", "wait", "forget"]));
    assert_eq!(begun["leafnodes"], json!(["edge-eu"]));
    let kept = |name: &KeyName| name.parted().0.is_some();
    let left_over: Vec<KeyName> =
        Keys::of(project).index.keys.keys().filter(|name| kept(name)).cloned().collect();
    let leafnode = KeyName::leafnode_client(&"edge-eu".parse().unwrap());
    assert_eq!(left_over, [leafnode.beside(Beside::Retiring)]);
    assert_eq!(rotate(project, &["client-certificates", "edge-eu", "--now"])["done"], true);
    let after = Keys::of(project).index;
    for name in &names {
        assert_eq!(after.public(name), committed.public(name));
        assert_ne!(after.public(name), before.public(name));
    }
    for moment in [60, 200, 500] {
        kill_after(project, moment, &["client-certificates", "--now", "--yes"]);
    }
    let ended = rotate(project, &["client-certificates", "--now"]);
    assert_eq!(ended["done"], true);
    assert!(sign_in(project, "wallet").await.is_ok());
    nothing_to_do(project);
    assert!(refused(project, &["client-certificates", "edge-us"], 64).contains("edge-eu"));
}
