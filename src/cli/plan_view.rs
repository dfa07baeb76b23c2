//! A plan for a person: grouped, with reasons and effects.

use std::collections::BTreeMap;

use super::paint;
use super::validate::count;
use crate::plan::{Action, ActionKind, Effect, Kind, Plan, RecordId};
use crate::provider::SETTING;

/// How many things of a kind are listed one by one when they only come to be.
const LISTED: usize = 6;

/// How much of a long value is shown.
const WIDTH: usize = 60;

/// The plan in words. With `all`, everything is listed one by one, what stays as it is included.
pub fn view(plan: &Plan, all: bool) -> String {
    let mut groups: BTreeMap<Kind, Vec<&Action>> = BTreeMap::new();
    for action in &plan.actions {
        if all || action.action != ActionKind::Keep || action.blocked.is_some() {
            groups.entry(action.id.kind).or_default().push(action);
        }
    }
    let entries = groups.into_values().flat_map(|actions| entries(actions, all));
    let mut lines: Vec<String> = entries.flat_map(|entry| entry.lines()).collect();
    let word = paint::change("?");
    lines.extend(
        plan.not_observed.iter().map(|unseen| {
            format!("{word} {}: not observed: {}", unseen.kind.word(), unseen.reason)
        }),
    );
    let word = paint::change("!");
    lines.extend(plan.unmanaged.iter().map(|id| format!("{word} {id}: {}", unmanaged(id))));
    lines.extend(plan.notices.iter().map(|notice| format!("{word} {notice}")));
    lines.push(summary(plan));
    lines.join("\n") + "\n"
}

/// What is shown of the actions of one kind.
pub enum Entry<'a> {
    /// One action.
    One(&'a Action),
    /// So many that they are only counted, and the first of them.
    Many(usize, &'a Action),
}

/// The entries of the actions of one kind: many things that only come to be are counted, unless `all` are listed.
pub fn entries(actions: Vec<&Action>, all: bool) -> Vec<Entry<'_>> {
    let creates =
        |action: &&Action| action.action == ActionKind::Create && action.blocked.is_none();
    if !all && actions.len() > LISTED && actions.iter().all(creates) {
        vec![Entry::Many(actions.len(), actions[0])]
    } else {
        actions.into_iter().map(Entry::One).collect()
    }
}

impl Entry<'_> {
    /// How many actions it stands for.
    pub fn number(&self) -> usize {
        match self {
            Entry::One(_) => 1,
            Entry::Many(number, _) => *number,
        }
    }

    /// The lines of it.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Entry::One(action) => one(action),
            Entry::Many(number, first) => {
                let (sign, effect) = (paint::good("+"), effect(first));
                vec![format!("{sign} {}{effect}", many(*number, first.id.kind))]
            }
        }
    }
}

/// A number of things of one kind.
pub fn many(number: usize, kind: Kind) -> String {
    count(number, kind.word().trim_end_matches('s'))
}

/// The lines of one action.
fn one(action: &Action) -> Vec<String> {
    let sign = match (&action.blocked, action.action) {
        (Some(_), _) => paint::error("x"),
        (None, ActionKind::Keep) => paint::faint("="),
        (None, ActionKind::Create) => paint::good("+"),
        (None, ActionKind::Update) => paint::change("~"),
        (None, ActionKind::Replace) => paint::error("±"),
        (None, ActionKind::Delete) => paint::error("-"),
    };
    let reason = paint::faint(action.reason.replace(SETTING, ""));
    let mut lines = vec![format!("{sign} {}: {reason}{}", action.id, effect(action))];
    if matches!(action.action, ActionKind::Update | ActionKind::Replace) {
        lines.extend(action.telling_changes().into_iter().map(|change| {
            let from = change.from.as_deref().unwrap_or("nothing");
            let to = change.to.as_deref().unwrap_or("nothing");
            let field = change.field.trim_start_matches(SETTING);
            format!("    {field}: {}", difference(from, to))
        }));
    }
    if let Some(reason) = &action.blocked {
        lines.push(format!("    {} {reason}", paint::error("blocked:")));
    }
    lines
}

/// What becomes of something that nobody asks for.
pub fn unmanaged(id: &RecordId) -> String {
    let bare = id.name.split_once('/').map_or(id.name.as_str(), |(_, bare)| bare);
    let how = if matches!(id.kind, Kind::Stream | Kind::Bucket | Kind::Consumer) {
        format!(", unless removed with --remove {bare}")
    } else {
        String::new()
    };
    format!("nobody asks for it; it is left alone{how}")
}

fn effect(action: &Action) -> String {
    match &action.effect {
        Effect::None => String::new(),
        effect => format!(" {}", paint::bold(format!("[{effect}]"))),
    }
}

/// What changes: the members that come and go where both are lists, both values otherwise.
pub fn difference(from: &str, to: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (from.split(", ").collect(), to.split(", ").collect());
    if old.len() < 2 && new.len() < 2 {
        return format!("{} → {}", short(from), short(to));
    }
    let gone = old.iter().filter(|item| !new.contains(item)).map(|item| format!("- {item}"));
    let come = new.iter().filter(|item| !old.contains(item)).map(|item| format!("+ {item}"));
    gone.chain(come).collect::<Vec<_>>().join(", ")
}

fn short(value: &str) -> String {
    if value.chars().count() <= WIDTH {
        return value.to_owned();
    }
    let start: String = value.chars().take(WIDTH).collect();
    format!("{start}…")
}

/// What goes either stops, as nodes do, or is removed.
fn going(plan: &Plan) -> &'static str {
    let stops = plan.changes().any(|action| action.effect == Effect::Stop);
    if stops { "to stop" } else { "to remove" }
}

/// The last line.
pub fn summary(plan: &Plan) -> String {
    let (head, rest) = totals(plan);
    let head = if plan.is_empty() { paint::good(head) } else { paint::bold(head) };
    format!("{head}: {rest}.")
}

/// What a plan comes to: a word, and the numbers behind it.
pub fn totals(plan: &Plan) -> (&'static str, String) {
    if plan.is_empty() {
        let unseen = if plan.not_observed.is_empty() { "" } else { ", as far as could be seen" };
        let kept = count(plan.count(ActionKind::Keep), "thing");
        return ("Nothing to do", format!("{kept} as they should be{unseen}"));
    }
    let parts = [
        (ActionKind::Create, "to create"),
        (ActionKind::Update, "to change"),
        (ActionKind::Replace, "to make anew"),
        (ActionKind::Delete, going(plan)),
        (ActionKind::Keep, "as they should be"),
    ];
    let mut parts: Vec<String> = parts
        .into_iter()
        .map(|(kind, words)| (plan.count(kind), words))
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let blocked = plan.blocked().count();
    if blocked > 0 {
        parts.push(format!("{blocked} blocked"));
    }
    ("Plan", parts.join(", "))
}
