//! Finds what a command line names, or says what was probably meant.

use super::exit;
use super::failure::Failure;
use crate::artifacts::Role;
use crate::contract::Holder;
use crate::environment::nearest;
use crate::model::{Account, Client, Cluster, Node, OWN_ROLE, SYSTEM_ACCOUNT, Service, Stream};
use crate::ops::keys::{CacheUser, Signers};

/// The service of a name.
pub fn service<'a>(cluster: &'a Cluster, name: &str) -> Result<&'a Service, Failure> {
    let known = cluster.services.keys().map(|name| name.as_str());
    cluster.services.get(name).ok_or_else(|| unknown("service", name, known.collect()))
}

/// The stream of a name.
pub fn stream<'a>(cluster: &'a Cluster, name: &str) -> Result<&'a Stream, Failure> {
    let known = cluster.streams.iter().map(|stream| stream.name.as_str());
    let found = cluster.streams.iter().find(|stream| stream.name.as_str() == name);
    found.ok_or_else(|| unknown("stream", name, known.collect()))
}

/// The node of a name.
pub fn node<'a>(cluster: &'a Cluster, name: &str) -> Result<&'a Node, Failure> {
    let known = cluster.nodes.iter().map(|node| node.name.as_str());
    let found = cluster.nodes.iter().find(|node| node.name.as_str() == name);
    found.ok_or_else(|| unknown("node", name, known.collect()))
}

/// The node of a name, of the cluster or of the cache.
pub fn any_node<'a>(cluster: &'a Cluster, name: &str) -> Result<&'a str, Failure> {
    let nodes = cluster.nodes.iter().map(|node| node.name.as_str());
    let cache = cluster.redis_nodes().iter().map(|node| node.name.as_str());
    let known: Vec<&str> = nodes.chain(cache).collect();
    let found = known.iter().find(|known| **known == name);
    found.copied().ok_or_else(|| unknown("node", name, known))
}

/// The service or the leafnode of a name; a service, where both have it.
pub fn client<'a>(cluster: &'a Cluster, name: &str) -> Result<Client<'a>, Failure> {
    let service = cluster.services.get(name).map(Client::Service);
    let leafnode = || cluster.leafnodes.get(name).map(Client::Leafnode);
    service.or_else(leafnode).ok_or_else(|| {
        let services = cluster.services.keys().map(|name| name.as_str());
        let leafnodes = cluster.leafnodes.keys().map(|name| name.as_str());
        unknown("service or leafnode", name, services.chain(leafnodes).collect())
    })
}

/// The name of a holder of grants, who may be a leafnode called by its role.
pub fn plain(name: &str) -> &str {
    name.strip_prefix("leafnode/").unwrap_or(name)
}

/// The same as a holder of grants; a leafnode also by its role.
pub fn holder<'a>(cluster: &'a Cluster, name: &str) -> Result<Holder<'a>, Failure> {
    Ok(match client(cluster, plain(name))? {
        Client::Service(service) => service.into(),
        Client::Leafnode(leafnode) => leafnode.into(),
    })
}

/// The account of a name.
pub fn account<'a>(cluster: &'a Cluster, name: &str) -> Result<&'a Account, Failure> {
    let known = cluster.accounts.keys().map(|name| name.as_str());
    cluster.accounts.get(name).ok_or_else(|| unknown("account", name, known.collect()))
}

/// Who has signing keys: an account, that of the system included, a service, or a leafnode.
pub fn signers<'a>(cluster: &'a Cluster, name: &str) -> Result<Signers<'a>, Failure> {
    let accounts = cluster.accounts.values().find(|account| account.name.as_str() == name);
    let mut clients = Client::all(cluster).into_iter();
    let client = clients.find(|client| Role::of(*client).name == name).map(Signers::Client);
    let system = (name == SYSTEM_ACCOUNT).then_some(Signers::System);
    let found = accounts.map(Signers::Account).or(client).or(system);
    found.ok_or_else(|| {
        let accounts = cluster.accounts.keys().map(|account| account.to_string());
        let accounts = accounts.chain([SYSTEM_ACCOUNT.to_owned()]);
        let roles = Client::all(cluster).into_iter().map(|client| Role::of(client).name);
        let known: Vec<String> = accounts.chain(roles).collect();
        let known = known.iter().map(String::as_str).collect();
        unknown("account, service or leafnode", name, known)
    })
}

/// Who signs in to the cache: a service that uses it, natsops itself, or the replicas of a cache that is made here.
pub fn cache_user<'a>(cluster: &'a Cluster, name: &str) -> Result<CacheUser<'a>, Failure> {
    let own = !cluster.redis_nodes().is_empty();
    match name {
        OWN_ROLE if own => return Ok(CacheUser::Own),
        REPLICATION if own => return Ok(CacheUser::Replication),
        _ => {}
    }
    let service = service(cluster, name)?;
    match cluster.cache_of(service) {
        Some(_) => Ok(CacheUser::Service(service)),
        None => Err(Failure::new(exit::USAGE, format!("{name} does not use the cache"))),
    }
}

/// What the replicas are called on the command line.
pub const REPLICATION: &str = "replication";

fn unknown(kind: &str, name: &str, known: Vec<&str>) -> Failure {
    let near = nearest(name, known.iter().copied())
        .unwrap_or_else(|| format!("there are {}", some(&known)));
    Failure::new(exit::USAGE, format!("there is no {kind} `{name}`; {near}"))
}

/// A list that stays readable when it is long.
fn some(known: &[&str]) -> String {
    const ENOUGH: usize = 30;
    match known.len().checked_sub(ENOUGH).filter(|more| *more > 0) {
        Some(more) => format!("{} and {more} more", known[..ENOUGH].join(", ")),
        None => known.join(", "),
    }
}
