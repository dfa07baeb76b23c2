//! A forecast in words, without colours: the terminal and a pull request say the same.

use crate::forecast::{Cost, CostLine, Expected, MonthlyCost};

/// How long an apply takes and what dominates it; none where there is nothing to wait for.
pub fn takes(expected: &Expected) -> Option<String> {
    let longest = expected.dominated_by()?;
    let whole = format!("about {}", span(expected.seconds));
    if expected.chain.len() == 1 {
        return Some(format!("{whole}, all of it for {}", longest.id));
    }
    let chain: Vec<String> = expected.chain.iter().map(|step| step.id.to_string()).collect();
    let (longest, part, chain) = (&longest.id, span(longest.seconds), arrows(&chain));
    Some(format!("{whole}, of which {longest} takes {part}; the longest chain is {chain}"))
}

/// A chain; of a long one only its ends.
fn arrows(chain: &[String]) -> String {
    /// More than these are not read.
    const SHOWN: usize = 6;
    if chain.len() <= SHOWN {
        return chain.join(" → ");
    }
    let (first, last) = (&chain[..SHOWN / 2], &chain[chain.len() - SHOWN / 2..]);
    let between = chain.len() - SHOWN;
    format!("{} → {between} more → {}", first.join(" → "), last.join(" → "))
}

/// A time as people say it.
pub fn span(seconds: u64) -> String {
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min", (seconds + 30) / 60) }
}

/// What the environment costs a month, and by which prices.
pub fn costs(cost: &MonthlyCost) -> String {
    match cost {
        MonthlyCost::NoPrices(region) => format!("no prices for {region}"),
        MonthlyCost::Priced(cost) => {
            let Cost { region, prices_of, before, after, change, .. } = cost;
            let sum = if before == after {
                format!("{after} a month, as before")
            } else {
                format!("{after} a month ({})", change.signed())
            };
            format!("{sum}, by the prices of {prices_of} in {region}")
        }
    }
}

/// What a cost leaves out.
pub fn left_out(cost: &Cost) -> Vec<String> {
    /// More than these are only counted.
    const NAMED: usize = 5;
    let mut left_out = vec![format!("without {}", cost.without.join(", "))];
    if !cost.unpriced.is_empty() {
        let named: Vec<&str> = cost.unpriced.iter().take(NAMED).map(String::as_str).collect();
        let more = cost.unpriced.len() - named.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        left_out.push(format!("no price is known for {}{more}", named.join(", ")));
    }
    left_out
}

/// The lines that change; with `all`, the others too.
pub fn cost_lines(cost: &Cost, all: bool) -> Vec<&CostLine> {
    cost.lines.iter().filter(|line| all || line.before != line.after).collect()
}

/// How many there are, and how many there were.
pub fn quantity(line: &CostLine) -> String {
    let (before, after) = (line.before.quantity, line.after.quantity);
    if before == after { after.to_string() } else { format!("{before} → {after}") }
}
