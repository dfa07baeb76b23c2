//! Keys: which there are and where they are in use, and how one is replaced.

mod custody;
mod list;
mod rotate;
