//! A machine as its platform tells of it, when its server does not.

use schemars::JsonSchema;
use serde::Serialize;

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MachineSeen {
    /// What the platform calls it; empty where there is none.
    pub id: String,
    /// Its state, in the platform's words, or `absent`.
    pub state: String,
    /// Its zone.
    pub zone: String,
    /// Which machine of its node it is, from 1; none where that is not written on it.
    pub generation: Option<u32>,
    /// What its node tool last said on its console; not asked for while its server answers.
    pub console: Option<String>,
    /// Why the console could not be read.
    pub console_not_observed: Option<String>,
}

impl MachineSeen {
    /// The state of a machine that is not there.
    pub const ABSENT: &str = "absent";
}
