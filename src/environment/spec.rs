//! The spec types: the shape of the files, field by field. Their doc comments become the schema's descriptions.

mod rotation;
mod stores;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::{
    AccountName, BucketName, ByteRate, ByteSize, ClusterName, Compression, ConnectionKind, Discard,
    EnvironmentName, KeyPattern, LeafnodeName, NodeName, Period, QueueName, Retention, ServiceName,
    StreamName, Subject, SubjectPattern, TagName, ZoneName,
};
pub use rotation::RotationSpec;
pub use stores::{BucketSpec, ConsumerSpec};

/// An environment: one cluster and where it runs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentSpec {
    /// The name of the environment, which is also the name of its file.
    pub name: EnvironmentName,
    /// The folder of the catalog, beside this file.
    #[serde(default = "catalog_folder")]
    pub catalog: String,
    /// Where the nodes run.
    pub provider: ProviderSpec,
    /// The NATS cluster.
    pub nats: NatsSpec,
    /// The distributed cache.
    pub redis: Option<RedisSpec>,
    /// Names, lifetimes and readers of keys and certificates.
    #[serde(default)]
    pub identity: IdentitySpec,
    /// Servers at the edge that are let in, by name.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"format": "leafnode-name"}))]
    pub leafnodes: BTreeMap<LeafnodeName, LeafnodeSpec>,
    /// Findings in this file that are meant, each with its reason.
    #[serde(default)]
    pub accept: Vec<AcceptSpec>,
}

/// A finding that is meant.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptSpec {
    /// The lint.
    #[schemars(extend("format" = "lint"))]
    pub lint: String,
    /// Why it is meant, in a sentence.
    pub reason: String,
    /// What it is about: a path, a name in it, or the marked value. Without it, every finding of the lint is meant.
    pub at: Option<String>,
}

fn catalog_folder() -> String {
    "catalog".to_owned()
}

/// Where the nodes run: exactly one of these.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderSpec {
    /// Processes of this machine.
    Local(LocalSpec),
    /// Instances on AWS.
    Aws(Box<AwsSpec>),
}

/// Processes of this machine, each with a loopback address and a folder of its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalSpec {
    /// The disk that each node may count on.
    pub volume: ByteSize,
}

/// Instances on AWS.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsSpec {
    /// The account, twelve digits: credentials of another one are refused.
    pub account: String,
    /// The region, such as us-east-1.
    pub region: String,
    /// The pinned machine image of every node, such as ami-0123456789abcdef0: Amazon Linux 2023 for x86-64.
    pub image: String,
    /// The instance type of every node.
    pub instance_type: String,
    /// The existing network, by id or by its Name tag.
    pub vpc: String,
    /// The private subnets of the nodes, by id; needed only where a zone has several.
    #[serde(default)]
    pub subnets: Vec<String>,
    /// The private DNS zone that is made in the network; clients' names lie in it.
    pub dns_zone: String,
    /// Refuses to destroy the environment, here and by a mark on what is made.
    #[serde(default)]
    pub protected: bool,
    /// The data volume of every node.
    pub volume: VolumeSpec,
    /// The load balancer in front of the nodes.
    pub load_balancer: LoadBalancerSpec,
    /// Who may read the monitoring port.
    #[serde(default)]
    pub monitoring: MonitoringSpec,
}

/// A data volume.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VolumeSpec {
    /// The volume type.
    #[serde(rename = "type")]
    pub kind: VolumeKind,
    /// Its size.
    pub size: ByteSize,
    /// Operations per second.
    #[schemars(range(min = 3000, max = 80000))]
    pub iops: u32,
    /// Bytes per second.
    pub throughput: ByteRate,
    /// The alias of the customer-managed key that encrypts it.
    pub kms_key: String,
}

/// The volume types on offer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VolumeKind {
    /// General purpose SSD whose size, operations and throughput are set apart.
    Gp3,
}

/// The load balancer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadBalancerSpec {
    /// Reachable from inside the network only.
    pub internal: bool,
}

/// The monitoring port, which has no authentication of its own.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MonitoringSpec {
    /// Networks that may read it, as CIDR blocks.
    #[serde(default)]
    pub allow: Vec<String>,
}

/// The NATS cluster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NatsSpec {
    /// The name that the servers share.
    pub cluster: ClusterName,
    /// The nats-server version, such as 2.15.1.
    pub version: String,
    /// The nodes.
    pub nodes: Vec<NodeSpec>,
    /// The ports, the same on every node.
    #[serde(default)]
    pub ports: PortsSpec,
    /// What each node stores.
    pub jetstream: JetStreamSpec,
    /// What each server grants its clients.
    #[serde(default)]
    pub limits: LimitsSpec,
    /// How a server sheds its clients before it stops.
    #[serde(default)]
    pub lame_duck: LameDuckSpec,
}

/// One node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// Its name.
    pub name: NodeName,
    /// The zone that it fails with.
    pub zone: ZoneName,
    /// Its fixed private address on AWS, in the subnet of its zone.
    pub address: Option<String>,
    /// The tags by which streams and buckets are placed on it.
    #[serde(default)]
    pub tags: Vec<TagName>,
}

