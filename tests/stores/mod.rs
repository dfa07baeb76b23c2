//! Streams, consumers and buckets: their rules and limits, their life on real servers, and what unmodified clients do with them.

mod abroad;
mod buckets;
pub mod connections;
mod consumers;
mod life;
mod limits;
mod options;
mod rules;
