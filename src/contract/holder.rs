//! Who holds grants: the services of the catalog, and the leafnodes that an environment lets in.

use std::cmp::Ordering;
use std::fmt;

use serde::Serialize;

use crate::model::{AccountName, Cluster, Crossing, Leafnode, Permissions, Service, Subscription};

/// Somebody with creds of their own.
#[derive(Debug, Clone, Copy)]
pub enum Holder<'a> {
    /// A service of the catalog.
    Service(&'a Service),
    /// A leafnode, for the clients at its edge.
    Leafnode(&'a Leafnode),
}

/// Everybody in a cluster: services first.
pub fn holders(cluster: &Cluster) -> impl Iterator<Item = Holder<'_>> {
    let services = cluster.services.values().map(Holder::Service);
    services.chain(cluster.leafnodes.values().map(Holder::Leafnode))
}

impl<'a> Holder<'a> {
    /// Its name. A service and a leafnode never have the same.
    pub fn name(self) -> &'a str {
        match self {
            Self::Service(service) => service.name.as_str(),
            Self::Leafnode(leafnode) => leafnode.name.as_str(),
        }
    }

    /// The account that it lives in or reaches.
    pub fn account(self) -> &'a AccountName {
        match self {
            Self::Service(service) => &service.account,
            Self::Leafnode(leafnode) => &leafnode.account,
        }
    }

    /// What it is for, in a sentence.
    pub fn description(self) -> &'a str {
        match self {
            Self::Service(service) => &service.description,
            Self::Leafnode(leafnode) => &leafnode.description,
        }
    }

    /// The service, if it is one.
    pub fn service(self) -> Option<&'a Service> {
        match self {
            Self::Service(service) => Some(service),
            Self::Leafnode(_) => None,
        }
    }

    /// Whether it is a leafnode.
    pub fn is_leafnode(self) -> bool {
        self.service().is_none()
    }

    /// What a server lets through.
    pub fn permissions(self) -> Permissions {
        match self {
            Self::Service(service) => service.permissions(),
            Self::Leafnode(leafnode) => crossing(leafnode.crossing()),
        }
    }

    /// The prefix of the inboxes that belong to it alone.
    pub fn inbox_prefix(self) -> String {
        match self {
            Self::Service(service) => service.inbox_prefix(),
            Self::Leafnode(leafnode) => leafnode.inbox_prefix(),
        }
    }

    /// The dotted path of its entry in the files.
    pub fn path(self) -> String {
        let part = if self.is_leafnode() { "leafnodes" } else { "services" };
        format!("{part}.{}", self.name())
    }
}

/// A leafnode's messages pass in every queue group and in none.
fn crossing(crossing: Crossing) -> Permissions {
    let plain = |subject| Subscription { subject, queue: None };
    Permissions {
        publish: crossing.into,
        subscribe: crossing.out.into_iter().map(plain).collect(),
        replies: false,
    }
}

impl<'a> From<&'a Service> for Holder<'a> {
    fn from(service: &'a Service) -> Self {
        Self::Service(service)
    }
}

impl<'a> From<&'a Leafnode> for Holder<'a> {
    fn from(leafnode: &'a Leafnode) -> Self {
        Self::Leafnode(leafnode)
    }
}

/// A service's name, and a leafnode's role, which no service can be called.
impl fmt::Display for Holder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service) => service.name.fmt(f),
            Self::Leafnode(leafnode) => leafnode.role().fmt(f),
        }
    }
}

impl Serialize for Holder<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl PartialEq for Holder<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Holder<'_> {}

impl PartialOrd for Holder<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Holder<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.is_leafnode(), self.name()).cmp(&(other.is_leafnode(), other.name()))
    }
}