/// The ports of a node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PortsSpec {
    /// Clients, with mTLS.
    #[schemars(range(min = 1))]
    pub client: u16,
    /// Routes between the nodes.
    #[schemars(range(min = 1))]
    pub cluster: u16,
    /// Leafnodes, with mTLS.
    #[schemars(range(min = 1))]
    pub leafnode: u16,
    /// Monitoring over HTTP.
    #[schemars(range(min = 1))]
    pub monitor: u16,
}

impl Default for PortsSpec {
    fn default() -> Self {
        Self { client: 4222, cluster: 6222, leafnode: 7422, monitor: 8222 }
    }
}

/// What each node stores.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JetStreamSpec {
    /// File storage that streams may reserve on a node.
    pub max_file: ByteSize,
    /// Memory that memory streams may reserve on a node.
    pub max_memory: ByteSize,
    /// The size that no stream exceeds in this environment, whatever the catalog says.
    pub max_stream: Option<ByteSize>,
    /// The JetStream domain, which keeps leafnodes' own JetStream apart.
    #[serde(default = "hub")]
    pub domain: String,
}

fn hub() -> String {
    "hub".to_owned()
}

/// What each server grants its clients.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSpec {
    /// Client connections.
    #[schemars(range(min = 1))]
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

impl Default for LimitsSpec {
    fn default() -> Self {
        Self {
            max_connections: 65_536,
            max_payload: ByteSize::new(1 << 20),
            max_pending: ByteSize::new(64 << 20),
            // Below half of the load balancer's idle time-out of 350 s.
            ping_interval: Period::seconds(120),
            write_deadline: Period::seconds(10),
        }
    }
}

/// How a server sheds its clients before it stops.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LameDuckSpec {
    /// The whole of it, at least 30 seconds.
    pub duration: Period,
    /// The wait before the first client is closed.
    pub grace: Period,
}

impl Default for LameDuckSpec {
    fn default() -> Self {
        Self { duration: Period::seconds(120), grace: Period::seconds(10) }
    }
}

/// The distributed cache.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisSpec {
    /// The number of shards.
    #[schemars(range(min = 1, max = 90))]
    pub shards: u8,
    /// Replicas of each shard's primary.
    #[schemars(range(max = 5))]
    pub replicas_per_shard: u8,
    /// What each node may keep in memory.
    #[serde(default = "cache_memory")]
    pub max_memory: ByteSize,
    /// The ElastiCache node type, such as cache.r6g.large.
    pub node_type: Option<String>,
}

fn cache_memory() -> ByteSize {
    ByteSize::new(64 << 20)
}

/// Names, lifetimes and readers of keys and certificates.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IdentitySpec {
    /// Further DNS names under which clients reach the cluster.
    pub names: Vec<String>,
    /// Who may open the secrets besides the engineer at work, as age recipients.
    pub recipients: Vec<String>,
    /// How long certificates live.
    pub validity: ValiditySpec,
    /// How old keys may become.
    pub rotation: RotationSpec,
}

/// How long certificates live.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ValiditySpec {
    /// The certificate authority.
    pub authority: Period,
    /// Node certificates.
    pub node: Period,
    /// Client certificates.
    pub client: Period,
}

impl Default for ValiditySpec {
    fn default() -> Self {
        Self { authority: Period::days(3650), node: Period::days(397), client: Period::days(397) }
    }
}

/// A server at the edge that passes chosen subjects to and from one account.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeafnodeSpec {
    /// The account that it reaches.
    pub account: AccountName,
    /// What it is for, in a sentence.
    pub description: String,
    /// Requests that its clients send into the cluster.
    #[serde(default)]
    pub calls: Vec<Subject>,
    /// Events and audit records that its clients publish into the cluster.
    #[serde(default)]
    pub publishes: Vec<Subject>,
    /// Events that its clients receive from the cluster.
    #[serde(default)]
    pub subscribes: Vec<Subject>,
}

/// A part of the catalog: the messaging contract that all environments share.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogSpec {
    /// Accounts, by name.
    #[schemars(extend("propertyNames" = {"format": "account-name"}))]
    pub accounts: BTreeMap<AccountName, AccountSpec>,
    /// Services, by name.
    #[schemars(extend("propertyNames" = {"format": "service-name"}))]
    pub services: BTreeMap<ServiceName, ServiceSpec>,
    /// Streams, by name.
    #[schemars(extend("propertyNames" = {"format": "stream-name"}))]
    pub streams: BTreeMap<StreamName, StreamSpec>,
    /// Key-value buckets, by name.
    #[schemars(extend("propertyNames" = {"format": "bucket-name"}))]
    pub buckets: BTreeMap<BucketName, BucketSpec>,
    /// Findings in this file that are meant, each with its reason.
    pub accept: Vec<AcceptSpec>,
}

/// An account.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountSpec {
    /// What it is for, in a sentence.
    pub description: String,
    /// What all of its users together may use.
    pub limits: AccountLimitsSpec,
    /// Subjects of its services that it lets other accounts have.
    #[serde(default)]
    pub shares: Vec<ShareSpec>,
}

