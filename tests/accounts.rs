//! What crosses between accounts, on real servers: what is shared and nothing else, audit records one way, nobody's API.

use std::time::Duration;

use async_nats::jetstream;
use futures_util::StreamExt as _;
use natsops::jwt::{Crossing, Import};
use natsops::nats::push;
use natsops::secrets::KeyName;

use crate::checks::only;
use crate::cluster::{Keys, client, servers};
use crate::support::{Cluster, Project, changes};

/// How long a message may take that comes.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long is waited for one that must not come.
const SILENCE: Duration = Duration::from_millis(500);

async fn next(subscriber: &mut async_nats::Subscriber) -> async_nats::Message {
    tokio::time::timeout(PATIENCE, subscriber.next()).await.expect("a message comes").unwrap()
}

async fn silent(subscriber: &mut async_nats::Subscriber) -> bool {
    tokio::time::timeout(SILENCE, subscriber.next()).await.is_err()
}

/// Publishes until the acknowledgement says which stream has it; by then every node knows every subscription.
async fn stored(client: &async_nats::Client, subject: &'static str, text: &'static str) -> String {
    let context = jetstream::new(client.clone());
    let publishing = async {
        loop {
            if let Ok(sent) = context.publish(subject, text.into()).await
                && let Ok(stored) = sent.await
            {
                return stored.stream;
            }
        }
    };
    tokio::time::timeout(PATIENCE, publishing).await.expect("it is acknowledged")
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_the_accounts_that_they_are_shared_with_and_calls_are_answered() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let purchase = "evt.store.purchase.completed.v1";

    // Two instances of one service share the work; a service of another account has its own.
    let quests = client(project, "quest-generator").await;
    let again = client(project, "quest-generator").await;
    let mails = client(project, "notification").await;
    let mut one = quests.queue_subscribe(purchase, "q.quest".to_owned()).await.unwrap();
    let mut two = again.queue_subscribe(purchase, "q.quest".to_owned()).await.unwrap();
    let mut receipts = mails.queue_subscribe(purchase, "q.notification".to_owned()).await.unwrap();
    // Granted to every instance, without a queue group.
    let world = client(project, "world-simulator").await;
    let mut items = world.subscribe("evt.inventory.item.granted.v1").await.unwrap();
    for client in [&quests, &again, &mails, &world] {
        client.flush().await.unwrap();
    }
    tokio::time::sleep(SILENCE).await;

    let store = client(project, "store").await;
    assert_eq!(stored(&store, purchase, "a sword").await, "COMMERCE_EVENTS");
    assert_eq!(&next(&mut receipts).await.payload[..], b"a sword");
    let (first, second) = (silent(&mut one).await, silent(&mut two).await);
    assert_ne!(first, second, "one instance of the group gets it, and only one");
    let inventory = client(project, "inventory").await;
    stored(&inventory, "evt.inventory.item.granted.v1", "a shield").await;
    assert_eq!(&next(&mut items).await.payload[..], b"a shield");

    // A call goes into the account that serves it, and its answer comes back.
    let queue = "q.inventory".to_owned();
    let mut requests = inventory.queue_subscribe("svc.inventory.v1.grant", queue).await.unwrap();
    inventory.flush().await.unwrap();
    tokio::time::sleep(SILENCE).await;
    let answering = inventory.clone();
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            assert_eq!(&request.payload[..], b"a crown", "nothing but the request comes");
            answering.publish(request.reply.unwrap(), "granted".into()).await.unwrap();
        }
    });
    let answer = quests.request("svc.inventory.v1.grant", "a crown".into()).await.unwrap();
    assert_eq!(&answer.payload[..], b"granted");

    // The checks try all of it beside those who are at work, and deliver nothing to them.
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
    assert!(silent(&mut receipts).await && silent(&mut items).await);
    let answer = quests.request("svc.inventory.v1.grant", "a crown".into()).await.unwrap();
    assert_eq!(&answer.payload[..], b"granted");
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_not_named_gets_nothing_whatever_its_claims_say() {
    let cluster = Cluster::applied();
    let keys = Keys::of(&cluster.project);
    let control = keys.control(&cluster.project).await;
    let subject = "evt.wallet.balance.changed.v1.*";
    // The operator itself writes an import into the claims, and a role that may hear it. The owner has not consented.
    let owner = keys.index.public(&KeyName::account("COMMERCE")).unwrap().to_owned();
    let claims = |token: String| {
        keys.changed_claims("PLAYERS", |body| {
            body.limits.imports += 1;
            body.imports.push(Import {
                name: subject.to_owned(),
                subject: subject.to_owned(),
                local_subject: String::new(),
                account: owner.clone(),
                token,
                kind: Crossing::Stream,
            });
            for key in &mut body.signing_keys {
                if let natsops::jwt::SigningKey::Scoped(scope) = key
                    && scope.role == "notification"
                {
                    scope.template.subscribe.allow.push(subject.to_owned());
                }
            }
        })
    };
    push(&control, &claims(String::new()), &servers(&cluster.project).await).await.unwrap();
    let mails = client(&cluster.project, "notification").await;
    let mut balances = mails.subscribe(subject).await.unwrap();
    mails.flush().await.unwrap();
    tokio::time::sleep(SILENCE).await;
    let wallet = client(&cluster.project, "wallet").await;
    assert_eq!(stored(&wallet, "evt.wallet.balance.changed.v1.7", "5").await, "COMMERCE_EVENTS");
    assert!(silent(&mut balances).await, "an account that was not named heard it");
    // Such claims are drift, and an apply takes out what the catalog does not say.
    assert_eq!(changes(&cluster.plan()), ["update jwt account/PLAYERS", "update claims PLAYERS"]);
    cluster.project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_records_are_acknowledged_and_out_of_reach_of_who_writes_them() {
    let cluster = Cluster::applied();
    let store = client(&cluster.project, "store").await;
    assert_eq!(
        stored(&store, "audit.store.purchase.completed.v1", "a sword").await,
        "COMMERCE_AUDIT"
    );
    // Neither the publisher nor the tool's own role in the publisher's account reaches the trail.
    let keys = Keys::of(&cluster.project);
    let access = keys.access(&cluster.project);
    let own = access.connect(&keys.own_user("COMMERCE")).await.unwrap();
    for connection in [own, store] {
        for request in ["STREAM.INFO", "STREAM.PURGE", "STREAM.DELETE", "STREAM.MSG.DELETE"] {
            let subject = format!("$JS.API.{request}.COMMERCE_AUDIT");
            let asked = connection.request(subject, r#"{"seq":1}"#.into());
            let answer = tokio::time::timeout(SILENCE, asked).await;
            let refused = match answer {
                Ok(Ok(answer)) => String::from_utf8_lossy(&answer.payload).contains("error"),
                Ok(Err(_)) | Err(_) => true,
            };
            assert!(refused, "{request} was answered");
        }
    }
    // Nor does whoever may manage the trail's account: the stream itself refuses.
    let keeper = jetstream::new(access.connect(&keys.own_user("AUDIT")).await.unwrap());
    let trail = keeper.get_stream("COMMERCE_AUDIT").await.unwrap();
    assert_eq!(trail.cached_info().state.messages, 1);
    assert!(trail.purge().await.is_err(), "it was purged");
    assert!(trail.delete_message(1).await.is_err(), "a record was deleted");
    let record = trail.get_raw_message(1).await.unwrap();
    assert_eq!(record.subject.as_str(), "audit.store.purchase.completed.v1");
    assert_eq!(&record.payload[..], b"a sword");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_import_fails_borders_alone_and_an_apply_mends_it() {
    let cluster = Cluster::applied();
    let keys = Keys::of(&cluster.project);
    let control = keys.control(&cluster.project).await;
    let changed = keys.changed_claims("COMMERCE", |body| {
        body.exports.retain(|export| export.subject != "evt.inventory.item.granted.v1");
    });
    push(&control, &changed, &servers(&cluster.project).await).await.unwrap();
    only(&cluster, "borders");
    let report = cluster.project.run(&["doctor", "local", "--json"]).expect(8).json();
    let borders = report["checks"].as_array().unwrap().iter().find(|c| c["check"] == "borders");
    let finding = borders.unwrap()["finding"].as_str().unwrap();
    assert!(finding.contains("evt.inventory.item.granted.v1"), "{finding}");
    cluster.project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_moves_to_the_audit_account_is_kept_where_it_was() {
    let cluster = Cluster::idle();
    let project = &cluster.project;
    // As it was before: each account keeps its own records.
    let text = std::fs::read_to_string(project.path().join("environments/catalog/audit.yaml"));
    let text = text.unwrap();
    project.edit(
        "catalog/audit.yaml",
        "  COMMERCE_AUDIT:\n    account: AUDIT",
        "  COMMERCE_AUDIT:\n    account: COMMERCE",
    );
    project.run(&["apply", "local", "--yes"]).expect(0);
    let store = client(project, "store").await;
    let subject = "audit.store.purchase.completed.v1";
    assert_eq!(stored(&store, subject, "before").await, "COMMERCE_AUDIT");

    std::fs::write(project.path().join("environments/catalog/audit.yaml"), text).unwrap();
    let plan = cluster.plan();
    assert!(changes(&plan).contains(&"create stream AUDIT/COMMERCE_AUDIT".to_owned()), "{plan}");
    assert_eq!(plan["plan"]["unmanaged"][0]["name"], "COMMERCE/COMMERCE_AUDIT");
    project.run(&["apply", "local", "--yes"]).expect(0);
    // A client that was connected all the while goes on; the record is in the new trail as well as in the old one.
    stored(&store, subject, "after").await;
    let keys = Keys::of(project);
    let access = keys.access(project);
    for (account, least) in [("COMMERCE", 2), ("AUDIT", 1)] {
        let context = jetstream::new(access.connect(&keys.own_user(account)).await.unwrap());
        let count = || async {
            let stream = context.get_stream("COMMERCE_AUDIT").await.unwrap();
            stream.cached_info().state.messages
        };
        let mut messages = count().await;
        for _ in 0..50 {
            if messages >= least {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            messages = count().await;
        }
        assert!(messages >= least, "{account}: {messages}");
    }
    let remove = ["apply", "local", "--yes", "--remove", "COMMERCE/COMMERCE_AUDIT"];
    project.run(&remove).expect(0);
    assert_eq!(stored(&store, subject, "at last").await, "COMMERCE_AUDIT");
    assert_eq!(cluster.plan()["plan"]["unmanaged"].as_array().map(Vec::len), Some(0));
}

/// A way to break the shipped catalog, what is found, what is said about it, and where: a file, and what is in its line.
type Breakage = (&'static str, &'static str, &'static str, &'static str, &'static str, Place);
type Place = (&'static str, &'static str);

const BREAKAGES: [Breakage; 15] = [
    (
        "commerce.yaml",
        "      - {subject: svc.inventory.v1.grant, with: [GAME]}\n",
        "",
        "unshared",
        "add `- {subject: svc.inventory.v1.grant, with: [GAME]}` to the `shares` of COMMERCE",
        ("game.yaml", "- svc.inventory.v1.grant"),
    ),
    (
        "commerce.yaml",
        "with: [GAME, PLAYERS]",
        "with: [PLAYERS]",
        "unshared",
        "add GAME there",
        ("game.yaml", "subject: evt.store.purchase.completed.v1"),
    ),
    (
        "commerce.yaml",
        "svc.inventory.v1.grant, with",
        "svc.inventory.v1.gramt, with",
        "share-unowned",
        "nobody in account COMMERCE serves",
        ("commerce.yaml", "svc.inventory.v1.gramt"),
    ),
    (
        "commerce.yaml",
        "[GAME, PLAYERS]",
        "[GAMES, PLAYERS]",
        "unknown-account",
        "`GAME`?",
        ("commerce.yaml", "[GAMES, PLAYERS]"),
    ),
    (
        "commerce.yaml",
        "[GAME, PLAYERS]",
        "[GAME, COMMERCE]",
        "share-with-itself",
        "with itself",
        ("commerce.yaml", "[GAME, COMMERCE]"),
    ),
    (
        "commerce.yaml",
        "[GAME, PLAYERS]",
        "[GAME, GAME]",
        "duplicate-share",
        "twice",
        ("commerce.yaml", "[GAME, GAME]"),
    ),
    (
        "commerce.yaml",
        "[GAME, PLAYERS]",
        "[]",
        "share-with-nobody",
        "with nobody",
        ("commerce.yaml", "with: []"),
    ),
    (
        "commerce.yaml",
        "evt.payment.charge.refunded.v1, with",
        "evt.store.purchase.completed.v1, with",
        "duplicate-share",
        "already shared",
        ("commerce.yaml", "evt.store.purchase.completed.v1, with: [PLAYERS]"),
    ),
    (
        "commerce.yaml",
        "evt.payment.charge.refunded.v1, with",
        "audit.store.purchase.completed.v1, with",
        "wrong-category",
        "audit record",
        ("commerce.yaml", "audit.store.purchase.completed.v1, with"),
    ),
    (
        "game.yaml",
        "      - evt.quest.completed.v1\n",
        "      - evt.quest.completed.v1\n      - evt.store.purchase.completed.v1\n",
        "import-overlap",
        "GAME has `evt.store.purchase.completed.v1` of its own",
        ("commerce.yaml", "with: [GAME, PLAYERS]"),
    ),
    (
        "players.yaml",
        "      - evt.match.formed.v1\n",
        "      - evt.match.formed.v1\n      - audit.wallet.entry.posted.v1\n",
        "published-twice",
        "AUDIT keeps both",
        ("players.yaml", "- audit.wallet.entry.posted.v1"),
    ),
    (
        "audit.yaml",
        "  COMMERCE_AUDIT:",
        "  OTHER:\n    account: GAME\n    description: More.\n    subjects: [audit.ai.>]\n    max_bytes: 1 GB\n  COMMERCE_AUDIT:",
        "stream-overlap",
        "audit records of every account",
        ("audit.yaml", "subjects: [audit.ai.>]"),
    ),
    (
        "game.yaml",
        "subjects: [evt.state.>]",
        "subjects: [evt.chat.>]",
        "stream-misplaced",
        "to PLAYERS",
        ("game.yaml", "subjects: [evt.chat.>]"),
    ),
    (
        "game.yaml",
        "subjects: [evt.state.>]",
        "subjects: [evt.>]",
        "stream-misplaced",
        "`evt.>` also stores `",
        ("game.yaml", "subjects: [evt.>]"),
    ),
    (
        "players.yaml",
        "      - {subject: evt.profile.updated.v1}\n",
        "      - {subject: evt.profile.updated.v1}\n      - {subject: audit.wallet.entry.posted.v1}\n",
        "unshared",
        "move `chat` to AUDIT",
        ("players.yaml", "{subject: audit.wallet.entry.posted.v1}"),
    ),
];

#[test]
fn each_way_of_breaking_a_share_is_found_at_its_line() {
    for (file, from, to, code, says, (at, line)) in BREAKAGES {
        let project = Project::new();
        project.edit(&format!("catalog/{file}"), from, to);
        let output = project.run(&["validate", "local", "--json"]).expect(3);
        let problems = output.json()["diagnostics"].as_array().unwrap().clone();
        let problem = problems.iter().find(|problem| {
            let said = format!("{} {}", problem["message"], problem["help"]);
            problem["code"] == code && said.contains(says)
        });
        let problem = problem.unwrap_or_else(|| panic!("{code} {says}: {problems:?}"));
        assert_eq!(problem["file"], format!("environments/catalog/{at}"), "{problem}");
        assert_eq!(problem["line"], project.line(&format!("catalog/{at}"), line), "{problem}");
    }
}

#[test]
fn two_accounts_that_share_a_subject_with_each_other_form_a_cycle() {
    let project = Project::new();
    project.edit(
        "catalog/game.yaml",
        "    shares:\n",
        "    shares:\n      - {subject: evt.match.formed.v1, with: [PLAYERS]}\n",
    );
    let publishes = "      - evt.quest.completed.v1\n";
    project.edit(
        "catalog/game.yaml",
        publishes,
        &format!("{publishes}      - evt.match.formed.v1\n"),
    );
    let output = project.run(&["validate", "local"]).expect(3);
    assert!(
        output.stderr.contains("share `evt.match.formed.v1` with each other"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_share_that_nobody_uses_is_a_finding() {
    let project = Project::new();
    project.edit(
        "catalog/commerce.yaml",
        "refunded.v1, with: [PLAYERS]",
        "refunded.v1, with: [PLAYERS, GAME]",
    );
    let json = project.run(&["validate", "local", "--json"]).expect(0).json();
    assert_eq!(json["diagnostics"][0]["code"], "share-unused", "{json}");
    assert_eq!(json["diagnostics"].as_array().unwrap().len(), 1);
}

#[test]
fn a_share_of_a_version_that_nobody_takes_is_told_with_the_one_that_a_consumer_takes() {
    let project = Project::new();
    let publishes = "      - evt.identity.account.registered.v1\n";
    let share = "      - {subject: evt.identity.account.registered.v1, with: [COMMERCE]}\n";
    for line in [publishes, share] {
        let both = format!("{line}{}", line.replace("v1", "v2"));
        project.edit("catalog/players.yaml", line, &both);
    }
    let json = project.run(&["validate", "local", "--json"]).expect(0).json();
    let found = json["diagnostics"].as_array().unwrap();
    assert_eq!((found.len(), &found[0]["code"]), (1, &"share-unused".into()), "{json}");
    let help = found[0]["help"].as_str().unwrap();
    assert!(help.contains("it takes `evt.identity.account.registered.v1`"), "{help}");
}

#[test]
fn the_questions_see_across_accounts() {
    let project = Project::new();
    let who = |subject: &str| {
        project.run(&["subjects", "who", "local", subject, "--json"]).expect(0).json()["who"]
            .clone()
    };
    let crosses = who("evt.match.formed.v1")["crosses"].clone();
    assert_eq!(crosses.as_array().unwrap().len(), 1);
    assert_eq!((&crosses[0]["from"], &crosses[0]["to"]), (&"PLAYERS".into(), &"GAME".into()));
    // It is heard in one account and pulled by another.
    let registered = who("evt.identity.account.registered.v1");
    assert_eq!(registered["crosses"][0]["kind"], "stored");
    let wallet = &registered["consumes"][1];
    assert_eq!((&wallet["account"], &wallet["owner"]), (&"COMMERCE".into(), &"PLAYERS".into()));
    let show = ["services", "show", "local", "wallet", "--json"];
    let across = project.run(&show).expect(0).json()["service"]["across"].clone();
    let pulled = across.as_array().unwrap().iter().find(|entry| entry["verb"] == "consumes");
    assert_eq!(pulled.unwrap()["account"], "PLAYERS", "{across}");
    let audit = who("audit.wallet.entry.posted.v1");
    assert_eq!(
        (&audit["crosses"][0]["to"], &audit["stored"][0]["account"]),
        (&"AUDIT".into(), &"AUDIT".into())
    );
    let tree = project.run(&["subjects", "tree", "local"]).expect(0).stdout;
    assert!(
        tree.contains("player-gateway, GAME/world-simulator, chat, stored by PLAYERS_EVENTS"),
        "{tree}"
    );
    assert!(tree.contains("from wallet, stored by COMMERCE_AUDIT"), "{tree}");
    let shown = project.run(&["services", "show", "local", "profile"]).expect(0).stdout;
    assert!(
        shown.contains("GAME/npc-dialogue") && shown.contains("GAME/quest-generator"),
        "{shown}"
    );
    let arguments = ["subjects", "can", "local", "moderation", "publish", "svc.ai.safety.v1.check"];
    project.run(&arguments).expect(0);
}
