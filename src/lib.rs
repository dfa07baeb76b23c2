//! natsops takes one YAML file to a running, verified, secure NATS cluster.
//!
//! The modules are the steps of one pipeline. In reading order:
//!
//! 1. [`environment`] reads what the user wrote and reports everything that is wrong with it at once.
//! 2. [`model`] is what was meant: typed, decided, nothing left to default.
//! 3. [`contract`] answers questions to the model, and [`graph`] draws it.
//! 4. [`secrets`], [`jwt`] and [`pki`] hold keys at rest, tokens and certificates; [`render`] writes configurations.
//! 5. [`artifacts`] is the only issuer: it brings those together into keys, papers and node folders.
//! 6. [`plan`] compares desired records with observed ones, without touching anything; [`forecast`] says what that takes
//!    and costs, and [`policy`] who needs which rights for it.
//! 7. [`provider`] makes nodes, [`shell`] operates their machines, [`nats`] and [`redis`] talk to their servers, [`lease`]
//!    keeps a second writer away.
//! 8. [`ops`] are the workflows over all of these: survey, apply, checks, status, destroy.
//! 9. [`cli`] is one file per command, and the only place that knows the terminal.

pub mod artifacts;
pub mod cli;
pub mod contract;
pub mod environment;
pub mod forecast;
pub mod graph;
pub mod jwt;
pub mod lease;
pub mod model;
pub mod nats;
pub mod ops;
pub mod pki;
pub mod plan;
pub mod policy;
pub mod provider;
pub mod redis;
pub mod render;
pub mod secrets;
pub mod shell;
