//! What workflows tell while they run. Who shows it, and how, is decided elsewhere.

use std::time::{Duration, Instant};

use super::OpsError;
use super::checks::Outcome;
use crate::plan::Action;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A phase begins.
    Phase(&'a str),
    /// A phase is over.
    PhaseDone(&'a str, Duration),
    /// An action begins.
    Started(&'a Action),
    /// An action is done.
    Done(&'a Action, Duration),
    /// An action failed.
    Failed(&'a Action, &'a str),
    /// An action is left to itself, since the user has asked to stop.
    Left(&'a Action),
    /// Something is waited for; the words may be the same as last time.
    Waiting(&'a str),
    /// A check has its outcome.
    Check(&'a Outcome),
}

/// Takes what happens.
pub trait Reporter: Sync {
    /// Takes one event.
    fn event(&self, event: &Event<'_>);
}

/// Does a part of a workflow, and tells when it begins and how long it took.
pub async fn phase<T>(
    reporter: &dyn Reporter,
    name: &str,
    work: impl AsyncFnOnce() -> Result<T, OpsError>,
) -> Result<T, OpsError> {
    let begin = Instant::now();
    reporter.event(&Event::Phase(name));
    let outcome = work().await?;
    reporter.event(&Event::PhaseDone(name, begin.elapsed()));
    Ok(outcome)
}

/// Keeps everything to itself.
#[cfg(test)]
pub struct Silent;

#[cfg(test)]
impl Reporter for Silent {
    fn event(&self, _: &Event<'_>) {}
}
