//! Whether a machine may make way for another, asked of servers that can be reached.
//!
//! The emulator's instances are not the machines of the scene: the server of a replaced one goes on at its address.

use serde_json::json;

use crate::aws::stage::Stage;

/// While a zone is away no machine goes, neither one of those that are left nor one of those that are away.
pub fn is_refused_while_a_zone_is_away(stage: &Stage) {
    let made = stage.changes().len();
    for (node, away) in
        [("nats-1", "nats-2: it does not answer"), ("nats-2", "nats-5: it does not answer")]
    {
        let refused = stage.run(&["node", "replace", "prod", node, "--yes"]).expect(5).stderr;
        for words in
            [away, "something else is not well", "nothing was changed", "natsops status prod"]
        {
            assert!(refused.contains(words), "{refused}");
        }
    }
    assert_eq!(stage.changes().len(), made, "nothing was touched");
}

/// A whole cluster spares one, and the command ends when its server is well and has everything.
pub fn ends_with_a_node_that_has_everything(stage: &Stage) {
    let replace = ["node", "replace", "prod", "nats-3", "--yes", "--json"];
    let replaced = stage.run(&replace).expect(0).json();
    assert_eq!((&replaced["generation"], &replaced["healthy"]), (&json!(2), &json!(true)));
    stage.in_sync();
}
