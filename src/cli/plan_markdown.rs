//! A plan as Markdown, for a comment on a pull request: the totals to be read, the rest to be opened.

use super::forecast_text::{cost_lines, costs, left_out, quantity, takes};
use super::layers::{BY_HAND, Group, Shown, words};
use super::plan_view::{Entry, difference, many, totals, unmanaged};
use super::validate::count;
use crate::forecast::{Cost, MonthlyCost};
use crate::plan::{Action, ActionKind, Effect};
use crate::provider::SETTING;

/// GitHub takes comments of 65,536 characters. A byte is never more than one.
const LIMIT: usize = 60_000;

/// What headings and the end need, beyond the rows.
const RESERVE: usize = 8_000;

/// How many fields of one thing are shown.
const FIELDS: usize = 12;

/// How much of one cell's text is shown.
const WIDTH: usize = 200;

/// The plan as Markdown, never longer than a comment may be.
pub fn markdown(shown: &Shown<'_>) -> String {
    let mut page = Page::default();
    head(&mut page, shown);
    if let Some(drift) = shown.drift() {
        // What a stranger has done is seen without a click.
        group(&mut page, BY_HAND, "details open", &drift, true);
    }
    for (layer, layered) in shown.layers(false) {
        group(&mut page, layer.title(), "details", &layered, false);
    }
    for notice in &shown.plan.notices {
        page.row(&format!("- {}\n", plain(notice)));
    }
    if let Some(MonthlyCost::Priced(cost)) = shown.forecast.map(|forecast| &forecast.cost) {
        bill(&mut page, cost);
    }
    if let Some(calls) = shown.forecast.and_then(|forecast| forecast.api_calls) {
        page.line(&format!("\n<sub>AWS was asked {calls} times.</sub>"));
    }
    page.end(shown.environment)
}

/// The text as it grows. Headings always fit, rows as long as there is room.
#[derive(Default)]
struct Page {
    text: String,
    omitted: usize,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn row(&mut self, row: &str) {
        if self.text.len() + row.len() + RESERVE > LIMIT {
            self.omitted += 1;
        } else {
            self.text.push_str(row);
        }
    }

    fn end(mut self, environment: &str) -> String {
        if self.omitted > 0 {
            let lines = count(self.omitted, "more line");
            self.line(&format!("\n{lines} would not fit here: `natsops plan {environment}`"));
        }
        self.text
    }
}

fn head(page: &mut Page, shown: &Shown<'_>) {
    let (word, numbers) = totals(shown.plan);
    page.line(&format!("### natsops plan {}\n\n**{word}: {numbers}.**\n", shown.environment));
    let Some(forecast) = shown.forecast else {
        return;
    };
    if let Some(takes) = takes(&forecast.duration) {
        page.line(&format!("- Takes {}.", plain(&takes)));
    }
    page.line(&format!("- Costs {}.", plain(&costs(&forecast.cost))));
    if let MonthlyCost::Priced(cost) = &forecast.cost {
        let left_out = left_out(cost).join("; ");
        page.line(&format!("  {}.", plain(&left_out)));
    }
}

fn group(page: &mut Page, title: &str, tag: &str, group: &Group<'_>, all: bool) {
    let entries = group.entries(all);
    let changes = entries.iter().map(Entry::number).sum();
    let mut parts = Vec::new();
    if changes > 0 {
        parts.push(count(changes, "change"));
    }
    if !group.unseen.is_empty() {
        parts.push("not observed".to_owned());
    }
    if !group.unmanaged.is_empty() {
        parts.push(format!("{} that nobody asks for", group.unmanaged.len()));
    }
    page.line(&format!("\n<{tag}><summary><b>{title}</b>: {}</summary>\n", parts.join(", ")));
    page.line("| | what | why | effect |\n|---|---|---|---|");
    for entry in &entries {
        page.row(&row(entry));
    }
    for (reason, kinds) in &group.unseen {
        page.row(&format!("| ? | {} | not observed: {} | |\n", words(kinds), plain(reason)));
    }
    for id in &group.unmanaged {
        page.row(&format!("| ! | {} | {} | |\n", plain(&id.to_string()), plain(&unmanaged(id))));
    }
    page.line("\n</details>");
}

