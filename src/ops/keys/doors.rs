//! The doors of all nodes: which certificate stands in each, and whom each lets in.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::join_all;
use rustls::ClientConfig;

use crate::artifacts::{short_lived_client_of, short_lived_leafnode, trusted};
use crate::model::{Cluster, OWN_ROLE, Redis, SYSTEM_ACCOUNT};
use crate::nats::{Greeting, Probe, ProbeError, Tls, enter_route, presented};
use crate::ops::{OpsError, Site};
use crate::pki::client_config;
use crate::provider::Provider;
use crate::redis::{Pass, RedisFailure, enter};
use crate::secrets::{Index, KeyName, Secret, Ticket};

/// What a door is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Clients.
    Clients,
    /// Leafnodes.
    Leafnodes,
    /// The other nodes.
    Routes,
    /// Clients of the cache, and its other nodes.
    Cache,
}

/// A port of a node that encrypts.
#[derive(Debug, Clone)]
pub(super) struct Door {
    /// The key of the node's certificate.
    pub key: KeyName,
    /// What it is for.
    pub purpose: Purpose,
    node: String,
    address: SocketAddr,
}

/// Every door, those of the cache included.
pub(super) fn doors(cluster: &Cluster) -> Vec<Door> {
    let ports = &cluster.ports;
    let purposes = [
        (Purpose::Clients, ports.client),
        (Purpose::Leafnodes, ports.leafnode),
        (Purpose::Routes, ports.cluster),
    ];
    let nodes = cluster.nodes.iter().flat_map(|node| {
        purposes.map(|(purpose, port)| Door {
            key: KeyName::node(&node.name),
            node: node.name.to_string(),
            purpose,
            address: SocketAddr::from((node.address, port)),
        })
    });
    let cache = cluster.redis_nodes().iter().map(|node| Door {
        key: KeyName::redis_node(&node.name),
        node: node.name.to_string(),
        purpose: Purpose::Cache,
        address: SocketAddr::from((node.address, Redis::PORT)),
    });
    nodes.chain(cache).collect()
}

/// Somebody who may come in at every door, if the certificate is trusted there.
pub(super) struct Visitor {
    tls: Arc<ClientConfig>,
    /// How it signs in as a client.
    pub user: Ticket,
    leafnode: Ticket,
    cache: Option<Secret<String>>,
}

/// What became of a visitor at a door.
enum Answer {
    LetIn,
    Refused(String),
    Untried(String),
}

impl Visitor {
    /// natsops itself, with a certificate that an authority signs for it.
    pub fn with_certificate_of<P: Provider>(
        site: &Site<'_, P>,
        index: &Index,
        authority: &KeyName,
    ) -> Result<Self, OpsError> {
        let (store, entropy, now) = (site.store, site.entropy, site.now());
        let certificate = short_lived_client_of(authority, index, store, entropy, now)?;
        Self::with_certificate(site, index, &certificate)
    }

    /// natsops itself, with somebody's certificate.
    pub fn with_certificate<P: Provider>(
        site: &Site<'_, P>,
        index: &Index,
        certificate: &Ticket,
    ) -> Result<Self, OpsError> {
        let (store, entropy, now) = (site.store, site.entropy, site.now());
        let trusted = trusted(index).unwrap_or_default();
        let config = client_config(&trusted, Some((&certificate.public, &certificate.secret)))?;
        let cache = match site.cluster.redis_nodes() {
            [] => None,
            _ => Some(store.open(&KeyName::redis_user(OWN_ROLE))?),
        };
        Ok(Self {
            tls: Arc::new(config),
            user: site.own_user(SYSTEM_ACCOUNT, index)?,
            leafnode: short_lived_leafnode(index, store, entropy, now)?,
            cache,
        })
    }
}

impl Door {
    fn greeting(&self) -> Greeting {
        match self.purpose {
            Purpose::Clients | Purpose::Leafnodes => Greeting::Server,
            Purpose::Routes | Purpose::Cache => Greeting::None,
        }
    }

