//! The program as a user meets it, without a cluster: help, errors, exit codes.

mod aws;
mod tools;

use crate::support::Project;

#[test]
fn help_teaches_and_every_command_has_its_own() {
    let project = Project::new();
    let help = project.run(&["--help"]).expect(0).stdout;
    for command in [
        "validate", "lint", "render", "plan", "apply", "status", "doctor", "logs", "creds",
        "destroy", "subjects", "services", "streams", "graph",
    ] {
        assert!(help.contains(&format!("\n  {command}")), "{command}");
        let own = project.run(&[command, "--help"]).expect(0).stdout;
        assert!(own.contains("Usage:"), "{own}");
    }
    assert!(help.contains("Exit codes:"));
}

#[test]
fn a_slip_in_the_command_line_is_64_and_names_what_was_meant() {
    let project = Project::new();
    let output = project.run(&["aply", "local"]).expect(64);
    assert!(output.stderr.contains("'apply'"), "{}", output.stderr);
    let output = project.run(&["validate", "locla"]).expect(64);
    assert!(output.stderr.contains("did you mean `local`?"), "{}", output.stderr);
    assert!(output.stderr.contains("next:"));
    project.run(&["validate"]).expect(64);
    project.run(&["creds", "export", "local", "quest-generator"]).expect(64);
}

#[test]
fn shipped_environments_are_valid_without_an_open_warning() {
    let project = Project::new();
    for environment in ["local", "prod"] {
        let output = project.run(&["validate", environment]).expect(0);
        assert_eq!(output.stderr, "");
        assert!(output.stdout.contains("22 services, 10 streams; "), "{}", output.stdout);
        assert!(output.stdout.ends_with(" findings accepted\n"), "{}", output.stdout);
    }
    let json = project.run(&["validate", "prod", "--json"]).expect(0).json();
    assert_eq!(json["valid"], true);
}

#[test]
fn a_project_is_found_from_below_and_its_absence_is_told() {
    let project = Project::new();
    let below = project.path().join("environments/catalog");
    let output = project.command(&["validate", "local"]).current_dir(below).output().unwrap();
    assert!(output.status.success());
    let output = project.command(&["validate", "local"]).current_dir("/").output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--project"));
}

/// A way to break an environment, and what must be said about it.
struct Breakage {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    place: &'static str,
    says: &'static [&'static str],
}

