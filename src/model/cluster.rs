//! The cluster: everything that an environment decides.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use semver::Version;

use super::{
    Account, AccountName, Bucket, ByteRate, ByteSize, ClusterName, Consumer, EnvironmentName,
    Leafnode, LeafnodeName, NodeName, Passage, Period, Redis, RedisNode, Service, ServiceName,
    Stream, TagName, ZoneName,
};

/// A whole environment, decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The environment that this is.
    pub environment: EnvironmentName,
    /// The name that the servers share.
    pub name: ClusterName,
    /// The nats-server version that every node runs.
    pub version: Version,
    /// The nodes, in the order of the file.
    pub nodes: Vec<Node>,
    /// The ports, the same on every node.
    pub ports: Ports,
    /// Storage of each node.
    pub jetstream: JetStream,
    /// What each server grants its clients.
    pub limits: ServerLimits,
    /// How a server leaves.
    pub lame_duck: LameDuck,
    /// How long certificates live.
    pub validity: Validity,
    /// How old keys may become.
    pub rotation: Rotation,
    /// Further names under which clients reach the cluster, put into every node's certificate.
    pub service_names: Vec<String>,
    /// Who may open the secrets besides the engineer at work, as age recipients.
    pub recipients: Vec<String>,
    /// Where the nodes run.
    pub placement: Placement,
    /// The cache, if there is one.
    pub redis: Option<Redis>,
    /// The accounts of the catalog.
    pub accounts: BTreeMap<AccountName, Account>,
    /// The services of the catalog.
    pub services: BTreeMap<ServiceName, Service>,
    /// The streams of the catalog, sized for this environment.
    pub streams: Vec<Stream>,
    /// The key-value buckets of the catalog, sized for this environment.
    pub buckets: Vec<Bucket>,
    /// The leafnodes that are let in.
    pub leafnodes: BTreeMap<LeafnodeName, Leafnode>,
    /// What crosses from one account into another, sorted: see [`passages`](super::passages).
    pub passages: Vec<Passage>,
}

impl Cluster {
    /// The services of one account.
    pub fn services_of<'a>(
        &'a self,
        account: &'a AccountName,
    ) -> impl Iterator<Item = &'a Service> {
        self.services.values().filter(move |service| &service.account == account)
    }

    /// The streams of one account.
    pub fn streams_of<'a>(&'a self, account: &'a AccountName) -> impl Iterator<Item = &'a Stream> {
        self.streams.iter().filter(move |stream| &stream.account == account)
    }

    /// The buckets of one account.
    pub fn buckets_of<'a>(&'a self, account: &'a AccountName) -> impl Iterator<Item = &'a Bucket> {
        self.buckets.iter().filter(move |bucket| &bucket.account == account)
    }

    /// The consumers of an account's streams, each with its service, whichever account that lives in.
    pub fn consumers_of<'a>(
        &'a self,
        account: &'a AccountName,
    ) -> impl Iterator<Item = (&'a Service, &'a Consumer)> {
        self.services
            .values()
            .flat_map(|service| service.consumes.iter().map(move |consumer| (service, consumer)))
            .filter(move |(_, consumer)| consumer.account == *account)
    }

    /// The leafnodes of one account.
    pub fn leafnodes_of<'a>(
        &'a self,
        account: &'a AccountName,
    ) -> impl Iterator<Item = &'a Leafnode> {
        self.leafnodes.values().filter(move |leafnode| &leafnode.account == account)
    }

    /// The node of a name.
    pub fn node(&self, name: &NodeName) -> Option<&Node> {
        self.nodes.iter().find(|node| &node.name == name)
    }

    /// The nodes of the cache, where this tool makes them.
    pub fn redis_nodes(&self) -> &[RedisNode] {
        self.redis.as_ref().map_or(&[], |redis| &redis.nodes)
    }

    /// The services that sign in to the cache, where this tool makes it.
    pub fn cache_users(&self) -> impl Iterator<Item = &Service> {
        self.services.values().filter(|service| self.cache_of(service).is_some())
    }

    /// The cache of a service, where it uses one.
    pub fn cache_of(&self, service: &Service) -> Option<&Redis> {
        self.redis.as_ref().filter(|_| !service.caches.is_empty())
    }

    /// The URLs that a client is given.
    pub fn client_urls(&self) -> Vec<String> {
        self.urls(self.ports.client)
    }

    /// The URLs that a leafnode is given.
    pub fn leafnode_urls(&self) -> Vec<String> {
        self.urls(self.ports.leafnode)
    }

    /// The cluster's own names where a load balancer stands before the nodes, their addresses elsewhere.
    fn urls(&self, port: u16) -> Vec<String> {
        let hosts: Vec<String> = match self.placement {
            Placement::Aws(_) => self.service_names.clone(),
            Placement::Local { .. } => {
                self.nodes.iter().map(|node| node.address.to_string()).collect()
            }
        };
        hosts.into_iter().map(|host| format!("tls://{host}:{port}")).collect()
    }
}

