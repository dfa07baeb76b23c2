//! Exit codes, frozen: scripts rely on them.

/// Done, or in sync.
pub const DONE: u8 = 0;
/// Failed.
pub const FAILED: u8 = 1;
/// Changes are pending (`plan --detailed-exitcode`), or keys are due (`keys list --due`).
pub const CHANGES: u8 = 2;
/// The environment is invalid.
pub const INVALID: u8 = 3;
/// Credentials are missing, or a permission is.
pub const PERMISSION: u8 = 4;
/// Refused by a safety check.
pub const REFUSED: u8 = 5;
/// Somebody else is changing the environment.
pub const LEASE: u8 = 6;
/// A quota or a capacity is exhausted.
pub const CAPACITY: u8 = 7;
/// A health check failed.
pub const UNHEALTHY: u8 = 8;
/// It took too long; run it again.
pub const LATE: u8 = 9;
/// The command line is wrong.
pub const USAGE: u8 = 64;
/// A bug of ours.
pub const BUG: u8 = 70;
/// The user interrupted it.
pub const INTERRUPTED: u8 = 130;
