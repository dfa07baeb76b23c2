//! What `nats-server -t` lets through: configurations on which the server exits, or runs silently otherwise than they say.
//!
//! Pure: whoever calls reads the files that the configuration names, and says how large the disk is.

mod certificates;
mod settings;
mod table;
mod text;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{ByteSize, Severity};
pub use table::CONFIG_LINTS;
pub use text::ConfigText;

/// What a configuration stands in.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The files that [`ConfigText::certificate_files`] names, as text, or why they can't be read.
    pub certificates: BTreeMap<String, Result<String, String>>,
    /// The size of the disk under the store; none when it is not known.
    pub disk: Option<ByteSize>,
    /// Why the server can't write its store, if it can't.
    pub store_problem: Option<String>,
    /// The time.
    pub now: Timestamp,
}

/// Something that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The lint.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, in one sentence without a period.
    pub message: String,
    /// What would be right.
    pub help: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "nats.conf, line {}: {} ({})", self.line, self.message, self.id)
    }
}

impl Finding {
    fn error(id: &'static str, line: usize, message: String, help: impl Into<String>) -> Self {
        Self { id, severity: Severity::Error, line, message, help: help.into() }
    }

    fn warning(id: &'static str, line: usize, message: String, help: impl Into<String>) -> Self {
        Self { id, severity: Severity::Warning, line, message, help: help.into() }
    }
}

/// Finds what is wrong with a configuration that the server itself would call valid.
pub fn lint_config(config: &ConfigText, around: &Surroundings) -> Vec<Finding> {
    let mut findings = settings::check(config, around);
    findings.extend(certificates::check(config, around));
    findings.sort_by_key(|finding| finding.line);
    findings
}
