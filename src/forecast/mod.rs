//! What a plan will take and cost: how long, and how much a month. Pure, and honest about what it does not know.

mod cost;
mod duration;
mod money;
mod prices;
mod worlds;

use schemars::JsonSchema;
use serde::Serialize;

pub use cost::{Cost, CostLine, MonthlyCost, Share, monthly_cost};
pub use duration::{Expected, Step, expected, typical};
pub use money::{Money, Price};
pub use prices::{HOURS, Prices};
pub use worlds::{Worlds, worlds};

use crate::plan::{Cycle, Plan, Record};

/// What an apply of a plan will take and cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Forecast {
    /// How long it will take, as far as that is known.
    pub duration: Expected,
    /// What the environment costs a month, before and after.
    pub cost: MonthlyCost,
    /// How many calls of AWS's API it took to look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_calls: Option<u64>,
}

/// Foretells a plan that was made of `desired` and `observed`, in a region.
pub fn forecast(
    region: &str,
    plan: &Plan,
    desired: &[Record],
    observed: &[Record],
) -> Result<Forecast, Cycle> {
    let Worlds { before, after } = worlds(plan, desired, observed);
    let unseen: Vec<_> = plan.not_observed.iter().map(|unseen| unseen.kind).collect();
    Ok(Forecast {
        duration: expected(plan)?,
        cost: monthly_cost(region, &before, &after, &unseen),
        api_calls: None,
    })
}

impl Forecast {
    /// Adds the number of calls that the look took.
    #[must_use]
    pub fn with_calls(mut self, calls: u64) -> Self {
        self.api_calls = Some(calls);
        self
    }
}
