//! What the user wrote: loading and validating an environment and its catalog.
//!
//! 1. [`load`] reads the files (the only I/O here).
//! 2. Each is read into a tree that knows where every value stands (`tree`).
//! 3. The tree is held against the schema of the spec types (`shape`), then read into them (`spec`).
//! 4. Rules that need more than one value are checked (`rules`), lints are found and accepted, and the [`Cluster`](crate::model::Cluster) is decided (`decide`).
//!
//! Problems are collected, not returned one by one: one run tells everything that is wrong.

mod decide;
mod diagnostic;
mod formats;
mod glance;
mod lint_table;
mod load;
mod places;
mod revision;
mod rules;
mod schema;
mod shape;
mod source;
mod spec;
mod tree;

pub use diagnostic::{Diagnostic, Diagnostics, Place};
pub use glance::{Glimpse, glance};
pub use lint_table::LINTS;
pub use load::{Addresses, LoadError, Loaded, list, load};
pub use places::{Line, Places};
pub use revision::{RevisionError, Snapshot};
pub use schema::{catalog_schema, environment_schema};
pub use shape::did_you_mean as nearest;
pub use source::{Position, Source};