/// One line of a table.
fn row(entry: &Entry<'_>) -> String {
    match entry {
        Entry::Many(number, first) => {
            let (what, why) = (many(*number, first.id.kind), plain(&first.reason));
            format!("| + | {what} | {why} | {} |\n", effect(first))
        }
        Entry::One(action) => {
            let what = cell(&action.id.to_string());
            format!("| {} | {what} | {} | {} |\n", sign(action), why(action), effect(action))
        }
    }
}

fn sign(action: &Action) -> &'static str {
    match (&action.blocked, action.action) {
        (Some(_), _) => "blocked",
        (None, ActionKind::Keep) => "=",
        (None, ActionKind::Create) => "+",
        (None, ActionKind::Update) => "\\~",
        (None, ActionKind::Replace) => "±",
        (None, ActionKind::Delete) => "\\-",
    }
}

fn effect(action: &Action) -> String {
    match &action.effect {
        Effect::None => String::new(),
        effect => cell(&effect.to_string()),
    }
}

/// The reason, and below it the fields that change.
fn why(action: &Action) -> String {
    let mut lines = vec![cell(&action.reason.replace(SETTING, ""))];
    lines.extend(action.blocked.as_ref().map(|reason| format!("**blocked**: {}", cell(reason))));
    if matches!(action.action, ActionKind::Update | ActionKind::Replace) {
        let changes = action.telling_changes();
        lines.extend(changes.iter().take(FIELDS).map(|change| {
            let from = change.from.as_deref().unwrap_or("nothing");
            let to = change.to.as_deref().unwrap_or("nothing");
            let field = change.field.trim_start_matches(SETTING);
            format!("{}: {}", code(field), code(&difference(from, to)))
        }));
        if changes.len() > FIELDS {
            lines.push(format!("and {}", count(changes.len() - FIELDS, "more field")));
        }
    }
    lines.join("<br>")
}

/// The cost, line by line.
fn bill(page: &mut Page, cost: &Cost) {
    page.line("\n<details><summary><b>monthly cost</b>, line by line</summary>\n");
    page.line("| | quantity | before | after |\n|---|--:|--:|--:|");
    for line in cost_lines(cost, true) {
        let (item, quantity) = (cell(&line.item), quantity(line));
        let [before, after] =
            [line.before, line.after].map(|share| cell(&share.amount.to_string()));
        page.row(&format!("| {item} | {quantity} | {before} | {after} |\n"));
    }
    let [before, after] = [cost.before, cost.after].map(|sum| cell(&sum.to_string()));
    page.line(&format!("| **sum** | | **{before}** | **{after}** |\n\n</details>"));
}

/// So much of a text as a cell shows.
fn short(text: &str) -> String {
    let mut short: String = text.chars().take(WIDTH).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// A text in a cell.
fn cell(text: &str) -> String {
    plain(&short(text))
}

/// A text that means nothing to Markdown, and calls nobody's name.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '&' => plain.push_str("&amp;"),
            // Two bare ones would enclose a formula.
            '$' => plain.push_str("<span>$</span>"),
            // An invisible space behind it, since GitHub notifies whoever is named.
            '@' => plain.push_str("@\u{200b}"),
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' | '~' | '#' => plain.extend(['\\', c]),
            c if c.is_control() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}

/// A text as code. Its fence is longer than any row of backticks in it.
fn code(text: &str) -> String {
    let (mut longest, mut row) = (0, 0);
    let mut inside = String::new();
    for c in short(text).chars() {
        row = if c == '`' { row + 1 } else { 0 };
        longest = longest.max(row);
        match c {
            // A table reads this even in code.
            '|' => inside.push_str("\\|"),
            c if c.is_control() => inside.push(' '),
            c => inside.push(c),
        }
    }
    let fence = "`".repeat(longest + 1);
    // The spaces at both ends are not shown; they keep a backtick of the text off the fence.
    let space = if inside.starts_with('`') || inside.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{inside}{space}{fence}")
}

#[cfg(test)]
mod tests;
