//! Keys: which there are and where they are in use, and how one is replaced.

mod custody;
mod list;
mod operator;
mod revoke;
pub mod rotate;
mod signing;
