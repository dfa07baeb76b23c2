//! Keys of a running environment: where each is in use, and how one is replaced.

mod list;
mod rotate;
mod steps;

pub use list::{InUse, KeyStatus, list};
pub use rotate::{Rotated, Wish, rotate};
pub use steps::{Step, steps};
