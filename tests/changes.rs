//! Changes that need a word more than `apply`: saved plans, streams that go, restarts that interrupt.

use std::time::Duration;

use async_nats::jetstream;
use futures_util::StreamExt as _;

use crate::cluster::Keys;
use crate::support::{Cluster, changes};

#[test]
fn a_saved_plan_is_applied_and_is_refused_when_the_world_has_moved() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    project.edit("catalog/game.yaml", "max_age: 2d", "max_age: 3d");
    project.run(&["plan", "local", "--out", "saved.json"]).expect(0);
    // No question is asked: the plan was looked at when it was saved.
    project.run(&["apply", "local", "--plan", "saved.json"]).expect(0);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
    let refused = project.run(&["apply", "local", "--plan", "saved.json"]).expect(5);
    assert!(refused.stderr.contains("out of date: - update stream GAME/GAME_AI"));

    project.edit("catalog/game.yaml", "max_age: 3d", "max_age: 4d");
    project.run(&["plan", "local", "--out", "saved.json"]).expect(0);
    project.edit("catalog/game.yaml", "max_age: 4d", "max_age: 5d");
    let refused = project.run(&["apply", "local", "--plan", "saved.json"]).expect(5);
    assert!(refused.stderr.contains("with other values"), "{}", refused.stderr);
    assert_eq!(changes(&cluster.plan()), ["update stream GAME/GAME_AI"]);
    project.run(&["plan", "local", "--out", "saved.json"]).expect(0);
    cluster.project.kill("nats-5");
    let refused = project.run(&["apply", "local", "--plan", "saved.json"]).expect(5);
    assert!(refused.stderr.contains("update node nats-5"), "{}", refused.stderr);
    let garbage = project.path().join("garbage.json");
    std::fs::write(garbage, "{").unwrap();
    let refused = project.run(&["apply", "local", "--plan", "garbage.json"]).expect(64);
    assert!(refused.stderr.contains("it is no saved plan"), "{}", refused.stderr);
    let refused = project.run(&["apply", "local", "--plan", "none.json"]);
    assert_ne!(refused.code, 0);
}