/// A subject that an account lets others have.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShareSpec {
    /// What a service of the account publishes (`evt`) or serves (`svc`).
    pub subject: Subject,
    /// The accounts whose services may subscribe or call it.
    pub with: Vec<AccountName>,
}

/// What an account may use.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountLimitsSpec {
    /// Client connections.
    #[schemars(range(min = 1))]
    pub connections: u32,
    /// Subscriptions per connection.
    #[schemars(range(min = 1))]
    pub subscriptions: u32,
    /// The largest message.
    pub payload: ByteSize,
    /// Storage; an account without it has no JetStream.
    pub jetstream: Option<JetStreamLimitsSpec>,
}

/// What an account may store, counted once and not per replica.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JetStreamLimitsSpec {
    /// File storage.
    pub disk: ByteSize,
    /// Number of streams.
    #[schemars(range(min = 1))]
    pub streams: u32,
    /// Number of consumers.
    #[schemars(range(min = 1))]
    pub consumers: u32,
}

/// A service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    /// The account that it lives in.
    pub account: AccountName,
    /// What it does, in a sentence.
    pub description: String,
    /// Requests that it answers.
    #[serde(default)]
    pub serves: Vec<ServeSpec>,
    /// Requests that it sends.
    #[serde(default)]
    pub calls: Vec<Subject>,
    /// Events and audit records that it publishes.
    #[serde(default)]
    pub publishes: Vec<Subject>,
    /// Events that it receives.
    #[serde(default)]
    pub subscribes: Vec<SubscribeSpec>,
    /// Durable consumers that it pulls from, and that nobody else pulls from.
    #[serde(default)]
    pub consumes: Vec<ConsumerSpec>,
    /// Key-value buckets that it reads and watches.
    #[serde(default)]
    pub reads: Vec<BucketName>,
    /// Key-value buckets that it writes.
    #[serde(default)]
    pub writes: Vec<BucketName>,
    /// Keys of the cache that it reads and writes.
    #[serde(default)]
    pub caches: Vec<KeyPattern>,
    /// What one connection of it may use.
    #[serde(default)]
    pub limits: ServiceLimitsSpec,
    /// The networks that its connections may come from, as CIDR blocks; without any, from everywhere.
    #[serde(default)]
    pub networks: Vec<String>,
    /// The kinds of connections that it may make.
    #[serde(default = "standard")]
    pub connections: Vec<ConnectionKind>,
}

fn standard() -> Vec<ConnectionKind> {
    vec![ConnectionKind::Standard]
}

/// A request that a service answers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServeSpec {
    /// The subject of the request.
    pub subject: Subject,
    /// The queue group that shares the work.
    pub queue: QueueName,
}

/// An event that a service receives.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscribeSpec {
    /// The subject of the event.
    pub subject: Subject,
    /// The queue group that shares the work; without it every instance receives each event.
    pub queue: Option<QueueName>,
}

/// What one connection of a service may use.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceLimitsSpec {
    /// Subscriptions.
    #[schemars(range(min = 1))]
    pub subscriptions: Option<u32>,
    /// The largest message.
    pub payload: Option<ByteSize>,
}

/// A stream.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamSpec {
    /// The account that owns it.
    pub account: AccountName,
    /// What it keeps, in a sentence.
    pub description: String,
    /// The subjects that it stores.
    pub subjects: Vec<SubjectPattern>,
    /// When a message may go.
    #[serde(default = "limits")]
    pub retention: Retention,
    /// What gives way when the stream is full.
    #[serde(default = "old")]
    pub discard: Discard,
    /// The age at which a message goes.
    pub max_age: Option<Period>,
    /// The size at which the stream is full.
    pub max_bytes: ByteSize,
    /// The number of messages at which the stream is full.
    #[schemars(range(min = 1))]
    pub max_messages: Option<u32>,
    /// The number of messages of one subject at which that subject is full.
    #[schemars(range(min = 1))]
    pub max_messages_per_subject: Option<u32>,
    /// Refuse new messages of a full subject, as a full stream does with `discard: new`.
    #[serde(default)]
    pub discard_per_subject: bool,
    /// The largest message that it takes.
    pub max_message_size: Option<ByteSize>,
    /// The number of copies, each in a zone of its own.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 5))]
    pub replicas: u8,
    /// How long a message id is remembered.
    #[serde(default = "two_minutes")]
    pub duplicate_window: Period,
    /// How the blocks on disk are compressed.
    #[serde(default = "s2")]
    pub compression: Compression,
    /// The tags that a node must have to hold a copy.
    #[serde(default)]
    pub placement: Vec<TagName>,
    /// Refuse to delete single messages.
    #[serde(default)]
    pub deny_delete: bool,
    /// Refuse to purge.
    #[serde(default)]
    pub deny_purge: bool,
}

fn limits() -> Retention {
    Retention::Limits
}

fn old() -> Discard {
    Discard::Old
}

fn three() -> u8 {
    3
}

fn two_minutes() -> Period {
    Period::seconds(120)
}

fn s2() -> Compression {
    Compression::S2
}
