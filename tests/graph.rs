//! Pictures: small ones byte for byte, all of them as well-formed XML.
//!
//! `NATSOPS_BLESS=1 cargo test graph::` rewrites the expected files, which are looked at like pictures.

use std::process::Command;

use crate::support::{Project, package};

const TINY: &str = "\
name: tiny
catalog: tiny
provider:
  aws:
    account: '123456789012'
    region: us-east-1
    image: ami-0a1b2c3d4e5f60718
    instance_type: m6i.large
    vpc: hello
    dns_zone: tiny.internal
    volume: {type: gp3, size: 100 GiB, iops: 3000, throughput: 125 MiB/s, kms_key: alias/hello}
    load_balancer: {internal: true}
nats:
  cluster: tiny
  version: 2.15.1
  nodes:
    - {name: nats-1, zone: us-east-1a, address: 10.0.1.11}
    - {name: nats-2, zone: us-east-1b, address: 10.0.2.12}
    - {name: nats-3, zone: us-east-1c, address: 10.0.3.13}
  jetstream: {max_file: 80 GB, max_memory: 64 MiB}
redis: {shards: 2, replicas_per_shard: 1, node_type: cache.r6g.large}
identity: {names: [nats.tiny.internal]}
";

const HELLO: &str = r#"
accounts:
  HELLO:
    description: Says "hello" & <goodbye>, it's all there is.
    limits: {connections: 10, subscriptions: 100, payload: 64 KiB, jetstream: {disk: 100 MB, streams: 1, consumers: 10}}
services:
  greeter:
    account: HELLO
    description: Answers greetings & tells of "them" <at once>.
    serves: [{subject: svc.hello.v1.greet, queue: q.hello}]
    publishes: [evt.hello.greeted.v1, audit.hello.greeted.v1]
  guest:
    account: HELLO
    description: Sends greetings, and hears of all.
    calls: [svc.hello.v1.greet]
    subscribes: [{subject: evt.hello.greeted.v1}]
streams:
  HELLO_EVENTS:
    account: HELLO
    description: Greetings of the last day.
    subjects: [evt.hello.>]
    max_age: 1d
    max_bytes: 50 MB
"#;

fn tiny() -> Project {
    let project = Project::new();
    let folder = project.path().join("environments");
    std::fs::write(folder.join("tiny.yaml"), TINY).unwrap();
    std::fs::create_dir(folder.join("tiny")).unwrap();
    std::fs::write(folder.join("tiny/hello.yaml"), HELLO).unwrap();
    project
}

fn graph(project: &Project, environment: &str, view: &str, format: &str) -> String {
    project.run(&["graph", environment, "--view", view, "--format", format]).expect(0).stdout
}

#[test]
fn small_pictures_are_as_they_were_looked_at() {
    let project = tiny();
    for (view, format) in
        [("contract", "svg"), ("contract", "mermaid"), ("topology", "svg"), ("topology", "mermaid")]
    {
        let drawn = graph(&project, "tiny", view, format);
        let path = package().join(format!("tests/golden/graph/{view}.{format}"));
        if std::env::var_os("NATSOPS_BLESS").is_some() {
            std::fs::write(&path, &drawn).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(drawn == expected, "{} differs:\n{drawn}", path.display());
    }
}

#[test]
fn every_picture_is_well_formed_and_says_what_was_written() {
    let project = tiny();
    let check = "import sys, xml.dom.minidom as m; d = m.parse(sys.argv[1]); \
                 print(*[t.firstChild.data for t in d.getElementsByTagName('title')], sep='\\n')";
    for (environment, view) in
        [("tiny", "contract"), ("tiny", "topology"), ("prod", "contract"), ("local", "topology")]
    {
        let file = format!("{environment}-{view}.svg");
        project.run(&["graph", environment, "--view", view, "--out", &file]).expect(0);
        let output = Command::new("python3")
            .args(["-c", check])
            .arg(project.path().join(&file))
            .output()
            .expect("python3 is needed: apt-get install python3");
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
        let titles = String::from_utf8(output.stdout).unwrap();
        if file == "tiny-contract.svg" {
            assert!(
                titles.contains("Answers greetings & tells of \"them\" <at once>."),
                "{titles}"
            );
        }
    }
}

#[test]
fn the_format_follows_the_file_and_json_carries_the_drawing() {
    let project = tiny();
    project.run(&["graph", "tiny", "--out", "contract.svg"]).expect(0);
    let text = std::fs::read_to_string(project.path().join("contract.svg")).unwrap();
    assert!(text.starts_with("<svg "), "{text}");
    project.run(&["graph", "tiny", "--out", "contract.mmd"]).expect(0);
    let text = std::fs::read_to_string(project.path().join("contract.mmd")).unwrap();
    assert!(text.starts_with("flowchart LR\n"), "{text}");
    let json = project.run(&["graph", "tiny", "--json"]).expect(0).json();
    assert_eq!(json["drawing"], text);
    project.run(&["graph", "tiny", "--out", "no/such/folder.svg"]).expect(1);
    project.run(&["graph", "tiny", "--view", "sideways"]).expect(64);
}
