//! The questions as a user asks them: words, JSON, exit codes.

use serde_json::json;

use crate::support::{Project, generated};

#[test]
fn check_names_the_parts_and_needs_no_project() {
    let project = Project::new();
    let mut command = project.command(&["subjects", "check", "svc.ai.llm.v1.infer"]);
    let output = command.current_dir("/").output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    for part in
        ["category   svc", "domain     ai", "service    llm", "operation  infer", "version    v1"]
    {
        assert!(said.contains(part), "{part}:\n{said}");
    }
    let json = project.run(&["subjects", "check", "evt.quest.>", "--json"]).expect(0).json();
    assert_eq!(json["kind"], "pattern");
}

#[test]
fn check_refuses_with_the_reason_and_the_nearest_form() {
    let project = Project::new();
    let output = project.run(&["subjects", "check", "svc.ai.llm.infer"]).expect(3);
    assert!(output.stderr.contains("it has no version"), "{}", output.stderr);
    assert!(output.stderr.contains("`svc.ai.llm.v1.infer`"), "{}", output.stderr);
    let json = project.run(&["subjects", "check", ">", "--json"]).expect(3).json();
    assert_eq!((&json["legal"], &json["nearest"]), (&false.into(), &"svc.>".into()));
    let output = project.run(&["subjects", "check", "_INBOX.b.x"]).expect(3);
    assert!(output.stderr.contains("private to each service"), "{}", output.stderr);
    assert!(!output.stderr.contains("nearest"), "{}", output.stderr);
    project.run(&["subjects", "check", "-x"]).expect(3);
    project.run(&["subjects", "check", ""]).expect(3);
}

#[test]
fn list_and_tree_show_the_whole_contract() {
    let project = Project::new();
    let json = project.run(&["subjects", "list", "local", "--json"]).expect(0).json();
    let all = json["subjects"].as_array().unwrap();
    let list = project.run(&["subjects", "list", "local"]).expect(0).stdout;
    assert_eq!(list.lines().count(), all.len() + 1);
    let tree = project.run(&["subjects", "tree", "local"]).expect(0).stdout;
    assert!(tree.contains(
        "llm.v1.infer  from npc-behavior, npc-dialogue, quest-generator to llm-gateway\n"
    ));
    let few = project.run(&["subjects", "list", "local", "evt.ai.>"]).expect(0).stdout;
    assert_eq!(few.lines().count(), 4, "{few}");
    for everything in [">", "*.>"] {
        let all = project.run(&["subjects", "list", "local", everything]).expect(0).stdout;
        assert_eq!(all, list, "{everything}");
    }
    for (pattern, says) in [
        ("evt.[", "cannot contain `[`"),
        ("*.AI.>", "cannot contain `A`"),
        ("foo.>", "must start with svc, evt or audit"),
        ("_INBOX.>", "private to each service"),
        ("evt.>.x", "only at the end"),
    ] {
        let output = project.run(&["subjects", "list", "local", pattern]).expect(64);
        assert!(output.stderr.contains(says), "{pattern}: {}", output.stderr);
        assert_eq!(output.stdout, "");
    }
}

