//! The running cluster: what its servers tell (monitor), what they are told (control), what strangers meet (probe), and what
//! crosses a leafnode (crossing).

mod claims;
mod connection;
mod crossing;
mod monitor;
mod probe;
mod streams;

pub use claims::{ClaimsError, Held, claims_records, lookup, push};
pub use connection::{Access, Connection, ConnectionError, Control, tls};
pub use crossing::{cross, edge_client};
pub use monitor::{ClientConnection, Health, LiveSubscription, Meta, Monitor, MonitorError, Varz};
pub use probe::{Answer, Probe, ProbeError, Tls};
pub use streams::{PlacedStream, StreamError, desired_streams, found_streams, put_stream};
