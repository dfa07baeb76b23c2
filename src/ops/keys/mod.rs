//! Keys of a running environment: where each is in use, and how one is replaced.

mod authority;
mod cache;
mod client;
mod doors;
mod guests;
mod list;
mod managed_cache;
mod node;
mod operator;
mod revoke;
mod rotate;
mod run;
mod signing;
mod steps;
mod user;
mod way_in;

pub use cache::CacheUser;
pub use list::{InUse, KeyStatus, list, list_unobserved};
pub use managed_cache::rotate_managed;
pub use revoke::{Revoked, revoke};
pub use rotate::{Replaced, Rotated, Target, Wish, Words, left, rotate, tell};
pub use signing::Signers;
pub use steps::Step;
