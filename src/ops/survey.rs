//! Looks at everything once, and plans.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::cache::{self, CacheWorld};
use super::session::Session;
use super::{OpsError, Site};
use crate::artifacts::{Newer, prepare_node, review};
use crate::model::{AccountName, SYSTEM_ACCOUNT};
use crate::nats::{
    Held, PlacedStream, Varz, claims_records, desired_streams, found_streams, lookup,
};
use crate::plan::{Kind, NotObserved, Observed, OnChange, PENDING, Plan, Record, RecordId, plan};
use crate::provider::{CONFIG_DIGEST, CONFIG_FILE, Provider, SETTING, VERSION, desired_node};
use crate::secrets::{Document, Index, KeyName};

/// What was found, of every kind.
pub struct World {
    /// The nodes that exist.
    pub nodes: Vec<Record>,
    /// The servers that answer.
    pub servers: Vec<Varz>,
    /// What runs on the cluster, or why it could not be looked at.
    pub inside: Inside,
    /// The cache, where it was looked at.
    pub cache: CacheWorld,
}

/// What runs on the cluster.
pub enum Inside {
    /// Nothing can, since no node has ever run.
    Pristine,
    /// It could not be looked at.
    Hidden(String),
    /// This.
    Seen(Contents),
}

/// Claims and streams.
#[derive(Default)]
pub struct Contents {
    /// The claims of each account.
    pub claims: BTreeMap<String, Held>,
    /// The streams of each account.
    pub streams: BTreeMap<AccountName, Vec<(Record, PlacedStream)>>,
    /// Accounts whose streams could not be listed, and why.
    pub hidden: Option<String>,
}

impl World {
    /// Claims that the servers hold in some version.
    pub fn newer(&self) -> Newer {
        let Inside::Seen(contents) = &self.inside else {
            return Newer::new();
        };
        let claims = contents.claims.iter();
        claims.filter_map(|(name, held)| Some((name.clone(), held.newest()?))).collect()
    }
}

/// Looks at nodes, servers, claims and streams: once each, and at what is independent at the same time.
pub async fn observe<P: Provider>(site: &Site<'_, P>, index: &Index) -> Result<World, OpsError> {
    let servers = servers(site).await;
    let nodes = merge(site.provider.observe().await?, &servers);
    let inside = if servers.is_empty() {
        if site.provider.is_pristine() {
            Inside::Pristine
        } else {
            Inside::Hidden(
                "no node answers; the next apply starts them and then compares".to_owned(),
            )
        }
    } else {
        match look_inside(site, index, servers.len()).await {
            Ok(contents) => Inside::Seen(contents),
            Err(reason) => Inside::Hidden(reason.to_string()),
        }
    };
    Ok(World { nodes, servers, inside, cache: CacheWorld::default() })
}

/// Looks at everything, the cache included.
pub async fn observe_all<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
) -> Result<World, OpsError> {
    let (world, cache) = tokio::join!(observe(site, index), cache::observe(site, index));
    Ok(World { cache: cache?, ..world? })
}

/// Plans everything: keys and papers, nodes, claims, streams.
pub fn plan_all<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    world: &World,
) -> Result<Plan, OpsError> {
    let mut all = review(site.cluster, index, site.now(), &world.newer());
    let nodes = plan_nodes(site, index, world)?;
    all.extend(nodes);
    let pending = |name: &str| {
        all.changes().any(|action| action.id == RecordId::new(Kind::Jwt, format!("account/{name}")))
    };
    let inside = plan_inside(site, index, world, &pending);
    all.extend(inside);
    all.extend(cache::plan(site, index, &world.cache)?);
    Ok(all)
}

/// Plans nodes.
pub fn plan_nodes<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    world: &World,
) -> Result<Plan, OpsError> {
    let mut nodes: Vec<_> = site.cluster.nodes.iter().collect();
    // The meta leader last: each earlier restart would otherwise cost an election.
    let leader = meta_leader(world);
    nodes.sort_by_key(|node| Some(node.name.as_str()) == leader);
    let desired = nodes
        .into_iter()
        .map(|node| Ok(desired_node(site.cluster, node, &prepare_node(site.cluster, node, index)?)))
        .collect::<Result<_, OpsError>>()?;
    let observed = Observed { records: world.nodes.clone(), not_observed: Vec::new() };
    Ok(plan(desired, observed))
}

