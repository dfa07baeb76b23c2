//! A rolling restart under load: nothing that was acknowledged is lost, and requests go on being answered.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream;
use futures_util::StreamExt as _;
use natsops::nats::Connection;

use crate::cluster::{Keys, client};
use crate::support::Cluster;

/// 200 a second, of publications and of requests.
const BETWEEN: Duration = Duration::from_millis(5);

/// What went on while the nodes restarted.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    requests: AtomicU64,
    answered: AtomicU64,
}

/// Publishes messages with ids, again and again the same one until it is acknowledged or given up; gives the
/// ids that were acknowledged.
async fn publish(client: Connection, load: Arc<Load>) -> BTreeSet<String> {
    let context = jetstream::new(client);
    let mut acknowledged = BTreeSet::new();
    let mut ticks = tokio::time::interval(BETWEEN);
    let mut number = 0_u64;
    while !load.stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        number += 1;
        let id = format!("message-{number}");
        for _ in 0..10 {
            let mut headers = async_nats::HeaderMap::new();
            headers.insert(async_nats::header::NATS_MESSAGE_ID, id.as_str());
            let published =
                context.publish_with_headers("evt.quest.generated.v1", headers, id.clone().into());
            let outcome = tokio::time::timeout(Duration::from_secs(2), async {
                published.await?.await.map_err(Box::<dyn std::error::Error + Send + Sync>::from)
            });
            if let Ok(Ok(_)) = outcome.await {
                acknowledged.insert(id);
                break;
            }
        }
    }
    acknowledged
}

async fn request(client: Connection, load: Arc<Load>) {
    let mut ticks = tokio::time::interval(BETWEEN);
    while !load.stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        load.requests.fetch_add(1, Ordering::Relaxed);
        let asked = client.request("svc.ai.llm.v1.infer", "?".into());
        if let Ok(Ok(_)) = tokio::time::timeout(Duration::from_secs(2), asked).await {
            load.answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Two instances, so that one is there while the other moves to another node.
async fn answer(cluster: &Cluster) {
    for _ in 0..2 {
        let gateway = client(&cluster.project, "llm-gateway").await;
        let mut requests = gateway
            .queue_subscribe("svc.ai.llm.v1.infer", "q.ai.llm.infer".to_owned())
            .await
            .unwrap();
        gateway.flush().await.unwrap();
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                // A connection that is just moving loses the answer; the requester asks again.
                gateway.publish(request.reply.unwrap(), "!".into()).await.ok();
            }
        });
    }
}

/// The ids that a stream holds.
async fn stored(cluster: &Cluster) -> BTreeSet<String> {
    let keys = Keys::of(&cluster.project);
    let access = keys.access(&cluster.project);
    let context = jetstream::new(access.connect(&keys.own_user("GAME")).await.unwrap());
    let stream = context.get_stream("GAME_WORLD").await.unwrap();
    let state = &stream.cached_info().state;
    let mut ids = BTreeSet::new();
    for sequence in state.first_sequence..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let id = message.headers.get(async_nats::header::NATS_MESSAGE_ID);
        assert!(ids.insert(id.unwrap().to_string()), "a message is stored twice");
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_loses_no_acknowledged_message() {
    let cluster = Cluster::applied();
    answer(&cluster).await;
    let load = Arc::new(Load::default());
    let quests = client(&cluster.project, "quest-generator").await;
    let publisher = tokio::spawn(publish(quests, Arc::clone(&load)));
    let dialogue = client(&cluster.project, "npc-dialogue").await;
    let requester = tokio::spawn(request(dialogue, Arc::clone(&load)));

    cluster.project.edit("local.yaml", "max_memory: 256 MiB", "max_memory: 200 MiB");
    let mut command = cluster.project.command(&["apply", "local", "--yes"]);
    let applied = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    let said = String::from_utf8_lossy(&applied.stderr).into_owned();
    assert_eq!(said.matches("done restart node").count(), 5, "{said}");

    load.stop.store(true, Ordering::Relaxed);
    let acknowledged = publisher.await.unwrap();
    requester.await.unwrap();
    let stored = stored(&cluster).await;
    let lost: Vec<&String> = acknowledged.difference(&stored).collect();
    assert_eq!(lost, Vec::<&String>::new(), "of {} acknowledged messages", acknowledged.len());
    assert!(acknowledged.len() > 200, "only {} messages were published", acknowledged.len());
    let (requests, answered) =
        (load.requests.load(Ordering::Relaxed), load.answered.load(Ordering::Relaxed));
    println!("{} acknowledged, {answered} of {requests} requests answered", acknowledged.len());
    // A request that is in flight when its connection moves is lost; five nodes move a client five times at most.
    assert!(answered * 100 >= requests * 90, "{answered} of {requests} requests were answered");
}
