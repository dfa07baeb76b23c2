//! natsops.
pub mod environment;
pub mod jwt;
pub mod model;
pub mod pki;
pub mod secrets;
