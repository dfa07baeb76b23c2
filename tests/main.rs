//! All integration tests, as modules of one binary: each suite is one module, and `.ci/suites` runs them one by one.

#![expect(clippy::unwrap_used, reason = "a test that can not go on has failed")]

mod support;

mod accounts;
mod aws;
mod boot;
mod changes;
mod checks;
mod cli;
mod cluster;
mod configs;
mod docs;
mod effects;
mod faults;
mod forecasts;
mod fuzz;
mod golden;
mod graph;
mod keys;
mod layering;
mod leafnodes;
mod lifecycle;
mod lints;
mod load;
mod losses;
mod matrix;
mod nodes;
mod nsc;
mod plans;
mod policies;
mod redis;
mod rotations;
mod schemas;
mod scripts;
mod shell;
mod stores;
mod subjects;
mod zones;
