//! natsops.
pub mod artifacts;
pub mod cli;
pub mod environment;
pub mod jwt;
pub mod lease;
pub mod model;
pub mod nats;
pub mod ops;
pub mod pki;
pub mod plan;
pub mod provider;
pub mod render;
pub mod secrets;
