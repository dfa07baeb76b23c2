//! The record of a node, the same whoever provides it.
//!
//! Its fields come from two sides: the machine tells whether the process runs and what its files say, the server tells
//! its version and the digest of the configuration that it really runs.

use super::on_change;
use crate::artifacts::PreparedNode;
use crate::model::{Cluster, Node};
use crate::plan::{Kind, OnChange, PENDING, Record, RecordId};

/// Whether the server runs.
pub const PROCESS: &str = "process";
/// Whether its disk holds what it has stored.
pub const DATA: &str = "data";
/// The version that it runs.
pub const VERSION: &str = "version";
/// The digest of the configuration that it runs, as the server computes it.
pub const CONFIG_DIGEST: &str = "config_digest";
/// The digest of the configuration file that its next start would read.
pub const CONFIG_FILE: &str = "config_file";
/// What stands before the name of a setting.
pub const SETTING: &str = "settings.";

/// What a node should be.
pub fn desired_node(cluster: &Cluster, node: &Node, prepared: &PreparedNode) -> Record {
    let digest = if prepared.pending { PENDING.to_owned() } else { prepared.tree.digest() };
    let record = Record::new(RecordId::new(Kind::Node, &node.name))
        .field(PROCESS, "running", OnChange::Restart)
        .field(DATA, "present", OnChange::Restart)
        .field(VERSION, &cluster.version, OnChange::Restart)
        .summary(CONFIG_DIGEST, &digest, OnChange::Restart)
        .summary(CONFIG_FILE, &digest, OnChange::InPlace);
    prepared.tree.settings().into_iter().fold(record, |record, (name, value)| {
        let value = if value.contains("(known") { PENDING.to_owned() } else { value };
        record.field(&format!("{SETTING}{name}"), value, on_change(&name))
    })
}
