//! Keys of a running environment: where each is in use.

mod list;

pub use list::{InUse, KeyStatus, list};
