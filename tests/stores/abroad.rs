//! A consumer of another account's stream with an unmodified client: its service pulls and acknowledges from every node,
//! and nothing else of the owner's JetStream is open to it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::{self, AckKind, consumer::PullConsumer};
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::cluster::{Keys, client};
use crate::support::{Cluster, Project, changes};

const REGISTERED: &str = "evt.identity.account.registered.v1";
const STREAM: &str = "PLAYERS_EVENTS";

/// What is refused is never answered, so nobody waits long for it.
const SILENCE: Duration = Duration::from_millis(700);

/// The one thing that a client is told more than for its own account.
const PREFIX: &str = "$JS.PLAYERS.API";

async fn publish(context: &jetstream::Context, subject: &str, texts: &[&str]) {
    for text in texts {
        let stored = context.publish(subject.to_owned(), (*text).to_owned().into()).await.unwrap();
        stored.await.unwrap();
    }
}

async fn wallet(project: &Project) -> PullConsumer {
    let context = jetstream::with_prefix(client(project, "wallet").await, PREFIX);
    context.get_consumer_from_stream("wallet", STREAM).await.unwrap()
}

/// What one pull request hands out.
async fn fetch(consumer: &PullConsumer, most: usize) -> Vec<jetstream::Message> {
    let batch = consumer.fetch().max_messages(most).expires(Duration::from_secs(5));
    batch.messages().await.unwrap().try_collect().await.unwrap()
}

