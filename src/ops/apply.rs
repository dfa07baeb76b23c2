//! `apply`: from what is to what is meant.
//!
//! 1. Keys are made and papers signed, in one commit.
//! 2. Nodes start, all at once where nothing runs yet; then those that must reload or restart do, one at a time,
//!    each restart between two health gates.
//! 3. Claims are pushed to every server.
//! 4. Streams are made and changed.
//! 5. The checks prove it.
//!
//! Beside 2 to 4, the cache is made and changed, since it has to do with none of them.
//! Each step plans again from what it finds, so that an interrupted apply is continued by the next.

use std::time::{Duration, Instant};

use super::borders;
use super::cache;
use super::checks::{self, Report};
use super::execute::{StopSign, execute};
use super::nodes::nodes;
use super::report::phase;
use super::session::Session;
use super::streams::streams;
use super::survey::{World, observe, plan_inside};
use super::{Event, OpsError, Site};
use crate::artifacts::{exports_first, issue};
use crate::nats::{ClaimsError, push};
use crate::plan::{Action, Kind, Plan};
use crate::provider::Provider;
use crate::secrets::{Document, Index};

/// How long claims or streams may stay hidden on a healthy cluster: an election, and what a busy machine adds.
const UNSEEN: Duration = Duration::from_secs(60);

/// How often is looked again.
const PAUSE: Duration = Duration::from_millis(50);

/// Applies the environment; `world` is what the plan was made from.
pub async fn apply<P: Provider>(
    site: &Site<'_, P>,
    index: Index,
    world: World,
    stop: &StopSign,
) -> Result<Report, OpsError> {
    let index = phase(site.reporter, "identity", async || identity(site, &index, &world)).await?;
    // Neither knows of the other; a failure of one lets the other finish.
    let (messages, kept) =
        tokio::join!(messaging(site, &index, &world, stop), caching(site, &index, stop));
    let index = messages.and_then(|index| kept.map(|()| index))?;
    phase(site.reporter, "checks", async || checks::run(site, &index, stop).await).await
}

async fn messaging<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    world: &World,
    stop: &StopSign,
) -> Result<Index, OpsError> {
    phase(site.reporter, "nodes", async || nodes(site, index, world, stop).await).await?;
    phase(site.reporter, "claims", async || claims(site, index, stop).await).await?;
    phase(site.reporter, "streams", async || streams(site, index, stop).await).await?;
    heal(site, index, stop).await
}

async fn caching<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    stop: &StopSign,
) -> Result<(), OpsError> {
    if site.cluster.redis_nodes().is_empty() {
        return Ok(());
    }
    phase(site.reporter, "cache", async || cache::apply(site, index, stop).await).await
}

fn identity<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    world: &World,
) -> Result<Index, OpsError> {
    let newer = world.newer(index);
    let change = issue(site.cluster, index, site.store, site.entropy, site.now(), &newer)?;
    if change.is_empty() {
        return Ok(index.clone());
    }
    Ok(site.store.commit(index.generation, change)?)
}

async fn claims<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    stop: &StopSign,
) -> Result<(), OpsError> {
    let (world, plan) = look_again(site, index, Kind::Claims, stop).await?;
    let actions: Vec<&Action> =
        plan.changes().filter(|action| action.id.kind == Kind::Claims).collect();
    if actions.is_empty() {
        return Ok(());
    }
    let session = Session::open(site, index, site.cluster.nodes.len()).await?;
    exports(site, index, (&world, &session), &actions).await?;
    execute(&actions, site.reporter, stop, async |action| {
        let token = index.document(&Document::account(&action.id.name));
        let token = token.ok_or_else(|| ClaimsError::Connection("no token".to_owned()))?;
        let servers: Vec<_> = world.servers().cloned().collect();
        push(&session.control, token, &servers).await
    })
    .await
}

/// Lets the servers know what each account exports, before any of them imports it.
async fn exports<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    (world, session): (&World, &Session),
    actions: &[&Action],
) -> Result<(), OpsError> {
    let servers: Vec<_> = world.servers().cloned().collect();
    for action in actions {
        let name = action.id.name.as_str();
        let Some(token) = index.document(&Document::account(name)) else {
            continue;
        };
        if let Some(token) = exports_first(token, world.held(name), site.store)? {
            push(&session.control, &token, &servers).await?;
        }
    }
    Ok(())
}

/// How often claims are signed anew because a server left out a part of them.
const TIMES: usize = 3;

/// Has servers read claims again of which they left something out; afterwards the index holds newer ones.
async fn heal<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    stop: &StopSign,
) -> Result<Index, OpsError> {
    let mut index = index.clone();
    for _ in 0..TIMES {
        let lacking = borders::lacking(site, &index).await;
        if lacking.is_empty() {
            break;
        }
        let world = observe(site, &index).await?;
        let mut newer = world.newer(&index);
        for account in &lacking {
            // As if somebody had pushed others: ours must be newer still.
            newer.entry(account.to_string()).and_modify(|issued| *issued += 1);
        }
        let change = issue(site.cluster, &index, site.store, site.entropy, site.now(), &newer)?;
        index = site.store.commit(index.generation, change)?;
        claims(site, &index, stop).await?;
    }
    Ok(index)
}

/// Looks until nothing of `kind` remains unseen.
///
/// A server takes a moment to give a new account its JetStream, and a cluster without a meta leader lists no stream.
pub async fn look_again<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    kind: Kind,
    stop: &StopSign,
) -> Result<(World, Plan), OpsError> {
    let begin = Instant::now();
    loop {
        let world = observe(site, index).await?;
        let plan = plan_inside(site, index, &world);
        let Some(unseen) = plan.not_observed.iter().find(|unseen| unseen.kind == kind) else {
            return Ok((world, plan));
        };
        stop.heed()?;
        if begin.elapsed() > UNSEEN {
            return Err(ClaimsError::Connection(unseen.reason.clone()).into());
        }
        site.reporter.event(&Event::Waiting(&unseen.reason));
        tokio::time::sleep(PAUSE).await;
    }
}
