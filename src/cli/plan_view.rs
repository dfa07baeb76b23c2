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
    let mut lines = Vec::new();
    for (kind, actions) in groups {
        let creates = actions.iter().filter(|a| a.action == ActionKind::Create).count();
        if !all && creates == actions.len() && creates > LISTED {
            let noun = kind.word().trim_end_matches('s');
            let effect = effect(actions[0]);
            lines.push(format!("{} {}{effect}", paint::good("+"), count(creates, noun)));
        } else {
            lines.extend(actions.into_iter().flat_map(one));
        }
    }
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
fn unmanaged(id: &RecordId) -> String {
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
fn difference(from: &str, to: &str) -> String {
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

fn summary(plan: &Plan) -> String {
    if plan.is_empty() {
        let unseen = if plan.not_observed.is_empty() { "" } else { ", as far as could be seen" };
        return format!(
            "{}: {} as they should be{unseen}.",
            paint::good("Nothing to do"),
            count(plan.count(ActionKind::Keep), "thing"),
        );
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
    format!("{}: {}.", paint::bold("Plan"), parts.join(", "))
}
