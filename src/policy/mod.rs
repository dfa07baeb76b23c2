//! The least rights that natsops needs on AWS, as IAM policies: of who plans, of who applies, of who operates
//! machines, and of a node.
//!
//! What AWS lets be limited by tags is limited to things of the environment; the rest is limited by names.

mod apply;
mod node;
mod operate;
mod plan;
mod scope;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

pub use apply::apply;
pub use node::node;
pub use operate::operate;
pub use plan::plan;
pub use scope::Scope;

/// What a managed policy may have: characters without white space (IAM's quotas).
pub const LIMIT: usize = 6144;

/// A policy, as IAM reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    version: &'static str,
    /// What is allowed. Nothing is denied: what is not allowed is not.
    pub statement: Vec<Statement>,
}

/// Something that is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// Its name in the policy.
    pub sid: &'static str,
    effect: &'static str,
    /// The actions, with their service.
    pub action: List,
    /// On what.
    pub resource: List,
    /// When: an operator, a key, its values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub condition: BTreeMap<&'static str, BTreeMap<String, List>>,
}

/// One or several texts. One stands alone, as is usual in policies, and as their size thanks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List(pub Vec<String>);

impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0[..] {
            [one] => serializer.serialize_str(one),
            several => several.serialize(serializer),
        }
    }
}

impl Policy {
    fn new(statement: impl IntoIterator<Item = Statement>) -> Self {
        // The only version in which variables and conditions mean what they do today.
        Self { version: "2012-10-17", statement: statement.into_iter().collect() }
    }
}

impl Statement {
    fn new(sid: &'static str, resource: impl IntoIterator<Item = String>) -> Self {
        Self {
            sid,
            effect: "Allow",
            action: List::default(),
            resource: List(resource.into_iter().collect()),
            condition: BTreeMap::new(),
        }
    }

    /// Adds actions of a service, as names in a row.
    fn allow(mut self, service: &str, actions: &str) -> Self {
        let actions = actions.split_whitespace();
        self.action.0.extend(actions.map(|action| format!("{service}:{action}")));
        self
    }

    /// Adds a condition.
    fn when<const N: usize>(
        mut self,
        operator: &'static str,
        key: &str,
        values: [&str; N],
    ) -> Self {
        let values = List(values.map(str::to_owned).into());
        self.condition.entry(operator).or_default().insert(key.to_owned(), values);
        self
    }
}

#[cfg(test)]
mod tests;
