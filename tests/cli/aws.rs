//! What AWS would refuse is found by `validate`, with its place and its remedy, before anybody is asked.

use crate::support::Project;

/// A change of `prod.yaml`, the place that is named, the code, and what is said.
type Breakage = (&'static str, &'static str, &'static str, &'static str, &'static str);

const BREAKAGES: [Breakage; 26] = [
    ("account: \"123456789012\"", "account: \"1234\"", "9:14", "malformed", "twelve digits"),
    ("region: us-east-1", "region: virginia", "10:13", "malformed", "such as `us-east-1`"),
    ("image: ami-0a1b2c3d4e5f60718", "image: al2023", "12:12", "malformed", "al2023-ami-kernel"),
    (
        "vpc: game-platform",
        "vpc: game-platform\n    subnets: [private]",
        "16:15",
        "malformed",
        "`subnet-0a1b",
    ),
    (
        "kms_key: alias/natsops-prod",
        "kms_key: natsops",
        "24:16",
        "malformed",
        "`alias/natsops-prod`",
    ),
    ("kms_key: alias/natsops-prod", "kms_key: alias/a b!", "24:16", "malformed", "letters, digits"),
    ("type: m6i.large", "type: m6i-large", "13:20", "malformed", "`m6i.large`"),
    ("node_type: cache.r6g", "node_type: r6g", "60:14", "malformed", "`cache.r6g.large`"),
    ("size: 500 GiB", "size: 500 GB", "20:13", "volume-size", "`466 GiB`"),
    ("throughput: 125 MiB/s", "throughput: 100 MiB/s", "23:19", "volume-throughput", "125 to 2000"),
    (
        "throughput: 125 MiB/s",
        "throughput: 1000 MiB/s",
        "23:19",
        "volume-throughput",
        "`iops: 4000`",
    ),
    (
        "size: 500 GiB\n      # The base of gp3, which is already above what an m6i.large sustains (81 MB/s).\n      iops: 3000",
        "size: 600 GiB\n      iops: 400000",
        "21:13",
        "out-of-range",
        "80000",
    ),
    (
        "size: 500 GiB\n      # The base of gp3, which is already above what an m6i.large sustains (81 MB/s).\n      iops: 3000",
        "size: 10 GiB\n      iops: 6000",
        "21:13",
        "volume-iops",
        "5000 at most",
    ),
    ("vpc: game-platform", "vpc: \"\"", "15:10", "malformed", "its Name tag"),
    ("zone: us-east-1c", "zone: eu-west-1c", "36:28", "zone-elsewhere", "`us-east-1a`"),
    (", address: 10.0.3.13", "", "36:14", "address-missing", "nats-3 has no address"),
    ("10.0.3.13", "8.8.8.8", "36:49", "malformed", "not a private address"),
    ("10.0.2.12", "10.0.1.11", "35:49", "duplicate-address", "the other one"),
    ("dns_zone: prod.internal", "dns_zone: internal", "16:15", "malformed", "two labels or more"),
    (
        "names: [nats.prod.internal]",
        "names: [nats.other.internal]",
        "54:11",
        "name-outside-zone",
        "ends in `.prod.internal`",
    ),
    (
        "  names: [nats.prod.internal]\n",
        "",
        "16:15",
        "no-client-name",
        "names: [nats.prod.internal]",
    ),
    ("  node_type: cache.r6g.large\n", "", "57:1", "cache-node-type", "cache.r6g.large"),
    (
        "replicas_per_shard: 1",
        "replicas_per_shard: 0",
        "59:23",
        "cache-without-replica",
        "use 1 to 5",
    ),
    ("monitoring: {allow: []}", "monitoring: {allow: [10.0.0.0]}", "27:26", "malformed", "CIDR"),
    (
        "monitoring: {allow: []}",
        "monitoring: {allow: [10.0.0.0/8, 10.9.8.7/8]}",
        "27:38",
        "repeated",
        "`10.0.0.0/8` stands here already",
    ),
    (
        "names: [nats.prod.internal]",
        "names: [nats.prod.internal, nats.prod.internal]",
        "54:31",
        "repeated",
        "take one out",
    ),
];

#[test]
fn each_way_of_breaking_production_is_found_with_its_place_and_its_remedy() {
    for (from, to, place, code, says) in BREAKAGES {
        let project = Project::new();
        project.edit("prod.yaml", from, to);
        let output = project.run(&["validate", "prod"]).expect(3);
        for words in [format!("prod.yaml:{place}"), format!("error[{code}]"), says.to_owned()] {
            assert!(output.stderr.contains(&words), "{words} of {to}:\n{}", output.stderr);
        }
        // Nobody is asked and nothing is planned with it.
        project.run(&["plan", "prod", "--offline"]).expect(3);
    }
}

#[test]
fn more_names_than_a_parameter_holds_are_refused() {
    let project = Project::new();
    let names: Vec<String> = (0..80)
        .map(|number| format!("a-rather-long-name-{number}.of-the-cluster.prod.internal"))
        .collect();
    let names = format!("names: [{}]", names.join(", "));
    project.edit("prod.yaml", "names: [nats.prod.internal]", &names);
    let output = project.run(&["validate", "prod"]).expect(3);
    assert!(output.stderr.contains("error[parameter-too-large]"), "{}", output.stderr);
}

#[test]
fn what_belongs_to_aws_is_refused_elsewhere() {
    let project = Project::new();
    project.edit("local.yaml", "name: nats-1, ", "name: nats-1, address: 10.0.0.1, ");
    let output = project.run(&["validate", "local"]).expect(3);
    assert!(output.stderr.contains("error[address-given]"), "{}", output.stderr);
    let project = Project::new();
    for (arguments, says) in [
        (&["plan", "local", "--offline"][..], "--offline is for environments on AWS"),
        (&["plan", "local", "--deep"], "--deep is for environments on AWS"),
        (&["destroy", "local", "--delete", "volumes"], "--delete and --no-snapshot are for"),
        (&["destroy", "prod", "--delete-data"], "are for environments on this machine"),
        (&["output", "local"], "does not live on AWS"),
    ] {
        let output = project.run(arguments).expect(64);
        assert!(output.stderr.contains(says), "{}", output.stderr);
    }
}
