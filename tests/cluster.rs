//! The running cluster as its clients and its operators meet it.

use std::path::Path;
use std::time::Duration;

use async_nats::jetstream;
use futures_util::StreamExt as _;
use natsops::artifacts::{short_lived_user, trusted};
use natsops::jwt::{AccountBody, Claims, decode, sign};
use natsops::nats::{Access, ClaimsError, Control, Monitor, Varz, lookup, push};
use natsops::secrets::{
    Document, Entropy as _, Index, KeyName, OsEntropy, SealedDirectory, SecretStore as _, Ticket,
};

use crate::support::plain_server::PlainServer;
use crate::support::{Cluster, Project, holds_no_secret};

/// The keys of a test's project.
pub struct Keys {
    pub store: SealedDirectory,
    pub index: Index,
}

impl Keys {
    pub fn of(project: &Project) -> Self {
        let folder = project.path().join(".natsops/local/secrets");
        let store = SealedDirectory::new(folder, project.identity(), &[]);
        let index = store.index().unwrap();
        Self { store, index }
    }

    fn now() -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    /// natsops' own way in.
    pub fn access(&self, project: &Project) -> Access {
        Access {
            servers: monitors(project, 4222),
            authority: trusted(&self.index).unwrap(),
            certificate: natsops::artifacts::short_lived_client(
                &self.index,
                &self.store,
                &OsEntropy,
                Self::now(),
            )
            .unwrap(),
        }
    }

    pub fn own_user(&self, account: &str) -> Ticket {
        short_lived_user(account, &self.index, &self.store, &OsEntropy, Self::now()).unwrap()
    }

    pub async fn control(&self, project: &Project) -> Control {
        let connection = self.access(project).connect(&self.own_user("SYS")).await.unwrap();
        Control { connection, servers: 5 }
    }

    /// The account's claims as each of the five servers holds them.
    pub async fn held(&self, project: &Project, account: &str) -> Vec<String> {
        let account = self.index.public(&KeyName::account(account)).unwrap();
        let held = lookup(&self.control(project).await, account).await.unwrap();
        assert_eq!(held.tokens.len(), 5);
        held.tokens
    }

    /// The account's claims, changed, signed by the real operator and newer than what is there.
    pub fn changed_claims(&self, account: &str, change: impl FnOnce(&mut AccountBody)) -> String {
        self.changed_claims_at(0, account, change)
    }

    /// The same, newer by so many earlier changes.
    pub fn changed_claims_at(
        &self,
        earlier: i64,
        account: &str,
        change: impl FnOnce(&mut AccountBody),
    ) -> String {
        let token = self.index.document(&Document::account(account)).unwrap();
        let mut claims: Claims<AccountBody> = decode(token).unwrap().claims;
        change(&mut claims.nats);
        claims.iat += 1 + earlier;
        sign(claims, &self.store.open(&KeyName::operator_signing(1)).unwrap()).unwrap()
    }
}

/// The addresses of a port on every node, read from what was rendered.
pub fn monitors(project: &Project, port: u16) -> Vec<std::net::SocketAddr> {
    (1..=5)
        .map(|node| {
            let conf = project.node(&format!("nats-{node}")).join("nats.conf");
            let conf = std::fs::read_to_string(conf).unwrap();
            let line = conf.lines().find(|line| line.starts_with("listen: ")).unwrap();
            let address = line.split('"').nth(1).unwrap().split(':').next().unwrap();
            format!("{address}:{port}").parse().unwrap()
        })
        .collect()
}

pub async fn servers(project: &Project) -> Vec<Varz> {
    let mut servers = Vec::new();
    for address in monitors(project, 8222) {
        servers.push(Monitor::new(address).varz().await.unwrap());
    }
    servers
}

/// How a service's client gets in, with the files that `creds export` has written for it.
pub async fn options(folder: &Path, service: &str) -> async_nats::ConnectOptions {
    async_nats::ConnectOptions::with_credentials_file(folder.join("user.creds"))
        .await
        .unwrap()
        .add_root_certificates(folder.join("ca.pem"))
        .add_client_certificate(folder.join("client.pem"), folder.join("client.key"))
        .custom_inbox_prefix(format!("_INBOX.{service}"))
        .require_tls(true)
}

/// An ordinary client with exported files only: no code of ours knows how it signs in.
pub async fn client(project: &Project, service: &str) -> async_nats::Client {
    let out = format!("creds-{service}");
    let exported = project.run(&["creds", "export", "local", service, "--out", &out]).expect(0);
    holds_no_secret(&exported.stdout);
    let folder = project.path().join(out);
    let urls = std::fs::read_to_string(folder.join("urls")).unwrap();
    let servers: Vec<_> = urls.trim().split(',').map(str::to_owned).collect();
    options(&folder, service).await.connect(servers).await.unwrap()
}

