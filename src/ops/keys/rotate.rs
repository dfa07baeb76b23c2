//! What can be replaced, how it is asked for, and how far it has come.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::run::Run;
use super::{Step, user};
use crate::model::{Period, Service};
use crate::ops::execute::StopSign;
use crate::ops::{OpsError, Site};
use crate::provider::Provider;
use crate::secrets::Index;

/// What is replaced.
#[derive(Debug, Clone, Copy)]
pub enum Target<'c> {
    /// The key with which a service signs in.
    User(&'c Service),
}

/// How it is replaced.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// How long the old key is let in beside the new one.
    pub overlap: Period,
    /// Whether the old key has leaked: it is revoked first, and only then a new one made.
    pub leaked: bool,
}

/// How far a rotation has come.
#[derive(Debug, Default, Serialize)]
pub struct Rotated {
    /// Whether the old keys are gone.
    pub done: bool,
    /// What was done in this run.
    pub steps: Vec<Step>,
    /// The keys that were replaced.
    pub keys: Vec<Replaced>,
    /// When the overlap is over, while it is not.
    pub until: Option<Timestamp>,
    /// The services that must be given their new creds.
    pub redeploy: Vec<String>,
    /// What else is to be known, each a sentence.
    pub remarks: Vec<String>,
}

/// A key that is replaced by another.
#[derive(Debug, Serialize)]
pub struct Replaced {
    /// Its name.
    pub name: String,
    /// The public key or the fingerprint to be used from now on.
    pub new: Option<String>,
    /// The one that is on its way out, or gone.
    pub old: Option<String>,
    /// How many connections the old one still has.
    pub connections: usize,
}

/// What is left to do.
pub fn left(target: Target<'_>, wish: Wish, index: &Index) -> Vec<Step> {
    match target {
        Target::User(service) => user::left(service, wish, index),
    }
}

/// Begins a rotation, or continues the one that is under way.
pub async fn rotate<P: Provider>(
    site: &Site<'_, P>,
    target: Target<'_>,
    wish: Wish,
    stop: &StopSign,
) -> Result<Rotated, OpsError> {
    let (run, _) = Run::ready(site, wish.leaked).await?;
    match target {
        Target::User(service) => user::rotate(run, service, wish, stop).await,
    }
}

/// `period` after `time`; what is beyond the calendar never comes.
pub(super) fn after(time: Timestamp, period: Period) -> Timestamp {
    let span = SignedDuration::try_from(period.duration()).unwrap_or(SignedDuration::MAX);
    time.saturating_add(span).unwrap_or(Timestamp::MAX)
}
