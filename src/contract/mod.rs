//! Questions to the messaging contract: who may say what to whom, and what a change takes away. Pure, over the model.
//!
//! Answers about permissions follow from [`Service::permissions`](crate::model::Service::permissions),
//! which is also what the claims are made of: there is one source.

mod borders;
mod can;
mod diff;
mod grant;
mod holder;
mod tree;
mod who;

pub use borders::{Borders, meet, reaches};
pub use can::{Answer, Ask, Basis, Rule, RuleName, can};
pub use diff::{Change, Effect, diff};
pub use grant::{Grant, Verb, each_grant, grants, handed_out, pulled};
pub use holder::{Holder, holders};
pub use tree::{Branch, tree};
pub use who::{Crossing, Party, Puller, Store, Who, subjects, who};

#[cfg(test)]
pub(crate) mod tests;
