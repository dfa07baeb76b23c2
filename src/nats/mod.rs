//! The running cluster: what its servers tell (monitor), what they are told (control), what strangers meet (probe), and what
//! crosses a leafnode (crossing).

mod claims;
mod connection;
mod consumers;
mod control;
mod crossing;
mod handshake;
mod lists;
mod monitor;
mod pages;
mod probe;
mod stream_config;
mod streams;

pub use claims::{ClaimsError, Held, claims_records, lookup, push, trusted_keys};
pub use connection::{Access, Connection, ConnectionError, tls};
pub use consumers::{
    consumer_id, delete_consumer, desired_consumer, found_consumers, put_consumer,
};
pub use control::{Control, ControlError};
pub use crossing::{cross, edge_client};
pub use handshake::{Greeting, enter_route, presented};
pub use monitor::{Health, Monitor, MonitorError};
pub use pages::{
    AccountInForce, ClientConnection, Jsz, LedStream, LiveExport, LiveImport, LiveSubscription,
    Meta, Peer, PeerCertificate, Varz,
};
pub use probe::{Answer, Probe, ProbeError, Tls};
pub use streams::{PlacedStream, Stored, StreamError, delete_stream, found_streams, put_stream};
