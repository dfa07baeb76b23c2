//! What a change of each setting means, held against a real server: it is changed on disk, and the server told to reload.
//!
//! A setting that is said to reload must be taken; one that is said to restart must be refused, so that the list of
//! those that reload is neither too long nor too short.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use natsops::artifacts::{Content, bundle, prepare_node};
use natsops::environment::{Addresses, load};
use natsops::nats::{Monitor, Varz};
use natsops::plan::OnChange;
use natsops::provider::local::network;
use natsops::provider::on_change;
use natsops::render::ConfigTree;
use natsops::secrets::{Document, KeyName, SecretStore as _};

use crate::plans::{Issued, issued};
use crate::support::{nats_server, signal};

/// How long a server may take to start, or to show what it has read.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a server that refuses is watched.
const REFUSAL: Duration = Duration::from_millis(400);

/// Settings that the server takes without a word and goes on as before, or that only mean something when all nodes
/// change at once. They restart although a reload would be accepted.
const SILENT: [&str; 6] = [
    "cluster.name",
    "resolver.allow_delete",
    "resolver.dir",
    "resolver.interval",
    "resolver.timeout",
    "resolver.type",
];

/// The folder of one node, alone in the world, with everything that its configuration names.
struct Node {
    folder: tempfile::TempDir,
    base: String,
    monitor: Monitor,
    keys: Issued,
}

