//! A node's folder: its configuration, certificate, key and trusted authorities.
//!
//! Files that can change carry a fingerprint in their names. So the configuration names exactly what it was made with,
//! its digest proves all of it, and writing a new folder never disturbs a server that still uses the old one.

use jiff::Timestamp;

use super::certificates::{trusted, trusted_file};
use crate::model::{Cluster, Node, SYSTEM_ACCOUNT};
use crate::pki::Certificate;
use crate::plan::PENDING;
use crate::render::{ConfigError, ConfigTree, RenderError, ServerIdentity, server_config};
use crate::secrets::{Document, Index, KeyName, Secret};

/// Everything about a node's folder that is no secret.
#[derive(Debug, Clone)]
pub struct PreparedNode {
    /// The configuration.
    pub config: String,
    /// The same, as the server will understand it.
    pub tree: ConfigTree,
    /// Whether it stands on keys or papers that do not exist yet.
    pub pending: bool,
    /// When the node's certificate ends; none where there is none yet.
    pub certificate_ends: Option<Timestamp>,
    identity: ServerIdentity,
}

/// A node's folder.
pub struct Bundle {
    /// Its files.
    pub files: Vec<BundleFile>,
}

/// A file of a node's folder.
pub struct BundleFile {
    /// The path inside the folder.
    pub path: String,
    /// What it holds.
    pub content: Content,
}

/// What a file holds.
pub enum Content {
    /// Something that anybody may read.
    Public(String),
    /// Something for its owner only.
    Secret(Secret<String>),
}

/// Why a folder can't be put together, which is a bug of ours.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The template.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// What it produced.
    #[error("the rendered nats.conf can't be read back: {0}")]
    Config(#[from] ConfigError),
    /// The archive of them.
    #[error("the archive can't be written: {0}")]
    Archive(#[from] std::io::Error),
}

/// Renders a node's configuration. What does not exist yet is shown as pending.
pub fn prepare_node(
    cluster: &Cluster,
    node: &Node,
    index: &Index,
) -> Result<PreparedNode, BundleError> {
    let text = |document: Document| index.document(&document).unwrap_or(PENDING);
    let certificate = |document: Document| Certificate::read(index.document(&document)?).ok();
    let fingerprint = |certificate: &Option<Certificate>| {
        certificate.as_ref().map_or(PENDING.to_owned(), |c| c.fingerprint[..12].to_owned())
    };
    let own_certificate = certificate(Document::node(&node.name));
    let own = fingerprint(&own_certificate);
    let identity = ServerIdentity {
        operator: text(Document::operator()).to_owned(),
        system_account: index
            .public(&KeyName::account(SYSTEM_ACCOUNT))
            .unwrap_or("PENDING")
            .to_owned(),
        system_jwt: text(Document::account(SYSTEM_ACCOUNT)).to_owned(),
        certificate: format!("tls/node-{own}.pem"),
        key: format!("tls/node-{own}.key"),
        authority: trusted_file(index),
    };
    let config = server_config(cluster, node, &identity)?;
    Ok(PreparedNode {
        tree: ConfigTree::parse(&config)?,
        pending: config.contains(PENDING),
        certificate_ends: own_certificate.map(|certificate| certificate.not_after),
        config,
        identity,
    })
}

/// Puts the folder together; `key` is the private key of the node's certificate.
pub fn bundle(prepared: &PreparedNode, node: &Node, index: &Index, key: Secret<String>) -> Bundle {
    let public = |path: &str, text: &str| BundleFile {
        path: path.to_owned(),
        content: Content::Public(text.to_owned()),
    };
    let document = |document: Document| index.document(&document).unwrap_or_default();
    let identity = &prepared.identity;
    Bundle {
        files: vec![
            public(&identity.authority, &trusted(index).unwrap_or_default()),
            public(&identity.certificate, document(Document::node(&node.name))),
            BundleFile { path: identity.key.clone(), content: Content::Secret(key) },
            // Last, because it names the others.
            public("nats.conf", &prepared.config),
        ],
    }
}