/// A server at the address of `nats-1` and with its certificate, that knows only somebody else.
fn stranger(project: &Project) -> (PlainServer, std::net::SocketAddr) {
    let folder = project.node("nats-1");
    let conf = std::fs::read_to_string(folder.join("nats.conf")).unwrap();
    let file = |setting: &str| {
        let line = conf.lines().map(str::trim).find(|line| line.starts_with(setting)).unwrap();
        folder.join(line.split('"').nth(1).unwrap())
    };
    let (certificate, key, authority) = (file("cert_file:"), file("key_file:"), file("ca_file:"));
    let address = std::net::SocketAddr::new(monitors(project, 4222)[0].ip(), 4333);
    let other = nkeys::KeyPair::new_user().public_key();
    let config = format!(
        "tls: {{cert_file: {certificate:?}, key_file: {key:?}, ca_file: {authority:?}}}\n\
         authorization: {{users: [{{nkey: {other}}}]}}\n"
    );
    (PlainServer::start_at(&address.to_string(), &config), address)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refusal_of_one_server_is_not_that_of_all() {
    let cluster = Cluster::applied();
    let keys = Keys::of(&cluster.project);
    let (mut access, user) = (keys.access(&cluster.project), keys.own_user("SYS"));
    let (_server, address) = stranger(&cluster.project);
    access.servers[0] = address;
    // The client takes the servers in any order.
    for _ in 0..20 {
        access.connect(&user).await.unwrap();
    }
    access.servers.truncate(1);
    let error = access.connect(&user).await.unwrap_err().to_string();
    assert!(error.starts_with("no server lets natsops in: authorization violation"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_answered_and_an_event_is_kept() {
    let cluster = Cluster::applied();
    let gateway = client(&cluster.project, "llm-gateway").await;
    let mut requests =
        gateway.queue_subscribe("svc.ai.llm.v1.infer", "q.ai.llm.infer".to_owned()).await.unwrap();
    gateway.flush().await.unwrap();
    let answering = gateway.clone();
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            answering.publish(request.reply.unwrap(), "a dragon".into()).await.unwrap();
        }
    });
    let quests = client(&cluster.project, "quest-generator").await;
    let answer = quests.request("svc.ai.llm.v1.infer", "what now?".into()).await.unwrap();
    assert_eq!(&answer.payload[..], b"a dragon");

    let stored = jetstream::new(quests)
        .publish("evt.quest.generated.v1", "a quest".into())
        .await
        .unwrap()
        .await
        .unwrap();
    assert_eq!(stored.stream, "GAME_WORLD");

    // A live member of a queue group is not disturbed by the checks: every request reaches it.
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
    let quests = client(&cluster.project, "quest-generator").await;
    assert!(quests.request("svc.ai.llm.v1.infer", "still there?".into()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_listens_may_say_nothing_and_who_only_speaks_may_hear_nothing() {
    let cluster = Cluster::applied();
    for (service, may_publish) in [("notification", false), ("payment-webhook", true)] {
        let client = client(&cluster.project, service).await;
        // Ordinary clients learn of a refusal through an event only, so the answer is what is looked at.
        let published = tokio::time::timeout(Duration::from_secs(2), async {
            jetstream::new(client).publish("evt.payment.settled.v1", "x".into()).await?.await
        })
        .await;
        let stored = matches!(published, Ok(Ok(_)));
        assert!(may_publish || !stored, "{service} could publish");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_older_claims_nor_a_foreign_operators_are_pushed() {
    let cluster = Cluster::applied();
    let keys = Keys::of(&cluster.project);
    let control = keys.control(&cluster.project).await;
    let servers = servers(&cluster.project).await;
    let current = keys.index.document(&Document::account("GAME")).unwrap().to_owned();
    let account = keys.index.public(&KeyName::account("GAME")).unwrap();

    let newer = keys.changed_claims("GAME", |body| body.description = "newer".to_owned());
    push(&control, &newer, &servers).await.unwrap();
    let held = lookup(&control, account).await.unwrap();
    assert_eq!(held.tokens, vec![newer.clone(); 5], "every server holds it");

    // Neither an older one, nor another of the same second: nobody could tell which a server keeps.
    let rival = keys.changed_claims("GAME", |body| body.description = "as new".to_owned());
    for stale in [&current, &rival] {
        let refused = push(&control, stale, &servers).await.unwrap_err();
        assert!(matches!(refused, ClaimsError::Newer { .. }), "{refused}");
    }
    // The same once more does no harm.
    push(&control, &newer, &servers).await.unwrap();

    let stranger = OsEntropy.make(&KeyName::operator(), jiff::Timestamp::now());
    let mut claims: Claims<AccountBody> = decode(&newer).unwrap().claims;
    claims.iss = stranger.entry.public.clone();
    claims.iat += 10;
    let foreign = sign(claims, &stranger.secret).unwrap();
    let refused = push(&control, &foreign, &servers).await.unwrap_err();
    assert!(matches!(refused, ClaimsError::Foreign { .. }), "{refused}");
    assert_eq!(lookup(&control, account).await.unwrap().tokens, vec![newer; 5]);

    // What somebody else has pushed is drift: it shows, and an apply signs a version that is newer still.
    let plan = cluster.plan();
    assert_eq!(crate::support::changes(&plan), ["update jwt account/GAME", "update claims GAME"]);
    cluster.project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(crate::support::changes(&cluster.plan()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_servers_run_is_what_was_rendered() {
    let cluster = Cluster::applied();
    for varz in servers(&cluster.project).await {
        let conf = cluster.project.node(&varz.server_name).join("nats.conf");
        let conf = std::fs::read_to_string(conf).unwrap();
        let tree = natsops::render::ConfigTree::parse(&conf).unwrap();
        assert_eq!(varz.config_digest, tree.digest());
        holds_no_secret(&conf);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_changed_by_hand_is_put_right_and_a_strange_one_is_left_alone() {
    let cluster = Cluster::applied();
    let keys = Keys::of(&cluster.project);
    let connection = keys.access(&cluster.project).connect(&keys.own_user("GAME")).await.unwrap();
    let context = jetstream::new(connection);
    let mut config = context.get_stream("GAME_AI").await.unwrap().cached_info().config.clone();
    config.max_messages = 7;
    config.max_bytes = 1 << 20;
    context.update_stream(config).await.unwrap();
    let strange = jetstream::stream::Config {
        name: "STRANGE".to_owned(),
        subjects: vec!["strange".to_owned()],
        max_bytes: 1 << 20,
        num_replicas: 3,
        ..Default::default()
    };
    context.create_stream(strange).await.unwrap();

    let plan = cluster.plan();
    assert_eq!(crate::support::changes(&plan), ["update stream GAME/GAME_AI"]);
    assert_eq!(plan["plan"]["unmanaged"][0]["name"], "GAME/STRANGE");
    cluster.project.run(&["apply", "local", "--yes"]).expect(0);
    let config = context.get_stream("GAME_AI").await.unwrap().cached_info().config.clone();
    assert_eq!(config.max_messages, -1);
    assert!(context.get_stream("STRANGE").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_the_server_forbids_is_blocked_before_anything_happens() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    project.edit("catalog/game.yaml", "    retention: limits", "    retention: workqueue");
    project.edit("catalog/game.yaml", "max_age: 1d", "max_age: 2d");
    let refused = project.run(&["apply", "local", "--yes"]).expect(5);
    assert!(
        refused.stderr.contains("copy, and switch over; or lose its messages, with --replace"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("nothing was changed"));
}

/// Asks the servers what their system account alone may ask, and tells where its creds lie.
const TOOL: &str = "
import asyncio, json, nats, os, ssl
async def main():
    tls = ssl.create_default_context(cafile=os.environ['NATS_CA'])
    tls.load_cert_chain(os.environ['NATS_CERT'], os.environ['NATS_KEY'])
    prefix = os.environ['NATS_INBOX_PREFIX'].encode()
    client = await nats.connect(os.environ['NATS_URL'].split(','), tls=tls, inbox_prefix=prefix,
        user_credentials=os.environ['NATS_CREDS'], allow_reconnect=False)
    answer = await client.request('$SYS.REQ.SERVER.PING', b'', timeout=5)
    print(json.loads(answer.data)['server']['cluster'], os.environ['NATS_CREDS'], sep='\\n')
asyncio.run(main())
raise SystemExit(7)
";

#[test]
fn another_tool_finds_its_way_in_and_leaves_no_creds_behind() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let python = crate::support::package().join(".tools/python/bin/python3");
    assert!(python.is_file(), "nats-py is needed: run `.ci/tools tests`");
    let python = python.to_str().unwrap();
    let way_in = |options: &[&str], code: i32| {
        let tool = ["--", python, "-c", TOOL];
        project.run(&[&["nats", "local"], options, &tool].concat()).expect(code)
    };
    let said = way_in(&[], 7).stdout;
    let [name, creds] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
    assert_eq!(name, "game-local");
    assert!(!Path::new(creds).exists(), "{creds} is still there");
    // A service has no business there: it is let in, and not answered.
    let said = way_in(&["--service", "wallet"], 1).stderr;
    assert!(said.contains("permissions violation") || said.contains("Timeout"), "{said}");
    let unknown = project.run(&["nats", "local", "--account", "GAMES", "--", "true"]).expect(64);
    assert!(unknown.stderr.contains("GAME"), "{}", unknown.stderr);
    let missing = project.run(&["nats", "local", "--", "no-such-tool"]).expect(1).stderr;
    assert!(missing.contains("no-such-tool can't be started"), "{missing}");
}