/// Plans claims and streams. `pending` tells of an account whose token is still to be signed.
pub fn plan_inside<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    world: &World,
    pending: &dyn Fn(&str) -> bool,
) -> Plan {
    let servers = site.cluster.nodes.len();
    let nothing = Contents::default();
    let mut observed = Observed::default();
    let contents = match &world.inside {
        Inside::Seen(contents) => contents,
        Inside::Pristine => &nothing,
        Inside::Hidden(reason) => {
            observed.not_observed = [Kind::Claims, Kind::Stream]
                .map(|kind| NotObserved { kind, reason: reason.clone() })
                .into();
            &nothing
        }
    };
    if let Some(reason) = &contents.hidden {
        observed.not_observed.push(NotObserved { kind: Kind::Stream, reason: reason.clone() });
    }
    let mut desired = Vec::new();
    let all_nodes = || site.cluster.nodes.iter().map(|node| RecordId::new(Kind::Node, &node.name));
    let none = Held::default();
    for name in account_names(site) {
        let token = index.document(&Document::account(name));
        let wanted = token.filter(|_| !pending(name)).unwrap_or(PENDING);
        let held = contents.claims.get(name).unwrap_or(&none);
        let (record, found) = claims_records(name, wanted, held, servers);
        desired.push(record.needs(all_nodes()));
        observed.records.extend(found);
    }
    desired.extend(desired_streams(site.cluster.streams.iter()));
    let streams = contents.streams.values().flatten();
    observed.records.extend(streams.map(|(record, _)| record.clone()));
    plan(desired, observed)
}

/// Every account, the servers' own first.
pub fn account_names<'a, P>(site: &'a Site<'_, P>) -> impl Iterator<Item = &'a str> {
    std::iter::once(SYSTEM_ACCOUNT).chain(site.cluster.accounts.keys().map(AccountName::as_str))
}

fn meta_leader(world: &World) -> Option<&str> {
    world.servers.iter().find_map(Varz::meta_leader)
}

async fn servers<P: Provider>(site: &Site<'_, P>) -> Vec<Varz> {
    let asked = site.cluster.nodes.iter().map(|node| async {
        let monitor = site.monitor(node);
        // Another cluster's server on the same address is not one of ours.
        monitor.varz().await.ok().filter(|varz| varz.server_name == node.name.as_str())
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Puts what servers tell beside what their machines tell.
///
/// Where the server runs another configuration than its file says, the file's settings are not the running ones,
/// so only the digest is compared.
fn merge(nodes: Vec<Record>, servers: &[Varz]) -> Vec<Record> {
    nodes
        .into_iter()
        .map(|mut record| {
            let Some(server) = servers.iter().find(|s| s.server_name == record.id.name) else {
                record.complete = false;
                return record;
            };
            let file = record.fields.get(CONFIG_FILE).map(|field| field.value.as_str());
            if file != Some(&server.config_digest) {
                record.fields.retain(|name, _| !name.starts_with(SETTING));
                record.complete = false;
            }
            record.field(VERSION, &server.version, OnChange::Restart).field(
                CONFIG_DIGEST,
                &server.config_digest,
                OnChange::Restart,
            )
        })
        .collect()
}

async fn look_inside<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    servers: usize,
) -> Result<Contents, OpsError> {
    let mut session = Session::open(site, index, servers).await?;
    let control = &session.control;
    let asked = account_names(site).filter_map(|name| {
        let key = index.public(&KeyName::account(name))?;
        Some(async move { Ok((name.to_owned(), lookup(control, key).await?)) })
    });
    let mut contents = Contents {
        claims: join_all(asked).await.into_iter().collect::<Result<_, OpsError>>()?,
        ..Contents::default()
    };
    let mut asked = Vec::new();
    for (name, account) in &site.cluster.accounts {
        let known = contents.claims.get(name.as_str()).is_some_and(|held| !held.tokens.is_empty());
        if account.limits.jetstream.is_some() && known {
            asked.push((name, session.account(site, index, name).await));
        }
    }
    let answers = join_all(asked.into_iter().map(async |(name, connection)| {
        let streams = match connection {
            Ok(connection) => Ok(found_streams(&connection, name.as_str()).await?),
            Err(error) => Err(error),
        };
        streams.map(|streams| (name.clone(), streams))
    }));
    for answer in answers.await {
        match answer {
            Ok((name, streams)) => {
                contents.streams.insert(name, streams);
            }
            Err(reason) => contents.hidden = Some(reason.to_string()),
        }
    }
    Ok(contents)
}
