//! Keys of a running environment: where each is in use, and how one is replaced.

mod list;
mod rotate;
mod run;
mod steps;
mod user;

pub use list::{InUse, KeyStatus, list, list_unobserved};
pub use rotate::{Replaced, Rotated, Target, Wish, left, rotate};
pub use steps::Step;
