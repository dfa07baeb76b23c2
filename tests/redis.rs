//! The cache as its clients and its operators meet it. Real servers throughout.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use natsops::pki::client_config;
use natsops::provider::local::{NodeFolder, NodeProcess};
use natsops::redis::{Connection, Pass, enter};
use natsops::secrets::{KeyName, SecretStore as _};

use crate::checks::only;
use crate::cluster::Keys;
use crate::support::{Cluster, Project, changes, holds_no_secret};

/// Every node of the cache.
pub const NODES: [&str; 6] =
    ["redis-1-a", "redis-1-b", "redis-2-a", "redis-2-b", "redis-3-a", "redis-3-b"];

/// How long an apply may take until it has made the first node of the cache.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn address(project: &Project, node: &str) -> SocketAddr {
    let conf = std::fs::read_to_string(project.node(node).join("redis.conf")).unwrap();
    let bind = conf.lines().find_map(|line| line.strip_prefix("bind ")).unwrap();
    format!("{bind}:6379").parse().unwrap()
}

/// natsops' own way to a node.
pub async fn own(project: &Project, node: &str) -> Connection {
    let keys = Keys::of(project);
    let access = keys.access(project);
    let ticket = &access.certificate;
    let tls = client_config(&access.authority, Some((&ticket.public, &ticket.secret))).unwrap();
    let password = keys.store.open(&KeyName::redis_user("natsops")).unwrap();
    let pass = Pass { tls: Some(Arc::new(tls)), user: Some(("natsops".to_owned(), password)) };
    enter(address(project, node), &pass).await.unwrap()
}

/// Tells a node something as natsops.
async fn tell<T: redis::FromRedisValue>(project: &Project, node: &str, words: &str) -> T {
    let mut command = redis::Cmd::new();
    for word in words.split(' ') {
        command.arg(word);
    }
    command.query_async(&mut own(project, node).await).await.unwrap()
}