#[test]
fn who_tells_every_role_for_subjects_and_patterns() {
    let project = Project::new();
    let who = |subject: &str| {
        project.run(&["subjects", "who", "local", subject, "--json"]).expect(0).json()
    };
    let names = |value: &serde_json::Value| -> Vec<String> {
        let all = value.as_array().unwrap().iter();
        all.map(|party| party["service"].as_str().unwrap().to_owned()).collect()
    };
    let answer = &who("svc.ai.llm.v1.infer")["who"];
    assert_eq!(names(&answer["serves"]), ["llm-gateway"]);
    assert_eq!(answer["serves"][0]["queue"], "q.ai.llm.infer");
    assert_eq!(names(&answer["calls"]), ["npc-behavior", "npc-dialogue", "quest-generator"]);
    // A region is an entity of the granted pattern.
    let answer = &who("evt.world.region.changed.v1.north")["who"];
    assert_eq!(names(&answer["publishes"]), ["world-simulator"]);
    assert_eq!(names(&answer["subscribes"]), ["npc-behavior", "leafnode/edge-eu"]);
    assert_eq!(answer["stored"][0]["stream"], "GAME_WORLD");
    let answer = &who("evt.*.llm.>")["who"];
    assert_eq!(names(&answer["publishes"]), ["llm-gateway"]);
    let output = project.run(&["subjects", "who", "local", "svc.ai.llm.v1.infre"]).expect(0);
    assert!(output.stderr.contains("did you mean `svc.ai.llm.v1.infer`?"), "{}", output.stderr);
    project.run(&["subjects", "who", "local", "a..b"]).expect(64);
    // The tool has rights as well.
    let answer = &who("$JS.API.STREAM.DELETE.GAME_STATE")["who"]["natsops"];
    let publishes =
        |account: &str| json!({"account": account, "verb": "publishes", "subject": "$JS.API.>"});
    assert_eq!(*answer, json!(["SYS", "AUDIT", "COMMERCE", "GAME", "PLAYERS"].map(publishes)));
    let told =
        project.run(&["subjects", "who", "local", "$SYS.ACCOUNT.X.CONNECT"]).expect(0).stdout;
    assert!(told.contains("subscribes  natsops itself  SYS      $SYS.>"), "{told}");
}

/// A question and what is answered.
const ANSWERS: [(&str, i32, &str); 13] = [
    (
        "world-simulator publish evt.world.region.changed.v1.*",
        0,
        "publishes evt.world.region.changed.v1.* (environments/catalog/game.yaml:",
    ),
    (
        "llm-gateway publish svc.ai.model.v1.get",
        0,
        "calls svc.ai.model.v1.get (environments/catalog/game.yaml:",
    ),
    ("llm-gateway publish svc.ai.model.v2.get", 5, "the nearest is calls svc.ai.model.v1"),
    ("llm-gateway publish svc.*.model.v1.get", 5, "nothing grants it; the nearest is"),
    (
        "llm-gateway subscribe svc.ai.llm.v1.infer --queue q.ai.llm.infer",
        0,
        "serves svc.ai.llm.v1.infer in q.ai.llm.infer",
    ),
    ("llm-gateway subscribe svc.ai.llm.v1.infer", 5, "only as a member of q.ai.llm.infer"),
    (
        "llm-gateway subscribe svc.ai.llm.v1.infer --queue q.other",
        5,
        "only as a member of q.ai.llm.infer",
    ),
    ("llm-gateway subscribe _INBOX.llm-gateway.>", 0, "its own inboxes"),
    ("llm-gateway subscribe _INBOX.>", 5, "nothing grants it"),
    ("llm-gateway publish _INBOX.quest-generator.1", 5, "nothing grants it"),
    ("llm-gateway publish _INBOX.quest-generator.1 --reply", 0, "answers each request once"),
    ("notification publish evt.quest.generated.v1", 5, "no grant in this direction"),
    ("npc-behavior subscribe $SYS.>", 5, "nothing grants it"),
];

#[test]
fn can_answers_by_rule() {
    let project = Project::new();
    for (question, code, words) in ANSWERS {
        let mut arguments = vec!["subjects", "can", "local"];
        arguments.extend(question.split(' '));
        let output = project.run(&arguments).expect(code);
        assert!(output.stdout.contains(words), "{question}:\n{}", output.stdout);
    }
}

