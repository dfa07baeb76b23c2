//! What an account and a service may have at most, counted and refused by real servers.

use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::jetstream::{self, ErrorCode, consumer::pull};
use natsops::nats::Probe;

use super::connections::sign_in;
use crate::cluster::Keys;
use crate::support::{Cluster, Project};

const FILE: &str = "catalog/commerce.yaml";

/// Says something that the server answers with one complaint, or with none.
async fn complaint(probe: &mut Probe, words: &str) -> Option<String> {
    match probe.ask(words).await {
        Ok(answer) => answer.errors.into_iter().next(),
        Err(error) => Some(error.to_string()),
    }
}

/// How many plain subscriptions a connection may have: each is of its own inboxes, which it may hear.
async fn subscriptions(probe: &mut Probe, service: &str) -> usize {
    for count in 0..100 {
        let words = format!("SUB _INBOX.{service}.{count} {count}\r\n");
        if let Some(complaint) = complaint(probe, &words).await {
            assert!(complaint.contains("maximum subscriptions exceeded"), "{complaint}");
            return count;
        }
    }
    panic!("there is no end to subscriptions");
}

/// A message of so many bytes, and what the server says of it.
async fn message(project: &Project, service: &str, subject: &str, size: usize) -> Option<String> {
    let mut probe = sign_in(project, service).await.unwrap();
    let words = format!("PUB {subject} {size}\r\n{}\r\n", "x".repeat(size));
    complaint(&mut probe, &words).await
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_subscriptions_and_messages_end_where_the_catalog_says() {
    let cluster = Cluster::idle();
    let project = &cluster.project;
    project.edit(FILE, "connections: 500\n      subscriptions: 5000\n", LIMITS);
    let own = "    limits: {payload: 64 KiB}\n";
    project.edit(FILE, own, "    limits: {payload: 64 KiB, subscriptions: 3}\n");
    project.run(&["apply", "local", "--yes"]).expect(0);

    // A service has its own limits, and those of its account where it has none.
    let mut store = sign_in(project, "store").await.unwrap();
    assert_eq!(subscriptions(&mut store, "store").await, 25);
    let mut webhook = sign_in(project, "payment-webhook").await.unwrap();
    assert_eq!(subscriptions(&mut webhook, "payment-webhook").await, 3);
    let (bought, paid) = ("evt.store.purchase.completed.v1", "evt.payment.provider.notified.v1");
    for (service, subject, most) in
        [("store", bought, 128 << 10), ("payment-webhook", paid, 64 << 10)]
    {
        assert_eq!(message(project, service, subject, most).await, None, "{service}");
        let complaint = message(project, service, subject, most + 1).await.unwrap();
        assert!(complaint.to_lowercase().contains("maximum payload"), "{service}: {complaint}");
    }

    // The two that are open count too, and so does none that has ended.
    let mut open = Vec::new();
    let full = loop {
        match sign_in(project, "store").await {
            Ok(probe) => open.push(probe),
            Err(reason) => break reason,
        }
        assert!(open.len() < 100, "there is no end to connections");
    };
    assert_eq!(full, "maximum account active connections exceeded");
    assert_eq!(open.len(), 38);
}

const LIMITS: &str = "connections: 40\n      subscriptions: 25\n";

/// A stream of three replicas, or of as many as `replicas` says.
fn stream(name: &str, max_bytes: i64, replicas: usize) -> Config {
    Config {
        name: name.to_owned(),
        subjects: vec![format!("evt.store.{}.>", name.to_lowercase())],
        max_bytes,
        num_replicas: replicas,
        storage: StorageType::File,
        ..Config::default()
    }
}

/// The code with which a server refuses to make a stream.
async fn refused(context: &jetstream::Context, config: Config) -> Option<ErrorCode> {
    use async_nats::jetstream::context::CreateStreamErrorKind::JetStream;
    let error = context.create_stream(config).await.err()?;
    match error.kind() {
        JetStream(refusal) => Some(refusal.error_code()),
        _ => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_ends_where_the_catalog_says_for_each_number_of_replicas() {
    let cluster = Cluster::idle();
    let project = &cluster.project;
    // Without a stream of its own, so that what is made here overlaps nothing.
    project.edit(FILE, "      - evt.store.>\n", "");
    project.edit(
        FILE,
        "streams: 10\n        consumers: 100\n",
        "streams: 2\n        consumers: 2\n",
    );
    project.run(&["apply", "local", "--yes"]).expect(0);
    let keys = Keys::of(project);
    let user = keys.own_user("COMMERCE");
    let context = jetstream::new(keys.access(project).connect(&user).await.unwrap());

    // Nothing of the catalog has one replica in this account.
    let single = refused(&context, stream("SINGLE", 1 << 20, 1)).await;
    assert_eq!(single, Some(ErrorCode::NO_LIMITS));
    let unbounded = refused(&context, stream("UNBOUNDED", -1, 3)).await;
    assert_eq!(unbounded, Some(ErrorCode::STREAM_MAX_BYTES_REQUIRED));
    let large = refused(&context, stream("LARGE", 80_000_000_000, 3)).await;
    assert_eq!(large, Some(ErrorCode::STORAGE_RESOURCES_EXCEEDED));
    assert_eq!(refused(&context, stream("SECOND", 1 << 20, 3)).await, None);
    let third = refused(&context, stream("THIRD", 1 << 20, 3)).await;
    assert_eq!(third, Some(ErrorCode::MAXIMUM_STREAMS_LIMIT));

    let second = context.get_stream("SECOND").await.unwrap();
    for (name, may) in [("one", true), ("two", true), ("three", false)] {
        let config =
            pull::Config { durable_name: Some(name.to_owned()), ..pull::Config::default() };
        let made = second.create_consumer(config).await;
        assert_eq!(made.is_ok(), may, "{name}");
    }
}