/// One nats-server with a fixed identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name, which outlives every machine that it runs on.
    pub name: NodeName,
    /// The zone that it fails with.
    pub zone: ZoneName,
    /// The tags by which streams are placed on it.
    pub tags: Vec<TagName>,
    /// Its address, which its peers and clients know.
    pub address: Ipv4Addr,
}

/// The ports of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Clients, with mTLS.
    pub client: u16,
    /// Routes between the nodes, with mTLS.
    pub cluster: u16,
    /// Leafnodes, with mTLS.
    pub leafnode: u16,
    /// Monitoring over HTTP, without authentication.
    pub monitor: u16,
}

/// What a node stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JetStream {
    /// The domain, so that leafnodes' own JetStream stays apart.
    pub domain: String,
    /// File storage that streams may reserve.
    pub max_file: ByteSize,
    /// Memory that memory streams may reserve.
    pub max_memory: ByteSize,
}

/// What a server grants its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// Client connections.
    pub max_connections: u32,
    /// The largest message.
    pub max_payload: ByteSize,
    /// What a slow client may leave unread.
    pub max_pending: ByteSize,
    /// How often a silent connection is asked whether it lives.
    pub ping_interval: Period,
    /// How long a write may block.
    pub write_deadline: Period,
}

/// How a server sheds its clients before it stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LameDuck {
    /// The whole of it.
    pub duration: Period,
    /// The wait before the first client is closed.
    pub grace: Period,
}

/// How long certificates live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The certificate authority.
    pub authority: Period,
    /// Node certificates.
    pub node: Period,
    /// Client certificates.
    pub client: Period,
}

impl Validity {
    /// A certificate with less than this left is replaced by the next apply: long enough for a month of holidays.
    pub const RENEW_BEFORE: Period = Period::days(30);
}

/// How old a key of each kind may become before it is due to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The operator's identity key.
    pub operator: Period,
    /// The operator's signing keys.
    pub operator_key: Period,
    /// The identity keys of accounts.
    pub account: Period,
    /// The scoped signing keys of services, leafnodes and natsops itself.
    pub signing_key: Period,
    /// The keys with which services and leafnodes sign in.
    pub user: Period,
    /// The certificate authority's key.
    pub authority: Period,
    /// The keys of node certificates.
    pub node: Period,
    /// The keys of client certificates.
    pub client: Period,
    /// The passwords of the cache.
    pub cache_user: Period,
}

/// Where the nodes run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// As processes of this machine.
    Local {
        /// The disk that each node may count on.
        volume: ByteSize,
    },
    /// As instances on AWS.
    Aws(Box<AwsSettings>),
}

/// What AWS provides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsSettings {
    /// The account, twelve digits.
    pub account: String,
    /// The region.
    pub region: String,
    /// The pinned machine image of every node.
    pub image: String,
    /// The instance type of every node.
    pub instance_type: String,
    /// The data volume of every node.
    pub volume: Volume,
    /// The existing network, by id or by its Name tag.
    pub vpc: String,
    /// The private subnets of the nodes, by id; empty where each zone has one.
    pub subnets: Vec<String>,
    /// The private DNS zone.
    pub dns_zone: String,
    /// Whether destroying is refused.
    pub protected: bool,
    /// Whether the load balancer is reachable from inside the network only.
    pub internal_load_balancer: bool,
    /// Networks that may read the monitoring port.
    pub monitoring_allow: Vec<String>,
}

/// A data volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The volume type, such as gp3.
    pub kind: String,
    /// Its size.
    pub size: ByteSize,
    /// Operations per second.
    pub iops: u32,
    /// Bytes per second.
    pub throughput: ByteRate,
    /// The alias of the customer-managed key that encrypts it.
    pub kms_key: String,
}
