//! What must exist: keys by name, and the documents that they sign.

use super::handover::Role;
use super::leafnode_claims::OWN_LEAFNODE_ROLE;
use super::passing::{role_signer, system_signer};
use super::sharing::{Activation, activations};
use crate::model::{
    AccountName, Cluster, LeafnodeName, NodeName, OWN_ACCOUNT, OWN_ROLE, SYSTEM_ACCOUNT,
    ServiceName,
};
use crate::secrets::{Document, Index, KeyName};

/// The first signing key signs; the others stand by, because adding one later means a rolling restart.
const OPERATOR_SIGNING_KEYS: u8 = 3;

/// A document that the model asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paper {
    /// The operator's claims.
    Operator,
    /// The system account's claims.
    System,
    /// The claims of natsops' own account.
    Own,
    /// An account's consent that another imports something of it.
    Activation(Activation),
    /// An account's claims.
    Account(AccountName),
    /// The claims of a service's user.
    User(ServiceName),
    /// The claims of a leafnode's user.
    LeafnodeUser(LeafnodeName),
    /// The certificate authority's own certificate.
    Authority,
    /// A node's certificate.
    Node(NodeName),
    /// A service's client certificate.
    Client(ServiceName),
    /// A leafnode's client certificate.
    LeafnodeClient(LeafnodeName),
    /// A cache node's certificate.
    RedisNode(NodeName),
}

impl Paper {
    /// Every document that the model asks for, signers before those whom they sign.
    pub fn all(cluster: &Cluster) -> Vec<Self> {
        let mut papers = vec![Self::Operator, Self::System, Self::Own];
        papers.extend(activations(cluster).map(Self::Activation));
        papers.extend(cluster.accounts.keys().cloned().map(Self::Account));
        papers.extend(cluster.services.keys().cloned().map(Self::User));
        papers.extend(cluster.leafnodes.keys().cloned().map(Self::LeafnodeUser));
        papers.push(Self::Authority);
        papers.extend(cluster.nodes.iter().map(|node| Self::Node(node.name.clone())));
        papers.extend(cluster.services.keys().cloned().map(Self::Client));
        papers.extend(cluster.leafnodes.keys().cloned().map(Self::LeafnodeClient));
        papers.extend(cluster.redis_nodes().iter().map(|node| Self::RedisNode(node.name.clone())));
        papers
    }

    /// The same, of one account alone: its claims and its users', and what others consent to.
    pub fn within(cluster: &Cluster, only: Option<&AccountName>) -> Vec<Self> {
        let mut papers = Self::all(cluster);
        papers.retain(|paper| only.is_none() || paper.account(cluster) == only);
        papers
    }

    /// The account whose matter it is, if it is that of one alone.
    fn account<'c>(&'c self, cluster: &'c Cluster) -> Option<&'c AccountName> {
        match self {
            Self::Activation(activation) => Some(&activation.user),
            Self::Account(account) => Some(account),
            Self::User(service) => Some(&cluster.services[service].account),
            Self::LeafnodeUser(leafnode) => Some(&cluster.leafnodes[leafnode].account),
            _ => None,
        }
    }

    /// The name under which it is kept.
    pub fn document(&self) -> Document {
        match self {
            Self::Operator => Document::operator(),
            Self::System => Document::account(SYSTEM_ACCOUNT),
            Self::Own => Document::account(OWN_ACCOUNT),
            Self::Activation(activation) => {
                let Activation { owner, user, subject, service: _ } = activation;
                Document::activation(owner, user, subject)
            }
            Self::Account(account) => Document::of_account(account),
            Self::User(service) => Document::user(service),
            Self::LeafnodeUser(leafnode) => Document::leafnode_user(leafnode),
            Self::Authority => Document::authority(),
            Self::Node(node) => Document::node(node),
            Self::Client(service) => Document::client(service),
            Self::LeafnodeClient(leafnode) => Document::leafnode_client(leafnode),
            Self::RedisNode(node) => Document::redis_node(node),
        }
    }

