//! What it means to a running server when one of its settings changes.
//!
//! Found by changing each setting that the template writes on a running nats-server 2.15.1 and asking it to reload;
//! `tests/effects.rs` repeats that. A reload is all or nothing: one setting that needs a restart makes the server
//! refuse it as a whole. So what is not listed here restarts, which is always right.

use crate::plan::OnChange;

/// Settings that a server takes while it runs.
const RELOADED: [&str; 24] = [
    "server_tags",
    "max_connections",
    "max_payload",
    "ping_interval",
    "ping_max",
    "write_deadline",
    "log_file",
    "tls.cert_file",
    "tls.key_file",
    "tls.ca_file",
    "tls.verify",
    "tls.min_version",
    "tls.timeout",
    "cluster.no_advertise",
    "cluster.pool_size",
    "cluster.routes",
    "cluster.tls.cert_file",
    "cluster.tls.key_file",
    "cluster.tls.ca_file",
    "cluster.tls.timeout",
    "leafnodes.tls.cert_file",
    "leafnodes.tls.key_file",
    "leafnodes.tls.ca_file",
    "leafnodes.tls.verify",
];

/// Settings that a server takes while it runs when they become larger.
const GROWING: [&str; 2] = ["jetstream.max_file_store", "jetstream.max_memory_store"];

/// The claims that a server starts with. It takes others while it runs, and every server is pushed them besides.
const PRELOADED: &str = "resolver_preload.";

/// What a change of a setting means, by its dotted path.
pub fn on_change(setting: &str) -> OnChange {
    if RELOADED.contains(&setting) || setting.starts_with(PRELOADED) {
        OnChange::Reload
    } else if GROWING.contains(&setting) {
        OnChange::ReloadLarger
    } else {
        OnChange::Restart
    }
}
