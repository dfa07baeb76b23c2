//! Workflows over ports. Each top function reads as a list of its steps.

pub mod apply;
mod borders;
pub mod cache;
pub mod checks;
pub mod destroy;
pub mod execute;
pub mod gate;
pub mod keys;
mod nodes;
pub mod notices;
pub mod platform;
pub mod quorum;
pub mod reach;
mod reload;
pub mod replace;
mod replace_rules;
pub mod report;
pub mod session;
pub mod site;
pub mod status;
mod streams;
pub mod survey;

pub use report::{Event, Reporter};
pub use site::{Allowed, OpsError, Site};
