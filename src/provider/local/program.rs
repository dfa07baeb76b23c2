//! The programs that nodes run, and how each wants to be treated.

use rustix::process::Signal;

/// A server program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// The name of its executable, which is also that of its process.
    pub name: &'static str,
    /// The configuration, which names every other file.
    pub config: &'static str,
    /// What it is started with.
    pub arguments: &'static [&'static str],
    /// The log file.
    pub log: &'static str,
    /// What makes it leave in order.
    pub farewell: Signal,
}

impl Program {
    /// nats-server, which sheds its clients before it stops.
    pub const NATS: Self = Self {
        name: "nats-server",
        config: "nats.conf",
        arguments: &["-c", "nats.conf"],
        log: "log/nats.log",
        farewell: Signal::USR2,
    };

    /// redis-server.
    pub const REDIS: Self = Self {
        name: "redis-server",
        config: "redis.conf",
        arguments: &["redis.conf"],
        log: "log/redis.log",
        farewell: Signal::TERM,
    };
}
