//! Desired records against observed ones: a plan, made without touching anything.

mod action;
mod graph;
mod planner;
mod record;

pub use action::{Action, ActionKind, Effect, FieldChange, NotObserved, Plan};
pub use graph::{Cycle, order};
pub use planner::{Observed, Permits, plan, plan_with};
pub use record::{Field, Kind, OnChange, PENDING, Record, RecordId};
