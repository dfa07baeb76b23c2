//! Leafnodes: their rules, their rendered folders, a real server at the edge, and the checks that try the listeners.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, StreamExt as _};
use natsops::jwt::SigningKey;
use natsops::nats::{Probe, Tls, push};
use natsops::provider::local::{NodeFolder, NodeProcess};

use crate::checks::{change_node, only};
use crate::cluster::{Keys, client, monitors, servers};
use crate::support::{Cluster, Project, nats_server, signal};

/// How long something may take that a server does by itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// A leafnode server that is started as its owner would, on a port of its own.
struct Edge {
    process: Child,
    folder: PathBuf,
}

impl Edge {
    fn start(folder: PathBuf) -> Self {
        let process = Command::new(nats_server())
            .args(["-c", "nats.conf", "-p", "-1", "--ports_file_dir", "."])
            .current_dir(&folder)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("stderr")).unwrap())
            .spawn()
            .unwrap();
        Self { process, folder }
    }

    fn url(&self) -> String {
        until("the edge tells its port", || {
            let file = self.folder.join(format!("nats-server_{}.ports", self.process.id()));
            let ports: serde_json::Value =
                serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
            Some(ports["nats"][0].as_str()?.to_owned())
        })
    }

    /// A client at the edge: it needs no creds, only to be there.
    async fn client(&self, inbox_prefix: &str) -> async_nats::Client {
        async_nats::ConnectOptions::new()
            .custom_inbox_prefix(inbox_prefix)
            .request_timeout(Some(Duration::from_secs(1)))
            .connect(self.url())
            .await
            .unwrap()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[track_caller]
fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn render(project: &Project, environment: &str, out: &str) -> PathBuf {
    let arguments = ["render", environment, "--leafnode", "edge-eu", "--out", out];
    project.run(&arguments).expect(0);
    project.path().join(out)
}

#[test]
fn a_rendered_folder_is_accepted_by_the_server_and_names_the_cluster() {
    let project = Project::new();
    for (environment, url) in [("local", "tls://127."), ("prod", "tls://nats.prod.internal:7422")] {
        let folder = render(&project, environment, environment);
        let output = Command::new(nats_server())
            .args(["-t", "-c", "nats.conf"])
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let config = std::fs::read_to_string(folder.join("nats.conf")).unwrap();
        assert!(config.contains(url), "{config}");
        for secret in ["leafnode.creds", "tls/client.key"] {
            assert!(is_private(&folder.join(secret)), "{secret}");
        }
    }
}

fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o077 == 0
}

#[test]
fn a_leafnode_of_nobody_is_refused_with_the_one_that_was_meant() {
    let project = Project::new();
    let refused = project.run(&["render", "local", "--leafnode", "edge-ue", "--out", "out"]);
    let refused = refused.expect(64);
    assert!(refused.stderr.contains("did you mean `edge-eu`?"), "{}", refused.stderr);
    assert!(!project.path().join("out").exists());
}

/// A way to break the shipped leafnode, and what must be said about it.
const BREAKAGES: [(&str, &str, &str, &str); 8] = [
    ("account: GAME", "account: GAMES", "unknown-account", "did you mean `GAME`?"),
    (
        "svc.world.simulation.v1.act",
        "svc.world.simulation.v1.axt",
        "outside-contract",
        "`svc.world.simulation.v1.act`?",
    ),
    ("evt.world.combat.resolved.v1", "evt.quest.lost.v1", "outside-contract", "nobody publishes"),
    ("evt.world.combat.resolved.v1", "svc.quest.v1.generate", "wrong-category", "under subscribes"),
    ("evt.world.combat.resolved.v1", "evt.world.>", "malformed", "`>` would cover"),
    (
        "evt.world.combat.resolved.v1",
        "evt.asset.generation.completed.v1",
        "duplicate-subject",
        "twice",
    ),
    ("  edge-eu:", "  llm-gateway:", "duplicate-name", "also a service"),
    ("  edge-eu:", "  natsops:", "reserved-name", "role of this tool"),
];

