//! Tables for a person.

use comfy_table::{ColumnConstraint, Table};

use super::paint;
use crate::model::ByteSize;
use crate::ops::status::{NodeStatus, Status};
use crate::provider::MachineSeen;

/// An empty table.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(header.to_vec());
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    table
}

/// A table as text, without blanks at the ends of lines.
pub fn trimmed(table: &Table) -> String {
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// The nodes of an environment.
pub fn nodes(status: &Status) -> String {
    let mut table = table(&[
        "NODE", "ZONE", "ADDRESS", "PROCESS", "HEALTH", "VERSION", "UPTIME", "CLIENTS", "MEMORY",
    ]);
    for node in &status.nodes {
        let leads = status.meta_leader.as_ref() == Some(&node.name);
        let dash = || "-".to_owned();
        table.add_row(vec![
            if leads { format!("{}*", node.name) } else { node.name.clone() },
            node.zone.clone(),
            node.address.clone(),
            node.process.clone(),
            node.health.clone(),
            node.version.clone().unwrap_or_else(dash),
            node.uptime.clone().unwrap_or_else(dash),
            node.connections.map_or_else(dash, |count| count.to_string()),
            node.memory.map_or_else(dash, mebibytes),
        ]);
    }
    let state = match &status.missing {
        None => format!("{} (* leads the meta group)", paint::good("healthy")),
        Some(missing) => format!("{} {missing}", paint::error("not healthy:")),
    };
    let mut lines = vec![trimmed(&table), format!("{}: {state}", status.environment)];
    let word = paint::change("!");
    lines.extend(status.silent().filter_map(|node| machine(status, node)));
    lines.extend(status.problems.iter().map(|problem| format!("{word} {problem}")));
    lines.join("\n")
}

/// A node's machine, which is asked when its server does not answer.
fn machine(status: &Status, node: &NodeStatus) -> Option<String> {
    let name = paint::bold(&node.name);
    let MachineSeen { id, state, zone, generation, console, console_not_observed } =
        node.machine.as_ref()?;
    if state == MachineSeen::ABSENT {
        let next = format!("natsops apply {} makes one", status.environment);
        return Some(format!("{name}: there is no machine; {next}"));
    }
    let generation = generation.map(|number| format!(", generation {number}")).unwrap_or_default();
    let said = match (console, console_not_observed) {
        (Some(words), _) => format!("its console: {words}"),
        (None, Some(reason)) => format!("its console could not be read: {reason}"),
        (None, None) => "its console has nothing of natsops".to_owned(),
    };
    Some(format!("{name}: machine {id} in {zone} is {state}{generation}; {said}"))
}

/// The nodes of the cache, or why they can't be shown; nothing where there is no cache.
pub fn cache(status: &Status) -> Option<String> {
    if status.cache.is_empty() {
        return None;
    }
    let mut table = table(&[
        "CACHE NODE",
        "ZONE",
        "ADDRESS",
        "SHARD",
        "PROCESS",
        "ROLE",
        "SLOTS",
        "LINK",
        "KEYS",
        "MEMORY",
    ]);
    for node in &status.cache {
        let dash = || "-".to_owned();
        table.add_row(vec![
            node.name.clone(),
            node.zone.clone(),
            node.address.clone(),
            node.shard.to_string(),
            node.process.clone(),
            node.role.map_or_else(dash, str::to_owned),
            node.slots.clone().filter(|slots| !slots.is_empty()).unwrap_or_else(dash),
            node.link.clone().unwrap_or_else(dash),
            node.keys.map_or_else(dash, |count| count.to_string()),
            node.memory.map_or_else(dash, mebibytes),
        ]);
    }
    let hidden = status.cache_not_observed.as_ref();
    let hidden = hidden.map(|reason| format!("\ncache: not observed: {reason}"));
    Some(format!("{}{}", trimmed(&table), hidden.unwrap_or_default()))
}

/// The streams of an environment, or why they can't be shown.
pub fn streams(status: &Status) -> String {
    let mut text = String::new();
    if let Some(streams) = &status.streams {
        let mut table = table(&["STREAM", "ACCOUNT", "LEADER", "REPLICAS", "MESSAGES", "BYTES"]);
        for stream in streams {
            let kind = if stream.bucket { "bucket " } else { "" };
            table.add_row(vec![
                format!("{kind}{}", stream.name),
                stream.account.clone(),
                stream.leader.clone().unwrap_or_else(|| "none".to_owned()),
                format!("{} of {} current", stream.current, stream.replicas),
                stream.messages.to_string(),
                ByteSize::new(stream.bytes).to_string(),
            ]);
        }
        text = trimmed(&table);
    }
    if let Some(reason) = &status.not_observed {
        text.push_str(&format!("\nstreams: not observed: {reason}"));
    }
    text
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}
