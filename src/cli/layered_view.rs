//! A plan of an environment on AWS for a person: layer by layer, then what it takes and costs.

use super::forecast_text::{cost_lines, costs, left_out, quantity, takes};
use super::layers::{BY_HAND, Group, Shown, words};
use super::paint;
use super::plan_view::{summary, unmanaged};
use crate::forecast::{Forecast, MonthlyCost};

/// The plan in words. With `all`, everything is listed one by one, what stays as it is included.
pub fn layered_view(shown: &Shown<'_>, all: bool) -> String {
    let mut lines = Vec::new();
    if let Some(drift) = shown.drift() {
        // What a stranger has done deserves to be read one by one.
        lines.extend(under(paint::change(BY_HAND), &drift, true));
    }
    for (layer, group) in shown.layers(all) {
        lines.extend(under(paint::bold(layer.title()), &group, all));
    }
    let word = paint::change("!");
    lines.extend(shown.plan.notices.iter().map(|notice| format!("{word} {notice}")));
    lines.push(summary(shown.plan));
    if let Some(forecast) = shown.forecast {
        lines.extend(foretold(forecast, all));
    }
    lines.join("\n") + "\n"
}

/// A group under its heading.
fn under(heading: String, group: &Group<'_>, all: bool) -> Vec<String> {
    let (unseen, stray) = (paint::change("?"), paint::change("!"));
    let actions = group.entries(all).into_iter().flat_map(|entry| entry.lines());
    let unseen = group
        .unseen
        .iter()
        .map(|(reason, kinds)| format!("{unseen} {}: not observed: {reason}", words(kinds)));
    let strays = group.unmanaged.iter().map(|id| format!("{stray} {id}: {}", unmanaged(id)));
    let lines = actions.chain(unseen).chain(strays).map(|line| format!("  {line}"));
    let mut all = vec![heading];
    all.extend(lines);
    all.push(String::new());
    all
}

/// What the plan takes and costs.
fn foretold(forecast: &Forecast, all: bool) -> Vec<String> {
    let line = |word: &str, text: String| format!("{} {text}", paint::bold(format!("{word:>6}:")));
    let mut lines = Vec::new();
    lines.extend(takes(&forecast.duration).map(|text| line("takes", text)));
    lines.push(line("costs", costs(&forecast.cost)));
    if let MonthlyCost::Priced(cost) = &forecast.cost {
        lines.extend(cost_lines(cost, all).into_iter().map(|line| {
            let amount = line.after.amount.to_string();
            format!("        {amount:>10}  {} {}", quantity(line), line.item)
        }));
        lines
            .extend(left_out(cost).into_iter().map(|text| paint::faint(format!("        {text}"))));
    }
    lines.extend(forecast.api_calls.map(|calls| line("asked", format!("AWS {calls} times"))));
    lines
}

#[cfg(test)]
mod tests;