fn texts(messages: &[jetstream::Message]) -> Vec<String> {
    messages.iter().map(|m| String::from_utf8(m.payload.to_vec()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_another_account_pulls_and_acknowledges_in_every_way() {
    let cluster = Cluster::applied();
    let identity = jetstream::new(client(&cluster.project, "identity").await);
    publish(&identity, REGISTERED, &["one", "two", "three", "four", "five"]).await;
    publish(&identity, "evt.identity.account.suspended.v1", &["not for wallets"]).await;

    let mut consumer = wallet(&cluster.project).await;
    let messages = fetch(&consumer, 5).await;
    assert_eq!(texts(&messages), ["one", "two", "three", "four", "five"], "the filter holds");
    assert_eq!(messages[0].subject.as_str(), REGISTERED);
    messages[0].double_ack().await.unwrap();
    messages[1].ack_with(AckKind::Nak(None)).await.unwrap();
    messages[2].ack_with(AckKind::Term).await.unwrap();
    messages[3].ack().await.unwrap();
    // The backoff of the catalog begins with a second.
    let begin = Instant::now();
    let again = consumer.batch().max_messages(2).expires(Duration::from_secs(10));
    let again = again.messages().await.unwrap().try_collect();
    let mut again: Vec<jetstream::Message> = again.await.unwrap();
    assert!(begin.elapsed() > Duration::from_millis(500), "{:?}", begin.elapsed());
    again.sort_by_key(|message| message.info().unwrap().stream_sequence);
    assert_eq!(texts(&again), ["two", "five"], "what is not acknowledged comes again");
    assert!(again.iter().all(|message| message.info().unwrap().delivered == 2));
    for message in again {
        message.double_ack().await.unwrap();
    }
    let info = consumer.info().await.unwrap();
    assert_eq!((info.num_ack_pending, info.num_pending), (0, 0));

    // As a stream, across what is published meanwhile, with bodies and without.
    let mut stream = consumer.messages().await.unwrap().take(3);
    publish(&identity, REGISTERED, &["six", "seven"]).await;
    let mut headers = HeaderMap::new();
    headers.insert("Reason", "none");
    let stored = identity.publish_with_headers(REGISTERED, headers, "".into()).await.unwrap();
    stored.await.unwrap();
    let mut seen = Vec::new();
    while let Some(message) = stream.next().await {
        let message = message.unwrap();
        message.double_ack().await.unwrap();
        seen.push(message);
    }
    assert_eq!(texts(&seen), ["six", "seven", ""]);
    assert_eq!(consumer.info().await.unwrap().num_ack_pending, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_lets_hundreds_of_answers_to_one_request_through() {
    let cluster = Cluster::applied();
    let identity = jetstream::new(client(&cluster.project, "identity").await);
    let numbers: Vec<String> = (0..300).map(|number| number.to_string()).collect();
    let all: Vec<&str> = numbers.iter().map(String::as_str).collect();
    publish(&identity, REGISTERED, &all).await;
    // Clients choose among the nodes, so that several of them meet several.
    let (mut nodes, mut next) = (BTreeSet::new(), 0);
    while nodes.len() < 5 || next < 300 {
        let client = client(&cluster.project, "wallet").await;
        nodes.insert(client.server_info().server_name);
        let context = jetstream::with_prefix(client, PREFIX);
        let consumer: PullConsumer =
            context.get_consumer_from_stream("wallet", STREAM).await.unwrap();
        let most = if next == 0 { 250 } else { 5.min(300 - next) };
        if most == 0 {
            continue;
        }
        let messages = fetch(&consumer, most).await;
        assert_eq!(texts(&messages), all[next..next + most]);
        for message in &messages {
            message.double_ack().await.unwrap();
        }
        next += most;
    }
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_hears_what_is_published_later() {
    let cluster = Cluster::applied();
    let consumer = wallet(&cluster.project).await;
    let identity = jetstream::new(client(&cluster.project, "identity").await);
    let pull = consumer.stream().max_messages_per_batch(2).expires(Duration::from_secs(20));
    let mut waiting = pull.heartbeat(Duration::from_secs(1)).messages().await.unwrap();
    // Longer than a heartbeat, and between two answers.
    for text in ["late", "later"] {
        tokio::time::sleep(Duration::from_secs(3)).await;
        publish(&identity, REGISTERED, &[text]).await;
        let message = waiting.next().await.unwrap().unwrap();
        assert_eq!(texts(std::slice::from_ref(&message)), [text]);
        message.double_ack().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_anything_ends_a_request_and_what_follows_comes_again() {
    let cluster = Cluster::applied();
    let consumer = wallet(&cluster.project).await;
    let identity = jetstream::new(client(&cluster.project, "identity").await);
    publish(&identity, REGISTERED, &["one", "", "two"]).await;
    let request = |most| consumer.batch().max_messages(most).expires(Duration::from_secs(3));
    let first: Vec<_> = request(3).messages().await.unwrap().try_collect().await.unwrap();
    assert_eq!(texts(&first), ["one", ""]);
    for message in &first {
        message.double_ack().await.unwrap();
    }
    let second: Vec<_> = request(1).messages().await.unwrap().try_collect().await.unwrap();
    assert_eq!(texts(&second), ["two"]);
    assert_eq!(second[0].info().unwrap().delivered, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_of_the_owners_jetstream_is_open() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let identity = jetstream::new(client(project, "identity").await);
    publish(&identity, REGISTERED, &["one"]).await;
    let connection = client(project, "wallet").await;
    let mut abroad = jetstream::with_prefix(connection.clone(), PREFIX);
    abroad.set_timeout(SILENCE);
    let other = abroad
        .get_consumer_from_stream::<jetstream::consumer::pull::Config, _, _>("profile", STREAM);
    assert!(other.await.is_err(), "it looked at the consumer of another service");
    assert!(abroad.get_stream(STREAM).await.is_err(), "it looked at the stream");
    assert!(abroad.stream_names().next().await.is_none_or(|name| name.is_err()));
    let mine = jetstream::consumer::pull::Config {
        durable_name: Some("mine".to_owned()),
        ..Default::default()
    };
    assert!(abroad.create_consumer_on_stream(mine, STREAM).await.is_err());
    assert!(abroad.delete_consumer_from_stream("wallet", STREAM).await.is_err());
    assert!(abroad.delete_stream(STREAM).await.is_err());
    // In the words of the API, under the prefix and under that of its own account.
    for request in [
        "CONSUMER.MSG.NEXT.PLAYERS_EVENTS.profile",
        "CONSUMER.MSG.NEXT.PLAYERS_CHAT.moderation",
        "CONSUMER.CREATE.PLAYERS_EVENTS",
        "CONSUMER.DURABLE.CREATE.PLAYERS_EVENTS.wallet",
        "CONSUMER.DELETE.PLAYERS_EVENTS.wallet",
        "CONSUMER.LIST.PLAYERS_EVENTS",
        "STREAM.INFO.PLAYERS_EVENTS",
        "STREAM.PURGE.PLAYERS_EVENTS",
        "STREAM.DELETE.PLAYERS_EVENTS",
        "STREAM.MSG.GET.PLAYERS_EVENTS",
        "DIRECT.GET.PLAYERS_EVENTS",
        "INFO",
    ] {
        for prefix in [PREFIX, "$JS.API"] {
            let asked = connection.request(format!("{prefix}.{request}"), "".into());
            let answer = tokio::time::timeout(SILENCE, asked).await;
            assert!(!matches!(answer, Ok(Ok(_))), "{prefix}.{request} was answered");
        }
    }
    // Another service of the account has no part in it, and neither has natsops' own role there.
    let store = client(project, "store").await;
    let keys = Keys::of(project);
    let own = keys.access(project).connect(&keys.own_user("COMMERCE")).await.unwrap();
    for stranger in [store, own] {
        let asked = stranger.request(format!("{PREFIX}.CONSUMER.INFO.{STREAM}.wallet"), "".into());
        let answer = tokio::time::timeout(SILENCE, asked).await;
        assert!(!matches!(answer, Ok(Ok(_))), "a stranger was answered");
    }
    // Nothing that was tried has taken the message away.
    let consumer = wallet(project).await;
    assert_eq!(texts(&fetch(&consumer, 1).await), ["one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_that_is_taken_back_closes_the_way_and_the_consumer_stays_the_owners() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let own = "      - stream: PLAYERS_EVENTS\n        account: PLAYERS\n        filter: [evt.identity.account.registered.v1]\n        backoff: [1s, 10s, 1m]\n";
    project.edit("catalog/commerce.yaml", &format!("    consumes:\n      # Every new player gets a wallet, also one who registered while no instance ran.\n{own}"), "");
    project.edit(
        "catalog/players.yaml",
        "      - {subject: evt.identity.account.registered.v1, with: [COMMERCE]}\n",
        "",
    );
    let mut planned = changes(&cluster.plan());
    planned.sort();
    let wanted = [
        "update claims COMMERCE",
        "update claims PLAYERS",
        "update jwt account/COMMERCE",
        "update jwt account/PLAYERS",
    ];
    assert_eq!(planned, wanted);
    project.run(&["apply", "local", "--yes"]).expect(0);
    let plan = cluster.plan();
    assert_eq!(changes(&plan), Vec::<String>::new());
    // How far it has come is kept until somebody says otherwise.
    assert_eq!(plan["plan"]["unmanaged"][0]["name"], "PLAYERS/PLAYERS_EVENTS/wallet");
    let connection = client(project, "wallet").await;
    let asked = connection.request(format!("{PREFIX}.CONSUMER.INFO.{STREAM}.wallet"), "".into());
    assert!(!matches!(tokio::time::timeout(SILENCE, asked).await, Ok(Ok(_))));
    project
        .run(&["apply", "local", "--yes", "--remove", "PLAYERS/PLAYERS_EVENTS/wallet"])
        .expect(0);
    let unmanaged = cluster.plan()["plan"]["unmanaged"].as_array().map(Vec::len);
    assert_eq!(unmanaged, Some(0));
}
