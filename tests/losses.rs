//! What a cluster loses and survives: a disk, a zone, most of its nodes. Real servers, killed as a power cut would.

use std::path::Path;

use async_nats::jetstream;
use natsops::environment::{Addresses, load};
use natsops::model::{Cluster as Model, Service, Stream};

use crate::cluster::client;
use crate::support::{Cluster, changes};

fn model(project: &Path) -> Model {
    let addresses = Addresses { local_network: [127, 64, 0] };
    load(project, "local", &addresses).unwrap().cluster.unwrap()
}

/// A service that may publish into a stream, and the subject.
fn publisher<'a>(model: &'a Model, stream: &Stream) -> (&'a Service, String) {
    // Audit records come from other accounts.
    let found = model.services.values().find_map(|service| {
        let mut subjects = service.publishes.iter();
        let subject = subjects.find(|s| stream.subjects.iter().any(|p| p.covers(s)))?;
        Some((service, subject.concrete()))
    });
    found.unwrap()
}

/// Kills nodes, and waits until none of them is a process any more.
fn kill(cluster: &Cluster, nodes: &[&str]) {
    for node in nodes {
        cluster.project.kill(node);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_zone_costs_no_stream_its_writes_and_is_named_and_healed() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let model = model(project.path());
    let mut publishers = Vec::new();
    for stream in &model.streams {
        let (service, subject) = publisher(&model, stream);
        publishers.push((stream, subject, client(project, service.name.as_str()).await));
    }
    kill(&cluster, &["nats-1", "nats-4"]);
    for (stream, subject, client) in publishers {
        // An election may be under way; a stream that stays shut fails the test.
        let begin = std::time::Instant::now();
        loop {
            let published =
                jetstream::new(client.clone()).publish(subject.clone(), "x".into()).await;
            let stored = match published {
                Ok(acknowledgement) => acknowledgement.await.is_ok(),
                Err(_) => false,
            };
            if stored {
                break;
            }
            assert!(begin.elapsed().as_secs() < 40, "{} takes no message", stream.name);
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }
    let plan = cluster.plan();
    let notices = plan["plan"]["notices"].to_string();
    assert!(notices.contains("zone zone-a is away"), "{notices}");
    assert!(notices.contains("2 of 3 replicas current"), "{notices}");
    assert!(notices.contains("nats-1 is away") || notices.contains("nats-4 is away"), "{notices}");
    let nodes: Vec<String> =
        changes(&plan).into_iter().filter(|change| change.contains(" node ")).collect();
    assert_eq!(nodes, ["update node nats-1", "update node nats-4"]);
    let status = project.run(&["status", "local"]).expect(8);
    assert!(status.stdout.contains("! zone zone-a is away"), "{}", status.stdout);

    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
    assert_eq!(cluster.plan()["plan"]["notices"], serde_json::json!([]));
}

#[test]
fn a_node_with_an_empty_disk_catches_up_under_its_old_name() {
    let cluster = Cluster::applied();
    cluster.project.kill("nats-3");
    std::fs::remove_dir_all(cluster.project.node("nats-3").join("data")).unwrap();
    let plan = cluster.plan();
    let action = plan["plan"]["actions"].as_array().unwrap().iter();
    let action = action.clone().find(|action| action["name"] == "nats-3").unwrap();
    let changed = action["changes"].to_string();
    assert!(changed.contains("\"from\":\"empty\""), "{changed}");
    cluster.project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}

#[test]
fn a_lost_quorum_is_recognised_at_once_with_the_way_back() {
    let cluster = Cluster::applied();
    kill(&cluster, &["nats-1", "nats-2", "nats-3"]);
    // The two that are left say that they are well for many seconds yet.
    let words = "the quorum is lost: 2 of 5 members answer, 3 are needed";
    let status = cluster.project.run(&["status", "local"]).expect(8);
    assert!(status.stdout.contains(words), "{}", status.stdout);
    let doctor = cluster.project.run(&["doctor", "local", "--json"]).expect(8).json();
    let checks = doctor["checks"].as_array().unwrap();
    let meta = checks.iter().find(|check| check["check"] == "meta-group").unwrap();
    assert!(meta["finding"].as_str().unwrap().contains(words), "{meta}");
    let steps = meta["steps"].to_string();
    for step in ["natsops apply local", "stay so", "META.RESCUE", "SERVER.REMOVE", "doctor"] {
        assert!(steps.contains(step), "{step}: {steps}");
    }
    let plan = cluster.project.run(&["plan", "local"]).expect(0);
    assert!(plan.stdout.contains(words), "{}", plan.stdout);

    cluster.project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}

#[test]
fn two_of_five_nodes_away_is_no_lost_quorum() {
    let cluster = Cluster::applied();
    kill(&cluster, &["nats-3", "nats-5"]);
    let status = cluster.project.run(&["status", "local"]).expect(8);
    assert!(!status.stdout.contains("quorum"), "{}", status.stdout);
}
