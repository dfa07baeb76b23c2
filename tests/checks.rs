//! For each check, something is broken that only this check may notice: it fails, and no other does.
//!
//! The servers are real throughout. What is broken is broken the way an engineer would break it: a setting,
//! a claim, a stream. Only ill health is played by a proxy, because a server can't be made to complain on request.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use async_nats::jetstream;
use natsops::jwt::{Claims, SigningKey, sign};
use natsops::nats::push;
use natsops::provider::local::{NodeFolder, NodeProcess};
use natsops::secrets::{Entropy as _, KeyName, OsEntropy, SecretStore as _};
use serde_json::json;

use crate::cluster::{Keys, monitors, servers};
use crate::support::{Cluster, nats_server};

/// How long a cluster may take to be well again, or ill in just one way.
const PATIENCE: Duration = Duration::from_secs(40);

/// Changes a node's configuration by hand and restarts it.
pub fn change_node(cluster: &Cluster, node: &str, change: impl Fn(String) -> String) {
    let conf = cluster.project.node(node).join("nats.conf");
    let text = std::fs::read_to_string(&conf).unwrap();
    let changed = change(text.clone());
    assert_ne!(changed, text);
    std::fs::write(&conf, changed).unwrap();
    restart(cluster, node);
}

fn restart(cluster: &Cluster, node: &str) {
    let folder = NodeFolder::new(cluster.project.node(node));
    let process = NodeProcess::find(&folder).unwrap().unwrap();
    process.kill().unwrap();
    while process.is_alive() {
        std::thread::sleep(Duration::from_millis(10));
    }
    NodeProcess::start(&nats_server(), &folder).unwrap();
}

/// Waits until exactly this check fails.
#[track_caller]
pub fn only(cluster: &Cluster, check: &str) {
    let begin = Instant::now();
    loop {
        let failing = cluster.failing_checks();
        if failing == [check] {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "only {check} should fail: {failing:?}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn ill_health_fails_nodes_healthy_alone() {
    let cluster = Cluster::applied();
    let address = monitors(&cluster.project, 8222)[2];
    change_node(&cluster, "nats-3", |text| text.replace(":8222\"", ":8223\""));
    let behind = SocketAddr::new(address.ip(), 8223);
    let listener = listen(address);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that hangs up early is none of this proxy's business.
            stream.and_then(|stream| forward(stream, behind)).ok();
        }
    });
    only(&cluster, "nodes-healthy");
}

