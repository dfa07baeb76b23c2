//! Looks at everything once, and plans.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::cache::{self, CacheWorld};
use super::gate::{NodeHealth, look};
use super::notices::{called, notices};
use super::session::Session;
use super::{OpsError, Site};
use crate::artifacts::{Newer, prepare_node, review};
use crate::model::{AccountName, Cluster, OWN_ACCOUNT, SYSTEM_ACCOUNT, exporters_first};
use crate::nats::{
    Connection, Held, PlacedStream, Stored, StreamError, Varz, claims_records, consumer_id,
    desired_consumer, found_consumers, found_streams, lookup,
};
use crate::plan::{
    Effect, Kind, NotObserved, Observed, OnChange, PENDING, Plan, Record, RecordId, plan, plan_with,
};
use crate::provider::{CONFIG_DIGEST, CONFIG_FILE, Provider, SETTING, VERSION, desired_node};
use crate::secrets::{Document, Index, KeyName};

/// How a restart that interrupts something is had all the same.
const INTERRUPTION: &str = "add --allow-interruption to have it all the same";

/// What was found, of every kind.
pub struct World {
    /// The nodes that exist.
    pub nodes: Vec<Record>,
    /// How each node of the model is, in the model's order.
    pub health: Vec<NodeHealth>,
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

/// Claims, streams with buckets, and consumers.
#[derive(Default)]
pub struct Contents {
    /// The claims of each account.
    pub claims: BTreeMap<String, Held>,
    /// The streams of each account, those of buckets included.
    pub streams: BTreeMap<AccountName, Vec<(Record, PlacedStream)>>,
    /// The durable consumers of the catalog's streams.
    pub consumers: Vec<Record>,
    /// Accounts whose streams could not be listed, and why.
    pub hidden: Option<String>,
}

impl World {
    /// The servers that answer.
    pub fn servers(&self) -> impl Iterator<Item = &Varz> {
        self.health.iter().filter_map(|node| node.varz.as_ref())
    }

    /// The streams of each account, as far as they could be looked at.
    pub fn streams(&self) -> impl Iterator<Item = (&AccountName, &PlacedStream)> {
        let contents = match &self.inside {
            Inside::Seen(contents) => Some(contents),
            Inside::Pristine | Inside::Hidden(_) => None,
        };
        contents.into_iter().flat_map(|contents| {
            contents.streams.iter().flat_map(|(account, streams)| {
                streams.iter().map(move |(_, stream)| (account, stream))
            })
        })
    }

    /// The claims of an account, as some server holds them.
    pub fn held(&self, account: &str) -> Option<&str> {
        let Inside::Seen(contents) = &self.inside else {
            return None;
        };
        contents.claims.get(account)?.tokens.first().map(String::as_str)
    }

