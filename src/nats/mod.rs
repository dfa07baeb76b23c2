//! The running cluster: what its servers tell (monitor), what they are told (control), and what strangers meet (probe).

mod claims;
mod connection;
mod control;
mod monitor;
mod pages;
mod probe;
mod streams;

pub use claims::{ClaimsError, Held, claims_records, lookup, push};
pub use connection::{Access, Connection, ConnectionError, tls};
pub use control::{Control, ControlError};
pub use monitor::{Health, Monitor, MonitorError};
pub use pages::{ClientConnection, Jsz, LedStream, LiveSubscription, Meta, Peer, Varz};
pub use probe::{Answer, Probe, ProbeError, Tls};
pub use streams::{
    PlacedStream, StreamError, delete_stream, desired_streams, found_streams, put_stream,
};
