//! What a leafnode server needs: its configuration, creds, certificate, key and authority.
//!
//! The one that a check starts is made of the same template as those that are handed out, so that it proves them.

use jiff::Timestamp;

use super::certificates::trusted;
use super::issue::short_lived_user_of;
use super::leafnode_claims::OWN_LEAFNODE_ROLE;
use super::{Bundle, BundleError, BundleFile, Content, IssueError, short_lived_client};
use crate::jwt::creds_file;
use crate::model::{Cluster, Leafnode, OWN_ACCOUNT};
use crate::render::{LeafnodeServer, Link, Papers, leafnode_config};
use crate::secrets::{Document, Entropy, Index, KeyName, Secret, SecretStore, Ticket};

/// Where the files of a leafnode server lie in its folder.
const PAPERS: Papers<'static> = Papers {
    credentials: "leafnode.creds",
    certificate: "tls/client.pem",
    key: "tls/client.key",
    authority: "tls/ca.pem",
};

/// The user of whoever is on the edge's machine.
const ANYBODY: &str = "local";

/// The folder of a leafnode server; `key` opens the keys.
pub fn leafnode_files<E: From<IssueError> + From<BundleError>>(
    cluster: &Cluster,
    leafnode: &Leafnode,
    index: &Index,
    key: impl Fn(&KeyName) -> Result<Secret<String>, E>,
) -> Result<Bundle, E> {
    let ticket = |document: Document, name: KeyName| -> Result<Ticket, E> {
        let missing = || IssueError::Missing(document.as_str().to_owned());
        let public = index.document(&document).ok_or_else(missing)?.to_owned();
        Ok(Ticket { public, secret: key(&name)? })
    };
    let name = &leafnode.name;
    let user = ticket(Document::leafnode_user(name), KeyName::leafnode_user(name))?;
    let client = ticket(Document::leafnode_client(name), KeyName::leafnode_client(name))?;
    let server = LeafnodeServer {
        environment: cluster.environment.as_str(),
        name: name.as_str(),
        listen: "127.0.0.1:4222",
        max_payload: cluster.limits.max_payload,
        ports_folder: None,
        log: None,
        anybody: Some(ANYBODY),
        links: vec![Link {
            account: leafnode.account.to_string(),
            user: ANYBODY.to_owned(),
            password: None,
            urls: cluster.leafnode_urls(),
        }],
        papers: PAPERS,
    };
    let config = leafnode_config(&server).map_err(BundleError::from)?;
    Ok(assemble(authority(index)?, &user, client, Content::Public(config)))
}

/// A leafnode server that proves the listeners of all nodes: a connection to each, and for each an account of its own.
pub struct ProbingEdge {
    /// Its folder.
    pub bundle: Bundle,
    /// Its connections, in the order of the nodes.
    pub links: Vec<ProbingLink>,
}

/// A connection of it, and what it takes to be a client at its edge.
pub struct ProbingLink {
    /// The node.
    pub node: String,
    /// The user.
    pub user: String,
    /// Their password, so that nobody else of the machine takes part.
    pub password: Secret<String>,
}

/// Puts the server together, with a user and a certificate for the length of a run.
pub fn probing_edge(
    cluster: &Cluster,
    index: &Index,
    store: &dyn SecretStore,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<ProbingEdge, ProbingError> {
    let user = short_lived_leafnode(index, store, entropy, now)?;
    let client = short_lived_client(index, store, entropy, now)?;
    let links: Vec<ProbingLink> = cluster
        .nodes
        .iter()
        .map(|node| ProbingLink {
            node: node.name.to_string(),
            user: node.name.to_string(),
            password: password(entropy),
        })
        .collect();
    let port = cluster.ports.leafnode;
    let server = LeafnodeServer {
        environment: cluster.environment.as_str(),
        name: "natsops-check",
        // Any free port; the server tells which.
        listen: "127.0.0.1:-1",
        max_payload: cluster.limits.max_payload,
        ports_folder: Some("."),
        log: Some("log/nats.log"),
        anybody: None,
        links: cluster
            .nodes
            .iter()
            .zip(&links)
            .map(|(node, link)| Link {
                account: node.name.to_string(),
                user: link.user.clone(),
                password: Some(link.password.clone()),
                urls: vec![format!("tls://{}:{port}", node.address)],
            })
            .collect(),
        papers: PAPERS,
    };
    let config = Content::Secret(Secret::new(leafnode_config(&server).map_err(BundleError::from)?));
    Ok(ProbingEdge { bundle: assemble(authority(index)?, &user, client, config), links })
}

/// Why there is no server to try the listeners with.
#[derive(Debug, thiserror::Error)]
pub enum ProbingError {
    /// A key or a signature.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The template.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

/// A user of the leafnode role in natsops' own account, for the length of a run. It is never stored.
pub fn short_lived_leafnode(
    index: &Index,
    store: &dyn SecretStore,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<Ticket, IssueError> {
    short_lived_user_of((OWN_ACCOUNT, OWN_LEAFNODE_ROLE), index, store, entropy, now)
}

/// A password that nobody guesses, in a form that every configuration can hold.
fn password(entropy: &dyn Entropy) -> Secret<String> {
    let bytes = entropy.bytes(&KeyName::role(OWN_ACCOUNT, OWN_LEAFNODE_ROLE));
    Secret::new(data_encoding::HEXLOWER.encode(bytes.as_ref()))
}

fn authority(index: &Index) -> Result<String, IssueError> {
    trusted(index).ok_or_else(|| IssueError::Missing("certificate authority".to_owned()))
}

fn assemble(authority: String, user: &Ticket, client: Ticket, config: Content) -> Bundle {
    let file = |path: &str, content: Content| BundleFile { path: path.to_owned(), content };
    let creds = creds_file(&user.public, &user.secret);
    Bundle {
        files: vec![
            file(PAPERS.authority, Content::Public(authority)),
            file(PAPERS.certificate, Content::Public(client.public)),
            file(PAPERS.key, Content::Secret(client.secret)),
            file(PAPERS.credentials, Content::Secret(creds)),
            // Last, because it names the others.
            file("nats.conf", config),
        ],
    }
}
