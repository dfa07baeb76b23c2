//! Five nodes from prod's own bundles, at prod's addresses in three zones: natsops reaches them, and one zone is cut off.

mod balancer;
mod machines;
mod network;
mod replacing;
mod rolling;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use async_nats::jetstream;
use natsops::environment::{Addresses, load};
use natsops::model::matching::{admits, overlaps};
use natsops::model::{Cluster, Service, Stream};
use natsops::provider::local::network as local_network;
use serde_json::Value;

use crate::aws::stage::Stage;
use crate::cluster::options;
use crate::support::{Output, changes};
use machines::Machines;
use network::Network;
use replacing::Disk;

/// The zones with their nodes, as `prod.yaml` has them.
const ZONES: [(&str, &[(&str, &str)]); 3] = [
    ("a", &[("nats-1", "10.0.1.11"), ("nats-4", "10.0.1.14")]),
    ("b", &[("nats-2", "10.0.2.12"), ("nats-5", "10.0.2.15")]),
    ("c", &[("nats-3", "10.0.3.13")]),
];

/// How long the cluster may take to choose new leaders when a zone has gone.
const ELECTIONS: Duration = Duration::from_secs(60);

/// A stream of three replicas, with a service that writes into it and a subject for that.
struct Writer<'c> {
    stream: &'c Stream,
    service: &'c Service,
    subject: String,
}

fn writers(cluster: &Cluster) -> Vec<Writer<'_>> {
    let streams = cluster.streams.iter().filter(|stream| stream.replicas == 3);
    streams.map(|stream| writer(cluster, stream)).collect()
}

fn writer<'c>(cluster: &'c Cluster, stream: &'c Stream) -> Writer<'c> {
    let at_home = |service: &&Service| service.account == stream.account;
    let services = cluster.services.values();
    for service in services.clone().filter(at_home).chain(services) {
        for granted in service.permissions().publish {
            for pattern in &stream.subjects {
                let subject = granted.replace(['*', '>'], "one");
                // What goes to the auditors crosses the border of their account on the way.
                if overlaps(&granted, pattern.as_str()) && admits(pattern.as_str(), &subject) {
                    return Writer { stream, service, subject };
                }
            }
        }
    }
    panic!("nobody writes into {}", stream.name)
}

/// A service's connection through the load balancer, with what `creds export` wrote for it.
async fn connect(stage: &Stage, service: &str) -> async_nats::Client {
    let folder = stage.project.path().join("creds").join(service);
    let options = options(&folder, service).await.ignore_discovered_servers();
    options.retry_on_initial_connect().connect(balancer::DOOR).await.unwrap()
}

