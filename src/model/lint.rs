//! Lints: what is allowed, and what somebody will regret.

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It can't be used.
    Error,
    /// It can be used, and somebody will regret it.
    Warning,
}

/// A lint: its name, and what there is to say about it wherever it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lint {
    /// Its name, which never changes: files and scripts hold it.
    pub id: &'static str,
    /// What it finds, in a few words.
    pub about: &'static str,
    /// Why that is regretted.
    pub why: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}
