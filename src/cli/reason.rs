//! Why somebody changes keys, for the log.

use super::context::engineer;
use crate::secrets::Author;

/// The reason of a change.
#[derive(Debug, Clone, clap::Args)]
pub struct ReasonArgs {
    /// Why, for the log that `keys audit` shows
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl ReasonArgs {
    /// Who runs `command`, and why.
    pub fn author(&self, command: impl Into<String>) -> Author {
        let engineer = engineer().unwrap_or_else(|| "somebody".to_owned());
        let machine = fs_err::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let who = match machine.trim() {
            "" => engineer,
            machine => format!("{engineer} on {machine}"),
        };
        Author { who, what: command.into(), why: self.reason.clone() }
    }
}