    /// Such as `nats-1, for leafnodes`.
    fn words(&self) -> String {
        let whom = match self.purpose {
            Purpose::Clients | Purpose::Cache => return self.node.clone(),
            Purpose::Leafnodes => "leafnodes",
            Purpose::Routes => "routes",
        };
        format!("{}, for {whom},", self.node)
    }

    async fn knock(&self, visitor: &Visitor) -> Answer {
        let Visitor { tls, user, leafnode, cache } = visitor;
        if self.purpose == Purpose::Cache {
            let user = cache.clone().map(|password| (OWN_ROLE.to_owned(), password));
            let pass = Pass { tls: Some(Arc::clone(tls)), user };
            return match enter(self.address, &pass).await {
                Ok(_) => Answer::LetIn,
                Err(RedisFailure::Silent(_, reason)) => Answer::Untried(reason),
                Err(refused) => Answer::Refused(refused.to_string()),
            };
        }
        let outcome = async {
            let encrypted = Tls::With(Arc::clone(tls));
            match self.purpose {
                Purpose::Routes => enter_route(self.address, tls).await,
                Purpose::Leafnodes => {
                    let mut probe = Probe::open(self.address, &encrypted).await?;
                    probe.sign_in_as_leafnode(Some(leafnode)).await
                }
                Purpose::Clients | Purpose::Cache => {
                    Probe::open(self.address, &encrypted).await?.sign_in(Some(user)).await
                }
            }
        };
        match outcome.await {
            Ok(()) | Err(ProbeError::Full(_)) => Answer::LetIn,
            Err(ProbeError::Refused(reason) | ProbeError::Closed(reason)) => {
                Answer::Refused(reason)
            }
            Err(untried @ (ProbeError::Silent(..) | ProbeError::Busy(_) | ProbeError::Late)) => {
                Answer::Untried(untried.to_string())
            }
        }
    }
}

/// Proves that every door presents the certificate of a fingerprint; `wanted` tells which, for a node's key.
pub(super) async fn present(
    doors: &[Door],
    tls: &Arc<ClientConfig>,
    wanted: impl Fn(&KeyName) -> Option<String>,
) -> Result<(), OpsError> {
    let asked = doors.iter().map(async |door| {
        let found = presented(door.address, door.greeting(), tls).await;
        (door, found.map_err(|error| error.to_string()))
    });
    for (door, found) in join_all(asked).await {
        let node = door.words();
        let unproven = |what: String| Err(OpsError::Unproven(format!("{node} {what}")));
        match (found, wanted(&door.key)) {
            (Ok(found), Some(wanted)) if found == wanted => {}
            (Ok(found), _) => return unproven(format!("presents another certificate: {found}")),
            (Err(reason), _) => return unproven(format!("can't be tried: {reason}")),
        }
    }
    Ok(())
}

/// Proves that every door lets a visitor in.
pub(super) async fn admit(doors: &[Door], visitor: &Visitor, who: &str) -> Result<(), OpsError> {
    for (door, answer) in knocks(doors, visitor).await {
        let node = door.words();
        match answer {
            Answer::LetIn => {}
            Answer::Refused(reason) => {
                let what = format!("{node} does not let {who} in: {reason}");
                return Err(OpsError::Unproven(what));
            }
            Answer::Untried(reason) => return Err(untried(&node, &reason)),
        }
    }
    Ok(())
}

/// Proves that every door refuses a visitor.
pub(super) async fn refuse(doors: &[Door], visitor: &Visitor, who: &str) -> Result<(), OpsError> {
    for (door, answer) in knocks(doors, visitor).await {
        let node = door.words();
        match answer {
            Answer::Refused(_) => {}
            Answer::LetIn => return Err(OpsError::Unproven(format!("{node} still lets {who} in"))),
            Answer::Untried(reason) => return Err(untried(&node, &reason)),
        }
    }
    Ok(())
}

fn untried(node: &str, reason: &str) -> OpsError {
    OpsError::Unproven(format!("{node} can't be tried: {reason}"))
}

async fn knocks<'d>(doors: &'d [Door], visitor: &Visitor) -> Vec<(&'d Door, Answer)> {
    join_all(doors.iter().map(async |door| (door, door.knock(visitor).await))).await
}
