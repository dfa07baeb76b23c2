//! Durable consumers with an unmodified client: its service pulls and acknowledges, nobody else does.

use std::time::Duration;

use async_nats::jetstream::{self, AckKind, consumer::PullConsumer};
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::cluster::client;
use crate::support::Cluster;

/// What is refused is never answered, so nobody waits long for it.
fn impatient(client: async_nats::Client) -> jetstream::Context {
    let mut context = jetstream::new(client);
    context.set_timeout(Duration::from_millis(700));
    context
}

async fn publish(context: &jetstream::Context, subject: &str, texts: &[&str]) {
    for text in texts {
        let stored = context.publish(subject.to_owned(), (*text).to_owned().into()).await.unwrap();
        stored.await.unwrap();
    }
}

/// What one pull request hands out.
async fn fetch(consumer: &PullConsumer, most: usize) -> Vec<jetstream::Message> {
    let batch = consumer.fetch().max_messages(most).expires(Duration::from_secs(3));
    batch.messages().await.unwrap().try_collect().await.unwrap()
}

fn texts(messages: &[jetstream::Message]) -> Vec<String> {
    messages.iter().map(|m| String::from_utf8(m.payload.to_vec()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_pulls_and_acknowledges_in_every_way() {
    let cluster = Cluster::applied();
    let state = jetstream::new(client(&cluster.project, "state-manager").await);
    publish(&state, "evt.state.player.updated.v1", &["one", "two", "three", "four"]).await;
    publish(&state, "evt.state.entity.updated.v1", &["not for quests"]).await;

    let quests = jetstream::new(client(&cluster.project, "quest-generator").await);
    let stream = quests.get_stream("GAME_STATE").await.unwrap();
    let mut consumer: PullConsumer = stream.get_consumer("quest-generator").await.unwrap();
    let messages = fetch(&consumer, 4).await;
    assert_eq!(texts(&messages), ["one", "two", "three", "four"], "the filter holds");
    messages[0].double_ack().await.unwrap();
    messages[1].ack_with(AckKind::Nak(None)).await.unwrap();
    messages[2].ack_with(AckKind::Term).await.unwrap();
    messages[3].ack_with(AckKind::Progress).await.unwrap();
    let again = fetch(&consumer, 1).await;
    assert_eq!(texts(&again), ["two"], "what is not acknowledged comes again");
    again[0].double_ack().await.unwrap();
    messages[3].double_ack().await.unwrap();
    let info = consumer.info().await.unwrap();
    assert_eq!((info.num_ack_pending, info.num_pending), (0, 0));

    // As a stream, across what is published meanwhile.
    let mut stream = consumer.messages().await.unwrap().take(2);
    publish(&state, "evt.state.player.updated.v1", &["five", "six"]).await;
    while let Some(message) = stream.next().await {
        message.unwrap().double_ack().await.unwrap();
    }
    assert_eq!(consumer.info().await.unwrap().ack_floor.consumer_sequence, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_pulls_looks_or_makes_consumers() {
    let cluster = Cluster::applied();
    let state = jetstream::new(client(&cluster.project, "state-manager").await);
    publish(&state, "evt.state.player.updated.v1", &["one"]).await;
    let own = impatient(client(&cluster.project, "quest-generator").await);
    let stream = own.get_stream("GAME_STATE").await.unwrap();
    // The stream is shared; the consumer of another service on it is not.
    assert!(stream.consumer_info("knowledge-base").await.is_err());
    let mine = jetstream::consumer::pull::Config {
        durable_name: Some("mine".to_owned()),
        ..Default::default()
    };
    assert!(stream.create_consumer(mine).await.is_err());
    assert!(stream.delete_consumer("quest-generator").await.is_err());
    assert!(own.get_stream("GAME_AI").await.is_err());
    assert!(stream.get_raw_message(1).await.is_err());

    let stranger = impatient(client(&cluster.project, "npc-dialogue").await);
    assert!(stranger.get_stream("GAME_STATE").await.is_err());
    // Nothing that was tried has taken the message away.
    let consumer: PullConsumer = stream.get_consumer("quest-generator").await.unwrap();
    assert_eq!(texts(&fetch(&consumer, 1).await), ["one"]);
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}
