//! Buckets with an unmodified client: everything that one knows to do, and only by those who may.

use std::time::Duration;

use async_nats::jetstream::{self, kv};
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::cluster::client;
use crate::support::Cluster;

async fn bucket(cluster: &Cluster, service: &str, name: &str) -> Option<kv::Store> {
    let mut context = jetstream::new(client(&cluster.project, service).await);
    context.set_timeout(Duration::from_millis(1500));
    context.get_key_value(name).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_and_writes_does_everything_that_a_client_knows() {
    let cluster = Cluster::applied();
    let muted = bucket(&cluster, "moderation", "MUTED_PLAYERS").await.unwrap();
    let first = muted.create("player.7", "an hour".into()).await.unwrap();
    assert!(muted.create("player.7", "again".into()).await.is_err());
    let second = muted.update("player.7", "a day".into(), first).await.unwrap();
    assert!(muted.update("player.7", "a week".into(), first).await.is_err(), "someone was faster");
    muted.put("player.8", "a minute".into()).await.unwrap();
    reads(&muted, "player.7", Some("a day")).await;
    let old = muted.entry_for_revision("player.7", first).await.unwrap().unwrap();
    assert_eq!((old.value, old.revision), ("an hour".into(), first));
    let history: Vec<_> = muted.history("player.7").await.unwrap().try_collect().await.unwrap();
    assert_eq!(history.iter().map(|e| e.revision).collect::<Vec<_>>(), [first, second]);
    let mut keys: Vec<String> = muted.keys().await.unwrap().try_collect().await.unwrap();
    keys.sort();
    assert_eq!(keys, ["player.7", "player.8"]);

    let mut watch = muted.watch("player.*").await.unwrap();
    muted.delete("player.8").await.unwrap();
    let seen = watch.next().await.unwrap().unwrap();
    assert_eq!((seen.key.as_str(), seen.operation), ("player.8", kv::Operation::Delete));
    reads(&muted, "player.8", None).await;
    // A client looks whether what is there is a mark of a deletion, and may ask a replica that has not heard of it.
    let mut tries = 0;
    while let Err(error) = muted.create("player.8", "anew".into()).await {
        assert!(tries < 500, "{error}");
        tries += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    muted.purge("player.7").await.unwrap();
    let history: Vec<_> = muted.history("player.7").await.unwrap().try_collect().await.unwrap();
    assert_eq!(history.len(), 1, "only the mark of the purge is left");
    assert_eq!(muted.status().await.unwrap().history(), 10);

    // What a watching client makes for itself is nobody's to manage.
    assert!(crate::support::changes(&cluster.plan()).is_empty());
    assert_eq!(cluster.plan()["plan"]["unmanaged"], serde_json::json!([]));
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}

/// Any replica answers a read, and may be a moment behind.
async fn reads(bucket: &kv::Store, key: &str, wanted: Option<&str>) {
    let mut read = None;
    for _ in 0..500 {
        read = bucket.get(key).await.unwrap();
        if read.as_deref() == wanted.map(str::as_bytes) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{key} is {read:?} instead of {wanted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_watches_much_and_writes_nothing_a_writer_reads_nothing_and_others_see_nothing() {
    let cluster = Cluster::applied();
    let writer = bucket(&cluster, "player-gateway", "PLAYER_SESSIONS").await.unwrap();
    let value = "g".repeat(1000);
    for player in 0..300 {
        writer.put(format!("player.{player}"), value.clone().into()).await.unwrap();
    }
    assert!(writer.get("player.1").await.is_err(), "a writer does not read");
    assert!(writer.watch_all().await.is_err());

    let reader = bucket(&cluster, "matchmaking", "PLAYER_SESSIONS").await.unwrap();
    assert_eq!(reader.get("player.1").await.unwrap().unwrap(), value);
    assert!(reader.put("player.1", "mine".into()).await.is_err());
    assert!(reader.delete("player.1").await.is_err());
    // More than the server sends before the watcher says that it keeps up.
    let seen: Vec<_> = reader.watch_with_history(">").await.unwrap().take(300).collect().await;
    assert_eq!(seen.iter().filter(|entry| entry.is_ok()).count(), 300);
    assert_eq!(reader.get("player.1").await.unwrap().unwrap(), value);

    assert!(bucket(&cluster, "identity", "PLAYER_SESSIONS").await.is_none());
    assert!(bucket(&cluster, "matchmaking", "MUTED_PLAYERS").await.is_none());
}
