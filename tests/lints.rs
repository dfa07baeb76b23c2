//! Lints: each is found where an environment is broken just so, and accepted where the file says why.

use std::collections::BTreeSet;

use natsops::environment::LINTS;
use serde_json::Value;

use crate::support::{Output, Project, package};

/// A way to provoke a lint in a shipped environment, and nothing else.
struct Provocation {
    lint: &'static str,
    environment: &'static str,
    /// Acceptances that are taken out first, as file and lint.
    expose: &'static [(&'static str, &'static str)],
    /// File, text, and what stands for it then.
    edits: &'static [(&'static str, &'static str, &'static str)],
    /// What the finding must say, with figures of this very environment.
    says: &'static str,
}

const PROVOCATIONS: [Provocation; 36] = [
    Provocation {
        lint: "uneven-zones",
        environment: "prod",
        expose: &[("prod.yaml", "uneven-zones")],
        edits: &[],
        says: "has 1 of 5 nodes and a copy of all 13 streams with 3 replicas: 425 GB of them fit, not 708 GB",
    },
    Provocation {
        lint: "even-nodes",
        environment: "local",
        expose: &[],
        edits: &[(
            "local.yaml",
            "    - {name: nats-5, zone: zone-b}\n",
            "    - {name: nats-5, zone: zone-b}\n    - {name: nats-6, zone: zone-a}\n    \
             - {name: nats-7, zone: zone-b}\n    - {name: nats-8, zone: zone-c}\n",
        )],
        says: "8 nodes need a quorum of 5 and survive the loss of 3, as 7 do",
    },
    Provocation {
        lint: "zone-breaks-quorum",
        environment: "local",
        expose: &[],
        edits: &[("local.yaml", "{name: nats-5, zone: zone-b}", "{name: nats-5, zone: zone-a}")],
        says: "without zone `zone-a` 2 of 5 nodes are left, and the meta group needs 3",
    },
    Provocation {
        lint: "old-patch",
        environment: "local",
        expose: &[("local.yaml", "old-patch")],
        edits: &[],
        says: "nats-server 2.15.1 is not the newest patch",
    },
    Provocation {
        lint: "slow-sync",
        environment: "local",
        expose: &[("local.yaml", "old-patch")],
        edits: &[("local.yaml", "version: 2.15.1", "version: 2.14.9")],
        says: "nats-server 2.14.9 slow to acknowledge",
    },
    Provocation {
        lint: "small-instance",
        environment: "prod",
        expose: &[("prod.yaml", "small-instance")],
        edits: &[],
        says: "m6i.large has 2 vCPU and 8 GiB; production starts at 4 and 8 GiB",
    },
    Provocation {
        lint: "unknown-instance",
        environment: "prod",
        expose: &[("prod.yaml", "small-instance"), ("prod.yaml", "volume-beyond-instance")],
        edits: &[("prod.yaml", "instance_type: m6i.large", "instance_type: t2.nano")],
        says: "`t2.nano`",
    },
    Provocation {
        lint: "memory-overcommitted",
        environment: "prod",
        expose: &[],
        edits: &[("prod.yaml", "max_memory: 1 GiB", "max_memory: 4 GiB")],
        says: "max_memory is 4 GiB",
    },
    Provocation {
        lint: "volume-beyond-instance",
        environment: "prod",
        expose: &[("prod.yaml", "volume-beyond-instance")],
        edits: &[("prod.yaml", "iops: 3000", "iops: 16000")],
        says: "16000 operations per second, and m6i.large sustains 3600",
    },
    Provocation {
        lint: "volume-nearly-full",
        environment: "local",
        expose: &[],
        edits: &[("local.yaml", "max_file: 8 GB", "max_file: 9500 MB")],
        says: "max_file is 9500 MB of a volume of 10 GB",
    },
    Provocation {
        lint: "large-payload",
        environment: "prod",
        expose: &[],
        edits: &[("prod.yaml", "max_payload: 1 MiB", "max_payload: 16 MiB")],
        says: "max_payload is 16 MiB",
    },
    Provocation {
        lint: "lame-duck-hurries",
        environment: "local",
        expose: &[],
        edits: &[("local.yaml", "grace: 2s", "grace: 25s")],
        says: "702 clients of a node have 5s to leave: 140 sign in elsewhere each second",
    },
    Provocation {
        lint: "slow-ping",
        environment: "prod",
        expose: &[],
        edits: &[("prod.yaml", "ping_interval: 2m", "ping_interval: 3m")],
        says: "a ping every 3m",
    },
    Provocation {
        lint: "lame-duck-beyond-drain",
        environment: "prod",
        expose: &[],
        edits: &[("prod.yaml", "duration: 2m", "duration: 10m")],
        says: "a lame duck of 10m outlives the 5m",
    },
    Provocation {
        lint: "exposed-load-balancer",
        environment: "prod",
        expose: &[],
        edits: &[("prod.yaml", "internal: true", "internal: false")],
        says: "from the internet",
    },
    Provocation {
        lint: "aws-managed-key",
        environment: "prod",
        expose: &[],
        edits: &[("prod.yaml", "alias/natsops-prod", "alias/aws/ebs")],
        says: "`alias/aws/ebs`",
    },
    Provocation {
        lint: "exposed-monitoring",
        environment: "prod",
        expose: &[],
        edits: &[("prod.yaml", "allow: []", "allow: [10.0.0.0/16, 8.8.8.0/24]")],
        says: "`8.8.8.0/24`",
    },
    Provocation {
        lint: "long-certificate",
        environment: "prod",
        expose: &[],
        edits: &[("prod.yaml", "node: 397d", "node: 730d")],
        says: "node certificates live 730d",
    },
    Provocation {
        lint: "short-certificate",
        environment: "prod",
        expose: &[],
        edits: &[("prod.yaml", "client: 397d", "client: 45d")],
        says: "a life of 45d leaves less than 30d",
    },
    Provocation {
        lint: "sole-recipient",
        environment: "local",
        expose: &[("local.yaml", "sole-recipient")],
        edits: &[],
        says: "only the engineer who applies",
    },
    Provocation {
        lint: "single-replica",
        environment: "local",
        expose: &[],
        edits: &[(
            "catalog/game.yaml",
            "    max_bytes: 4 GB\n    max_message_size: 256 KiB\n    replicas: 3",
            "    max_bytes: 4 GB\n    max_message_size: 256 KiB\n    replicas: 1",
        )],
        says: "`GAME_ASSET_JOBS` has one copy",
    },
    Provocation {
        lint: "full-for-good",
        environment: "local",
        expose: &[],
        edits: &[(
            "catalog/audit.yaml",
            "    max_age: 365d\n    max_bytes: 30 GB",
            "    max_bytes: 30 GB",
        )],
        says: "`GAME_AUDIT` never lets a message go: at 30 GB",
    },
    Provocation {
        lint: "queue-drops-work",
        environment: "local",
        expose: &[],
        edits: &[(
            "catalog/game.yaml",
            "    discard: new\n    max_age: 1d\n    max_bytes: 4 GB",
            "    discard: old\n    max_age: 1d\n    max_bytes: 4 GB",
        )],
        says: "`GAME_ASSET_JOBS` is a queue of work, and at 4 GB",
    },
    Provocation {
        lint: "audit-unguarded",
        environment: "local",
        expose: &[],
        edits: &[
            (
                "catalog/audit.yaml",
                "    max_age: 365d\n    max_bytes: 30 GB",
                "    max_age: 30d\n    max_bytes: 30 GB",
            ),
            ("catalog/audit.yaml", "    deny_purge: true\n", ""),
        ],
        says: "audit records of `GAME_AUDIT` are forgotten after 30d, can be purged",
    },
    Provocation {
        lint: "service-without-grants",
        environment: "local",
        expose: &[],
        edits: &[(
            "catalog/players.yaml",
            "services:\n",
            "services:\n  idle:\n    account: PLAYERS\n    description: Does nothing.\n",
        )],
        says: "`idle` may neither say nor hear",
    },
    Provocation {
        lint: "service-unreachable",
        environment: "local",
        expose: &[],
        edits: &[(
            "catalog/game.yaml",
            "    limits: {payload: 256 KiB}\n",
            "    limits: {payload: 256 KiB}\n    connections: [websocket, mqtt]\n",
        )],
        says: "`model-manager` can't sign in: no server listens for it",
    },
    Provocation {
        lint: "leafnode-without-grants",
        environment: "local",
        expose: &[],
        edits: &[(
            "local.yaml",
            "leafnodes:\n",
            "leafnodes:\n  idle:\n    account: GAME\n    description: Does nothing.\n",
        )],
        says: "nothing may cross the connection of `idle`",
    },
    Provocation {
        lint: "event-unstored",
        environment: "local",
        expose: &[],
        edits: &[(
            "catalog/game.yaml",
            "subjects: [evt.ai.>]",
            "subjects: [evt.ai.model.>, evt.ai.llm.>]",
        )],
        says: "no stream of GAME keeps `evt.ai.safety.blocked.v1`",
    },
    Provocation {
        lint: "subscription-unpublished",
        environment: "local",
        expose: &[],
        edits: &[(
            "catalog/players.yaml",
            "      - {subject: evt.session.opened.v1, queue: q.notification}\n",
            "      - {subject: evt.session.opend.v1, queue: q.notification}\n",
        )],
        says: "nobody in account PLAYERS publishes `evt.session.opend.v1`",
    },
    Provocation {
        lint: "queue-shared",
        environment: "local",
        expose: &[],
        edits: &[
            (
                "catalog/game.yaml",
                "{subject: evt.ai.model.selected.v1}",
                "{subject: evt.ai.model.selected.v1, queue: q.ai.same}",
            ),
            (
                "catalog/game.yaml",
                "{subject: evt.ai.model.selected.v1}",
                "{subject: evt.ai.model.selected.v1, queue: q.ai.same}",
            ),
        ],
        says: "`llm-gateway` receives `evt.ai.model.selected.v1` in queue group q.ai.same too",
    },
    Provocation {
        lint: "serve-uncalled",
        environment: "local",
        expose: &[],
        edits: &[("local.yaml", "    calls:\n      - svc.world.simulation.v1.act\n", "")],
        says: "nobody calls `svc.world.simulation.v1.act` of account GAME",
    },
    Provocation {
        lint: "share-unused",
        environment: "local",
        expose: &[],
        edits: &[(
            "catalog/commerce.yaml",
            "refunded.v1, with: [PLAYERS]",
            "refunded.v1, with: [PLAYERS, GAME]",
        )],
        says: "nobody in account GAME subscribes or consumes `evt.payment.charge.refunded.v1`",
    },
    Provocation {
        lint: "stream-unfed",
        environment: "local",
        expose: &[],
        edits: &[(
            "catalog/game.yaml",
            "subjects: [evt.state.>]",
            "subjects: [evt.state.>, evt.stat.>]",
        )],
        says: "nobody publishes what `evt.stat.>` stores",
    },
    Provocation {
        lint: "cache-missing",
        environment: "local",
        expose: &[],
        edits: &[("local.yaml", "redis: {shards: 3, replicas_per_shard: 1}\n", "")],
        says: "caches, and this environment has no cache",
    },
    Provocation {
        lint: "cache-unused",
        environment: "local",
        expose: &[],
        edits: &[
            ("catalog/players.yaml", "    caches: [\"profile:*\"]\n", ""),
            ("catalog/game.yaml", "    caches: [\"llm:*\"]\n", ""),
            ("catalog/game.yaml", "    caches: [\"state:*\"]\n", ""),
            ("catalog/commerce.yaml", "    caches: [\"store:*\"]\n", ""),
        ],
        says: "no service of the catalog caches anything",
    },
    Provocation {
        lint: "cache-failover",
        environment: "local",
        expose: &[],
        edits: &[("local.yaml", "redis: {shards: 3", "redis: {shards: 2")],
        says: "with 2 shards no replica takes over",
    },
];

