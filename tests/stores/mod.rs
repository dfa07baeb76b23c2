//! Consumers and buckets: their rules, their life on real servers, and what unmodified clients do with them.

mod abroad;
mod buckets;
pub mod connections;
mod consumers;
mod life;
mod rules;
