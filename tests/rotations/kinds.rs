//! What can be rotated. Another kind is one more entry.

/// A kind of rotation.
pub struct Kind {
    /// What is replaced, as the command line has it.
    pub what: &'static [&'static str],
    /// The overlap that each run of the command asks for. Between two runs, services take what is new.
    pub overlaps: &'static [&'static str],
    /// Whether it ends with a restart of every node, which moves every connection.
    pub restarts: bool,
    /// The first step: where that is left to do, nothing is under way.
    pub first: &'static str,
    /// The step in whose middle the program is killed when it is killed once: what takes longest, or could do most harm.
    pub hardest: &'static str,
    /// What no server must accept afterwards.
    pub void: Void,
}

/// What no server must accept afterwards.
#[derive(Clone, Copy)]
pub enum Void {
    /// The creds that services had.
    Creds,
    /// The operator's former signing key.
    OperatorKey,
    /// The certificates that services had.
    Certificates,
    /// The password that a service had for the cache.
    Password(&'static str),
    /// Nothing: servers accept a certificate until it ends.
    Nothing,
}

/// Nothing of the old is let in beside the new.
const ONCE: &[&str] = &["24h"];

/// The old key is let in for a while, so that the same command is run a second time.
const OVERLAP: &[&str] = &["24h", "0s"];

/// A second overlap follows the first. It must not end while the run that begins it goes on.
const TWO_OVERLAPS: &[&str] = &["24h", "10s", "0s"];

pub const KINDS: [Kind; 8] = [
    Kind {
        what: &["user", "payments"],
        overlaps: OVERLAP,
        restarts: false,
        first: "issue",
        hardest: "push",
        void: Void::Creds,
    },
    Kind {
        what: &["user", "llm-gateway"],
        overlaps: OVERLAP,
        restarts: false,
        first: "issue",
        hardest: "push",
        void: Void::Creds,
    },
    Kind {
        what: &["signing-key", "COMMERCE"],
        overlaps: OVERLAP,
        restarts: false,
        first: "accept",
        hardest: "push",
        void: Void::Creds,
    },
    Kind {
        what: &["operator-key"],
        overlaps: ONCE,
        restarts: true,
        first: "issue",
        hardest: "restart",
        void: Void::OperatorKey,
    },
    Kind {
        what: &["node-certificates"],
        overlaps: ONCE,
        restarts: false,
        first: "issue",
        hardest: "reload",
        void: Void::Nothing,
    },
    Kind {
        what: &["client-certificates", "wallet"],
        overlaps: OVERLAP,
        restarts: false,
        first: "issue",
        hardest: "verify-new",
        void: Void::Nothing,
    },
    Kind {
        what: &["ca"],
        overlaps: TWO_OVERLAPS,
        restarts: false,
        first: "accept",
        hardest: "reload",
        void: Void::Certificates,
    },
    Kind {
        what: &["redis", "store"],
        overlaps: OVERLAP,
        restarts: false,
        first: "issue",
        hardest: "drop",
        void: Void::Password("store"),
    },
];