#[test]
fn what_is_asked_wrongly_is_64() {
    let project = Project::new();
    let can = |further: &[&str]| {
        let mut arguments = vec!["subjects", "can", "local"];
        arguments.extend(further);
        project.run(&arguments).expect(64).stderr
    };
    assert!(can(&["llm-gatway", "publish", "x"]).contains("did you mean `llm-gateway`?"));
    can(&["llm-gateway", "shout", "x"]);
    can(&["llm-gateway", "publish", "x", "--queue", "q"]);
    can(&["llm-gateway", "subscribe", "x", "--queue", "a b"]);
    can(&["llm-gateway", "subscribe", "x", "--reply"]);
    can(&["llm-gateway", "publish", "a b"]);
    for (what, name, meant) in [
        ("services", "walet", "did you mean `wallet`?"),
        ("streams", "GAME_AY", "did you mean `GAME_AI`?"),
    ] {
        let output = project.run(&[what, "show", "local", name]).expect(64);
        assert!(output.stderr.contains(meant), "{}", output.stderr);
    }
}

#[test]
fn services_and_streams_are_listed_and_shown() {
    let project = Project::new();
    let list = project.run(&["services", "list", "local"]).expect(0).stdout;
    assert_eq!(list.lines().count(), 24);
    let shown = project.run(&["services", "show", "local", "llm-gateway"]).expect(0).stdout;
    assert!(shown.contains("subscribe   svc.ai.llm.v1.infer q.ai.llm.infer"), "{shown}");
    assert!(shown.contains("caches      llm:*"), "{shown}");
    let shown = project.run(&["services", "show", "local", "wallet"]).expect(0).stdout;
    assert!(shown.contains("payload        32 KiB"), "{shown}");
    let list = project.run(&["streams", "list", "local", "--json"]).expect(0).json();
    assert_eq!(list["streams"].as_array().unwrap().len(), 10);
    let shown = project.run(&["streams", "show", "local", "GAME_AI"]).expect(0).stdout;
    assert!(shown.contains("evt.ai.llm.generated.v1   llm-gateway"), "{shown}");
}

#[test]
fn an_invalid_environment_answers_nothing() {
    let project = Project::new();
    project.edit("catalog/game.yaml", "    account: GAME\n", "    account: GAMES\n");
    for question in [
        &["subjects", "list", "local"][..],
        &["subjects", "can", "local", "llm-gateway", "publish", "x"],
        &["services", "list", "local"],
        &["streams", "list", "local"],
    ] {
        assert_eq!(project.run(question).expect(3).stdout, "");
    }
}