impl Node {
    fn new() -> Self {
        let keys = issued();
        // Addresses of its own, since several of these run at a time.
        let addresses = Addresses { local_network: network(keys.project.path()) };
        let model = load(keys.project.path(), "local", &addresses).unwrap().cluster.unwrap();
        let node = &model.nodes[0];
        let prepared = prepare_node(&model, node, &keys.index).unwrap();
        let key = keys.store.open(&KeyName::node(&node.name)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for name in ["tls", "log", "data"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        for file in bundle(&prepared, node, &keys.index, key).files {
            let text = match file.content {
                Content::Public(text) => text,
                Content::Secret(secret) => secret.expose().to_owned(),
            };
            std::fs::write(folder.path().join(&file.path), &text).unwrap();
            // A second name for the same content: another path is another setting.
            std::fs::write(folder.path().join(format!("{}.other", file.path)), &text).unwrap();
        }
        let monitor = Monitor::new(SocketAddr::from((node.address, model.ports.monitor)));
        Self { folder, base: prepared.config, monitor, keys }
    }

    fn conf(&self) -> PathBuf {
        self.folder.path().join("nats.conf")
    }

    /// A running server with this configuration.
    async fn start(&self, config: &str) -> Running<'_> {
        std::fs::write(self.conf(), config).unwrap();
        let child = Command::new(nats_server())
            .args(["-c", "nats.conf"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let running = Running { node: self, child };
        let begin = Instant::now();
        while self.monitor.varz().await.is_err() {
            assert!(begin.elapsed() < PATIENCE, "the server does not start");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        running
    }

    /// Another operator JWT with the same keys.
    fn other_operator(&self) -> String {
        let operator = self.keys.index.document(&Document::operator()).unwrap();
        let mut claims = natsops::jwt::decode::<serde_json::Value>(operator).unwrap().claims;
        claims.name = "another".to_owned();
        claims.iat += 1;
        natsops::jwt::sign(claims, &self.keys.store.open(&KeyName::operator()).unwrap()).unwrap()
    }
}

struct Running<'a> {
    node: &'a Node,
    child: Child,
}

impl Running<'_> {
    /// Has the server read another configuration; tells whether it took it.
    async fn takes(&self, config: &str) -> bool {
        let wanted = ConfigTree::parse(config).unwrap().digest();
        let before: Varz = self.node.monitor.varz().await.unwrap();
        std::fs::write(self.node.conf(), config).unwrap();
        signal(i32::try_from(self.child.id()).unwrap(), rustix::process::Signal::HUP);
        let begin = Instant::now();
        while begin.elapsed() < REFUSAL {
            let varz = self.node.monitor.varz().await.unwrap();
            if varz.config_digest == wanted && varz.config_load_time > before.config_load_time {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The `nth` occurrence of `from`, counted from 1, becomes `to`.
fn replace(text: &str, from: &str, nth: usize, to: &str) -> String {
    let (at, _) = text.match_indices(from).nth(nth - 1).unwrap_or_else(|| panic!("no {from}"));
    format!("{}{to}{}", &text[..at], &text[at + from.len()..])
}

/// A setting, and how it is changed: what stands there, which of its occurrences, and what comes instead.
type Change = (&'static str, &'static str, usize, &'static str);

const CHANGES: [Change; 44] = [
    ("server_name", "server_name: \"nats-1\"", 1, "server_name: \"other\""),
    ("listen", ":4222\"", 1, ":4333\""),
    ("http", ":8222\"", 1, ":8333\""),
    ("server_tags", "[\"az:zone-a\"]", 1, "[\"az:zone-q\"]"),
    ("max_connections", "max_connections: 65536", 1, "max_connections: 65000"),
    ("max_payload", "max_payload: 1048576", 1, "max_payload: 1048000"),
    ("max_pending", "max_pending: 67108864", 1, "max_pending: 67000000"),
    ("ping_interval", "ping_interval: \"2m\"", 1, "ping_interval: \"1m\""),
    ("ping_max", "ping_max: 2", 1, "ping_max: 3"),
    ("write_deadline", "write_deadline: \"10s\"", 1, "write_deadline: \"9s\""),
    ("lame_duck_duration", "duration: \"30s\"", 1, "duration: \"31s\""),
    ("lame_duck_grace_period", "grace_period: \"2s\"", 1, "grace_period: \"3s\""),
    ("log_file", "log/nats.log", 1, "log/other.log"),
    ("log_size_limit", "log_size_limit: 67108864", 1, "log_size_limit: 67000000"),
    ("logfile_max_num", "logfile_max_num: 5", 1, "logfile_max_num: 6"),
    ("tls.cert_file", ".pem\"", 1, ".pem.other\""),
    ("tls.key_file", ".key\"", 1, ".key.other\""),
    ("tls.ca_file", ".pem\"", 2, ".pem.other\""),
    ("tls.verify", "verify: true", 1, "verify: false"),
    ("tls.min_version", "min_version: \"1.3\"", 1, "min_version: \"1.2\""),
    ("tls.timeout", "timeout: 5", 1, "timeout: 6"),
    ("cluster.name", "name: \"game-local\"", 1, "name: \"other\""),
    ("cluster.listen", ":6222\"\n  #", 1, ":6333\"\n  #"),
    ("cluster.no_advertise", "no_advertise: true", 1, "no_advertise: false"),
    ("cluster.pool_size", "pool_size: 3", 1, "pool_size: 4"),
    ("cluster.tls.cert_file", ".pem\"", 3, ".pem.other\""),
    ("cluster.tls.key_file", ".key\"", 2, ".key.other\""),
    ("cluster.tls.ca_file", ".pem\"", 4, ".pem.other\""),
    ("cluster.tls.timeout", "timeout: 5", 2, "timeout: 6"),
    ("cluster.routes", "    \"tls://", 1, "    \"tls://127.0.0.1:1\"\n    \"tls://"),
    ("leafnodes.listen", ":7422\"", 1, ":7433\""),
    ("leafnodes.no_advertise", "no_advertise: true", 2, "no_advertise: false"),
    ("leafnodes.tls.cert_file", ".pem\"", 5, ".pem.other\""),
    ("leafnodes.tls.key_file", ".key\"", 3, ".key.other\""),
    ("leafnodes.tls.ca_file", ".pem\"", 6, ".pem.other\""),
    ("leafnodes.tls.verify", "verify: true", 2, "verify: false"),
    ("leafnodes.tls.timeout", "timeout: 5", 3, "timeout: 6"),
    ("jetstream.store_dir", "data/jetstream", 1, "data/other"),
    ("jetstream.domain", "domain: \"hub\"", 1, "domain: \"other\""),
    ("jetstream.sync_interval", "\"always\"", 1, "\"2m\""),
    ("jetstream.unique_tag", "unique_tag: \"az:\"", 1, "unique_tag: \"a\""),
    ("resolver.dir", "data/jwt", 1, "data/other"),
    ("resolver.allow_delete", "allow_delete: true", 1, "allow_delete: false"),
    ("resolver.timeout", "timeout: \"1.9s\"", 1, "timeout: \"1.8s\""),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_setting_reloads_or_restarts_as_the_server_has_it() {
    let node = Node::new();
    let mut wrong = Vec::new();
    for (setting, from, nth, to) in CHANGES {
        let changed = replace(&node.base, from, nth, to);
        let running = node.start(&node.base).await;
        let taken = running.takes(&changed).await;
        let expected = on_change(setting) == OnChange::Reload || SILENT.contains(&setting);
        if taken != expected {
            wrong.push(format!("{setting}: taken is {taken}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_grows_by_a_reload_and_shrinks_by_a_restart() {
    let node = Node::new();
    for (setting, from, larger, smaller) in [
        ("jetstream.max_file_store", "max_file_store: 8000000000", "9000000000", "7000000000"),
        ("jetstream.max_memory_store", "max_memory_store: 268435456", "300000000", "200000000"),
    ] {
        assert_eq!(on_change(setting), OnChange::ReloadLarger);
        let name = from.split(':').next().unwrap();
        let running = node.start(&node.base).await;
        assert!(!running.takes(&replace(&node.base, from, 1, &format!("{name}: {smaller}"))).await);
        assert!(running.takes(&replace(&node.base, from, 1, &format!("{name}: {larger}"))).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_and_a_system_account_need_a_restart_and_claims_do_not() {
    let node = Node::new();
    let index = &node.keys.index;
    let operator = index.document(&Document::operator()).unwrap();
    let (system, game) =
        (index.public(&KeyName::account("SYS")).unwrap(), index.public(&KeyName::account("GAME")));
    let game = game.unwrap();
    let claims = index.document(&Document::account("GAME")).unwrap();
    let preload = "resolver_preload {\n";
    let both = replace(&node.base, preload, 1, &format!("{preload}  {game}: \"{claims}\"\n"));
    {
        let running = node.start(&node.base).await;
        assert_eq!(on_change("operator"), OnChange::Restart);
        assert!(!running.takes(&replace(&node.base, operator, 1, &node.other_operator())).await);
        assert_eq!(on_change(&format!("resolver_preload.{game}")), OnChange::Reload);
        assert!(running.takes(&both).await);
    }
    let running = node.start(&both).await;
    assert_eq!(on_change("system_account"), OnChange::Restart);
    let other = format!("system_account: \"{game}\"");
    let swapped = replace(&both, &format!("system_account: \"{system}\""), 1, &other);
    assert!(!running.takes(&swapped).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mixed_change_is_refused_whole_by_a_reload() {
    let node = Node::new();
    let running = node.start(&node.base).await;
    let mixed = replace(&node.base, "ping_max: 2", 1, "ping_max: 3");
    let mixed = replace(&mixed, "max_pending: 67108864", 1, "max_pending: 67000000");
    assert!(!running.takes(&mixed).await);
}

#[test]
fn every_setting_that_is_rendered_has_its_trial() {
    let node = Node::new();
    // Some are tried in tests of their own above, or can't be changed alone.
    let elsewhere = [
        "jetstream.max_file_store",
        "jetstream.max_memory_store",
        "operator",
        "resolver.interval",
        "resolver.type",
        "system_account",
    ];
    let tried: BTreeSet<&str> =
        CHANGES.iter().map(|(setting, ..)| *setting).chain(elsewhere).collect();
    let rendered = ConfigTree::parse(&node.base).unwrap().settings();
    let untried: Vec<&String> = rendered
        .keys()
        .filter(|name| !tried.contains(name.as_str()) && !name.starts_with("resolver_preload."))
        .collect();
    assert_eq!(untried, Vec::<&String>::new());
}
