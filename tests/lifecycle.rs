//! The life of a local cluster: applied, looked at, changed, hurt, healed, destroyed. Real servers throughout.

use crate::support::{Cluster, changes};

#[test]
fn a_second_plan_is_empty_and_stays_so_through_edits() {
    let cluster = Cluster::applied();
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());

    cluster.project.edit("catalog/game.yaml", "max_age: 2d", "max_age: 3d");
    cluster.project.edit("catalog/game.yaml", "      - svc.ai.safety.v1.check\n", "");
    assert_eq!(
        changes(&cluster.plan()),
        ["update jwt account/GAME", "update claims GAME", "update stream GAME/GAME_AI"]
    );
    let before = pids(&cluster);
    cluster.project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
    assert_eq!(pids(&cluster), before, "no node had a reason to restart");

    cluster.project.edit("local.yaml", "max_memory: 256 MiB", "max_memory: 200 MiB");
    let plan = cluster.plan();
    assert_eq!(changes(&plan).len(), 5);
    let restarts = plan["plan"]["actions"].as_array().unwrap().iter();
    assert_eq!(restarts.filter(|action| action["effect"] == "rolling-restart").count(), 5);
    cluster.project.run(&["plan", "local", "--detailed-exitcode"]).expect(2);
    let applied = cluster.project.run(&["apply", "local", "--yes"]).expect(0);
    leader_was_last(&applied.stderr, &plan);
    assert!(pids(&cluster).iter().zip(&before).all(|(now, before)| now != before));
    cluster.project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
}

#[test]
fn nodes_keep_nothing_open_that_the_caller_held() {
    let cluster = Cluster::idle();
    let lock = cluster.project.path().join("lock");
    let apply = cluster.project.command(&["apply", "local", "--yes"]);
    let mut words = vec![apply.get_program().to_owned()];
    words.extend(apply.get_args().map(ToOwned::to_owned));
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "lock=$1; shift; exec 9>\"$lock\"; \"$@\"", "sh"]).arg(&lock).args(words);
    for (name, value) in apply.get_envs() {
        value.map(|value| shell.env(name, value));
    }
    shell.current_dir(cluster.project.path());
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for pid in pids(&cluster) {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let held = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        assert!(held.into_iter().all(|path| path != lock), "process {pid} holds the caller's lock");
    }
}

fn pids(cluster: &Cluster) -> Vec<i32> {
    (1..=5).map(|node| cluster.project.pid(&format!("nats-{node}"))).collect()
}

