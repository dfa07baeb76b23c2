//! What `--json` shows, as types: scripts rely on them, and `natsops schema` describes them.

use schemars::JsonSchema;
use serde::Serialize;

use super::layers::Shown;
use crate::forecast::Forecast;
use crate::ops::status::Status;
use crate::plan::{Plan, RecordId};

/// The version of what is shown; it changes when a script would have to.
const FORMAT: u32 = 1;

/// What `natsops plan ENV --json` shows.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "natsops plan --json")]
pub struct PlanShown<'a> {
    /// The version of this form.
    #[schemars(extend("const" = FORMAT))]
    format: u32,
    /// The environment.
    environment: &'a str,
    /// Whether everything is as it should be, as far as could be seen.
    empty: bool,
    /// What an apply would do.
    plan: &'a Plan,
    /// What somebody has changed by hand since the last apply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by_hand: Vec<&'a RecordId>,
    /// What an apply would take and cost, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    forecast: Option<&'a Forecast>,
}

impl<'a> PlanShown<'a> {
    /// The form of a plan.
    pub fn new(shown: &Shown<'a>) -> Self {
        let &Shown { environment, plan, by_hand, forecast } = shown;
        let by_hand = by_hand.iter().collect();
        Self { format: FORMAT, environment, empty: plan.is_empty(), plan, by_hand, forecast }
    }
}

/// What `natsops status ENV --json` shows.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "natsops status --json")]
pub struct StatusShown<'a> {
    /// The version of this form.
    #[schemars(extend("const" = FORMAT))]
    format: u32,
    /// The state of the environment.
    status: &'a Status,
}

impl<'a> StatusShown<'a> {
    /// The form of a status.
    pub fn new(status: &'a Status) -> Self {
        Self { format: FORMAT, status }
    }
}
