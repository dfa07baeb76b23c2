//! `apply`: from what is to what is meant.
//!
//! 1. Keys are made and papers signed, in one commit.
//! 2. Nodes start, all at once where nothing runs yet; then those that must restart do, one at a time,
//!    each between two health gates.
//! 3. Claims are pushed to every server.
//! 4. Streams are made and changed.
//! 5. The cache is made and changed.
//! 6. The checks prove it.
//!
//! Each step plans again from what it finds, so that an interrupted apply is continued by the next.

use std::time::{Duration, Instant};

use super::cache;
use super::checks::{self, Report};
use super::execute::{StopSign, execute};
use super::gate::wait_healthy;
use super::session::Session;
use super::survey::{World, observe, plan_inside, plan_nodes};
use super::{Event, OpsError, Site};
use crate::artifacts::issue;
use crate::model::{AccountName, StreamName};
use crate::nats::{ClaimsError, StreamError, push, put_stream};
use crate::plan::{Action, ActionKind, Effect, Kind, Plan};
use crate::provider::Provider;
use crate::secrets::{Document, Index};

/// How long claims or streams may stay hidden on a healthy cluster: an election, and some.
const UNSEEN: Duration = Duration::from_secs(20);

/// How often is looked again.
const PAUSE: Duration = Duration::from_millis(50);

/// Applies the environment; `world` is what the plan was made from.
pub async fn apply<P: Provider>(
    site: &Site<'_, P>,
    index: Index,
    world: World,
    stop: &StopSign,
) -> Result<Report, OpsError> {
    let index = phase(site, "identity", async || identity(site, &index, &world)).await?;
    phase(site, "nodes", async || nodes(site, &index, &world, stop).await).await?;
    phase(site, "claims", async || inside(site, &index, Kind::Claims, stop).await).await?;
    phase(site, "streams", async || streams(site, &index, stop).await).await?;
    if !site.cluster.redis_nodes().is_empty() {
        phase(site, "cache", async || cache::apply(site, &index, stop).await).await?;
    }
    phase(site, "checks", async || checks::run(site, &index, stop).await).await
}

async fn phase<P, T>(
    site: &Site<'_, P>,
    name: &str,
    work: impl AsyncFnOnce() -> Result<T, OpsError>,
) -> Result<T, OpsError> {
    let begin = Instant::now();
    site.reporter.event(&Event::Phase(name));
    let outcome = work().await?;
    site.reporter.event(&Event::PhaseDone(name, begin.elapsed()));
    Ok(outcome)
}

fn identity<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    world: &World,
) -> Result<Index, OpsError> {
    let newer = world.newer();
    let change = issue(site.cluster, index, site.store, site.entropy, site.now(), &newer)?;
    if change.is_empty() {
        return Ok(index.clone());
    }
    Ok(site.store.commit(index.generation, change)?)
}

async fn nodes<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    world: &World,
    stop: &StopSign,
) -> Result<(), OpsError> {
    let plan = plan_nodes(site, index, world)?;
    let (restarts, rest): (Vec<&Action>, Vec<&Action>) =
        plan.changes().partition(|action| action.effect == Effect::RollingRestart);
    execute(&rest, site.reporter, stop, async |action| site.provider.perform(action).await).await?;
    wait_healthy(site, stop).await?;
    execute(&restarts, site.reporter, stop, async |action| -> Result<(), OpsError> {
        // The node before this one is back, but somebody else may have left meanwhile.
        wait_healthy(site, stop).await?;
        site.provider.perform(action).await?;
        wait_healthy(site, stop).await
    })
    .await
}

/// Streams, and the time that their replicas need to find each other.
async fn streams<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    stop: &StopSign,
) -> Result<(), OpsError> {
    inside(site, index, Kind::Stream, stop).await?;
    wait_healthy(site, stop).await
}

/// Claims or streams: looked at again, since the nodes may only now be there to be asked.
async fn inside<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    kind: Kind,
    stop: &StopSign,
) -> Result<(), OpsError> {
    let (world, plan) = look_again(site, index, kind, stop).await?;
    let actions: Vec<&Action> = plan.changes().filter(|action| action.id.kind == kind).collect();
    if actions.is_empty() {
        return Ok(());
    }
    let session =
        tokio::sync::Mutex::new(Session::open(site, index, site.cluster.nodes.len()).await?);
    execute(&actions, site.reporter, stop, async |action| -> Result<(), OpsError> {
        match kind {
            Kind::Claims => {
                let token = index.document(&Document::account(&action.id.name));
                let token = token.ok_or_else(|| ClaimsError::Connection("no token".to_owned()))?;
                let session = session.lock().await;
                Ok(push(&session.control, token, &world.servers).await?)
            }
            _ => {
                let (account, stream) = stream_of(site, action)?;
                let connection = session.lock().await.account(site, index, account).await?;
                let stream =
                    site.cluster.streams.iter().find(|s| &s.account == account && s.name == stream);
                match stream {
                    Some(stream) => {
                        let exists = action.action == ActionKind::Update;
                        Ok(put_stream(&connection, stream, exists).await?)
                    }
                    None => Ok(()),
                }
            }
        }
    })
    .await
}

/// Looks until nothing of `kind` remains unseen.
///
/// A server takes a moment to give a new account its JetStream, and a cluster without a meta leader lists no stream.
async fn look_again<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    kind: Kind,
    stop: &StopSign,
) -> Result<(World, Plan), OpsError> {
    let begin = Instant::now();
    loop {
        let world = observe(site, index).await?;
        let plan = plan_inside(site, index, &world, &|_| false);
        let Some(unseen) = plan.not_observed.iter().find(|unseen| unseen.kind == kind) else {
            return Ok((world, plan));
        };
        if stop.is_raised() {
            return Err(OpsError::Interrupted);
        }
        if begin.elapsed() > UNSEEN {
            return Err(ClaimsError::Connection(unseen.reason.clone()).into());
        }
        site.reporter.event(&Event::Waiting(&unseen.reason));
        tokio::time::sleep(PAUSE).await;
    }
}

fn stream_of<'a, P>(
    site: &'a Site<'_, P>,
    action: &Action,
) -> Result<(&'a AccountName, StreamName), OpsError> {
    let parts = action.id.name.split_once('/').and_then(|(account, stream)| {
        let (account, _) = site.cluster.accounts.get_key_value(account)?;
        Some((account, stream.parse().ok()?))
    });
    parts.ok_or_else(|| {
        OpsError::Stream(StreamError {
            stream: action.id.name.clone(),
            reason: "the catalog does not have it".to_owned(),
        })
    })
}