/// An ordinary client with exported files only: `redis-cli`, which follows redirections.
fn client(project: &Project, service: &str, words: &[&str]) -> String {
    let folder = project.path().join(format!("creds-{service}"));
    if !folder.exists() {
        let out = folder.to_str().unwrap();
        let said = project.run(&["creds", "export", "local", service, "--out", out]).expect(0);
        holds_no_secret(&said.stderr);
    }
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap().trim().to_owned();
    let urls = read("redis.urls");
    let (host, port) =
        urls.split(',').next().unwrap().trim_start_matches("rediss://").split_once(':').unwrap();
    let output = Command::new("redis-cli")
        .args(["-c", "-h", host, "-p", port, "--tls", "--no-auth-warning"])
        .args(["--cacert", "ca.pem", "--cert", "client.pem", "--key", "client.key"])
        .args(["--user", &read("redis.username")])
        .args(words)
        .current_dir(&folder)
        .env("REDISCLI_AUTH", read("redis.password"))
        .stdin(Stdio::null())
        .output()
        .expect("redis-cli is needed: run `.ci/tools tests`");
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

fn pids(project: &Project) -> Vec<i32> {
    NODES.iter().map(|node| project.pid(node)).collect()
}

pub fn kill(project: &Project, node: &str) {
    let folder = NodeFolder::redis(project.node(node));
    let process = NodeProcess::find(&folder).unwrap().unwrap();
    process.kill().unwrap();
    while process.is_alive() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A node as `status` shows it.
fn status(project: &Project, node: &str) -> serde_json::Value {
    let said = project.run(&["status", "local", "--json"]).json();
    let mut nodes = said["status"]["cache"].as_array().unwrap().iter();
    nodes.find(|found| found["name"] == node).unwrap().clone()
}

#[track_caller]
fn applies_and_has_nothing_left(cluster: &Cluster) {
    cluster.project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
}

#[test]
fn a_service_has_its_keys_and_nothing_else() {
    let cluster = Cluster::with_cache();
    let project = &cluster.project;
    for number in 0..20 {
        let key = format!("llm:{number}");
        assert_eq!(client(project, "llm-gateway", &["set", &key, "a dragon"]).trim(), "OK");
        assert_eq!(client(project, "llm-gateway", &["get", &key]).trim(), "a dragon");
    }
    for refused in [&["get", "store:1"][..], &["set", "x", "y"], &["flushall"], &["keys", "*"]] {
        let said = client(project, "llm-gateway", refused);
        assert!(said.contains("NOPERM"), "{refused:?}: {said}");
    }
    assert!(client(project, "store", &["get", "llm:1"]).contains("NOPERM"));
    // Who caches nothing is not known to the cache.
    project.run(&["creds", "export", "local", "wallet", "--out", "wallet"]).expect(0);
    assert!(!project.path().join("wallet/redis.password").exists());

    let script = ["creds", "export", "local", "store", "--out", "store", "--format", "env"];
    project.run(&script).expect(0);
    let script = std::fs::read_to_string(project.path().join("store/store.env")).unwrap();
    holds_no_secret(&script);
    for name in ["REDIS_URLS='rediss://127.", "REDIS_USERNAME='store'", "REDIS_PASSWORD_FILE='/"] {
        assert!(script.contains(&format!("export {name}")), "{script}");
    }
}

#[test]
fn a_killed_primary_shows_and_heals_whether_or_not_a_replica_took_over() {
    let cluster = Cluster::with_cache();
    let project = &cluster.project;
    assert_eq!(client(project, "state-manager", &["set", "state:kept", "here"]).trim(), "OK");
    for (node, patience) in [("redis-1-a", 0), ("redis-2-a", 12)] {
        kill(project, node);
        let plan = changes(&cluster.plan());
        assert!(plan.contains(&format!("update redis-node {node}")), "{plan:?}");
        assert!(plan.contains(&"update redis-cluster game-local".to_owned()), "{plan:?}");
        project.run(&["status", "local", "--json"]).expect(8);
        let heir = node.replace("-a", "-b");
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(patience) {
            if status(project, &heir)["role"] == "primary" {
                break;
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        let expected = if patience == 0 { "replica" } else { "primary" };
        assert_eq!(status(project, &heir)["role"], expected);
        applies_and_has_nothing_left(&cluster);
        project.run(&["status", "local", "--wait", "10"]).expect(0);
    }
}

#[test]
fn lost_folders_are_made_anew_and_nobody_remembers_the_old_servers() {
    let cluster = Cluster::with_cache();
    let project = &cluster.project;
    // A primary alone, and a whole shard.
    for lost in [&["redis-2-a"][..], &["redis-3-a", "redis-3-b"]] {
        for node in lost {
            kill(project, node);
            std::fs::remove_dir_all(project.node(node)).unwrap();
        }
        applies_and_has_nothing_left(&cluster);
        assert_eq!(cluster.failing_checks(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_change_in_place_and_settings_one_node_at_a_time() {
    let cluster = Cluster::with_cache();
    let project = &cluster.project;
    let before = pids(project);
    assert_eq!(client(project, "llm-gateway", &["set", "llm:kept", "here"]).trim(), "OK");
    let mut connected = own(project, "redis-1-a").await;

    project.edit("catalog/game.yaml", "caches: [\"llm:*\"]", "caches: [\"llm:*\", \"answers:*\"]");
    let plan = cluster.plan();
    let nodes: Vec<String> = NODES.iter().map(|node| format!("update redis-node {node}")).collect();
    let mut planned = changes(&plan);
    planned.sort_unstable();
    assert_eq!(planned, nodes);
    let actions = plan["plan"]["actions"].as_array().unwrap().iter();
    assert!(actions.filter(|action| action["kind"] == "redis-node").all(|a| a["effect"] == "none"));
    applies_and_has_nothing_left(&cluster);
    assert_eq!(pids(project), before, "no node had a reason to restart");
    redis::cmd("PING").exec_async(&mut connected).await.unwrap();
    assert_eq!(client(project, "llm-gateway", &["set", "answers:1", "x"]).trim(), "OK");

    project.edit(
        "local.yaml",
        "replicas_per_shard: 1}",
        "replicas_per_shard: 1, max_memory: 32 MiB}",
    );
    let said = project.run(&["apply", "local", "--yes"]).expect(0).stderr;
    let done: Vec<&str> = said
        .lines()
        .filter_map(|line| line.trim().strip_prefix("done restart redis node ")?.split(' ').next())
        .collect();
    let replicas_first =
        ["redis-1-b", "redis-2-b", "redis-3-b", "redis-1-a", "redis-2-a", "redis-3-a"];
    assert_eq!(done, replicas_first);
    assert!(pids(project).iter().zip(&before).all(|(now, before)| now != before));
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
    // Each primary has handed over before it went.
    assert_eq!(client(project, "llm-gateway", &["get", "llm:kept"]).trim(), "here");
    assert_eq!(status(project, "redis-1-b")["role"], "primary");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changed_by_hand_is_found_and_undone() {
    let cluster = Cluster::with_cache();
    let project = &cluster.project;
    let _: () = tell(project, "redis-1-a", "ACL SETUSER mallory on nopass ~* +@all").await;
    let _: () = tell(project, "redis-2-b", "ACL SETUSER store +flushall").await;
    let mut planned = changes(&cluster.plan());
    planned.sort_unstable();
    assert_eq!(planned, ["update redis-node redis-1-a", "update redis-node redis-2-b"]);
    let before = pids(project);
    applies_and_has_nothing_left(&cluster);
    assert_eq!(pids(project), before);

    let _: () = tell(project, "redis-3-a", "CONFIG SET maxmemory-policy noeviction").await;
    let plan = cluster.project.run(&["plan", "local"]).expect(0).stdout;
    assert!(plan.contains("maxmemory-policy: noeviction → allkeys-lru"), "{plan}");
    applies_and_has_nothing_left(&cluster);

    let users = project.node("redis-3-b").join("users.acl");
    std::fs::write(&users, "user default on nopass ~* &* +@all\n").unwrap();
    assert_eq!(changes(&cluster.plan()), ["update redis-node redis-3-b"]);
    applies_and_has_nothing_left(&cluster);
}

#[test]
fn an_apply_that_dies_while_the_cache_forms_is_continued_by_the_next() {
    let cluster = Cluster::with_cache();
    let project = &cluster.project;
    for moment in [20, 120, 250, 500, 900] {
        for node in NODES {
            kill(project, node);
            std::fs::remove_dir_all(project.node(node)).unwrap();
        }
        let mut command = project.command(&["apply", "local", "--yes"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begin = Instant::now();
        // Counted from the first sign of the cache, so that the death falls into its making.
        while !project.node("redis-1-a").exists() && begin.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(moment));
        child.kill().unwrap();
        child.wait().unwrap();
        applies_and_has_nothing_left(&cluster);
    }
}

#[test]
fn a_destroyed_cache_comes_back_and_a_deleted_one_does_not() {
    let cluster = Cluster::with_cache();
    let project = &cluster.project;
    let ids = || -> Vec<String> {
        NODES
            .iter()
            .map(|node| {
                let table = project.node(node).join("data/nodes.conf");
                let table = std::fs::read_to_string(table).unwrap();
                let own = table.lines().find(|line| line.contains("myself")).unwrap();
                own.split(' ').next().unwrap().to_owned()
            })
            .collect()
    };
    let before = ids();
    let said = project.run(&["destroy", "local", "--yes"]).expect(0).stderr;
    assert!(said.contains("done stop redis node redis-3-b"), "{said}");
    assert_eq!(status(project, "redis-1-a")["process"], "stopped");
    applies_and_has_nothing_left(&cluster);
    assert_eq!(ids(), before, "they are the same servers");
    project.run(&["logs", "local", "redis-1-a", "-n", "1"]).expect(0);

    project.run(&["destroy", "local", "--yes", "--delete-keys"]).expect(0);
    for part in ["tls", "users.acl", "redis.conf"] {
        assert!(!project.node("redis-1-a").join(part).exists(), "{part}");
    }
    assert!(project.node("redis-1-a").join("data/nodes.conf").exists());
    project.run(&["destroy", "local", "--yes", "--delete-data"]).expect(0);
    assert!(!project.node("redis-1-a").exists());
}

#[test]
fn another_number_of_shards_is_blocked_before_anything_happens_and_more_replicas_are_not() {
    let cluster = Cluster::with_cache();
    let project = &cluster.project;
    project.edit("local.yaml", "shards: 3", "shards: 4");
    let refused = project.run(&["apply", "local", "--yes"]).expect(5);
    assert!(refused.stderr.contains("slots do not move between shards yet"), "{}", refused.stderr);
    assert!(!project.node("redis-4-a").exists());
    project.edit(
        "local.yaml",
        "shards: 4, replicas_per_shard: 1",
        "shards: 3, replicas_per_shard: 2",
    );
    let before = pids(project);
    applies_and_has_nothing_left(&cluster);
    assert_eq!(pids(project), before, "who is there already is not disturbed");
    assert_eq!(status(project, "redis-3-c")["role"], "replica");
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}

#[test]
fn without_redis_server_an_apply_stops_before_it_begins() {
    let cluster = Cluster::idle_with_cache();
    let project = &cluster.project;
    let tools = crate::support::nats_server();
    let mut command = project.command(&["apply", "local", "--yes"]);
    let output = command.env("PATH", tools.parent().unwrap()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("redis-server 7.0.0 or newer is needed, and none is on PATH"), "{said}");
    assert!(said.contains("make tools"), "{said}");
    assert!(!project.node("nats-1").exists());
}

#[test]
fn an_environment_without_cache_is_warned_of_and_works() {
    let cluster = Cluster::idle_with_cache();
    let project = &cluster.project;
    project.edit("local.yaml", "redis: {shards: 3, replicas_per_shard: 1}", "");
    let said = project.run(&["validate", "local"]).expect(0).stderr;
    assert!(said.contains("`store` caches, and this environment has no cache"), "{said}");
    let said = project.run(&["apply", "local", "--yes"]).expect(0);
    assert!(!said.stderr.contains("cache-"), "{}", said.stderr);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_nobody_serves_fails_cache_slots_alone() {
    let cluster = Cluster::with_cache();
    let _: () = tell(&cluster.project, "redis-1-a", "CLUSTER DELSLOTS 0").await;
    only(&cluster, "cache-slots");
    assert_eq!(changes(&cluster.plan()), ["update redis-cluster game-local"]);
    applies_and_has_nothing_left(&cluster);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_can_not_sign_in_fails_cache_replicas_alone() {
    let cluster = Cluster::with_cache();
    let project = &cluster.project;
    let _: () = tell(project, "redis-2-b", "CONFIG SET masterauth wrong").await;
    let _: u32 = tell(project, "redis-2-b", "CLIENT KILL TYPE master").await;
    only(&cluster, "cache-replicas");
    let planned = changes(&cluster.plan());
    assert_eq!(planned, ["update redis-node redis-2-b", "update redis-cluster game-local"]);
    applies_and_has_nothing_left(&cluster);
}

#[test]
fn a_server_that_asks_for_no_certificate_fails_cache_doors_alone() {
    let cluster = Cluster::with_cache();
    let project = &cluster.project;
    let conf = project.node("redis-3-b").join("redis.conf");
    let text = std::fs::read_to_string(&conf).unwrap();
    std::fs::write(&conf, text.replace("tls-auth-clients yes", "tls-auth-clients no")).unwrap();
    kill(project, "redis-3-b");
    NodeProcess::start(
        "/usr/bin/redis-server".as_ref(),
        &NodeFolder::redis(project.node("redis-3-b")),
    )
    .unwrap();
    only(&cluster, "cache-doors");
    let said = project.run(&["doctor", "local"]).expect(8).stdout;
    assert!(said.contains("redis-3-b lets in a client without certificate"), "{said}");
    applies_and_has_nothing_left(&cluster);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_more_or_less_fails_cache_grants_alone() {
    let cluster = Cluster::with_cache();
    for change in ["+config|get", "-set", "~store:*"] {
        let words = format!("ACL SETUSER llm-gateway {change}");
        let _: () = tell(&cluster.project, "redis-2-a", &words).await;
        only(&cluster, "cache-grants");
        applies_and_has_nothing_left(&cluster);
    }
}
