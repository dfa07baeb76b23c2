//! All integration tests, as modules of one binary: each suite is one module, and `.ci/suites` runs them one by one.

#![expect(clippy::unwrap_used, reason = "a test that can not go on has failed")]

mod support;

mod checks;
mod cli;
mod cluster;
mod docs;
mod faults;
mod fuzz;
mod golden;
mod graph;
mod layering;
mod lifecycle;
mod plans;
mod subjects;
