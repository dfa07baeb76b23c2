//! AWS: what nodes stand on, one file for each kind of thing.
//!
//! Every file says what should be (`desired`, pure), looks at what is (`observe`) and makes, changes or removes it.
//! Nothing is written down besides AWS itself: things are found by the names and tags of `names.rs`.

mod access;
mod applied;
mod bucket;
mod cache_subnets;
mod cache_users;
mod clients;
mod desired;
mod dns;
mod error;
mod instance;
mod interface;
mod key;
mod known;
mod lease;
mod listener;
mod load_balancer;
mod names;
mod network;
mod observe;
mod pace;
mod parameter;
mod perform;
mod replication_group;
mod security;
mod store;
mod target_group;
mod volume;
mod wait;

use std::time::Instant;

pub use clients::{Caller, Clients, Counter};
pub use desired::desired;
pub use error::{CloudClass, CloudError};
pub use lease::CloudLease;
pub use names::{Group, Names};
pub use store::BucketStore;

use desired::KEPT;
use known::Known;
use pace::Pacer;

use crate::model::{AwsSettings, Cluster, Placement};
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

impl Platform for AwsProvider<'_> {
    fn desired(&self, index: &Index) -> Vec<Record> {
        desired(self.cluster, index)
    }

    async fn observe(&self, deep: bool) -> Result<Seen, ProviderError> {
        let records = self.look(deep).await?;
        Ok(Seen { records, protected: self.known.is_protected() })
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