const BREAKAGES: [Breakage; 27] = [
    Breakage {
        file: "catalog/game.yaml",
        from: "duplicate_window: 15m",
        to: "duplicate_window: 2d",
        place: "catalog/game.yaml:268:",
        says: &["message ids are remembered for 2d, the messages only for 1d", "max_age"],
    },
    Breakage {
        file: "local.yaml",
        from: "max_memory:",
        to: "max_memroy:",
        place: "local.yaml:24:5",
        says: &[
            "unknown key `max_memroy`",
            "did you mean `max_memory`?",
            "`nats.jetstream.max_memory` is missing",
        ],
    },
    Breakage {
        file: "local.yaml",
        from: "  cluster: game-local\n",
        to: "  cluster: game-local\n  cluster: game-local\n",
        place: "local.yaml:13:3",
        says: &["`nats.cluster` is given twice", "first here"],
    },
    Breakage {
        file: "local.yaml",
        from: "volume: 10 GB",
        to: "volume: 10 gb",
        place: "local.yaml:9:13",
        says: &["did you mean `GB`?"],
    },
    Breakage {
        file: "local.yaml",
        from: "max_file: 8 GB",
        to: "max_file: 8000000000",
        place: "local.yaml:",
        says: &["has no unit", "500 GB"],
    },
    Breakage {
        file: "local.yaml",
        from: "leafnode: 7422",
        to: "leafnode: 4222",
        place: "local.yaml:21:50",
        says: &["port 4222 is also the client port"],
    },
    Breakage {
        file: "local.yaml",
        from: "client: 4222",
        to: "client: seventy",
        place: "local.yaml:21:19",
        says: &["`nats.ports.client` is text", "expected a whole number"],
    },
    Breakage {
        file: "local.yaml",
        from: "monitor: 8222",
        to: "monitor: 82222",
        place: "local.yaml:21:65",
        says: &["82222 is outside 1 to 65535"],
    },
    Breakage {
        file: "local.yaml",
        from: "max_file: 8 GB",
        to: "max_file: 80 GB",
        place: "local.yaml:23:15",
        says: &["max_file is 80 GB, the volume has 10 GB"],
    },
    Breakage {
        file: "local.yaml",
        from: "version: 2.15.1",
        to: "version: 2.10.7",
        place: "local.yaml:13:12",
        says: &["published security holes"],
    },
    Breakage {
        file: "local.yaml",
        from: "zone: zone-c",
        to: "zone: zone-b",
        place: "catalog/commerce.yaml:",
        says: &["3 replicas need 3 zones, and there are 2"],
    },
    Breakage {
        file: "local.yaml",
        from: "duration: 30s",
        to: "duration: 3m 30",
        place: "local.yaml:27:25",
        says: &["`3m 30` is not a period"],
    },
    Breakage {
        file: "local.yaml",
        from: "\n  lame_duck",
        to: "\n\tlame_duck",
        place: "local.yaml:27:1",
        says: &["not readable as YAML"],
    },
    Breakage {
        file: "catalog/game.yaml",
        from: "- svc.ai.model.v1.select\n",
        to: "- svc.ai.model.v1.selct\n",
        place: "catalog/game.yaml:30:",
        says: &["nobody serves `svc.ai.model.v1.selct`", "did you mean `svc.ai.model.v1.select`?"],
    },
    Breakage {
        file: "catalog/game.yaml",
        from: "subject: svc.ai.llm.v1.infer",
        to: "subject: svc.ai.LLM.v1.infer",
        place: "catalog/game.yaml:28:",
        says: &["it cannot contain `L`", "the nearest legal form is `svc.ai.llm.v1.infer`"],
    },
    Breakage {
        file: "catalog/game.yaml",
        from: "subject: svc.ai.model.v1.get",
        to: "subject: svc.ai.llm.v1.infer",
        place: "catalog/game.yaml:47:",
        says: &["is also served by `llm-gateway`", "here, in queue group q.ai.llm.infer"],
    },
    Breakage {
        file: "catalog/game.yaml",
        from: "subjects: [evt.state.>]",
        to: "subjects: [evt.state.>, evt.ai.llm.>]",
        place: "catalog/game.yaml:228:",
        says: &["overlaps `evt.ai.>` of GAME_AI", "the other stream"],
    },
    Breakage {
        file: "catalog/game.yaml",
        from: "subjects: [evt.state.>]",
        to: "subjects: [evt.state.>, evt.state.changed.>]",
        place: "catalog/game.yaml:228:",
        says: &["overlaps `evt.state.>` of the same stream", "the other pattern"],
    },
    Breakage {
        file: "catalog/game.yaml",
        from: "    account: GAME\n",
        to: "    account: GAMES\n",
        place: "catalog/game.yaml:25:",
        says: &["there is no account `GAMES`", "did you mean `GAME`?"],
    },
    Breakage {
        file: "catalog/game.yaml",
        from: "    retention: limits",
        to: "    retention: forever",
        place: "catalog/game.yaml:216:",
        says: &["`forever` is not known here", "`limits`, `interest` or `workqueue`"],
    },
    Breakage {
        file: "catalog/game.yaml",
        from: "caches: [\"llm:*\"]",
        to: "caches: [\"llm*\"]",
        place: "catalog/game.yaml:40:",
        says: &["`llm*` is not a key pattern", "`*` does not follow a colon", "`llm:*`"],
    },
    Breakage {
        file: "catalog/game.yaml",
        from: "caches: [\"state:*\"]",
        to: "caches: [\"llm:state:*\"]",
        place: "catalog/game.yaml:81:",
        says: &["`llm:state:*` overlaps `llm:*`, which `llm-gateway` caches", "first here"],
    },
    Breakage {
        file: "local.yaml",
        from: "shards: 3",
        to: "shards: 26",
        place: "local.yaml:30:17",
        says: &["26 shards, one machine has room for 25"],
    },
    Breakage {
        file: "local.yaml",
        from: "replicas_per_shard: 1}",
        to: "replicas_per_shard: 1, max_memory: 1 MiB}",
        place: "local.yaml:30:",
        says: &["max_memory is 1 MiB, at least 16 MiB works"],
    },
    Breakage {
        file: "catalog/game.yaml",
        from: "      - evt.ai.llm.generated.v1\n",
        to: "      - _INBOX.model-manager.x\n",
        place: "catalog/game.yaml:34:9",
        says: &["inboxes are private to each service", "natsops grants every service its own"],
    },
    Breakage {
        file: "catalog/game.yaml",
        from: "subjects: [evt.state.>]",
        to: "subjects: [evt.state.>, svc.state.>]",
        place: "catalog/game.yaml:228:29",
        says: &["`GAME_STATE` would store the requests of `svc.state.>`", "for the answer"],
    },
    Breakage {
        file: "catalog/game.yaml",
        from: "- {subject: svc.quest.v1.generate, queue: q.quest}",
        to: "- {subject: svc.quest.v1.generate, queue: q.quest}\n      \
             - {subject: svc.quest.v1.generate.*, queue: q.quest}\n      \
             - {subject: svc.quest.v1.generate.42, queue: q.other}",
        place: "catalog/game.yaml:89:19",
        says: &["in another queue group than `svc.quest.v1.generate.*`", "answered by both"],
    },
];

