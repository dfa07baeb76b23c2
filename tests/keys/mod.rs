//! Keys: which there are and where they are in use, and how one is replaced.

pub mod authority;
pub mod cache;
mod certificates;
mod custody;
mod due;
mod list;
mod operator;
mod revoke;
pub mod rotate;
mod signing;
mod stage;
mod system;