#[test]
fn each_way_of_breaking_a_leafnode_is_found_at_its_line() {
    for (from, to, code, says) in BREAKAGES {
        let project = Project::new();
        project.edit("local.yaml", from, to);
        let text = std::fs::read_to_string(project.path().join("environments/local.yaml")).unwrap();
        let line = 1 + text.lines().position(|line| line.contains(to)).unwrap();
        let output = project.run(&["validate", "local", "--json"]).expect(3);
        let problems = output.json()["diagnostics"].as_array().unwrap().clone();
        let problem = problems.iter().find(|problem| problem["code"] == code);
        let problem = problem.unwrap_or_else(|| panic!("{code}: {problems:?}"));
        // Of two equal subjects, the second is the one too many.
        let lines = [line, line + 1];
        let found = usize::try_from(problem["line"].as_u64().unwrap()).unwrap();
        assert!(lines[..=usize::from(code == "duplicate-subject")].contains(&found), "{problem}");
        let said = format!("{} {}", problem["message"], problem["help"]);
        assert!(said.contains(says), "{says}: {said}");
    }
}

#[test]
fn what_is_granted_to_nobody_and_what_is_reserved_is_told() {
    let project = Project::new();
    project.edit(
        "local.yaml",
        "leafnodes:\n",
        "leafnodes:\n  idle:\n    account: GAME\n    description: Nothing.\n",
    );
    let output = project.run(&["validate", "local", "--json"]).expect(0);
    assert_eq!(output.json()["diagnostics"][0]["code"], "leafnode-without-grants");
    let project = Project::new();
    project.edit("catalog/game.yaml", "  GAME:\n", "  NATSOPS:\n");
    let output = project.run(&["validate", "local"]).expect(3);
    assert!(output.stderr.contains("`NATSOPS` is the account of this tool"), "{}", output.stderr);
}

