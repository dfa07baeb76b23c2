//! Machines on AWS as servers, to be reached over their own ports from where natsops runs.
//!
//! What their machines hold can't be looked at that way: only what each server tells of itself is compared.

use std::path::PathBuf;

use crate::artifacts::Bundle;
use crate::model::Cluster;
use crate::plan::{Action, Kind, Record, RecordId};
use crate::provider::local::LocalEdge;
use crate::provider::{Provider, ProviderError};

/// The servers of a cluster whose machines AWS runs.
pub struct Machines<'a> {
    cluster: &'a Cluster,
    /// Where leafnode servers of checks have their folders, on this machine.
    edges: PathBuf,
    /// The program that those run; none where there is none.
    server: PathBuf,
}

impl<'a> Machines<'a> {
    /// The servers of `cluster`.
    pub fn new(cluster: &'a Cluster, edges: PathBuf, server: PathBuf) -> Self {
        Self { cluster, edges, server }
    }
}

impl Provider for Machines<'_> {
    type Edge = LocalEdge;

    async fn observe(&self) -> Result<Vec<Record>, ProviderError> {
        let nodes = self.cluster.nodes.iter();
        Ok(nodes.map(|node| Record::new(RecordId::new(Kind::Node, &node.name))).collect())
    }

    /// The cache is one of the things that the platform makes.
    async fn observe_cache(&self) -> Result<Vec<Record>, ProviderError> {
        Ok(Vec::new())
    }

    fn is_pristine(&self) -> bool {
        false
    }

    async fn perform(&self, action: &Action) -> Result<(), ProviderError> {
        let node = &action.id.name;
        let what = format!(
            "{node} does not run what its bundle in the bucket says, and natsops can't tell its machine to take it; \
             on the machine: natsops-node apply"
        );
        Err(ProviderError::Tool(what))
    }

    async fn start_edge(&self, bundle: &Bundle) -> Result<LocalEdge, ProviderError> {
        LocalEdge::start(&self.edges, &self.server, bundle).await
    }
}