/// Listens at an address whose former owner has just been killed and may hold it for a moment longer.
fn listen(address: SocketAddr) -> TcpListener {
    let begin = Instant::now();
    loop {
        match TcpListener::bind(address) {
            Ok(listener) => return listener,
            Err(error) => assert!(begin.elapsed() < PATIENCE, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Answers for the server's health, and passes everything else on to it.
fn forward(mut client: TcpStream, server: SocketAddr) -> std::io::Result<()> {
    let mut request = vec![0; 4096];
    let length = client.read(&mut request)?;
    if request.starts_with(b"GET /healthz") {
        let body = r#"{"status":"unavailable","error":"a consumer is not current"}"#;
        let head = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: ";
        return write!(client, "{head}{}\r\n\r\n{body}", body.len());
    }
    let mut server = TcpStream::connect(server)?;
    server.write_all(&request[..length])?;
    std::io::copy(&mut server, &mut client)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_member_fails_meta_group_alone() {
    let cluster = Cluster::applied();
    let keys = Keys::of(&cluster.project);
    let control = keys.control(&cluster.project).await;
    let leader = servers(&cluster.project).await[0].meta_leader().unwrap().to_owned();
    // From a zone of two, so that its streams find another home there.
    let removed = ["nats-4", "nats-1"].into_iter().find(|node| *node != leader).unwrap();
    let request = json!({ "peer": removed }).to_string();
    let answer = control.connection.request("$JS.API.SERVER.REMOVE", request.into()).await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
    assert_eq!(answer["success"], true, "{answer}");
    // After a restart it feels well, although nobody counts it in: its own health check does not ask.
    restart(&cluster, removed);
    only(&cluster, "meta-group");
}

#[test]
fn plaintext_routes_fail_routes_encrypted_alone() {
    let cluster = Cluster::applied();
    for node in 1..=5 {
        change_node(&cluster, &format!("nats-{node}"), |text| {
            let start = text.find("  pool_size: 3\n  tls {").unwrap() + "  pool_size: 3\n".len();
            let end = start + text[start..].find("  routes: [").unwrap();
            format!("{}{}", &text[..start], &text[end..]).replace("tls://", "nats://")
        });
    }
    only(&cluster, "routes-encrypted");
}

#[test]
fn plaintext_clients_fail_clients_encrypted_alone() {
    let cluster = Cluster::applied();
    change_node(&cluster, "nats-3", |text| text.replace("\ntls {", "\nallow_non_tls: true\ntls {"));
    only(&cluster, "clients-encrypted");
}

#[test]
fn clients_without_certificate_fail_client_certificate_alone() {
    let cluster = Cluster::applied();
    change_node(&cluster, "nats-3", |text| text.replacen("verify: true", "verify: false", 1));
    only(&cluster, "client-certificate");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_without_creds_fail_client_creds_alone() {
    let cluster = Cluster::applied();
    let keys = Keys::of(&cluster.project);
    let control = keys.control(&cluster.project).await;
    // A sentinel needs a bearer user, and that an account without scopes that allows it.
    let now = jiff::Timestamp::now();
    let signer = OsEntropy.make(&KeyName::role("OPEN", "any"), now);
    let open = OsEntropy.make(&KeyName::account("OPEN"), now);
    let account = keys.changed_claims("COMMERCE", |body| {
        body.signing_keys = vec![SigningKey::Plain(signer.entry.public.clone())];
        body.limits.disallow_bearer = false;
        // What others let COMMERCE have is not this account's.
        body.imports.clear();
    });
    let mut account: Claims<natsops::jwt::AccountBody> =
        natsops::jwt::decode(&account).unwrap().claims;
    account.sub.clone_from(&open.entry.public);
    let operator = keys.store.open(&KeyName::operator_signing(1)).unwrap();
    push(&control, &sign(account, &operator).unwrap(), &servers(&cluster.project).await)
        .await
        .unwrap();
    let sentinel = Claims {
        exp: None,
        jti: String::new(),
        iat: now.as_second(),
        iss: signer.entry.public,
        name: "sentinel".to_owned(),
        sub: OsEntropy.make(&KeyName::user(&"any".parse().unwrap()), now).entry.public,
        nats: json!({
            "bearer_token": true, "issuer_account": open.entry.public, "type": "user", "version": 2,
            "subs": -1, "data": -1, "payload": -1,
        }),
    };
    let sentinel = sign(sentinel, &signer.secret).unwrap();
    change_node(&cluster, "nats-3", |text| format!("default_sentinel: \"{sentinel}\"\n{text}"));
    only(&cluster, "client-creds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wider_or_a_narrower_role_fails_grants_alone() {
    let cluster = Cluster::applied();
    let keys = Keys::of(&cluster.project);
    let control = keys.control(&cluster.project).await;
    let changed = keys.changed_claims("PLAYERS", |body| {
        for key in &mut body.signing_keys {
            if let SigningKey::Scoped(scope) = key {
                match scope.role.as_str() {
                    // To a server, no permission at all is every permission.
                    "notification" => scope.template.publish.deny.clear(),
                    "chat" => scope.template.subscribe.allow.truncate(1),
                    _ => {}
                }
            }
        }
    });
    push(&control, &changed, &servers(&cluster.project).await).await.unwrap();
    let report = cluster.project.run(&["doctor", "local", "--json"]).expect(8).json();
    let grants = report["checks"].as_array().unwrap().iter().find(|c| c["check"] == "grants");
    let finding = grants.unwrap()["finding"].as_str().unwrap();
    assert!(finding.contains("notification: publish"), "{finding}");
    assert!(finding.contains("chat: subscribe"), "{finding}");
    only(&cluster, "grants");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_too_few_replicas_fails_stream_replicas_alone() {
    let cluster = Cluster::applied();
    let keys = Keys::of(&cluster.project);
    let connection = keys.access(&cluster.project).connect(&keys.own_user("GAME")).await.unwrap();
    // The account may store with three replicas only, which its own claims say; so they change first.
    let control = keys.control(&cluster.project).await;
    let roomy = keys.changed_claims("GAME", |body| {
        let tier = body.limits.tiered_limits["R3"].clone();
        body.limits.tiered_limits.insert("R1".to_owned(), tier);
    });
    push(&control, &roomy, &servers(&cluster.project).await).await.unwrap();
    let context = jetstream::new(connection);
    let mut config = context.get_stream("GAME_STATE").await.unwrap().cached_info().config.clone();
    config.num_replicas = 1;
    context.update_stream(config).await.unwrap();
    only(&cluster, "stream-replicas");
}

#[test]
fn an_apply_whose_checks_fail_exits_with_8_and_says_where_to_look() {
    let cluster = Cluster::applied();
    change_node(&cluster, "nats-3", |text| text.replacen("verify: true", "verify: false", 1));
    let output = cluster.project.run(&["doctor", "local"]).expect(8);
    assert!(output.stdout.contains("FAIL client-certificate"), "{}", output.stdout);
    assert!(output.stdout.contains("look: the settings tls.verify"), "{}", output.stdout);
    // The apply undoes the edit, and then all is well.
    cluster.project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}