#[test]
fn an_entity_of_a_wildcard_subject_is_part_of_the_contract() {
    let project = Project::new();
    project.edit("local.yaml", "evt.world.region.changed.v1.*", "evt.world.region.changed.v1.eu");
    project.run(&["validate", "local"]).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_at_the_edge_passes_what_is_granted_and_nothing_else() {
    let cluster = Cluster::applied();
    let edge = Edge::start(render(&cluster.project, "local", "edge"));
    let player = edge.client("_INBOX.edge-eu").await;
    let world = client(&cluster.project, "world-simulator").await;

    // A call goes in, and its answer comes back. What is not granted was said before it, and does not go in.
    let queue = "q.world.simulation".to_owned();
    let act = "svc.world.simulation.v1.act";
    let mut acts = world.queue_subscribe(act, queue.clone()).await.unwrap();
    let mut quests = world.queue_subscribe("evt.quest.generated.v1", queue).await.unwrap();
    world.flush().await.unwrap();
    let answering = world.clone();
    tokio::spawn(async move {
        while let Some(request) = acts.next().await {
            answering.publish(request.reply.unwrap(), "moved".into()).await.unwrap();
        }
    });
    let answer = answered(&player, act).await;
    assert_eq!(let_in(&cluster.project), 1);
    assert_eq!(&answer.payload[..], b"moved");
    player.publish("evt.quest.generated.v1", "forged".into()).await.unwrap();
    player.request(act, "north".into()).await.unwrap();
    assert!(
        quests.next().now_or_never().is_none(),
        "an event crossed that the edge may not publish"
    );

    // Events come out, those of the grants only.
    let mut fights = player.subscribe("evt.world.combat.resolved.v1").await.unwrap();
    let mut jobs = player.subscribe("evt.asset.generation.requested.v1").await.unwrap();
    player.flush().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.publish("evt.asset.generation.requested.v1", "a picture".into()).await.unwrap();
    world.publish("evt.world.combat.resolved.v1", "a victory".into()).await.unwrap();
    let fight = tokio::time::timeout(PATIENCE, fights.next()).await.unwrap().unwrap();
    assert_eq!(&fight.payload[..], b"a victory");
    assert!(jobs.next().now_or_never().is_none(), "an event crossed that the edge may not receive");

    // Whose inbox is not the edge's own gets no answer.
    let stranger = edge.client("_INBOX.world-simulator").await;
    assert!(stranger.request(act, "south".into()).await.is_err());

    // Another edge of the account, and the checks, find their places beside it.
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());

    // A new grant is in force at once, with the folder that the edge has.
    let granted = "      - evt.asset.generation.requested.v1\n";
    cluster.project.edit("local.yaml", "    subscribes:\n", &format!("    subscribes:\n{granted}"));
    let applied = cluster.project.run(&["apply", "local", "--yes"]).expect(0);
    assert!(
        applied.stderr.contains("[clients of leafnode/edge-eu reconnect]"),
        "{}",
        applied.stderr
    );
    answered(&player, act).await;
    let job = async {
        loop {
            world.publish("evt.asset.generation.requested.v1", "a picture".into()).await.unwrap();
            let heard = tokio::time::timeout(Duration::from_millis(200), jobs.next()).await;
            if let Ok(Some(job)) = heard {
                return job;
            }
        }
    };
    tokio::time::timeout(PATIENCE, job).await.unwrap();

    // Once it is not listed any more, its connection is closed and it does not come back.
    let path = cluster.project.path().join("environments/local.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.split("\n# Servers elsewhere").next().unwrap()).unwrap();
    cluster.project.run(&["apply", "local", "--yes"]).expect(0);
    assert!(player.request(act, "east".into()).await.is_err());
    let away = || (let_in(&cluster.project) == 0).then_some(());
    until("the edge is put out", away);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(let_in(&cluster.project), 0, "it tries every two seconds");
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}

/// Like a service: both keys are let in, then the new one alone, and a revoked one not at all.
#[test]
fn a_leafnodes_user_key_is_rotated_while_it_is_connected_and_is_revoked() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let keys = |arguments: &[&str]| {
        let arguments = [&["keys"], arguments, &["--yes"]].concat();
        project.run(&arguments).expect(0).stdout
    };
    let count = |wanted: u64| {
        until("leafnodes come and go", || (let_in(project) == wanted).then_some(()));
    };
    let first = Edge::start(render(project, "local", "first"));
    count(1);
    let begun = keys(&["rotate", "local", "user", "edge-eu"]);
    assert!(begun.contains("render local --leafnode edge-eu"), "{begun}");
    assert!(begun.contains("servers do not tell who uses it"), "{begun}");
    let busy = ["keys", "rotate", "local", "signing-key", "leafnode/edge-eu", "--yes"];
    let said = project.run(&busy).expect(5).stderr;
    assert!(said.contains("next: natsops keys rotate local user edge-eu\n"), "{said}");
    let second = Edge::start(render(project, "local", "second"));
    count(2);

    let ended = keys(&["rotate", "local", "user", "edge-eu", "--overlap", "0s"]);
    assert!(ended.contains("refused by every node"), "{ended}");
    // Whoever still has the old creds is put out and stays out.
    count(1);
    drop(second);
    count(0);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(let_in(project), 0, "it tries every two seconds");
    drop(first);
    let third = Edge::start(render(project, "local", "third"));
    count(1);

    let revoked = keys(&["revoke", "local", "user", "edge-eu"]);
    assert!(revoked.contains("user/leafnode/edge-eu"), "{revoked}");
    count(0);
    keys(&["rotate", "local", "user", "edge-eu"]);
    drop(third);
    let _fourth = Edge::start(render(project, "local", "fourth"));
    count(1);
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}

