//! Nodes: those that are stopped start, then each of the others takes its turn to reload or to restart.

use std::time::{Duration, Instant};

use super::execute::{StopSign, execute};
use super::gate::{NodeHealth, look, may_leave, meta, wait_healthy};
use super::session::Session;
use super::survey::{World, plan_nodes};
use super::{Event, OpsError, Site, reload};
use crate::nats::Varz;
use crate::plan::{Action, Effect, FieldChange};
use crate::provider::{CONFIG_DIGEST, Provider, VERSION};
use crate::secrets::Index;

/// How long the meta group may take to choose another leader: an election, and some.
const ELECTION: Duration = Duration::from_secs(20);

/// How often is looked.
const PAUSE: Duration = Duration::from_millis(50);

/// Does what the plan says about nodes, and waits until they are well.
pub async fn nodes<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    world: &World,
    stop: &StopSign,
) -> Result<(), OpsError> {
    let plan = plan_nodes(site, index, world)?;
    let (turns, rest): (Vec<&Action>, Vec<&Action>) = plan
        .changes()
        .partition(|action| matches!(action.effect, Effect::RollingRestart | Effect::Reload));
    execute(&rest, site.reporter, stop, async |action| site.provider.perform(action).await).await?;
    wait_healthy(site, stop).await?;
    execute(&turns, site.reporter, stop, async |action| match action.effect {
        Effect::Reload => reload::perform(site, index, action).await,
        _ => restart(site, index, action, stop).await,
    })
    .await
}

/// Has every node that is not as it should be restart, one after the other, though it could read what is new while it
/// runs: nobody could tell it to.
pub async fn restart_all<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    world: &World,
    stop: &StopSign,
) -> Result<(), OpsError> {
    let plan = plan_nodes(site, index, world)?;
    let turns: Vec<&Action> = plan.changes().collect();
    execute(&turns, site.reporter, stop, async |action| {
        let action = Action { effect: Effect::RollingRestart, ..action.clone() };
        restart(site, index, &action, stop).await
    })
    .await
}

/// Restarts one node between two health gates.
async fn restart<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    action: &Action,
    stop: &StopSign,
) -> Result<(), OpsError> {
    let node = &action.id.name;
    // The node before this one is back, but somebody else may have left meanwhile.
    let mut nodes = wait_healthy(site, stop).await?;
    if server(&nodes, node).is_some_and(|varz| has_taken(action, varz)) {
        return Ok(());
    }
    if !site.allowed.interruption {
        nodes = may_leave(site, nodes, node).await?;
    }
    hand_over(site, index, node, &nodes).await?;
    let before = server(&nodes, node).map(Varz::moment).unwrap_or_default();
    site.provider.take(action, &before).await?;
    wait_healthy(site, stop).await.map(drop)
}

fn server<'n>(nodes: &'n [NodeHealth], node: &str) -> Option<&'n Varz> {
    nodes.iter().filter_map(|health| health.varz.as_ref()).find(|varz| varz.server_name == node)
}

/// Whether a server runs by now what it should: a run that died had told it, and it was on its way when this one looked.
fn has_taken(action: &Action, varz: &Varz) -> bool {
    let runs = |change: &FieldChange| match change.field.as_str() {
        CONFIG_DIGEST => change.to.as_ref() == Some(&varz.config_digest),
        VERSION => change.to.as_ref() == Some(&varz.version),
        _ => false,
    };
    !action.changes.is_empty() && action.changes.iter().all(runs)
}

/// Has the meta group choose another leader when this node leads it, since an orderly election beats a timeout.
pub(super) async fn hand_over<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    node: &str,
    nodes: &[NodeHealth],
) -> Result<(), OpsError> {
    let leads = |nodes: &[NodeHealth]| meta(nodes).is_none_or(|(leader, _)| leader == node);
    // Alone, it can only leave.
    if !leads(nodes) || nodes.len() == 1 {
        return Ok(());
    }
    let session = Session::open(site, index, nodes.len()).await?;
    let told = session.control.step_down_meta().await;
    told.map_err(|error| OpsError::Control { node: node.to_owned(), error })?;
    let begin = Instant::now();
    while begin.elapsed() < ELECTION && leads(&look(site).await) {
        site.reporter.event(&Event::Waiting("the meta group chooses another leader"));
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