/// Takes an acceptance out of a file.
fn expose(project: &Project, file: &str, lint: &str) {
    let path = project.path().join("environments").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let begin =
        text.find(&format!("  - lint: {lint}\n")).unwrap_or_else(|| panic!("{file}: {lint}"));
    let length = text[begin + 1..].find("  - lint: ").map_or(text.len() - begin, |next| next + 1);
    let rest = format!("{}{}", &text[..begin], &text[begin + length..]);
    std::fs::write(path, rest.trim_end().trim_end_matches("accept:")).unwrap();
}

fn codes(findings: &Value) -> BTreeSet<String> {
    let findings = findings.as_array().unwrap().iter();
    findings.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

/// Adds an acceptance to an environment that has some.
fn accept(project: &Project, file: &str, entry: &str) -> Output {
    project.edit(file, "\naccept:\n", &format!("\naccept:\n  - {entry}\n"));
    project.run(&["lint", "local"])
}

#[test]
fn shipped_environments_have_no_finding_without_a_reason() {
    let project = Project::new();
    for environment in ["local", "prod"] {
        let found = project.run(&["lint", environment, "--json"]).expect(0).json();
        assert_eq!(found["open"], serde_json::json!([]));
        for finding in found["accepted"].as_array().unwrap() {
            assert!(finding["reason"].as_str().unwrap().len() > 20, "{finding}");
        }
        let text = project.run(&["lint", environment]).expect(0).stdout;
        assert!(text.contains("because: "), "{text}");
        assert!(text.contains("0 open findings"), "{text}");
    }
}

#[test]
fn each_lint_is_found_where_it_is_provoked_and_nothing_else_is() {
    for provocation in &PROVOCATIONS {
        let project = Project::new();
        for (file, lint) in provocation.expose {
            expose(&project, file, lint);
        }
        for (file, from, to) in provocation.edits {
            project.edit(file, from, to);
        }
        let lint = provocation.lint;
        let found = project.run(&["lint", provocation.environment, "--json"]).expect(5).json();
        assert_eq!(codes(&found["open"]), BTreeSet::from([lint.to_owned()]), "{lint}: {found:#}");
        for finding in found["open"].as_array().unwrap() {
            assert!(finding["help"].is_string() && finding["path"].is_string(), "{finding}");
            assert_eq!(finding["severity"], "warning");
        }
        let said = found["open"].to_string();
        assert!(said.contains(provocation.says), "{lint}: {}\n{said}", provocation.says);
        // A lint is no error: the environment can be used.
        let valid = project.run(&["validate", provocation.environment]).expect(0);
        assert!(valid.stderr.contains(&format!("warning[{lint}]")), "{}", valid.stderr);
    }
}

#[test]
fn every_lint_is_provoked() {
    let provoked: Vec<&str> = PROVOCATIONS.iter().map(|provocation| provocation.lint).collect();
    let known: Vec<&str> = LINTS.iter().map(|lint| lint.id).collect();
    assert_eq!(provoked, known);
}

#[test]
fn a_lone_node_is_shown_with_what_it_costs_and_what_each_way_out_brings() {
    let project = Project::new();
    expose(&project, "prod.yaml", "uneven-zones");
    let output = project.run(&["lint", "prod"]).expect(5);
    for words in [
        "prod.yaml:36:28",
        "5 x 425 GB / 3 = 708 GB",
        "370 GB are reserved of 425 GB",
        "its only node leads about half of them, here 7 of 13",
        "all 13 run on 2 of 3 copies",
        "6 nodes as 2/2/2 (850 GB fit, quorum 4)",
        "3 nodes as 1/1/1 (425 GB fit, quorum 2)",
        "a volume of 708 GB",
    ] {
        assert!(output.stdout.contains(words), "{words}:\n{}", output.stdout);
    }
    assert!(output.stderr.contains("natsops lint --explain"), "{}", output.stderr);
    // The figures follow the environment.
    project.edit("prod.yaml", "max_file: 425 GB", "max_file: 400 GB");
    let output = project.run(&["lint", "prod"]).expect(5);
    assert!(output.stdout.contains("400 GB of them fit, not 666 GB"), "{}", output.stdout);
}

#[test]
fn what_was_mended_needs_no_acceptance() {
    let project = Project::new();
    project.edit("prod.yaml", "m6i.large", "m6i.2xlarge");
    let found = project.run(&["lint", "prod", "--json"]).expect(5).json();
    assert_eq!(codes(&found["open"]), BTreeSet::from(["accept-unused".to_owned()]));
    assert_eq!(found["open"].as_array().unwrap().len(), 2, "{found:#}");
    // Equal zones are not uneven, and six nodes are right there.
    let project = Project::new();
    project.edit(
        "local.yaml",
        "{name: nats-5, zone: zone-b}\n",
        "{name: nats-5, zone: zone-b}\n    - {name: nats-6, zone: zone-c}\n",
    );
    let found = project.run(&["lint", "local", "--json"]).expect(5).json();
    assert_eq!(codes(&found["open"]), BTreeSet::from(["accept-unused".to_owned()]));
}

#[test]
fn an_acceptance_needs_a_lint_and_a_reason() {
    for (entry, code, says) in [
        (
            "{lint: uneven-zonse, reason: It is meant so.}",
            "unknown-lint",
            "did you mean `uneven-zones`?",
        ),
        (
            "{lint: call-unserved, reason: It is meant so.}",
            "unknown-lint",
            "only lints can be accepted",
        ),
        ("{lint: even-nodes, reason: ''}", "accept-without-reason", "in a sentence"),
        ("{lint: even-nodes, reason: because}", "accept-without-reason", "in a sentence"),
        ("{lint: even-nodes}", "missing-key", "reason"),
    ] {
        let project = Project::new();
        let output = accept(&project, "local.yaml", entry);
        assert_eq!(output.code, 3, "{entry}");
        let said = output.stdout + &output.stderr;
        assert!(said.contains(&format!("error[{code}]")) && said.contains(says), "{entry}: {said}");
    }
}

#[test]
fn an_acceptance_without_a_finding_is_a_finding() {
    let project = Project::new();
    let output =
        accept(&project, "local.yaml", "{lint: even-nodes, reason: Nobody knows why.}").expect(5);
    assert!(output.stdout.contains("`even-nodes` is accepted, and nothing here has it"));
    // It can't be accepted in turn.
    let output = accept(&project, "local.yaml", "{lint: accept-unused, reason: Nobody knows why.}");
    assert_eq!(output.code, 3);
}

#[test]
fn an_acceptance_counts_in_its_own_file_and_where_it_says() {
    let project = Project::new();
    expose(&project, "catalog/players.yaml", "serve-uncalled");
    let elsewhere = "{lint: serve-uncalled, reason: It is called from elsewhere.}";
    let output = accept(&project, "local.yaml", elsewhere).expect(5);
    assert!(output.stdout.contains("warning[serve-uncalled]"), "{}", output.stdout);
    assert!(output.stdout.contains("warning[accept-unused]"), "{}", output.stdout);

    // A path, a name in it and the marked value all name the same finding; another name does not.
    for (at, code) in [
        ("services.matchmaking.serves[2].subject", 0),
        ("services.matchmaking.serves[1].subject", 5),
        ("services.matchmaking", 0),
        ("matchmaking", 0),
        ("services.matchmakin", 5),
        ("profile", 5),
    ] {
        let project = Project::new();
        let (from, to) = ("    at: svc.match.v1.report\n", format!("    at: {at}\n"));
        project.edit("catalog/players.yaml", from, &to);
        let output = project.run(&["lint", "local"]);
        assert_eq!(output.code, code, "{at}: {}", output.stdout);
    }
}

#[test]
fn lints_wait_until_there_are_no_errors() {
    let project = Project::new();
    expose(&project, "local.yaml", "uneven-zones");
    project.edit("local.yaml", "max_file: 8 GB", "max_file: 80 GB");
    let output = project.run(&["lint", "local"]).expect(3);
    assert!(output.stdout.contains("error[storage-beyond-volume]"), "{}", output.stdout);
    assert!(!output.stdout.contains("warning["), "{}", output.stdout);
}

#[test]
fn every_lint_is_explained_anywhere() {
    let project = Project::new();
    let explain = |id: &str| {
        let mut command = project.command(&["lint", "--explain", id]);
        let output = command.current_dir("/").output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    for lint in LINTS.iter().chain(&natsops::render::CONFIG_LINTS) {
        let (code, text) = explain(lint.id);
        assert_eq!(code, Some(0));
        assert!(text.starts_with(lint.id) && text.contains("What to do:"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
    }
    assert_eq!(explain("nothing").0, Some(64));
    project.run(&["lint"]).expect(64);
    let json = project.run(&["lint", "--explain", "even-nodes", "--json"]).expect(0).json();
    assert_eq!(json["lint"]["id"], "even-nodes");
}

#[test]
fn the_documentation_lists_every_lint() {
    let text = std::fs::read_to_string(package().join("docs/environment.md")).unwrap();
    let rows = |title: &str| -> Vec<String> {
        let section = text.split(&format!("\n### {title}\n")).nth(1).unwrap();
        let section = section.split("\n#").next().unwrap();
        section.lines().filter(|line| line.starts_with("| `")).map(str::to_owned).collect()
    };
    let wanted = |lints: &[natsops::model::Lint]| -> Vec<String> {
        lints.iter().map(|lint| format!("| `{}` | {} |", lint.id, lint.about)).collect()
    };
    assert_eq!(rows("Lints"), wanted(&LINTS));
    assert_eq!(rows("Lints of a server configuration"), wanted(&natsops::render::CONFIG_LINTS));
    let mut ids = BTreeSet::new();
    assert!(LINTS.iter().chain(&natsops::render::CONFIG_LINTS).all(|lint| ids.insert(lint.id)));
}
