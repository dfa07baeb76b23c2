//! What lints say about the contract: entities, versions, leafnodes, and the ways in which services connect.

use serde_json::Value;

use crate::support::Project;

/// The code, the path and the help of every open finding after these edits, in one line each.
fn found(edits: &[(&str, &str, &str)]) -> Vec<String> {
    let project = Project::new();
    edits.iter().for_each(|(file, from, to)| project.edit(file, from, to));
    let output = project.run(&["lint", "local", "--json"]);
    assert!([0, 5].contains(&output.code), "{}", output.stderr);
    let open = output.json()["open"].as_array().unwrap().clone();
    let words = |finding: &Value| {
        let [code, path, help] = ["code", "path", "help"].map(|key| finding[key].as_str());
        let parts = [code.unwrap(), path.unwrap(), help.unwrap()];
        parts.join(" ")
    };
    open.iter().map(words).collect()
}

const QUEST: &str = "      - {subject: svc.quest.v1.generate, queue: q.quest}\n";
const QUEST_CALL: &str = "      - svc.quest.v1.generate\n";

#[test]
fn a_call_about_one_entity_is_a_call_of_what_serves_all() {
    let serve = format!("{QUEST}      - {{subject: svc.quest.v1.read.*, queue: q.quest}}\n");
    let call = format!("{QUEST_CALL}      - svc.quest.v1.read.42\n");
    let serve = ("catalog/game.yaml", QUEST, serve.as_str());
    let call = ("catalog/game.yaml", QUEST_CALL, call.as_str());
    assert_eq!(found(&[serve, call]), Vec::<String>::new());
    let alone = found(&[serve]);
    assert_eq!(alone.len(), 1, "{alone:?}");
    assert!(alone[0].starts_with("serve-uncalled services.quest-generator.serves[1].subject"));
}

#[test]
fn an_event_about_one_entity_is_heard_by_who_subscribes_all_and_the_other_way() {
    let published = "      - evt.quest.completed.v1\n";
    let heard = "      - {subject: evt.npc.behavior.planned.v1, queue: q.world.simulation}\n";
    for (publishes, subscribes) in [
        ("evt.quest.left.v1.42", "evt.quest.left.v1.*"),
        ("evt.quest.left.v1.*", "evt.quest.left.v1.42"),
    ] {
        let publishes = format!("{published}      - {publishes}\n");
        let subscribes = format!("{heard}      - {{subject: {subscribes}}}\n");
        let edits = [
            ("catalog/game.yaml", published, publishes.as_str()),
            ("catalog/game.yaml", heard, subscribes.as_str()),
        ];
        assert_eq!(found(&edits), Vec::<String>::new());
    }
}

#[test]
fn what_a_leafnode_publishes_is_published() {
    let heard = "      - {subject: evt.npc.behavior.planned.v1, queue: q.world.simulation}\n";
    let subscribes = format!("{heard}      - {{subject: evt.world.player.moved.v1}}\n");
    let subscribes = ("catalog/game.yaml", heard, subscribes.as_str());
    let publishes = (
        "local.yaml",
        "    subscribes:\n",
        "    publishes: [evt.world.player.moved.v1]\n    subscribes:\n",
    );
    assert_eq!(found(&[subscribes, publishes]), Vec::<String>::new());
    let alone = found(&[subscribes]);
    assert!(alone[0].starts_with("subscription-unpublished services.world-simulator"), "{alone:?}");
}

#[test]
fn a_version_that_nobody_calls_is_told_with_the_one_that_callers_use() {
    let both = QUEST.replace("v1", "v2");
    let both = format!("{QUEST}{both}");
    let open = found(&[("catalog/game.yaml", QUEST, both.as_str())]);
    let expected = "serve-uncalled services.quest-generator.serves[1].subject \
                    callers use `svc.quest.v1.generate`: stop serving this version";
    assert_eq!(open, [expected]);
}

#[test]
fn a_service_that_can_not_sign_in_is_told_what_to_write() {
    let limits = "    limits: {payload: 256 KiB}\n";
    let kinds = |file: &str, limits: &str, kinds: &str| {
        let edited = format!("{limits}    connections: {kinds}\n");
        found(&[(file, limits, edited.as_str())])
    };
    for list in ["[websocket]", "[mqtt]", "[mqtt, websocket]"] {
        let open = kinds("catalog/game.yaml", limits, list);
        assert_eq!(open.len(), 1, "{open:?}");
        let path = "service-unreachable services.model-manager.connections";
        assert!(open[0].starts_with(path) && open[0].contains("`[standard]`"), "{open:?}");
    }
    // One kind that works is enough, and this account has a leafnode.
    for list in ["[standard, mqtt]", "[leafnode]"] {
        assert_eq!(kinds("catalog/game.yaml", limits, list), Vec::<String>::new());
    }
    let open = kinds("catalog/commerce.yaml", "    limits: {payload: 32 KiB}\n", "[leafnode]");
    assert!(open[0].starts_with("service-unreachable services.wallet.connections"), "{open:?}");
}
