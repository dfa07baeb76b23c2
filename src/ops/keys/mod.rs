//! Keys of a running environment: where each is in use, and how one is replaced.

mod authority;
mod cache;
mod client;
mod doors;
mod list;
mod node;
mod rotate;
mod run;
mod steps;
mod user;

pub use client::Client;
pub use list::{InUse, KeyStatus, list, list_unobserved};
pub use rotate::{Replaced, Rotated, Target, Wish, Words, left, rotate};
pub use steps::Step;
