//! The folder of a node of the cache: its configuration, its users, its certificate and its key.

use super::certificates::{trusted, trusted_file};
use super::{Bundle, BundleError, BundleFile, Content};
use crate::model::{Cluster, OWN_ROLE, Redis, RedisNode};
use crate::pki::Certificate;
use crate::plan::PENDING;
pub use crate::render::REPLICATION_USER;
use crate::render::{RedisIdentity, RedisSettings, RedisUser, RedisUsers, redis_config};
use crate::secrets::{Beside, Document, Index, KeyName, Secret};

/// Everything about the folder of a node of the cache that is no secret.
#[derive(Debug, Clone)]
pub struct PreparedRedis {
    /// The configuration.
    pub config: String,
    /// The same, directive by directive.
    pub settings: RedisSettings,
    /// Who may sign in.
    pub users: RedisUsers,
    /// The same, as the file that the server reads.
    pub users_file: String,
    /// SHA-256 of the password of replication, in hex.
    pub replication: String,
    /// Whether it stands on keys or papers that do not exist yet.
    pub pending: bool,
    identity: RedisIdentity,
}

/// The secrets that go into the folder of a node of the cache.
pub struct RedisSecrets {
    /// The private key of the node's certificate.
    pub key: Secret<String>,
    /// The password of replication.
    pub replication: Secret<String>,
}

/// Renders a node's configuration and users. What does not exist yet is shown as pending.
pub fn prepare_redis(
    cluster: &Cluster,
    redis: &Redis,
    node: &RedisNode,
    index: &Index,
) -> Result<PreparedRedis, BundleError> {
    let public = |name: KeyName| index.public(&name).unwrap_or(PENDING).to_owned();
    let certificate = |document: Document| {
        let pem = index.document(&document).and_then(|pem| Certificate::read(pem).ok());
        pem.map_or(PENDING.to_owned(), |c| short(&c.fingerprint))
    };
    let own = certificate(Document::redis_node(&node.name));
    let replication = public(KeyName::redis_replication());
    let identity = RedisIdentity {
        certificate: format!("tls/node-{own}.pem"),
        key: format!("tls/node-{own}.key"),
        authority: trusted_file(index),
        acl: "users.acl".to_owned(),
        replication_secret: format!("tls/replication-{}.conf", short(&replication)),
    };
    let old = |name: KeyName| index.public(&name.beside(Beside::Retiring)).map(str::to_owned);
    let own = KeyName::redis_user(OWN_ROLE);
    let mut users = vec![
        RedisUser::own(public(own.clone())).and(old(own)),
        RedisUser::replication(replication.clone()).and(old(KeyName::redis_replication())),
    ];
    users.extend(cluster.cache_users().map(|service| {
        let name = KeyName::redis_user(service.name.as_str());
        RedisUser::service(service, public(name.clone())).and(old(name))
    }));
    let users = RedisUsers::new(users);
    let config = redis_config(&cluster.environment, redis, node, &identity)?;
    let unknown = |user: &RedisUser| user.passwords.iter().any(|password| password == PENDING);
    let pending = config.contains(PENDING) || users.iter().any(unknown);
    Ok(PreparedRedis {
        settings: RedisSettings::parse(&config),
        config,
        users_file: users.file()?,
        users,
        replication,
        pending,
        identity,
    })
}

/// Puts the folder together.
pub fn redis_bundle(
    prepared: &PreparedRedis,
    node: &RedisNode,
    index: &Index,
    secrets: RedisSecrets,
) -> Bundle {
    let file = |path: &str, content: Content| BundleFile { path: path.to_owned(), content };
    let public = |path: &str, text: &str| file(path, Content::Public(text.to_owned()));
    let document = |document: Document| index.document(&document).unwrap_or_default();
    let identity = &prepared.identity;
    let replication = Secret::new(format!("masterauth {}\n", secrets.replication.expose()));
    Bundle {
        files: vec![
            public(&identity.authority, &trusted(index).unwrap_or_default()),
            public(&identity.certificate, document(Document::redis_node(&node.name))),
            file(&identity.key, Content::Secret(secrets.key)),
            file(&identity.replication_secret, Content::Secret(replication)),
            public(&identity.acl, &prepared.users_file),
            // Last, because it names the others.
            public("redis.conf", &prepared.config),
        ],
    }
}

/// As much of a fingerprint as a file name needs.
fn short(fingerprint: &str) -> String {
    if fingerprint == PENDING {
        return PENDING.to_owned();
    }
    fingerprint.chars().take(12).collect()
}