/// How many leafnodes all nodes have let in.
fn let_in(project: &Project) -> u64 {
    let counts = monitors(project, 8222).into_iter().map(|address| {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(stream, "GET /leafz HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let page: serde_json::Value = serde_json::from_str(body).unwrap();
        page["leafnodes"].as_u64().unwrap()
    });
    counts.sum()
}

/// Asks until the answer comes: the servers take a moment to tell each other of a subscription.
async fn answered(client: &async_nats::Client, subject: &'static str) -> async_nats::Message {
    let begin = Instant::now();
    loop {
        match client.request(subject, "first".into()).await {
            Ok(answer) => return answer,
            Err(error) => assert!(begin.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leafnodes_creds_open_no_other_door_and_no_others_open_its_own() {
    let cluster = Cluster::applied();
    let folder = render(&cluster.project, "local", "edge");
    let options = async_nats::ConnectOptions::with_credentials_file(folder.join("leafnode.creds"));
    let options = options.await.unwrap().add_root_certificates(folder.join("tls/ca.pem"));
    let options = options
        .add_client_certificate(folder.join("tls/client.pem"), folder.join("tls/client.key"));
    let door = format!("tls://{}", monitors(&cluster.project, 4222)[0]);
    let refused = options.require_tls(true).connect(door).await.unwrap_err();
    assert!(refused.to_string().contains("authorization"), "{refused}");

    let keys = Keys::of(&cluster.project);
    let config = Arc::new(keys.access(&cluster.project).tls().unwrap());
    let door = monitors(&cluster.project, 7422)[0];
    let mut probe = Probe::open(door, &Tls::With(config)).await.unwrap();
    let refused = probe.sign_in_as_leafnode(Some(&keys.own_user("GAME"))).await.unwrap_err();
    assert!(refused.to_string().contains("Authorization Violation"), "{refused}");
}

#[test]
fn leafnodes_without_certificate_fail_leafnode_doors_alone() {
    let cluster = Cluster::applied();
    change_node(&cluster, "nats-3", |text| {
        let start = text.find("leafnodes {").unwrap();
        let (before, after) = text.split_at(start);
        format!("{before}{}", after.replacen("verify: true", "verify: false", 1))
    });
    only(&cluster, "leafnode-doors");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrower_or_a_wider_leafnode_role_fails_leafnode_passes_alone() {
    let cluster = Cluster::applied();
    let keys = Keys::of(&cluster.project);
    let control = keys.control(&cluster.project).await;
    let roles =
        [("natsops.other.>", "no message comes out"), ("natsops.>", "which nothing permits")];
    for (number, (subject, says)) in (0..).zip(roles) {
        let changed = keys.changed_claims_at(number, "NATSOPS", |body| {
            for key in &mut body.signing_keys {
                if let SigningKey::Scoped(scope) = key
                    && scope.role == "leafnode"
                {
                    scope.template.subscribe.allow = vec![subject.to_owned()];
                }
            }
        });
        push(&control, &changed, &servers(&cluster.project).await).await.unwrap();
        only(&cluster, "leafnode-passes");
        let report = cluster.project.run(&["doctor", "local"]).expect(8);
        assert!(report.stdout.contains(says), "{}", report.stdout);
    }
}

/// The servers that checks have started and not yet stopped.
fn started(project: &Project) -> Vec<PathBuf> {
    let edges = project.path().join(".natsops/local/edges");
    let entries = std::fs::read_dir(edges).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
}

#[test]
fn a_check_that_is_interrupted_or_killed_leaves_no_server_for_long() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    assert_eq!(started(project), Vec::<PathBuf>::new());
    let running = || {
        let mut doctor = project.command(&["doctor", "local"]);
        let doctor = doctor.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (folder, server) = until("a check starts a server", || {
            let folder = started(project).pop()?;
            let server = NodeProcess::find(&NodeFolder::new(folder.clone())).ok()??;
            Some((folder, server))
        });
        (doctor, folder, server)
    };

    let (mut doctor, folder, server) = running();
    assert!(is_private(&folder.join("nats.conf")), "it holds passwords");
    signal(i32::try_from(doctor.id()).unwrap(), rustix::process::Signal::INT);
    doctor.wait().unwrap();
    assert!(!server.is_alive() && !folder.exists());

    for next in [&["doctor", "local"][..], &["destroy", "local", "--yes"]] {
        let (mut doctor, folder, server) = running();
        doctor.kill().unwrap();
        doctor.wait().unwrap();
        assert!(server.is_alive() && folder.exists());
        project.run(next).expect(0);
        assert!(!server.is_alive());
        assert_eq!(started(project), Vec::<PathBuf>::new());
    }
}

#[test]
fn without_the_server_program_one_check_fails_and_says_so() {
    let cluster = Cluster::applied();
    let mut doctor = cluster.project.command(&["doctor", "local", "--json"]);
    let output = doctor.env("PATH", "/usr/bin:/bin").output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let failed: Vec<&serde_json::Value> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["passed"] == false)
        .collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0]["finding"].as_str().unwrap().contains("no nats-server"), "{failed:?}");
}
