//! The messaging contract: its grammar, its questions, its differences, and its matching against real servers.

mod diff;
mod findings;
mod leafnodes;
mod matching;
mod questions;