/// Takes GAME_ASSET_JOBS out of the catalog; the stream of world events takes its subject over.
fn without_asset_jobs(cluster: &Cluster) {
    let path = cluster.project.path().join("environments/catalog/game.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let consumer = text.find("    consumes:\n      # A generation takes").unwrap();
    let rest = consumer + text[consumer..].find("\n\n").unwrap() + 1;
    let text = format!("{}{}", &text[..consumer], &text[rest..]);
    let start = text.find("  GAME_ASSET_JOBS:").unwrap();
    let end = start + text[start..].find("\nbuckets:").unwrap();
    std::fs::write(&path, format!("{}{}", &text[..start], &text[end..])).unwrap();
}

#[test]
fn a_stream_goes_only_when_its_removal_is_asked_for_by_name() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    without_asset_jobs(&cluster);
    let plan = cluster.plan();
    // What its consumer was permitted goes with the consumer.
    assert_eq!(changes(&plan), ["update jwt account/GAME", "update claims GAME"]);
    assert_eq!(plan["plan"]["unmanaged"][0]["name"], "GAME/GAME_ASSET_JOBS");
    let shown = project.run(&["plan", "local"]).expect(0).stdout;
    assert!(shown.contains("--remove GAME_ASSET_JOBS"), "{shown}");
    project.run(&["apply", "local", "--yes"]).expect(0);
    let still = cluster.plan();
    assert_eq!(still["plan"]["unmanaged"][0]["name"], "GAME/GAME_ASSET_JOBS");

    let wrong = project.run(&["plan", "local", "--remove", "GAME_AI"]).expect(64);
    assert!(wrong.stderr.contains("the catalog asks for it"), "{}", wrong.stderr);
    let wrong = project.run(&["plan", "local", "--remove", "NOBODY"]).expect(64);
    assert!(wrong.stderr.contains("there is no such stream"), "{}", wrong.stderr);
    // Nobody is there to type the name of the environment.
    project.run(&["apply", "local", "--remove", "GAME_ASSET_JOBS"]).expect(5);
    project.run(&["apply", "local", "--remove", "GAME_ASSET_JOBS", "--yes"]).expect(0);
    assert_eq!(cluster.plan()["plan"]["unmanaged"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_change_is_had_by_replacing_the_stream_which_loses_its_messages() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let publisher = crate::cluster::client(project, "state-manager").await;
    let publish = async || {
        let context = jetstream::new(publisher.clone());
        context.publish("evt.state.entity.updated.v1", "x".into()).await.unwrap().await.unwrap()
    };
    publish().await;
    let state = "    subjects: [evt.state.>]\n    retention: limits";
    project.edit("catalog/game.yaml", state, &state.replace("limits", "interest"));
    project.run(&["apply", "local", "--yes"]).expect(5);
    let plan = project.run(&["plan", "local", "--replace", "GAME/GAME_STATE"]).expect(0).stdout;
    assert!(plan.contains("± stream GAME/GAME_STATE"), "{plan}");
    assert!(plan.contains("[its data is lost]"), "{plan}");
    project.run(&["apply", "local", "--replace", "GAME/GAME_STATE"]).expect(5);
    project.run(&["apply", "local", "--replace", "GAME/GAME_STATE", "--yes"]).expect(0);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
    assert_eq!(publish().await.sequence, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_stops_a_stream_is_refused_before_anything_changes() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let keys = Keys::of(project);
    let control = keys.control(project).await;
    let roomy = keys.changed_claims("GAME", |body| {
        let tier = body.limits.tiered_limits["R3"].clone();
        body.limits.tiered_limits.insert("R1".to_owned(), tier);
    });
    let servers = crate::cluster::servers(project).await;
    natsops::nats::push(&control, &roomy, &servers).await.unwrap();
    let context =
        jetstream::new(keys.access(project).connect(&keys.own_user("GAME")).await.unwrap());
    let alone = jetstream::stream::Config {
        name: "ALONE".to_owned(),
        subjects: vec!["alone".to_owned()],
        max_bytes: 1 << 20,
        num_replicas: 1,
        ..Default::default()
    };
    context.create_stream(alone).await.unwrap();
    project.edit("local.yaml", "max_memory: 256 MiB", "max_memory: 200 MiB");
    let refused = project.run(&["apply", "local", "--yes"]).expect(5);
    assert!(refused.stderr.contains("stream GAME/ALONE stops meanwhile"), "{}", refused.stderr);
    assert!(refused.stderr.contains("nothing was changed"));
    project.run(&["plan", "local", "--allow-interruption"]).expect(0);
    project.run(&["apply", "local", "--yes", "--allow-interruption"]).expect(0);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_is_served_beside_the_old_one_and_each_caller_reaches_its_own() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let old = "      - {subject: svc.quest.v1.generate, queue: q.quest}\n";
    let new = old.replace(".v1.", ".v2.");
    project.edit("catalog/game.yaml", old, &format!("{old}{new}"));
    let linted = || {
        let output = project.run(&["lint", "local"]);
        format!("{}{}", output.stdout, output.stderr)
    };
    let lint = linted();
    assert!(lint.contains("svc.quest.v2.generate") && lint.contains("serve-uncalled"), "{lint}");
    // Its caller begins to move on.
    let npc = "      - svc.quest.v1.generate\n";
    project.edit("catalog/game.yaml", npc, &format!("{npc}{}", npc.replace(".v1.", ".v2.")));
    project.run(&["apply", "local", "--yes"]).expect(0);
    let lint = linted();
    assert!(!lint.contains("svc.quest.v2.generate"), "{lint}");

    let quests = crate::cluster::client(project, "quest-generator").await;
    let npc = crate::cluster::client(project, "npc-dialogue").await;
    for version in ["v1", "v2"] {
        let subject = format!("svc.quest.{version}.generate");
        let mut requests = quests.queue_subscribe(subject, "q.quest".to_owned()).await.unwrap();
        let answering = quests.clone();
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                answering.publish(request.reply.unwrap(), version.into()).await.unwrap();
            }
        });
    }
    quests.flush().await.unwrap();
    for version in ["v1", "v2"] {
        let subject = format!("svc.quest.{version}.generate");
        let answer = async {
            loop {
                // Other nodes hear of a subscription a moment later.
                if let Ok(answer) = npc.request(subject.clone(), "".into()).await {
                    return answer;
                }
            }
        };
        let answer = tokio::time::timeout(Duration::from_secs(10), answer).await.unwrap();
        assert_eq!(answer.payload, version);
    }
}
