//! One managed thing, flattened into comparable fields.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// The value of what only an apply can know, such as the public key of a key that does not exist yet.
pub const PENDING: &str = "(known after apply)";

/// What kinds of things are managed, in the order in which they come to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The S3 bucket of the environment: keys, bundles and the lease lie in it.
    S3Bucket,
    /// The KMS key that encrypts everything that is stored, with its alias.
    EncryptionKey,
    /// A security group.
    SecurityGroup,
    /// A rule of a security group.
    SecurityRule,
    /// The role of a node, with its policy and its instance profile.
    Role,
    /// The subnets of the cache.
    CacheSubnetGroup,
    /// A user of the cache.
    CacheUser,
    /// The users that the cache lets in.
    CacheUserGroup,
    /// The cache: its shards and their replicas.
    ReplicationGroup,
    /// The network interface of a node, with its fixed address.
    NetworkInterface,
    /// The data volume of a node.
    Volume,
    /// The nodes to which a listener passes connections.
    TargetGroup,
    /// The load balancer.
    LoadBalancer,
    /// A port of the load balancer.
    Listener,
    /// The machine of a node.
    Instance,
    /// A private DNS zone.
    Zone,
    /// A record of a DNS zone.
    DnsRecord,
    /// A piece of a service's credentials, where its tasks read it.
    Parameter,
    /// What a node's machine fetches at its start.
    BundleObject,
    /// A key in the secret store.
    Key,
    /// A certificate in the secret store.
    Certificate,
    /// A signed token in the secret store.
    Jwt,
    /// A node: its files and its process.
    Node,
    /// An account's claims on the servers.
    Claims,
    /// A stream.
    Stream,
    /// A key-value bucket.
    Bucket,
    /// A durable consumer of a stream.
    Consumer,
    /// A node of the cache: its files, its users and its process.
    RedisNode,
    /// The cache as a whole: who is whose replica, and who has which keys.
    RedisCluster,
}

impl Kind {
    /// The word for one of them.
    pub fn word(self) -> &'static str {
        match self {
            Self::S3Bucket => "S3 bucket",
            Self::EncryptionKey => "KMS key",
            Self::SecurityGroup => "security group",
            Self::SecurityRule => "rule",
            Self::Role => "role",
            Self::CacheSubnetGroup => "cache subnets",
            Self::CacheUser => "cache user",
            Self::CacheUserGroup => "cache user group",
            Self::ReplicationGroup => "replication group",
            Self::NetworkInterface => "interface",
            Self::Volume => "volume",
            Self::TargetGroup => "target group",
            Self::LoadBalancer => "load balancer",
            Self::Listener => "listener",
            Self::Instance => "instance",
            Self::Zone => "zone",
            Self::DnsRecord => "record",
            Self::Parameter => "parameter",
            Self::BundleObject => "bundle",
            Self::Key => "key",
            Self::Certificate => "certificate",
            Self::Jwt => "JWT",
            Self::Node => "node",
            Self::Claims => "claims",
            Self::Stream => "stream",
            Self::Bucket => "bucket",
            Self::Consumer => "consumer",
            Self::RedisNode => "redis node",
            Self::RedisCluster => "redis cluster",
        }
    }
}

/// Which thing a record is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub struct RecordId {
    /// The kind of thing.
    pub kind: Kind,
    /// Its name among its kind.
    pub name: String,
}

impl RecordId {
    /// The id of a thing.
    pub fn new(kind: Kind, name: impl fmt::Display) -> Self {
        Self { kind, name: name.to_string() }
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.word(), self.name)
    }
}

/// What a change of a field means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnChange {
    /// Nobody notices.
    InPlace,
    /// The server takes it while it runs.
    Reload,
    /// The server takes a larger number while it runs, and a smaller one only from its start.
    ReloadLarger,
    /// The connections of one service are closed, and come back by themselves.
    Reconnect(String),
    /// The node restarts, one at a time.
    Restart,
    /// It grows while it is in use; the reason says why it can't become smaller. The value begins with a number.
    Grow(&'static str),
    /// It can't be changed; the reason says why. Only a new thing in its place, without the old one's data, can have it.
    Forbidden(&'static str),
    /// An apply does not change it; the words name the command that does.
    ByCommand(String),
}

/// A field: its value, and what it means to change it. Secrets never stand here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The value.
    pub value: String,
    /// What a change means.
    pub on_change: OnChange,
    /// Whether it stands for other fields, as a digest does, and says nothing beside them.
    pub summary: bool,
}

/// One managed thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Which one.
    pub id: RecordId,
    /// Its fields.
    pub fields: BTreeMap<String, Field>,
    /// What must be there before it.
    pub needs: Vec<RecordId>,
    /// Whether a field that is not here is known not to be; otherwise it was just not looked at.
    pub complete: bool,
}

impl Record {
    /// A record without fields.
    pub fn new(id: RecordId) -> Self {
        Self { id, fields: BTreeMap::new(), needs: Vec::new(), complete: false }
    }

    /// Says that every field was looked at.
    #[must_use]
    pub fn complete(mut self) -> Self {
        self.complete = true;
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl fmt::Display, on_change: OnChange) -> Self {
        self.fields
            .insert(name.to_owned(), Field { value: value.to_string(), on_change, summary: false });
        self
    }

    /// Adds a field that stands for others.
    #[must_use]
    pub fn summary(mut self, name: &str, value: impl fmt::Display, on_change: OnChange) -> Self {
        self = self.field(name, value, on_change);
        if let Some(field) = self.fields.get_mut(name) {
            field.summary = true;
        }
        self
    }

    /// Adds what must be there before.
    #[must_use]
    pub fn needs(mut self, needs: impl IntoIterator<Item = RecordId>) -> Self {
        self.needs.extend(needs);
        self
    }
}
