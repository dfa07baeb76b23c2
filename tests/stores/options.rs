//! What a stream and its consumers may be told, as real servers do it.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::{self, consumer::PullConsumer};
use futures_util::TryStreamExt as _;

use crate::cluster::client;
use crate::support::{Cluster, changes};

const TAGGED: [(&str, &str); 3] =
    [("nats-1", "zone-a"), ("nats-2", "zone-b"), ("nats-3", "zone-c")];

const SERVICE: &str = "services:
  chooser:
    account: GAME
    description: Chooses, and follows in every way what was chosen.
    publishes: [evt.option.chosen.v1.*]
    consumes:
      - {stream: OPTIONS, consumer: each, replicas: 1, max_waiting: 8}
      - {stream: OPTIONS, consumer: all, ack: all}
      - {stream: OPTIONS, consumer: none, ack: none}
      - {stream: OPTIONS, consumer: latest, deliver: last-per-subject}
";

const STREAM: &str = "streams:
  OPTIONS:
    account: GAME
    description: What was chosen.
    subjects: [evt.option.>]
    retention: limits
    discard: new
    max_age: 1h
    max_bytes: 10 MB
    max_messages: 5
    max_messages_per_subject: 2
    discard_per_subject: true
    max_message_size: 1 KiB
    duplicate_window: 30s
    compression: none
    placement: [fast]
";

/// Publishes, and gives the place in the stream, or the server's words.
async fn publish(
    context: &jetstream::Context,
    entity: u8,
    id: &str,
    size: usize,
) -> Result<u64, String> {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", id);
    let subject = format!("evt.option.chosen.v1.{entity}");
    let sent = context.publish_with_headers(subject, headers, "x".repeat(size).into()).await;
    let stored = sent.map_err(|error| error.to_string())?.await;
    stored.map(|stored| stored.sequence).map_err(|error| error.to_string())
}

/// What one pull request hands out, as the last words of the subjects.
async fn fetch(consumer: &PullConsumer) -> Vec<jetstream::Message> {
    let batch = consumer.fetch().max_messages(10).expires(Duration::from_secs(3));
    batch.messages().await.unwrap().try_collect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_option_of_a_stream_and_its_consumers_is_in_force() {
    let cluster = Cluster::idle();
    let project = &cluster.project;
    for (node, zone) in TAGGED {
        let plain = format!("- {{name: {node}, zone: {zone}}}");
        let tagged = format!("- {{name: {node}, zone: {zone}, tags: [fast]}}");
        project.edit("local.yaml", &plain, &tagged);
    }
    project.edit("catalog/game.yaml", "services:\n", SERVICE);
    project.edit("catalog/game.yaml", "streams:\n", STREAM);
    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());

    let context = jetstream::new(client(project, "chooser").await);
    let stream = context.get_stream("OPTIONS").await.unwrap();
    let group = stream.cached_info().cluster.clone().unwrap();
    let names = group.leader.into_iter().chain(group.replicas.into_iter().map(|peer| peer.name));
    let places: BTreeSet<String> = names.collect();
    assert_eq!(places, TAGGED.map(|(node, _)| node.to_owned()).into(), "only tagged nodes hold it");

    assert_eq!(publish(&context, 1, "a", 1).await, Ok(1));
    assert_eq!(publish(&context, 1, "a", 1).await, Ok(1), "an id that came again is stored once");
    assert_eq!(publish(&context, 1, "b", 1).await, Ok(2));
    let full = publish(&context, 1, "c", 1).await.unwrap_err();
    assert!(full.contains("maximum messages per subject exceeded"), "{full}");
    let long = publish(&context, 2, "d", 1025).await.unwrap_err();
    assert!(long.contains("message size exceeds maximum allowed"), "{long}");
    for (entity, id) in [(2, "e"), (2, "f"), (3, "g")] {
        assert!(publish(&context, entity, id, 512).await.is_ok());
    }
    let full = publish(&context, 4, "h", 1).await.unwrap_err();
    assert!(full.contains("maximum messages exceeded"), "{full}");

    let pulling = async |name: &str| -> PullConsumer { stream.get_consumer(name).await.unwrap() };
    let mut all = pulling("all").await;
    let messages = fetch(&all).await;
    assert_eq!(messages.len(), 5);
    messages[3].double_ack().await.unwrap();
    assert_eq!(all.info().await.unwrap().num_ack_pending, 1, "an answer counts for all before it");
    let mut none = pulling("none").await;
    assert_eq!(fetch(&none).await.len(), 5);
    assert_eq!(none.info().await.unwrap().num_ack_pending, 0, "no answer is waited for");
    // Where a consumer begins is decided when it is made.
    let first = "      - {stream: OPTIONS, consumer: latest, deliver: last-per-subject}\n";
    let later = first.replace("latest", "later");
    project.edit("catalog/game.yaml", first, &format!("{first}{later}"));
    project.run(&["apply", "local", "--yes"]).expect(0);
    let latest = fetch(&pulling("later").await).await;
    let sequences: Vec<u64> = latest.iter().map(|m| m.info().unwrap().stream_sequence).collect();
    assert_eq!(sequences, [2, 4, 5], "the last of each subject");
    let mut each = pulling("each").await;
    let info = each.info().await.unwrap();
    assert!(info.cluster.as_ref().unwrap().replicas.is_empty(), "it has one copy");
    assert_eq!(info.config.max_waiting, 8);
    assert_eq!(fetch(&each).await.len(), 5);
}