#[test]
fn each_way_of_breaking_is_found_with_its_place_and_its_remedy() {
    for breakage in &BREAKAGES {
        let project = Project::new();
        project.edit(breakage.file, breakage.from, breakage.to);
        let output = project.run(&["validate", "local"]).expect(3);
        assert!(output.stderr.contains(breakage.place), "{}:\n{}", breakage.place, output.stderr);
        for words in breakage.says {
            assert!(output.stderr.contains(words), "{words}:\n{}", output.stderr);
        }
        // Nothing that needs a valid environment goes on with an invalid one.
        project.run(&["render", "local", "--out", "out"]).expect(3);
        assert!(!project.path().join("out").exists());
    }
}

#[test]
fn everything_wrong_is_told_in_one_run() {
    let project = Project::new();
    for breakage in &BREAKAGES[1..4] {
        project.edit(breakage.file, breakage.from, breakage.to);
    }
    project.edit("catalog/game.yaml", "    retention: limits", "    retention: forever");
    let output = project.run(&["validate", "local", "--json"]).expect(3);
    let codes: Vec<String> = output.json()["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["code"].as_str().unwrap().to_owned())
        .collect();
    for code in ["malformed", "duplicate-key", "unknown-key", "missing-key", "unknown-value"] {
        assert!(codes.iter().any(|found| found == code), "{code}: {codes:?}");
    }
}

#[test]
fn a_byte_that_is_no_text_is_marked_beside_every_other_error() {
    let project = Project::new();
    let path = project.path().join("environments/catalog/players.yaml");
    let mut bytes = std::fs::read(&path).unwrap();
    let line = bytes.iter().filter(|&&byte| byte == b'\n').count() + 1;
    bytes.extend(b"# caf\xe9\n");
    std::fs::write(&path, bytes).unwrap();
    project.edit("local.yaml", "max_file: 8 GB", "max_file: 8 GX");
    let said = project.run(&["validate", "local"]).expect(3).stderr;
    assert!(said.contains("error[not-text]"), "{said}");
    assert!(said.contains(&format!("environments/catalog/players.yaml:{line}:6")), "{said}");
    assert!(said.contains("`GX` is not a unit"), "{said}");
}

#[test]
fn what_changes_something_refuses_when_nobody_can_be_asked() {
    let project = Project::new();
    let output = project.run(&["apply", "local"]).expect(5);
    assert!(output.stderr.contains("--yes"), "{}", output.stderr);
    assert!(!project.node("nats-1").exists());
    let output = project.run(&["destroy", "local", "--delete-data"]).expect(5);
    assert!(output.stderr.contains("nothing was changed"));
}

#[test]
fn looking_makes_nothing() {
    let project = Project::new();
    for arguments in [&["plan", "local"][..], &["validate", "local"], &["destroy", "local"]] {
        project.run(arguments).expect(0);
    }
    assert!(!project.identity().exists());
    assert!(!project.path().join(".natsops/local/secrets").exists());
}

#[test]
fn servers_on_aws_are_asked_only_with_credentials_for_their_account() {
    let project = Project::new();
    let rotate = ["keys", "rotate", "prod", "redis", "store", "--yes"];
    for command in [&["status", "prod"][..], &["doctor", "prod"], &rotate] {
        let output = project.run(command).expect(4);
        assert!(output.stderr.contains("aws sts get-caller-identity"), "{}", output.stderr);
    }
}

#[test]
fn without_credentials_a_plan_can_be_made_offline_only() {
    let project = Project::new();
    project.run(&["plan", "prod", "--offline"]).expect(0);
    let output = project.run(&["plan", "prod"]).expect(4);
    assert!(output.stderr.contains("no credentials were found"), "{}", output.stderr);
    assert!(output.stderr.contains("aws sts get-caller-identity"), "{}", output.stderr);
}

#[test]
fn creds_of_nobody_and_before_an_apply_are_refused() {
    let project = Project::new();
    let export = |service| project.run(&["creds", "export", "local", service, "--out", "out"]);
    let output = export("quest-genrator").expect(64);
    assert!(output.stderr.contains("did you mean `quest-generator`?"), "{}", output.stderr);
    let output = export("quest-generator").expect(1);
    assert!(output.stderr.contains("natsops apply local"), "{}", output.stderr);
}

#[test]
fn what_somebody_will_regret_of_a_cache_is_told_and_does_not_fail() {
    let cache = "redis: {shards: 3, replicas_per_shard: 1}";
    for (to, code, says) in [
        ("", "cache-missing", "caches, and this environment has no cache"),
        ("redis: {shards: 2, replicas_per_shard: 1}", "cache-failover", "use 3 or more"),
    ] {
        let project = Project::new();
        project.edit("local.yaml", cache, to);
        let output = project.run(&["validate", "local"]).expect(0);
        assert!(output.stderr.contains(&format!("warning[{code}]")), "{}", output.stderr);
        assert!(output.stderr.contains(says), "{}", output.stderr);
    }
}