/// Writes one message into each stream, until each was acknowledged. How many there were.
async fn write_everywhere(stage: &Stage, writers: &[Writer<'_>], word: &str) {
    for writer in writers {
        let name = &writer.stream.name;
        let context = jetstream::new(connect(stage, writer.service.name.as_str()).await);
        let id = format!("{word}-{name}");
        let begin = Instant::now();
        loop {
            let message = jetstream::message::PublishMessage::build().message_id(&id);
            let sent =
                context.send_publish(writer.subject.clone(), message.payload(id.clone().into()));
            let problem = match sent.await {
                Ok(acknowledged) => match acknowledged.await {
                    Ok(_) => break,
                    Err(error) => error.to_string(),
                },
                Err(error) => error.to_string(),
            };
            assert!(begin.elapsed() < ELECTIONS, "{name} takes nothing: {problem}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// The messages of all streams.
fn messages(status: &Value) -> u64 {
    let streams = status["status"]["streams"].as_array().unwrap();
    streams.iter().map(|stream| stream["messages"].as_u64().unwrap()).sum()
}

/// Somebody brings back what the store and the catalog were an apply ago. What the servers hold is newer, so claims are signed
/// anew after bundles were written; and machines that boot later fetch those.
fn claims_are_signed_anew_for_servers_that_hold_newer_ones(stage: &Stage) {
    stage.by_hand(
        "found = s3.list_object_versions(Bucket=BUCKET, Prefix='index.json')['Versions']\n\
         found.sort(key=lambda version: version['LastModified'])\n\
         former = {'Bucket': BUCKET, 'Key': 'index.json', 'VersionId': found[-2]['VersionId']}\n\
         text = s3.get_object(**former)['Body'].read()\n\
         s3.put_object(Bucket=BUCKET, Key='index.json', Body=text)",
    );
    stage.project.edit(
        "catalog/commerce.yaml",
        "limits: {payload: 48 KiB}",
        "limits: {payload: 32 KiB}",
    );
    let plan = stage.run(&["plan", "prod", "--json"]).expect(0).json();
    assert!(changes(&plan).iter().any(|c| c == "update claims COMMERCE"), "{:?}", changes(&plan));
    stage.run(&["apply", "prod", "--yes", "--require-checks"]).expect(0);
    stage.in_sync();
}

/// A user key goes the same way: proven on every server, and what its service fetches is new.
fn keys_are_replaced(stage: &Stage) {
    let fetched = || {
        stage.by_hand(
            "name = '/natsops/prod/wallet/creds'\n\
             value = ssm.get_parameter(Name=name, WithDecryption=True)['Parameter']['Value']\n\
             print(value.split('USER JWT')[1])",
        )
    };
    let before = fetched();
    let rotate = ["keys", "rotate", "prod", "user", "wallet", "--yes", "--json"];
    let begun = stage.run(&rotate).expect(0).json();
    assert_eq!(begun["rotation"]["steps"], serde_json::json!(["issue", "verify-new", "wait"]));
    assert_eq!(begun["rotation"]["redeploy"], serde_json::json!(["wallet"]));
    assert_ne!(fetched(), before, "the service would fetch what it had");
    stage.in_sync();
    // From inside the network it is seen who uses which key.
    let listed = stage.run(&["keys", "list", "prod", "--json"]).expect(0).json();
    let keys = listed["keys"].as_array().unwrap();
    let retiring = keys.iter().find(|key| key["name"] == "retiring/user/wallet").unwrap();
    assert_eq!(retiring["in_use"], serde_json::json!({"connections": 0}), "{retiring}");
    let ended = stage.run(&[&rotate[..], &["--overlap", "0s"]].concat()).expect(0).json();
    assert_eq!(ended["rotation"]["done"], true);
    stage.in_sync();
    stage.run(&["keys", "revoke", "prod", "user", "chat", "--yes"]).expect(0);
    stage.run(&["keys", "rotate", "prod", "user", "chat", "--yes"]).expect(0);
    stage.in_sync();
    // What stands in files, each machine is told to take; it is proven at every port, and nothing restarts.
    let rotate = ["keys", "rotate", "prod", "node-certificates", "--yes", "--json"];
    let rotated = stage.run(&rotate).expect(0).json();
    assert_eq!(rotated["rotation"]["done"], true);
    assert_eq!(rolling::orders(stage, "--reload").len(), 5);
    assert_eq!(rolling::orders(stage, "--restart").len(), 0);
    stage.in_sync();
    let rotate = ["keys", "rotate", "prod", "ca", "--yes", "--overlap", "0s", "--json"];
    assert_eq!(stage.run(&rotate).expect(0).json()["rotation"]["done"], true);
    assert_eq!(rolling::orders(stage, "--restart").len(), 0);
    stage.in_sync();
    // Whom servers trust, they read at their start alone.
    let rotate = ["keys", "rotate", "prod", "operator-key", "--yes", "--json"];
    assert_eq!(stage.run(&rotate).expect(0).json()["rotation"]["done"], true);
    assert_eq!(rolling::orders(stage, "--restart").len(), 5);
    stage.in_sync();
}

/// Nobody here can sign in as a service that comes from elsewhere: that is said, and nothing fails for it.
fn who_comes_from_elsewhere_is_not_tried(stage: &Stage) {
    let limits = "    limits: {payload: 64 KiB}\n";
    let elsewhere = format!("{limits}    networks: [203.0.113.0/24]\n");
    let file = "catalog/commerce.yaml";
    let words = "payment-webhook may come from 203.0.113.0/24 alone";
    stage.project.edit(file, limits, &elsewhere);
    stage.run(&["apply", "prod", "--yes", "--require-checks"]).expect(0);
    let proven = stage.run(&["doctor", "prod"]).expect(0).stdout;
    assert!(proven.contains(&format!("not tried: {words}")), "{proven}");
    let rotate = ["keys", "rotate", "prod", "user", "payment-webhook", "--yes", "--overlap", "0s"];
    let rotated = stage.run(&rotate).expect(0).stdout;
    assert!(rotated.contains(words), "{rotated}");
    stage.in_sync();
    stage.project.edit(file, &elsewhere, limits);
    stage.run(&["apply", "prod", "--yes", "--require-checks"]).expect(0);
}

/// What is told of a cluster that has everything again: the nodes are well at once, leaders may be chosen once more, and what
/// was written without a zone takes its time to get there.
fn healed(stage: &Stage) -> Value {
    stage.run(&["status", "prod", "--wait", "120"]).expect(0);
    let begin = Instant::now();
    loop {
        let said = stage.run(&["status", "prod", "--json"]);
        let status = said.json();
        let streams = status["status"]["streams"].as_array().unwrap();
        let is_whole = streams.iter().all(|stream| stream["current"] == stream["replicas"]);
        if said.code == 0 && is_whole {
            return status;
        }
        assert!(begin.elapsed() < ELECTIONS, "{status}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn scene(network: &Network) {
    let stage = Stage::applied_and_open();
    let hidden = stage.run(&["plan", "prod", "--json"]).expect(0).json();
    assert!(hidden["plan"]["not_observed"].as_array().unwrap().len() >= 5, "nobody answers yet");
    let said = stage.run(&["doctor", "prod"]).expect(1).stderr;
    assert!(said.contains("can't be reached from here"), "{said}");

    // What runs on the servers is planned and applied like everything else, and proven by the same checks. The machines
    // are still booting when it begins.
    let apply = ["apply", "prod", "--yes", "--json", "--reach", "wait", "--require-checks"];
    let applying = stage.command(&apply).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let mut machines = Machines::boot(&stage, network);
    let applied = Output::of(&applying.wait_with_output().unwrap()).expect(0).json();
    let checks = applied["checks"].as_array().unwrap();
    assert!(checks.len() >= 11 && checks.iter().all(|check| check["passed"] == true), "{checks:?}");
    let plan = stage.run(&["plan", "prod", "--json"]).expect(0).json();
    assert_eq!(changes(&plan), [""; 0]);
    assert_eq!(plan["plan"]["not_observed"], serde_json::json!([]));
    let doctor = stage.run(&["doctor", "prod", "--json"]).expect(0).json();
    let names = |checks: &Value| -> Vec<String> {
        let checks = checks.as_array().unwrap().iter();
        checks.map(|check| check["check"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&doctor["checks"]), names(&applied["checks"]));

    // A changed catalog reaches the servers by the same way.
    stage.project.edit(
        "catalog/commerce.yaml",
        "limits: {payload: 32 KiB}",
        "limits: {payload: 48 KiB}",
    );
    let plan = stage.run(&["plan", "prod", "--json"]).expect(0).json();
    assert!(
        changes(&plan).iter().any(|change| change == "update jwt account/COMMERCE"),
        "{:?}",
        changes(&plan)
    );
    stage.run(&["apply", "prod", "--yes", "--require-checks"]).expect(0);
    stage.in_sync();
    claims_are_signed_anew_for_servers_that_hold_newer_ones(&stage);
    keys_are_replaced(&stage);
    who_comes_from_elsewhere_is_not_tried(&stage);
    let addresses = Addresses { local_network: local_network(stage.project.path()) };
    let cluster = load(stage.project.path(), "prod", &addresses).unwrap().cluster.unwrap();
    let writers = writers(&cluster);
    assert!(writers.len() >= 5, "{} streams of three replicas", writers.len());
    for writer in &writers {
        let (name, folder) =
            (writer.service.name.as_str(), format!("creds/{}", writer.service.name));
        stage.run(&["creds", "export", "prod", name, "--out", &folder]).expect(0);
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let nodes = ZONES.iter().flat_map(|(_, nodes)| nodes.iter());
    let nodes: Vec<IpAddr> = nodes.map(|(_, address)| address.parse().unwrap()).collect();
    runtime.block_on(balancer::start(nodes));
    let written = rolling::servers_restart(&stage, &writers, &runtime);
    rolling::a_server_is_drained_and_comes_back(&stage);
    runtime.block_on(write_everywhere(&stage, &writers, "before"));
    // Two of the five nodes are gone at once.
    network.cable("b", false);
    runtime.block_on(write_everywhere(&stage, &writers, "without-b"));
    let refused = stage.run(&["node", "drain", "prod", "nats-1", "--yes"]).expect(5).stderr;
    assert!(refused.contains("nats-1 can't leave without an interruption"), "{refused}");
    let plan = stage.run(&["plan", "prod", "--json"]).expect(0).json();
    let notices = plan["plan"]["notices"].to_string();
    assert!(notices.contains("zone us-east-1b is away"), "{notices}");
    stage.run(&["doctor", "prod"]).expect(8);
    replacing::is_refused_while_a_zone_is_away(&stage);

    network.cable("b", true);
    let status = healed(&stage);
    assert_eq!(messages(&status), (2 + written) * writers.len() as u64, "{status}");
    // Routes that lived through the cut send again when their own pauses are over.
    let begin = Instant::now();
    while begin.elapsed() < ELECTIONS && stage.run(&["doctor", "prod"]).code != 0 {}
    stage.run(&["doctor", "prod"]).expect(0);
    stage.in_sync();
    for disk in [Disk::Kept, Disk::Empty] {
        replacing::a_machine_makes_way(&stage, network, &mut machines, disk);
    }
    runtime.block_on(write_everywhere(&stage, &writers, "after"));
    stage.aws.trusted();
}

#[test]
fn prod_is_reached_planned_and_proven_and_writes_go_on_without_a_zone() {
    let addresses = ZONES.map(|(zone, nodes)| {
        (zone, nodes.iter().map(|(_, address)| *address).collect::<Vec<&str>>())
    });
    let zones = addresses.each_ref().map(|(zone, addresses)| (*zone, &addresses[..]));
    let network = Network::new(&zones);
    std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            network.enter();
            scene(&network);
        });
        if let Err(reason) = inside.join() {
            std::panic::resume_unwind(reason);
        }
    });
}
