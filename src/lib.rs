//! natsops.
pub mod artifacts;
pub mod environment;
pub mod jwt;
pub mod model;
pub mod pki;
pub mod plan;
pub mod render;
pub mod secrets;