#[test]
fn a_large_catalog_is_valid_and_answers_the_same() {
    let project = Project::new();
    generated::write(project.path(), 2_000);
    let output = project.run(&["validate", "large"]).expect(0);
    let words = "valid large: 3 nodes, 40 accounts, 200 services, 40 streams";
    assert!(output.stdout.starts_with(words), "{}", output.stdout);
    // What the lints say is about its three nodes, not about its many subjects.
    assert!(!output.stderr.contains("catalog/"), "{}", output.stderr);
    let can = |further: &[&str], code| {
        let mut arguments = vec!["subjects", "can", "large", "service-39-4"];
        arguments.extend(further);
        project.run(&arguments).expect(code).stdout
    };
    let yes = can(&["subscribe", "svc.d39.s4.v1.op2", "--queue", "q.d39.s4"], 0);
    let place = yes.lines().find_map(|line| line.split("part-1.yaml:").nth(1)).unwrap();
    let line: usize = place.trim_end_matches(')').parse().unwrap();
    let path = project.path().join("environments/generated/part-1.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.lines().nth(line - 1).unwrap().contains("svc.d39.s4.v1.op2"), "{place}");
    can(&["publish", "svc.d38.s0.v1.op0"], 5);
    // It says what it has not looked at, and looks at all that concerns the service.
    let ask = ["subjects", "can", "large", "service-39-4", "publish", "svc.d39.s0.v1.op0"];
    let output = project.run(&ask).expect(0);
    assert!(
        output.stderr.contains("only the entry of service-39-4 was checked"),
        "{}",
        output.stderr
    );
    // A comment beside its name, or that it is a leafnode, makes no difference.
    project.edit("generated/part-1.yaml", "  service-39-4:\n", "  service-39-4: # the last one\n");
    for (who, may) in
        [("service-39-4", "svc.d39.s0.v1.op0"), ("leafnode/edge-eu", "svc.d0.s0.v1.op0")]
    {
        let ask = |subject, code| {
            project.run(&["subjects", "can", "large", who, "publish", subject]).expect(code)
        };
        let yes = ask(may, 0);
        assert!(yes.stderr.contains("was checked"), "{}", yes.stderr);
        assert!(yes.stdout.contains(&format!("calls {may} (environments/")), "{}", yes.stdout);
        ask("svc.d1.s0.v1.op0", 5);
    }
    project.edit("generated/part-1.yaml", "  service-39-4: # the last one\n", "  service-39-4:\n");
    project.edit("large.yaml", "calls: [svc.d0", "calls: [evt.d0");
    let wrong = project.run(&["subjects", "can", "large", "edge-eu", "publish", "x"]).expect(3);
    assert!(wrong.stderr.contains("error[wrong-category]"), "{}", wrong.stderr);
    project.edit("large.yaml", "calls: [evt.d0", "calls: [svc.d0");
    for (from, to, says) in [
        ("    account: ACCOUNT_39\n", "    account: ACCOUNT_93\n", "unknown-account"),
        ("      - svc.d39.s0.v1.op0\n", "      - evt.d39.s0.v1.op0\n", "wrong-category"),
        (
            "      - svc.d39.s0.v1.op0\n",
            "      - svc.d39.s0.v1.op0\n      - svc.d39.s0.v1.op0\n",
            "duplicate-subject",
        ),
        ("    serves:\n", "    networks: [nowhere]\n    serves:\n", "malformed"),
    ] {
        let path = project.path().join("environments/generated/part-1.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let (before, entry) = text.split_once("  service-39-4:\n").unwrap();
        let entry = entry.replacen(from, to, 1);
        std::fs::write(&path, format!("{before}  service-39-4:\n{entry}")).unwrap();
        let output = project.run(&ask).expect(3);
        assert_eq!(output.stdout, "");
        assert!(output.stderr.contains(&format!("error[{says}]")), "{says}: {}", output.stderr);
        std::fs::write(&path, text).unwrap();
    }
    // Who is not there is looked for in the whole catalog.
    let output =
        project.run(&["subjects", "can", "large", "service-40-0", "publish", "x"]).expect(64);
    assert!(output.stderr.contains("did you mean"), "{}", output.stderr);
}

#[test]
fn an_entity_wildcard_counts_for_every_entity() {
    let serve = "- {subject: svc.quest.v1.generate, queue: q.quest}";
    // Two services would both get the requests about entity 7.
    let project = Project::new();
    let own = format!("{serve}\n      - {{subject: svc.quest.v1.read.*, queue: q.quest}}");
    project.edit("catalog/game.yaml", serve, &own);
    let plan = "- {subject: svc.npc.behavior.v1.plan, queue: q.npc.behavior}";
    let both = format!("{plan}\n      - {{subject: svc.quest.v1.read.7, queue: q.npc.behavior}}");
    project.edit("catalog/game.yaml", plan, &both);
    let output = project.run(&["validate", "local"]).expect(3);
    assert!(output.stderr.contains("is also served by `npc-behavior`"), "{}", output.stderr);
    // A call about one entity is served by whoever serves all of them, and not the other way.
    let caller = "      - svc.state.manager.v1.get\n      - svc.knowledge.v1.search\n";
    for (served, called, code) in [
        ("svc.quest.v1.read.*", "svc.quest.v1.read.7", 0),
        ("svc.quest.v1.read.7", "svc.quest.v1.read.*", 3),
    ] {
        let project = Project::new();
        let own = format!("{serve}\n      - {{subject: {served}, queue: q.quest}}");
        project.edit("catalog/game.yaml", serve, &own);
        project.edit("catalog/game.yaml", caller, &format!("{caller}      - {called}\n"));
        project.run(&["validate", "local"]).expect(code);
    }
}
