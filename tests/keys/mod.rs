//! Keys: which there are and where they are in use, and how one is replaced.

mod authority;
mod cache;
mod certificates;
mod custody;
mod list;
mod rotate;
mod stage;
