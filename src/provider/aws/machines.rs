//! Machines on AWS as servers: looked at over their own ports from where natsops runs, and changed through the node shell.

use std::path::PathBuf;

use tokio::sync::OnceCell;

use super::clients::{Clients, Counter};
use super::shell::AwsShell;
use super::{AwsProvider, bundle};
use crate::artifacts::Bundle;
use crate::model::{Cluster, Node, Placement};
use crate::plan::{Action, Effect, Kind, Record, RecordId};
use crate::provider::local::LocalEdge;
use crate::provider::{Provider, ProviderError, Supply};
use crate::secrets::SecretStore;
use crate::shell::{NodeShell as _, Operation, RunId, Take};

/// The servers of a cluster whose machines AWS runs.
pub struct Machines<'a> {
    cluster: &'a Cluster,
    store: &'a (dyn SecretStore + Sync),
    /// The secret side of what a machine fetches.
    supply: &'a dyn Supply,
    calls: Counter,
    /// Made when a machine is first told something.
    clients: OnceCell<Clients>,
    checks: Checks,
}

/// What checks need on this machine.
pub struct Checks {
    /// Where their leafnode servers have their folders.
    pub edges: PathBuf,
    /// The program that those run; none where there is none.
    pub server: PathBuf,
}

impl<'a> Machines<'a> {
    /// The servers of `cluster`.
    pub fn new(
        cluster: &'a Cluster,
        store: &'a (dyn SecretStore + Sync),
        supply: &'a dyn Supply,
        calls: Counter,
        checks: Checks,
    ) -> Self {
        Self { cluster, store, supply, calls, clients: OnceCell::new(), checks }
    }

    async fn aws(&self) -> Result<AwsProvider<'a>, ProviderError> {
        let elsewhere = || ProviderError::Tool("this cluster does not live on AWS".to_owned());
        let Placement::Aws(settings) = &self.cluster.placement else {
            return Err(elsewhere());
        };
        let connect = async || Clients::connect(&settings.region, self.calls.clone()).await;
        let clients = self.clients.get_or_init(connect).await.clone();
        AwsProvider::new(self.cluster, clients).ok_or_else(elsewhere)
    }

    fn node(&self, action: &Action) -> Result<&'a Node, ProviderError> {
        let node = self.cluster.nodes.iter().find(|node| node.name.as_str() == action.id.name);
        node.ok_or_else(|| ProviderError::Bundle(format!("{} is not a node", action.id)))
    }
}

impl Provider for Machines<'_> {
    type Edge = LocalEdge;

    /// Of a machine's files nothing is known but what its server tells: the digest of its configuration. So whatever
    /// changes a configuration is planned as a restart, since nobody can say which of its settings differ.
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

    /// Machines come to be with the platform; of a server, only what it should take is planned.
    async fn perform(&self, action: &Action) -> Result<(), ProviderError> {
        Err(ProviderError::Tool(format!("{} is nothing that a server can take", action.id)))
    }

    /// Sees to it that the bucket holds what is meant, and tells the machine to take that.
    async fn take(&self, action: &Action, before: &str) -> Result<(), ProviderError> {
        let (aws, node) = (self.aws().await?, self.node(action)?);
        let index = self.store.index().map_err(|error| ProviderError::Bundle(error.to_string()))?;
        let generation = bundle::hand_over(&aws, node, &index, self.supply).await?;
        let take = match action.effect {
            Effect::Reload => Take::Reload,
            _ => Take::Restart,
        };
        let operation = Operation::Apply { generation, take };
        let before = Some(before).filter(|before| !before.is_empty());
        let run = RunId::new(&self.cluster.environment, &node.name, &operation, before);
        AwsShell::new(&aws).run(&node.name, &operation, &run).await?;
        Ok(())
    }

    async fn start_edge(&self, bundle: &Bundle) -> Result<LocalEdge, ProviderError> {
        LocalEdge::start(&self.checks.edges, &self.checks.server, bundle).await
    }
}
