//! A plan for a person: grouped, with reasons and effects.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::paint;
use super::validate::count;
use crate::plan::{Action, ActionKind, Effect, FieldChange, Kind, Plan};
use crate::provider::{CONFIG_DIGEST, CONFIG_FILE, SETTING};

/// How many things of a kind are listed one by one when they only come to be.
const LISTED: usize = 6;

/// How much of a long value is shown.
const WIDTH: usize = 60;

/// The plan in words. With `all`, everything is listed one by one, what stays as it is included.
pub fn view(plan: &Plan, all: bool) -> String {
    let mut text = String::new();
    let mut groups: BTreeMap<Kind, Vec<&Action>> = BTreeMap::new();
    for action in &plan.actions {
        if all || action.action != ActionKind::Keep || action.blocked.is_some() {
            groups.entry(action.id.kind).or_default().push(action);
        }
    }
    for (kind, actions) in groups {
        let creates = actions.iter().filter(|a| a.action == ActionKind::Create).count();
        let short = !all && creates == actions.len() && creates > LISTED;
        if short {
            let noun = kind.word().trim_end_matches('s');
            let line = format!("{} {}", paint::good("+"), count(creates, noun));
            writeln!(text, "{line}{}", effect(actions[0])).expect("a string takes it");
        } else {
            for action in actions {
                one(&mut text, action);
            }
        }
    }
    for unseen in &plan.not_observed {
        let word = paint::change("?");
        let _ = writeln!(text, "{word} {}: not observed: {}", unseen.kind.word(), unseen.reason);
    }
    for id in &plan.unmanaged {
        let word = paint::change("!");
        let _ = writeln!(text, "{word} {id}: nobody asks for it; it is left alone");
    }
    text.push_str(&summary(plan));
    text
}

fn one(text: &mut String, action: &Action) {
    let sign = match (&action.blocked, action.action) {
        (Some(_), _) => paint::error("x"),
        (None, ActionKind::Keep) => paint::faint("="),
        (None, ActionKind::Create) => paint::good("+"),
        (None, ActionKind::Update) => paint::change("~"),
        (None, ActionKind::Delete) => paint::error("-"),
    };
    let reason = paint::faint(&action.reason);
    let _ = writeln!(text, "{sign} {}: {reason}{}", action.id, effect(action));
    if action.action == ActionKind::Update {
        for change in shown(&action.changes) {
            let from = short(change.from.as_deref().unwrap_or("nothing"));
            let to = short(change.to.as_deref().unwrap_or("nothing"));
            let field = change.field.trim_start_matches(SETTING);
            let _ = writeln!(text, "    {field}: {from} → {to}");
        }
    }
    if let Some(reason) = &action.blocked {
        let _ = writeln!(text, "    {} {reason}", paint::error("blocked:"));
    }
}

/// Digests say nothing beside the settings that they stand for.
fn shown(changes: &[FieldChange]) -> Vec<&FieldChange> {
    let settings = changes.iter().any(|change| change.field.starts_with(SETTING));
    let is_digest = |field: &str| field == CONFIG_DIGEST || field == CONFIG_FILE;
    changes
        .iter()
        .filter(|change| !(settings && is_digest(&change.field)))
        .collect()
}

fn effect(action: &Action) -> String {
    match &action.effect {
        Effect::None => String::new(),
        effect => format!(" {}", paint::bold(format!("[{effect}]"))),
    }
}

fn short(value: &str) -> String {
    if value.chars().count() <= WIDTH {
        return value.to_owned();
    }
    let start: String = value.chars().take(WIDTH).collect();
    format!("{start}…")
}

fn summary(plan: &Plan) -> String {
    if plan.is_empty() {
        let unseen = if plan.not_observed.is_empty() { "" } else { ", as far as could be seen" };
        return format!(
            "{}: {} as they should be{unseen}.\n",
            paint::good("Nothing to do"),
            count(plan.count(ActionKind::Keep), "thing"),
        );
    }
    let parts = [
        (ActionKind::Create, "to create"),
        (ActionKind::Update, "to change"),
        (ActionKind::Delete, "to stop"),
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
    format!("{}: {}.\n", paint::bold("Plan"), parts.join(", "))
}
