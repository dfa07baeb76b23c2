//! Lints about the server's version.

use semver::Version;

use super::super::Document;
use crate::environment::Diagnostics;
use crate::environment::spec::EnvironmentSpec;

/// The newest patch of each minor version that was known when this was written.
const NEWEST: [Version; 3] =
    [Version::new(2, 12, 15), Version::new(2, 14, 9), Version::new(2, 15, 2)];

/// From here on, a Raft append costs one fsync (nats-server, PR 8447); before, `always` was much slower.
const FAST_SYNC: Version = Version::new(2, 15, 0);

pub fn check(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    let Ok(version) = Version::parse(&environment.spec.nats.version) else {
        return;
    };
    let path = "nats.version";
    if let Some(newest) =
        NEWEST.iter().find(|newest| newest.minor == version.minor && version < **newest)
    {
        let message = format!("nats-server {version} is not the newest patch: {newest} is");
        let lint = environment.lint("old-patch", path, message);
        problems.push(lint.help(format!("use {newest}: a patch changes nothing else")));
    }
    if version < FAST_SYNC {
        let message =
            format!("`sync_interval: always` makes nats-server {version} slow to acknowledge");
        let lint = environment.lint("slow-sync", path, message);
        problems.push(lint.help(format!(
            "use {FAST_SYNC} or newer, or measure first: older ones may do a few hundred messages per second"
        )));
    }
}
