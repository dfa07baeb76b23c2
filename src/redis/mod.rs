//! The running cache: what its servers tell, and what they are told.
//!
//! 1. [`Pass`] is what somebody shows at a server's door; [`Session`] keeps natsops' own connections.
//! 2. [`look`] asks a server for everything that it knows.
//! 3. [`Shape`] is what the servers are together; [`steps`] leads from there to what they should be.
//! 4. [`perform`] takes a step, each of which may be repeated without harm.

mod command;
mod connection;
mod heal;
mod look;
mod peers;
mod shape;

pub use command::{
    Answer, ages, evict, give_way, perform, put_files, put_replication, put_users, try_command,
};
pub use connection::{Connection, Pass, RedisFailure, Session, bus_answers_in_clear, enter};
pub use heal::{Step, steps};
pub use look::{RedisView, look};
pub use peers::{Peer, peers};
pub use shape::{Shape, Views};
