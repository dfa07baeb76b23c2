//! The life of consumers and buckets: planned, changed, drifted, healed, left alone, removed.

use async_nats::jetstream::{self, consumer::pull};
use serde_json::Value;

use crate::cluster::Keys;
use crate::support::{Cluster, changes};

const GAME: &str = "catalog/game.yaml";
const PLAYERS: &str = "catalog/players.yaml";

async fn natsops(cluster: &Cluster, account: &str) -> jetstream::Context {
    let keys = Keys::of(&cluster.project);
    let user = keys.own_user(account);
    jetstream::new(keys.access(&cluster.project).connect(&user).await.unwrap())
}

async fn consumer(context: &jetstream::Context, stream: &str, name: &str) -> pull::Config {
    let stream = context.get_stream(stream).await.unwrap();
    let consumer: jetstream::consumer::PullConsumer = stream.get_consumer(name).await.unwrap();
    consumer.cached_info().config.try_into_pull()
}

/// A found configuration as one to send.
trait TryIntoPull {
    fn try_into_pull(&self) -> pull::Config;
}

impl TryIntoPull for jetstream::consumer::Config {
    fn try_into_pull(&self) -> pull::Config {
        jetstream::consumer::FromConsumer::try_from_consumer_config(self.clone()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_changes_in_place_or_anew_and_drift_is_healed() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    project.edit(GAME, "        max_deliver: 3\n", "        max_deliver: 4\n");
    project.edit(
        GAME,
        "        filter: [evt.state.player.updated.v1]\n",
        "        filter: [evt.state.player.updated.v1, evt.state.entity.updated.v1]\n",
    );
    let wanted = [
        "update consumer GAME/GAME_ASSET_JOBS/asset-generator",
        "update consumer GAME/GAME_STATE/quest-generator",
    ];
    let mut planned = changes(&cluster.plan());
    planned.sort();
    assert_eq!(planned, wanted);
    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());

    let context = natsops(&cluster, "GAME").await;
    let mut config = consumer(&context, "GAME_WORLD", "quest-generator").await;
    config.max_ack_pending = 7;
    let stream = context.get_stream("GAME_WORLD").await.unwrap();
    stream.update_consumer(config).await.unwrap();
    assert_eq!(changes(&cluster.plan()), ["update consumer GAME/GAME_WORLD/quest-generator"]);
    project.run(&["apply", "local", "--yes"]).expect(0);
    let healed = consumer(&context, "GAME_WORLD", "quest-generator").await;
    assert_eq!(healed.max_ack_pending, 1000);

    // Where it begins can't be changed.
    project.edit(
        GAME,
        "      - stream: GAME_STATE\n        filter: [evt.state.player",
        "      - stream: GAME_STATE\n        deliver: new\n        filter: [evt.state.player",
    );
    let refused = project.run(&["apply", "local", "--yes"]).expect(5);
    assert!(refused.stderr.contains("pull from a consumer of another name"), "{}", refused.stderr);
    let replace = ["--replace", "GAME_STATE/quest-generator"];
    let plan = project.run(&["plan", "local", replace[0], replace[1]]).expect(0).stdout;
    assert!(plan.contains("its position is lost"), "{plan}");
    project.run(&["apply", "local", "--yes", replace[0], replace[1]]).expect(0);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_asks_for_is_left_alone_until_it_is_named() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let context = natsops(&cluster, "PLAYERS").await;
    let stream = context.get_stream("PLAYERS_EVENTS").await.unwrap();
    let by_hand = pull::Config { durable_name: Some("by-hand".to_owned()), ..Default::default() };
    stream.create_consumer(by_hand).await.unwrap();
    let passing = pull::Config { name: Some("passing".to_owned()), ..Default::default() };
    stream.create_consumer(passing).await.unwrap();
    let bucket = context.get_stream("KV_MUTED_PLAYERS").await.unwrap();
    let by_hand = pull::Config { durable_name: Some("spy".to_owned()), ..Default::default() };
    bucket.create_consumer(by_hand).await.unwrap();
    project.edit(PLAYERS, "    reads: [PLAYER_SESSIONS]\n", "");
    project.edit(PLAYERS, "    writes: [PLAYER_SESSIONS]\n", "");
    let path = project.path().join("environments").join(PLAYERS);
    let text = std::fs::read_to_string(&path).unwrap();
    let (start, end) =
        (text.find("  PLAYER_SESSIONS:").unwrap(), text.find("  MUTED_PLAYERS:").unwrap());
    std::fs::write(&path, format!("{}{}", &text[..start], &text[end..])).unwrap();

    let plan = cluster.plan();
    assert_eq!(changes(&plan), ["update jwt account/PLAYERS", "update claims PLAYERS"]);
    assert_eq!(
        unmanaged(&plan),
        [
            "bucket PLAYERS/PLAYER_SESSIONS",
            "consumer PLAYERS/KV_MUTED_PLAYERS/spy",
            "consumer PLAYERS/PLAYERS_EVENTS/by-hand"
        ]
    );
    let shown = project.run(&["plan", "local"]).expect(0).stdout;
    assert!(shown.contains("--remove PLAYERS_EVENTS/by-hand"), "{shown}");
    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(unmanaged(&cluster.plan()).len(), 3);

    let mut apply = vec!["apply", "local", "--yes"];
    for name in ["PLAYER_SESSIONS", "PLAYERS_EVENTS/by-hand", "KV_MUTED_PLAYERS/spy"] {
        apply.extend(["--remove", name]);
    }
    project.run(&apply).expect(0);
    let plan = cluster.plan();
    assert_eq!((unmanaged(&plan), changes(&plan)), (vec![], vec![]));
    assert!(context.get_stream("KV_PLAYER_SESSIONS").await.is_err());
    assert!(stream.consumer_info("by-hand").await.is_err());
}

fn unmanaged(plan: &Value) -> Vec<String> {
    let all = plan["plan"]["unmanaged"].as_array().unwrap().iter();
    let word = |id: &Value, key: &str| id[key].as_str().unwrap().to_owned();
    all.map(|id| format!("{} {}", word(id, "kind"), word(id, "name"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_changes_in_its_own_words_and_keeps_its_values() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let context = natsops(&cluster, "PLAYERS").await;
    project.edit(PLAYERS, "    history: 10\n", "    history: 20\n    ttl: 30d\n");
    let shown = project.run(&["plan", "local"]).expect(0).stdout;
    assert!(shown.contains("bucket PLAYERS/MUTED_PLAYERS: history and ttl differ"), "{shown}");
    assert!(shown.contains("history: 10 → 20") && shown.contains("ttl: none → 30d"), "{shown}");
    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());

    let stream = context.get_stream("KV_MUTED_PLAYERS").await.unwrap();
    let mut config = stream.cached_info().config.clone();
    assert_eq!(config.max_messages_per_subject, 20);
    config.max_bytes = 1 << 20;
    context.update_stream(config).await.unwrap();
    assert_eq!(changes(&cluster.plan()), ["update bucket PLAYERS/MUTED_PLAYERS"]);
    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_made_anew_has_its_consumers_again() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    project.edit(
        GAME,
        "    subjects: [evt.state.>]\n    retention: limits\n",
        "    subjects: [evt.state.>]\n    retention: interest\n",
    );
    project.run(&["apply", "local", "--yes"]).expect(5);
    let plan =
        project.run(&["plan", "local", "--replace", "GAME_STATE", "--json"]).expect(0).json();
    let planned = changes(&plan);
    for wanted in ["stream GAME/GAME_STATE", "consumer GAME/GAME_STATE/knowledge-base"] {
        assert!(planned.contains(&format!("replace {wanted}")), "{planned:?}");
    }
    project.run(&["apply", "local", "--yes", "--replace", "GAME_STATE"]).expect(0);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
}