    /// Since when claims must have been issued to be newer than what the servers hold beside those of the index.
    pub fn newer(&self, index: &Index) -> Newer {
        let Inside::Seen(contents) = &self.inside else {
            return Newer::new();
        };
        let newest = |(name, held): (&String, &Held)| {
            let own = index.document(&Document::account(name));
            Some((name.clone(), held.newest(own)?))
        };
        contents.claims.iter().filter_map(newest).collect()
    }
}

/// Looks at nodes, servers, claims and streams: once each, and at what is independent at the same time.
pub async fn observe<P: Provider>(site: &Site<'_, P>, index: &Index) -> Result<World, OpsError> {
    let health = look(site).await;
    let servers: Vec<&Varz> = health.iter().filter_map(|node| node.varz.as_ref()).collect();
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
    Ok(World { nodes, health, inside, cache: CacheWorld::default() })
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
    let mut all = review(site.cluster, index, site.now(), &world.newer(index));
    // What is still to be signed is not known yet, and neither is what follows from it.
    let signed: BTreeSet<&str> = all
        .changes()
        .filter_map(|action| match action.id.kind {
            Kind::Certificate | Kind::Jwt => Some(action.id.name.as_str()),
            _ => None,
        })
        .collect();
    let index = index.without(|document| signed.contains(document.name()));
    all.extend(plan_nodes(site, &index, world)?);
    all.extend(plan_inside(site, &index, world));
    all.extend(cache::plan(site, &index, &world.cache)?);
    all.notices = notices(site, world);
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
    let mut plan = plan(desired, observed);
    if !site.allowed.interruption {
        block_interruptions(site, world, &mut plan);
    }
    Ok(plan)
}

/// Blocks restarts that would stop something whatever the health of the rest: what lives on one node, or on two.
fn block_interruptions<P>(site: &Site<'_, P>, world: &World, plan: &mut Plan) {
    let restarts = plan.actions.iter_mut().filter(|a| a.effect == Effect::RollingRestart);
    for action in restarts {
        action.blocked = interruption(site, world, &action.id.name);
    }
}

/// What would stop while a node restarts, whatever the health of the rest, and how that is had all the same.
pub fn interruption<P>(site: &Site<'_, P>, world: &World, node: &str) -> Option<String> {
    let size = site.cluster.nodes.len();
    if size < 3 && size - 1 < size / 2 + 1 {
        return Some(format!("a cluster of {size} stops while a node restarts; {INTERRUPTION}"));
    }
    let (account, stream) = world.streams().find(|(_, stream)| stream.stops_without(node))?;
    let name = called(account, &stream.name);
    Some(format!("{name} stops meanwhile; {INTERRUPTION}"))
}

/// What JetStream keeps: one can't be seen without the others.
const KEPT: [Kind; 3] = [Kind::Stream, Kind::Bucket, Kind::Consumer];

/// Plans claims, streams, buckets and consumers.
pub fn plan_inside<P: Provider>(site: &Site<'_, P>, index: &Index, world: &World) -> Plan {
    // A server that is away keeps what it holds, and is brought up to date by the others when it is back.
    let answering = world.servers().count();
    let servers = if answering > 0 { answering } else { site.cluster.nodes.len() };
    let nothing = Contents::default();
    let mut observed = Observed::default();
    let contents = match &world.inside {
        Inside::Seen(contents) => contents,
        Inside::Pristine => &nothing,
        Inside::Hidden(reason) => {
            let unseen = [Kind::Claims].into_iter().chain(KEPT);
            observed.not_observed =
                unseen.map(|kind| NotObserved { kind, reason: reason.clone() }).collect();
            &nothing
        }
    };
    if let Some(reason) = &contents.hidden {
        let unseen = KEPT.map(|kind| NotObserved { kind, reason: reason.clone() });
        observed.not_observed.extend(unseen);
    }
    let mut desired = Vec::new();
    let all_nodes = || site.cluster.nodes.iter().map(|node| RecordId::new(Kind::Node, &node.name));
    let none = Held::default();
    let exporters = exporters_first(&site.cluster.passages);
    for name in account_names(site) {
        let wanted = index.document(&Document::account(name)).unwrap_or(PENDING);
        let held = contents.claims.get(name).unwrap_or(&none);
        let (record, found) = claims_records(name, wanted, held, servers);
        // One after the other: a server that takes the claims of two accounts at once may miss what passes between.
        let place = exporters.iter().position(|account| account.as_str() == name);
        let before = exporters[..place.unwrap_or(0)].iter();
        let before = before.map(|owner| RecordId::new(Kind::Claims, owner));
        desired.push(record.needs(all_nodes().chain(before)));
        observed.records.extend(found);
    }
    desired.extend(desired_stores(site.cluster));
    let streams = contents.streams.values().flatten();
    observed.records.extend(streams.map(|(record, _)| record.clone()));
    observed.records.extend(contents.consumers.iter().cloned());
    plan_with(desired, observed, &site.allowed.permits)
}

/// The records of streams, of buckets and of consumers that the catalog asks for.
fn desired_stores(cluster: &Cluster) -> Vec<Record> {
    let streams = cluster.streams.iter().map(Stored::Stream);
    let buckets = cluster.buckets.iter().map(Stored::Bucket);
    let mut records: Vec<Record> = streams.chain(buckets).map(Stored::desired).collect();
    for account in cluster.accounts.keys() {
        let consumers = cluster.consumers_of(account);
        records.extend(consumers.map(|(_, consumer)| desired_consumer(account, consumer)));
    }
    records
}

/// Every account, the servers' own and that of natsops first.
pub fn account_names<'a, P>(site: &'a Site<'_, P>) -> impl Iterator<Item = &'a str> {
    let own = [SYSTEM_ACCOUNT, OWN_ACCOUNT].into_iter();
    own.chain(site.cluster.accounts.keys().map(AccountName::as_str))
}

fn meta_leader(world: &World) -> Option<&str> {
    world.servers().find_map(Varz::meta_leader)
}

/// Puts what servers tell beside what their machines tell.
///
/// Where the server runs another configuration than its file says, the file's settings are not the running ones,
/// so only the digest is compared.
fn merge(nodes: Vec<Record>, servers: &[&Varz]) -> Vec<Record> {
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
        let found = match connection {
            Ok(connection) => Ok(look_at_account(site.cluster, &connection, name).await?),
            Err(error) => Err(error),
        };
        found.map(|found| (name.clone(), found))
    }));
    for answer in answers.await {
        match answer {
            Ok((name, (streams, consumers))) => {
                contents.streams.insert(name, streams);
                contents.consumers.extend(consumers);
            }
            Err(reason) => contents.hidden = Some(reason.to_string()),
        }
    }
    Ok(contents)
}

/// The streams of an account, and the durable consumers of those that the catalog has. A client that watches a bucket
/// makes a consumer that is not durable.
///
/// A stream that nobody could tell about has its consumers still: they must not look like ones to create.
async fn look_at_account(
    cluster: &Cluster,
    connection: &Connection,
    account: &AccountName,
) -> Result<(Vec<(Record, PlacedStream)>, Vec<Record>), StreamError> {
    let streams = found_streams(connection, account.as_str()).await?;
    let own = |name: &str| {
        cluster.streams_of(account).any(|stream| stream.name.as_str() == name)
            || cluster.buckets_of(account).any(|bucket| bucket.name.stream() == name)
    };
    let (mut consumers, mut asked) = (Vec::new(), Vec::new());
    for (_, placed) in streams.iter().filter(|(_, placed)| own(&placed.name)) {
        match placed.consumers {
            Some(0) => {}
            Some(_) => asked.push(found_consumers(connection, account, &placed.name)),
            None => consumers.extend(
                cluster
                    .consumers_of(account)
                    .filter(|(_, consumer)| consumer.stream.as_str() == placed.name)
                    .map(|(_, consumer)| {
                        Record::new(consumer_id(account, &placed.name, consumer.name.as_str()))
                    }),
            ),
        }
    }
    for found in join_all(asked).await {
        consumers.extend(found?);
    }
    Ok((streams, consumers))
}
