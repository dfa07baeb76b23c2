//! What an environment's things are called, as ARNs.

use crate::model::{Cluster, Partition, Placement};

/// The environment that policies are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Its name.
    pub environment: String,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The alias of the key that seals everything.
    pub key_alias: String,
    /// The names that clients use; their records are the only ones that may change.
    pub names: Vec<String>,
}

impl Scope {
    /// The scope of a cluster; none where it does not live on AWS.
    pub fn of(cluster: &Cluster) -> Option<Self> {
        let Placement::Aws(settings) = &cluster.placement else {
            return None;
        };
        Some(Self {
            environment: cluster.environment.to_string(),
            account: settings.account.clone(),
            region: settings.region.clone(),
            key_alias: settings.volume.kms_key.clone(),
            names: cluster.service_names.clone(),
        })
    }

    fn partition(&self) -> Partition {
        Partition::of(&self.region)
    }

    /// What every name begins with; also the name of what there is once.
    pub(super) fn stem(&self) -> String {
        format!("natsops-{}", self.environment)
    }

    /// Something in the environment's region and account.
    pub(super) fn arn(&self, service: &str, thing: &str) -> String {
        let Self { account, region, .. } = self;
        format!("arn:{}:{service}:{region}:{account}:{thing}", self.partition().arn)
    }

    /// A document of Systems Manager that AWS itself has in every region. Nobody else's can begin with `AWS-`.
    pub(super) fn document(&self, name: &str) -> String {
        format!("arn:{}:ssm:{}:*:document/{name}", self.partition().arn, self.region)
    }

    /// The images of machines, which belong to no account.
    pub(super) fn images(&self) -> String {
        format!("arn:{}:ec2:{}::image/*", self.partition().arn, self.region)
    }

    /// Something of a service that knows no regions, such as a role.
    pub(super) fn global_arn(&self, service: &str, account: &str, thing: &str) -> String {
        format!("arn:{}:{service}::{account}:{thing}", self.partition().arn)
    }

    /// The bucket, or what is in it.
    pub(super) fn bucket(&self, inside: &str) -> String {
        let Self { account, region, .. } = self;
        let name = format!("{}-{account}-{region}{inside}", self.stem());
        format!("arn:{}:s3:::{name}", self.partition().arn)
    }

    /// The roles of the nodes.
    pub(super) fn roles(&self) -> String {
        self.of_nodes("role")
    }

    /// The roles of the nodes, and their instance profiles.
    pub(super) fn access(&self) -> String {
        self.of_nodes("*")
    }

    fn of_nodes(&self, kind: &str) -> String {
        let Self { account, environment, region, .. } = self;
        let name = format!("{kind}/natsops/{environment}/{}-{region}-*", self.stem());
        self.global_arn("iam", account, &name)
    }

    /// Every key; a condition says which.
    pub(super) fn keys(&self) -> String {
        self.arn("kms", "key/*")
    }

    /// The pieces of the services' credentials.
    pub(super) fn parameters(&self) -> String {
        self.arn("ssm", &format!("parameter/natsops/{}/*", self.environment))
    }

    /// The name of a service in this region, as conditions know it.
    pub(super) fn endpoint(&self, service: &str) -> String {
        format!("{service}.{}.{}", self.region, self.partition().domain)
    }

    /// The zones of the names, each once.
    pub(super) fn zones(&self) -> Vec<&str> {
        let zones = self.names.iter().filter_map(|name| name.split_once('.'));
        let mut zones: Vec<&str> = zones.map(|(_, zone)| zone).collect();
        zones.sort_unstable();
        zones.dedup();
        zones
    }
}
