//! What a change of the contract takes away from whom, and what it adds.
//!
//! Both sides are decided clusters, so that a rewording, a moved file or a default that is written out is no change.

mod buckets;
mod consumers;
mod grants;
mod limits;
mod served;
mod shares;
mod streams;

use serde::Serialize;

use crate::model::{AccountName, Cluster};

/// What a change means to those who are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Something that worked no longer does.
    Breaking,
    /// Everything that worked still does, but not as before.
    Notable,
    /// Something becomes possible.
    Addition,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// What it means.
    pub effect: Effect,
    /// The account that it happens in.
    pub account: String,
    /// A stable name for scripts, such as `subject-unserved`.
    pub code: &'static str,
    /// The service, leafnode, stream or account that changes.
    pub thing: String,
    /// What changes, in a sentence without a period.
    pub what: String,
    /// The services and leafnodes that feel it, the changed one aside.
    pub affects: Vec<String>,
}

/// Compares two states of one environment. What breaks comes first.
pub fn diff(before: &Cluster, after: &Cluster) -> Vec<Change> {
    let sides = Sides { before, after };
    let mut changes = Vec::new();
    limits::accounts(&sides, &mut changes);
    grants::services(&sides, &mut changes);
    grants::leafnodes(&sides, &mut changes);
    served::subjects(&sides, &mut changes);
    shares::shares(&sides, &mut changes);
    streams::streams(&sides, &mut changes);
    consumers::consumers(&sides, &mut changes);
    buckets::buckets(&sides, &mut changes);
    changes.sort();
    changes.dedup();
    changes
}

/// What is compared.
struct Sides<'a> {
    before: &'a Cluster,
    after: &'a Cluster,
}

impl Change {
    fn new(
        effect: Effect,
        code: &'static str,
        account: &AccountName,
        thing: impl ToString,
        what: String,
    ) -> Self {
        let (account, thing) = (account.to_string(), thing.to_string());
        Self { effect, account, code, thing, what, affects: Vec::new() }
    }

    /// Adds those who feel it.
    fn affecting(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.affects = names.into_iter().filter(|name| *name != self.thing).collect();
        self.affects.sort();
        self.affects.dedup();
        self
    }
}

#[cfg(test)]
mod tests;