const RETENTIONS: [&str; 3] = ["limits", "interest", "workqueue"];
const DELIVERIES: [&str; 4] = ["all", "new", "last", "last-per-subject"];
const ANSWERS: [&str; 3] = ["explicit", "all", "none"];
const FILTERS: [&str; 3] = ["", "evt.S.one.v1", "evt.S.one.v1, evt.S.two.v1"];

/// A stream for each way in which it may keep messages, and consumers in every way, a line each. Who takes work from a queue
/// has it alone, so each of these has a queue.
fn every_combination() -> (String, Vec<String>) {
    let (mut streams, mut consumers) = (String::new(), Vec::new());
    for retention in RETENTIONS {
        for (number, (deliver, ack, filter)) in combinations().enumerate() {
            let alone = retention == "workqueue";
            let number = if alone { number } else { 0 };
            let (name, token) =
                (format!("{}_{number}", retention.to_uppercase()), format!("{retention}{number}"));
            if alone || !streams.contains(&name) {
                streams += &format!(
                    "  {name}: {{account: AUDIT, description: For tries., subjects: [evt.{token}.>], \
                     retention: {retention}, max_age: 1d, max_bytes: 1 MB, replicas: 1}}\n"
                );
            }
            let filter = filter.replace(".S.", &format!(".{token}."));
            consumers.push(format!(
                "      - {{stream: {name}, consumer: c{}, deliver: {deliver}, ack: {ack}, filter: [{filter}]}}\n",
                consumers.len()
            ));
        }
    }
    (streams, consumers)
}

fn combinations() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    DELIVERIES.into_iter().flat_map(|deliver| {
        ANSWERS.into_iter().flat_map(move |ack| FILTERS.map(|filter| (deliver, ack, filter)))
    })
}

#[test]
fn what_validate_accepts_of_streams_and_consumers_the_servers_take() {
    let cluster = Cluster::idle();
    let project = &cluster.project;
    let (streams, mut consumers) = every_combination();
    let path = project.path().join("environments/catalog/tries.yaml");
    let text = |consumers: &[String]| {
        format!(
            "services:\n  trier:\n    account: AUDIT\n    description: Tries.\n    consumes:\n{}streams:\n{streams}",
            consumers.concat()
        )
    };
    project.edit(
        "catalog/audit.yaml",
        "streams: 5\n        consumers: 20\n",
        "streams: 100\n        consumers: 200\n",
    );
    std::fs::write(&path, text(&consumers)).unwrap();
    let found = project.run(&["validate", "local", "--json"]).expect(3).json();
    let errors =
        found["diagnostics"].as_array().unwrap().iter().filter(|d| d["severity"] == "error");
    // The first consumer is on the sixth line.
    let refused: BTreeSet<usize> =
        errors.map(|error| usize::try_from(error["line"].as_u64().unwrap()).unwrap() - 6).collect();
    let all = consumers.len();
    let mut place = 0..;
    consumers.retain(|_| !refused.contains(&place.next().unwrap()));
    // Of a queue of work one pulls everything, or chosen subjects, from the beginning, and says what is done.
    assert_eq!(all - consumers.len(), combinations().count() - FILTERS.len());

    std::fs::write(&path, text(&consumers)).unwrap();
    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
}