/// Nodes restart in the order of the plan, one after the other.
fn leader_was_last(said: &str, plan: &serde_json::Value) {
    let planned: Vec<&str> = plan["plan"]["actions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|action| action["kind"] == "node")
        .map(|action| action["name"].as_str().unwrap())
        .collect();
    let done: Vec<&str> = said
        .lines()
        .filter_map(|line| line.trim().strip_prefix("done restart node ")?.split(' ').next())
        .collect();
    assert_eq!(done, planned);
}

#[test]
fn what_a_server_takes_while_it_runs_is_reloaded_and_proven() {
    let cluster = Cluster::applied();
    let before = pids(&cluster);
    cluster.project.edit("local.yaml", "max_memory: 256 MiB", "max_memory: 300 MiB");
    cluster.project.edit("local.yaml", "nats:\n", "nats:\n  limits: {ping_interval: 1m}\n");
    let plan = cluster.plan();
    let effects = plan["plan"]["actions"].as_array().unwrap().iter().map(|a| &a["effect"]);
    assert_eq!(effects.filter(|effect| *effect == "reload").count(), 5);
    let applied = cluster.project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(applied.stderr.matches("done reload node").count(), 5, "{}", applied.stderr);
    assert_eq!(pids(&cluster), before);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
}

#[test]
fn a_new_name_shows_which_nodes_follow_and_their_servers_present_the_new_certificate() {
    let cluster = Cluster::applied();
    let before = pids(&cluster);
    let names = "identity:\n  names: [nats.example]\nprovider:\n";
    cluster.project.edit("local.yaml", "provider:\n", names);
    let plan = cluster.plan();
    let planned = changes(&plan);
    assert!(planned.contains(&"update certificate node/nats-1".to_owned()), "{planned:?}");
    assert!(planned.contains(&"update node nats-1".to_owned()), "{planned:?}");
    cluster.project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(pids(&cluster), before);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
}

#[test]
fn a_killed_node_shows_and_heals() {
    let cluster = Cluster::applied();
    cluster.project.kill("nats-2");
    let plan = cluster.plan();
    let planned = changes(&plan);
    let nodes = planned.iter().filter(|change| !change.contains(" stream "));
    assert_eq!(nodes.collect::<Vec<_>>(), ["update node nats-2"], "the others lack nothing");
    assert!(
        changes(&plan).iter().all(|change| !change.starts_with("create")),
        "what lost its leader still exists: {:?}",
        changes(&plan)
    );
    let status = cluster.project.run(&["status", "local", "--json"]).expect(8).json();
    assert_eq!(status["status"]["nodes"][1]["process"], "stopped");
    assert_eq!(status["status"]["healthy"], false);
    cluster.project.run(&["apply", "local", "--yes"]).expect(0);
    cluster.project.run(&["status", "local", "--wait", "30"]).expect(0);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
}

#[test]
fn a_stale_note_harms_nobody_and_a_lost_one_loses_nobody() {
    let cluster = Cluster::applied();
    // A note that names an innocent process: this test's own.
    let pid = std::process::id();
    let note = cluster.project.node("nats-3").join("process.json");
    std::fs::write(&note, format!("{{\"pid\":{pid},\"start\":1}}")).unwrap();
    std::fs::remove_file(cluster.project.node("nats-4").join("process.json")).unwrap();
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
    let output = cluster.project.run(&["destroy", "local", "--yes"]).expect(0);
    assert!(output.stderr.contains("stop node nats-3"), "{}", output.stderr);
    let status = cluster.project.run(&["status", "local", "--json"]).expect(8).json();
    for node in status["status"]["nodes"].as_array().unwrap() {
        assert_eq!(node["process"], "stopped");
    }
}

#[test]
fn an_edited_configuration_is_found_and_undone() {
    let cluster = Cluster::applied();
    let conf = cluster.project.node("nats-5").join("nats.conf");
    let text = std::fs::read_to_string(&conf).unwrap();
    std::fs::write(&conf, text.replace("ping_max: 2", "ping_max: 9")).unwrap();
    // The server still runs what it has read, so only the file is put right.
    let plan = cluster.plan();
    assert_eq!(changes(&plan), ["update node nats-5"]);
    cluster.project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(std::fs::read_to_string(&conf).unwrap(), text);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
}

#[test]
fn destroy_keeps_data_and_keys_unless_told_otherwise() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let seals = || std::fs::read_dir(project.path().join(".natsops/local/secrets/sealed"));
    let before = seals().unwrap().count();
    project.run(&["destroy", "local", "--yes"]).expect(0);
    assert!(project.node("nats-1").join("data/jetstream").is_dir());
    assert_eq!(seals().unwrap().count(), before);

    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(seals().unwrap().count(), before, "no key was made anew");

    project.run(&["destroy", "local", "--yes", "--delete-data"]).expect(0);
    assert!(!project.node("nats-1").exists());
    assert_eq!(seals().unwrap().count(), before);
    project.run(&["destroy", "local", "--yes", "--delete-keys"]).expect(0);
    assert!(seals().is_err());
    project.run(&["destroy", "local", "--yes"]).expect(0);
}

#[test]
fn logs_are_shown() {
    let cluster = Cluster::applied();
    let output = cluster.project.run(&["logs", "local", "nats-1", "-n", "5"]).expect(0);
    assert_eq!(output.stdout.lines().count(), 5);
    let output = cluster.project.run(&["logs", "local", "nats-9"]).expect(64);
    assert!(output.stderr.contains("nats-1, nats-2"));
}
