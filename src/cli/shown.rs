//! What `--json` shows, as types: scripts rely on them, and `natsops schema` describes them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::ops::status::Status;
use crate::plan::Plan;

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
}

impl<'a> PlanShown<'a> {
    /// The form of a plan.
    pub fn new(environment: &'a str, plan: &'a Plan) -> Self {
        Self { format: FORMAT, environment, empty: plan.is_empty(), plan }
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