    /// The key that it is about.
    pub fn subject(&self) -> KeyName {
        match self {
            Self::Operator => KeyName::operator(),
            Self::System => KeyName::account(SYSTEM_ACCOUNT),
            Self::Own => KeyName::account(OWN_ACCOUNT),
            Self::Activation(activation) => KeyName::of_account(&activation.user),
            Self::Account(account) => KeyName::of_account(account),
            Self::User(service) => KeyName::user(service),
            Self::LeafnodeUser(leafnode) => KeyName::leafnode_user(leafnode),
            Self::Authority => KeyName::authority(),
            Self::Node(node) => KeyName::node(node),
            Self::Client(service) => KeyName::client(service),
            Self::LeafnodeClient(leafnode) => KeyName::leafnode_client(leafnode),
            Self::RedisNode(node) => KeyName::redis_node(node),
        }
    }

    /// The key that signs it.
    pub fn signer(&self, cluster: &Cluster, index: &Index) -> KeyName {
        match self {
            Self::Operator => KeyName::operator(),
            Self::System => system_signer(index),
            Self::Own | Self::Account(_) => KeyName::operator_signing(1),
            Self::Activation(activation) => KeyName::of_account(&activation.owner),
            Self::User(service) => {
                let account = cluster.services[service].account.as_str();
                role_signer(index, account, service.as_str())
            }
            Self::LeafnodeUser(name) => {
                let leafnode = &cluster.leafnodes[name];
                role_signer(index, leafnode.account.as_str(), &leafnode.role())
            }
            Self::Authority
            | Self::Node(_)
            | Self::Client(_)
            | Self::LeafnodeClient(_)
            | Self::RedisNode(_) => KeyName::authority(),
        }
    }
}

/// The operator's signing keys, the current one first.
pub fn operator_signing_keys() -> impl Iterator<Item = KeyName> + Clone {
    (1..=OPERATOR_SIGNING_KEYS).map(KeyName::operator_signing)
}

/// Every key that the claims of an account alone and its users need, or every one.
pub fn keys_within(cluster: &Cluster, only: Option<&AccountName>) -> Vec<KeyName> {
    let Some(account) = only else {
        return key_names(cluster);
    };
    let roles = Role::all(cluster, account).into_iter();
    let of_roles = roles.flat_map(|role| {
        let user = role.user.as_ref().map(|(user, _)| user.clone());
        std::iter::once(role.key()).chain(user)
    });
    std::iter::once(KeyName::of_account(account)).chain(of_roles).collect()
}

/// Every key that must exist.
pub fn key_names(cluster: &Cluster) -> Vec<KeyName> {
    let mut names = vec![KeyName::operator()];
    names.extend(operator_signing_keys());
    let accounts = [SYSTEM_ACCOUNT, OWN_ACCOUNT].into_iter();
    for account in accounts.chain(cluster.accounts.keys().map(AccountName::as_str)) {
        names.push(KeyName::account(account));
        names.push(KeyName::role(account, OWN_ROLE));
    }
    for service in cluster.services.values() {
        names.push(KeyName::role(service.account.as_str(), service.name.as_str()));
        names.push(KeyName::user(&service.name));
        names.push(KeyName::client(&service.name));
    }
    names.push(KeyName::role(OWN_ACCOUNT, OWN_LEAFNODE_ROLE));
    for leafnode in cluster.leafnodes.values() {
        names.push(KeyName::role(leafnode.account.as_str(), &leafnode.role()));
        names.push(KeyName::leafnode_user(&leafnode.name));
        names.push(KeyName::leafnode_client(&leafnode.name));
    }
    names.push(KeyName::authority());
    names.extend(cluster.nodes.iter().map(|node| KeyName::node(&node.name)));
    names.extend(redis_key_names(cluster));
    names
}

/// The keys of the cache: the services' passwords, and what its nodes need where they are ours.
fn redis_key_names(cluster: &Cluster) -> Vec<KeyName> {
    let nodes = cluster.redis_nodes();
    let mut names = Vec::new();
    if !nodes.is_empty() {
        names.extend([KeyName::redis_user(OWN_ROLE), KeyName::redis_replication()]);
    }
    names.extend(cluster.cache_users().map(|service| KeyName::redis_user(service.name.as_str())));
    names.extend(nodes.iter().map(|node| KeyName::redis_node(&node.name)));
    names
}

/// The public key of a name, or what stands for it until it is made.
pub fn public(index: &Index, name: &KeyName) -> String {
    index.public(name).unwrap_or(crate::plan::PENDING).to_owned()
}
