//! AWS: what nodes stand on, one file for each kind of thing.
//!
//! Every file says what should be (`desired`, pure), looks at what is (`observe`) and makes, changes or removes it.
//! Nothing is written down besides AWS itself: things are found by the names and tags of `names.rs`.

mod access;
mod applied;
mod bucket;
mod bundle;
mod cache_subnets;
mod cache_users;
mod clients;
mod console;
mod desired;
mod dns;
mod error;
mod instance;
mod interface;
mod key;
pub mod key_rotation;
mod known;
mod launch;
mod lease;
mod listener;
mod load_balancer;
mod machines;
mod names;
mod network;
mod observe;
mod pace;
mod parameter;
mod perform;
mod replacement;
mod replication_group;
mod room;
mod security;
mod session;
mod shell;
mod store;
mod target_group;
mod termination;
mod tries;
mod volume;
mod wait;

use std::time::Instant;

pub use clients::{Caller, Clients, Counter};
pub use desired::desired;
pub use error::{CloudClass, CloudError};
pub use lease::CloudLease;
pub use machines::{Checks, Machines};
pub use names::{Group, Names};
pub use session::{Plugin, Purpose, Session};
pub use shell::AwsShell;
pub use store::BucketStore;

use desired::KEPT;
use known::Known;
use pace::Pacer;

use crate::model::{AwsSettings, Cluster, Node, Partition, Placement, Service};
use crate::plan::{Action, Kind, Record};
use crate::provider::{Applied, Means, Platform, ProviderError, Seen};
use crate::secrets::Index;

/// An environment on AWS.
pub struct AwsProvider<'a> {
    /// What is meant.
    pub cluster: &'a Cluster,
    /// What is meant of AWS.
    pub settings: &'a AwsSettings,
    /// The names of its things.
    pub names: Names<'a>,
    /// The services.
    pub clients: Clients,
    known: Known,
    pacer: Pacer,
}

impl<'a> AwsProvider<'a> {
    /// The provider of a cluster on AWS; none where it lives elsewhere.
    pub fn new(cluster: &'a Cluster, clients: Clients) -> Option<Self> {
        let Placement::Aws(settings) = &cluster.placement else {
            return None;
        };
        let names = Names::of(cluster)?;
        let pacer = Pacer::new(Instant::now());
        Some(Self { cluster, settings, names, clients, known: Known::default(), pacer })
    }
}

/// What services and their tasks are told of an environment; what is not there yet is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    /// The id of the security group that whoever connects must carry.
    pub client_security_group: Option<String>,
    /// The load balancer's own name, which is not in the certificates.
    pub load_balancer: Option<String>,
    /// Where the cache is reached, as HOST:PORT.
    pub cache: Option<String>,
}

impl AwsProvider<'_> {
    /// Asks where the cache is reached, as HOST:PORT; none while there is none.
    pub async fn cache_endpoint(&self) -> Result<Option<String>, CloudError> {
        replication_group::find(self).await?;
        Ok(self.known.get(Kind::ReplicationGroup, &self.names.stem()))
    }

    /// The generation that the bucket holds for a node, as `natsops-node` names it.
    pub async fn generation(&self, node: &Node) -> Result<String, CloudError> {
        bundle::generation(self, node).await
    }

    /// What was found by the last look that others need.
    pub fn outputs(&self) -> Outputs {
        let dns = self.known.get(Kind::LoadBalancer, load_balancer::DNS);
        Outputs {
            client_security_group: self.known.get(Kind::SecurityGroup, Group::Clients.word()),
            load_balancer: dns.and_then(|dns| Some(dns.split_once(' ')?.0.to_owned())),
            cache: self.known.get(Kind::ReplicationGroup, &self.names.stem()),
        }
    }

    /// The ARN of a piece of a service's credentials, by the piece's name; none where the service has no such piece.
    pub fn parameter_arns(&self, service: &Service) -> Vec<(&'static str, String)> {
        let AwsSettings { account, region, .. } = self.settings;
        let arn = |piece: parameter::Piece| {
            let name = self.names.parameter(&service.name, piece.word());
            let partition = Partition::of(region).arn;
            (piece.word(), format!("arn:{partition}:ssm:{region}:{account}:parameter{name}"))
        };
        parameter::Piece::of(self.cluster, service).map(arn).collect()
    }
}

impl Platform for AwsProvider<'_> {
    fn desired(&self, index: &Index) -> Vec<Record> {
        desired(self.cluster, index, self.outputs().cache.as_deref())
    }

    async fn observe(&self, deep: bool) -> Result<Seen, ProviderError> {
        let records = self.look(deep).await?;
        Ok(Seen { records, protected: self.known.is_protected() })
    }

    fn fits(&self) -> Result<(), ProviderError> {
        Ok(self.known.network()?.fits()?)
    }

    async fn anchor(&self) -> Result<(), ProviderError> {
        Ok(bucket::anchor(self).await?)
    }

    async fn perform(&self, action: &Action, means: &Means<'_>) -> Result<(), ProviderError> {
        Ok(self.act(action, means).await?)
    }

    async fn applied(&self) -> Result<Applied, ProviderError> {
        Ok(applied::read(self).await?)
    }

    async fn note(&self, applied: &Applied) -> Result<(), ProviderError> {
        Ok(applied::write(self, applied).await?)
    }

    fn kept(&self) -> &'static [Kind] {
        &KEPT
    }
}
