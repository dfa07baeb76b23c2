//! The questions about leafnodes, which hold grants of an account as services do.

use crate::support::Project;

const CALLED: &str = "svc.world.simulation.v1.act";

#[test]
fn who_list_and_tree_name_a_leafnode() {
    let project = Project::new();
    let who = project.run(&["subjects", "who", "local", CALLED]).expect(0).stdout;
    assert!(
        who.contains("calls   leafnode/edge-eu  GAME     svc.world.simulation.v1.act"),
        "{who}"
    );
    let who = |subject: &str| {
        project.run(&["subjects", "who", "local", subject, "--json"]).expect(0).json()
    };
    assert_eq!(who(CALLED)["who"]["calls"][0]["service"], "leafnode/edge-eu");
    let heard = who("evt.asset.generation.completed.v1");
    let heard = heard["who"]["subscribes"].as_array().unwrap();
    assert!(heard.iter().any(|party| party["service"] == "leafnode/edge-eu"), "{heard:?}");
    let inbox = who("_INBOX.edge-eu.7");
    assert_eq!(inbox["who"]["subscribes"][0]["subject"], "_INBOX.edge-eu.>");

    let list = project.run(&["subjects", "list", "local", CALLED, "--json"]).expect(0).json();
    assert_eq!(list["subjects"][0]["calls"][0]["service"], "leafnode/edge-eu");
    let region = "evt.world.region.changed.v1.*";
    let list = project.run(&["subjects", "list", "local", region]).expect(0).stdout;
    assert!(list.contains("1 service, 1 leafnode"), "{list}");
    let tree = project.run(&["subjects", "tree", "local"]).expect(0).stdout;
    assert!(tree.contains("from leafnode/edge-eu to world-simulator"), "{tree}");
}

#[test]
fn can_answers_for_a_leafnode_and_names_its_line() {
    let project = Project::new();
    let place = project.line("local.yaml", CALLED);
    let by = format!("calls {CALLED} (environments/local.yaml:{place})");
    for (question, code, words) in [
        (format!("edge-eu publish {CALLED}"), 0, by.as_str()),
        (format!("leafnode/edge-eu publish {CALLED}"), 0, &by),
        ("edge-eu publish svc.world.simulation.v2.act".to_owned(), 5, &by),
        (format!("edge-eu subscribe {CALLED} --queue q.world.simulation"), 5, "nothing grants it"),
        ("edge-eu publish _INBOX.world-simulator.1 --reply".to_owned(), 5, "nothing grants it"),
        ("edge-eu subscribe evt.world.combat.resolved.v1".to_owned(), 0, "subscribes evt.world"),
        // A leafnode is bound to no queue group.
        ("edge-eu subscribe evt.world.combat.resolved.v1 --queue q".to_owned(), 0, "subscribes"),
        ("edge-eu subscribe _INBOX.edge-eu.7".to_owned(), 0, "its own inboxes"),
    ] {
        let mut arguments = vec!["subjects", "can", "local"];
        arguments.extend(question.split(' '));
        let output = project.run(&arguments).expect(code);
        assert!(output.stdout.contains(words), "{question}:\n{}", output.stdout);
    }
    let output = project.run(&["subjects", "can", "local", "edge-eo", "publish", "x"]).expect(64);
    assert!(output.stderr.contains("did you mean `edge-eu`?"), "{}", output.stderr);
}

#[test]
fn leafnodes_are_listed_and_shown_with_the_services() {
    let project = Project::new();
    let list = project.run(&["services", "list", "local"]).expect(0).stdout;
    let row = list.lines().find(|line| line.starts_with("leafnode/edge-eu")).unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells, ["leafnode/edge-eu", "GAME", "0", "1", "0", "3", "0", "0"]);
    let json = project.run(&["services", "list", "local", "--json"]).expect(0).json();
    assert_eq!(json["leafnodes"][0]["calls"][0], CALLED);
    let shown = project.run(&["services", "show", "local", "edge-eu"]).expect(0).stdout;
    for words in [
        "The game servers of Europe",
        "calls       svc.world.simulation.v1.act        -      world-simulator",
        "subscribe   _INBOX.edge-eu.>",
    ] {
        assert!(shown.contains(words), "{words}:\n{shown}");
    }
    let shown = project.run(&["services", "show", "local", "world-simulator"]).expect(0).stdout;
    assert!(shown.contains("leafnode/edge-eu"), "{shown}");
}

#[test]
fn the_graphs_draw_leafnodes() {
    let project = Project::new();
    for view in ["contract", "topology"] {
        for format in ["svg", "mermaid"] {
            let arguments = ["graph", "local", "--view", view, "--format", format];
            let drawn = project.run(&arguments).expect(0).stdout;
            assert!(drawn.contains("edge-eu"), "{view} as {format}");
        }
    }
}

#[test]
fn diff_tells_what_a_leafnode_loses() {
    let leafnode = |project: &Project, from: &str, to: &str| {
        project.edit("local.yaml", from, to);
        project.run(&["subjects", "diff", "local", "--from", "HEAD"]).expect(5).stdout
    };
    let project = super::diff::committed();
    let calls = format!("    calls:\n      - {CALLED}\n");
    let said = leafnode(&project, &calls, "");
    let words = format!("breaking GAME/leafnode/edge-eu: may no longer call `{CALLED}`");
    assert!(said.contains(&words), "{said}");
    assert!(said.contains("1 change since"), "{said}");

    let project = super::diff::committed();
    let text = std::fs::read_to_string(project.path().join("environments/local.yaml")).unwrap();
    let block = text.split("\nleafnodes:\n").nth(1).unwrap().split("\naccept:").next().unwrap();
    let said = leafnode(&project, &format!("\nleafnodes:\n{block}"), "");
    assert!(said.contains("breaking GAME/leafnode/edge-eu: the leafnode is gone"), "{said}");

    let project = super::diff::committed();
    let serve = format!("      - {{subject: {CALLED}, queue: q.world.simulation}}\n");
    project.edit("local.yaml", &calls, "");
    project.edit("catalog/game.yaml", &format!("    serves:\n      # The game servers that hold the players' connections call this subject.\n{serve}"), "");
    let output = project.run(&["subjects", "diff", "local", "--from", "HEAD"]).expect(5);
    let words = format!("nobody serves `{CALLED}` any more; felt by leafnode/edge-eu");
    assert!(output.stdout.contains(&words), "{}", output.stdout);
}
