//! `node replace`: another machine for a node, under the same address, mostly with the same data.
//!
//! 1. It is noted which machine the node gets; from then on the command is continued wherever it ended.
//! 2. The machine of before stops by lame duck, where it lives, and goes.
//! 3. With an empty disk, the disk of before is set aside.
//! 4. What the machine stands on is made what it should be, and the machine is made.
//! 5. Where the servers can be reached: the node is well, and has everything.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::execute::StopSign;
use super::gate::look;
use super::nodes::hand_over;
use super::platform::{Ground, Planned, walk};
pub use super::replace_rules::Objection;
use super::replace_rules::{lacking, objection, only_there};
use super::report::phase;
use super::survey::World;
use super::{Event, OpsError, Site, reach};
use crate::model::Node;
use crate::plan::{Action, Kind, Record, RecordId};
use crate::provider::{Machinery, Provider, Replacement};
use crate::secrets::Index;

/// How long a replica may be behind because there is much to store.
const MOMENT: Duration = Duration::from_secs(10);

/// How long a machine may take to boot, to join and to catch up. Whatever takes longer is waited for by the next run.
const CATCHING_UP: Duration = Duration::from_secs(1200);

/// How often is looked.
const PAUSE: Duration = Duration::from_millis(500);

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The node.
    pub node: &'a Node,
    /// Whether it begins with an empty disk.
    pub empty_disk: bool,
}

impl Order<'_> {
    fn name(&self) -> &str {
        self.node.name.as_str()
    }
}

/// What there is, and what speaks against it.
pub struct Outlook {
    /// What an interrupted run has noted; none where this one begins.
    pub begun: Option<Replacement>,
    /// The machine of now, as it was found; none where there is none.
    pub machine: Option<Record>,
    /// What speaks against giving it up.
    pub objection: Option<Objection>,
    /// What has no current copy but the one on the disk that goes.
    pub lost: Vec<String>,
    world: Option<World>,
}

impl Outlook {
    /// Whether the servers could be asked.
    pub fn is_reached(&self) -> bool {
        self.world.is_some()
    }
}

/// Looks at everything, and changes nothing.
pub async fn examine<M: Machinery, P: Provider>(
    ground: &Ground<'_, M>,
    site: &Site<'_, P>,
    order: Order<'_>,
    index: &Index,
) -> Result<Outlook, OpsError> {
    let (planned, world) = tokio::join!(ground.plan(index), reach::survey(site, index, None));
    let (planned, world) = (planned?, world?);
    ready(&planned, order)?;
    let (platform, node) = (ground.platform, order.name());
    let begun = platform.replacement(node).filter(|next| next.empty_disk || !order.empty_disk);
    let disk_goes = match begun {
        Some(next) => platform.has_former_disk(node, next),
        None => order.empty_disk,
    };
    // When all that goes has gone, only the new machine is missing.
    let at_stake = disk_goes || begun.is_none_or(|next| platform.has_former(node, next));
    let objection = match &world {
        _ if !at_stake => None,
        None => Some(Objection::Unreachable),
        Some(_) => settled_objection(site, node).await,
    };
    let lost = if disk_goes { only_there(site.cluster, world.as_ref(), node) } else { Vec::new() };
    let id = RecordId::new(Kind::Instance, node);
    let machine = planned.seen.records.into_iter().find(|record| record.id == id);
    Ok(Outlook { begun, machine, objection, lost, world })
}

/// Refuses what an apply must settle first, and a machine that is somebody else's.
fn ready(planned: &Planned, order: Order<'_>) -> Result<(), OpsError> {
    let id = RecordId::new(Kind::Instance, order.name());
    let foreign = |action: &&Action| {
        let theirs = action.changes.iter().any(|change| change.field == "owner");
        action.id == id && theirs && action.blocked.is_some()
    };
    let volume = RecordId::new(Kind::Volume, order.name());
    let stands_on = stands_on(planned, &id);
    let in_the_way = |action: &&Action| {
        action.blocked.is_some()
            && stands_on.contains(&action.id)
            && !(order.empty_disk && action.id == volume)
    };
    let mut actions = planned.plan.actions.iter();
    match actions.find(|action| foreign(action) || in_the_way(action)) {
        Some(action) => {
            let reason = action.blocked.as_deref().unwrap_or_default();
            Err(OpsError::Unready(format!("{}: {reason}", action.id)))
        }
        None => Ok(()),
    }
}

/// What a machine stands on: its interface, its volume, its role, and what it fetches.
fn stands_on(planned: &Planned, machine: &RecordId) -> BTreeSet<RecordId> {
    let record = planned.desired.iter().find(|record| record.id == *machine);
    record.into_iter().flat_map(|record| record.needs.iter().cloned()).collect()
}

/// What speaks against it for longer than a moment.
async fn settled_objection<P: Provider>(site: &Site<'_, P>, node: &str) -> Option<Objection> {
    let begin = Instant::now();
    loop {
        let nodes = look(site).await;
        let found = objection(&names(site), &nodes, node)?;
        if begin.elapsed() > MOMENT {
            return Some(found);
        }
        site.reporter.event(&Event::Waiting(&found.to_string()));
        tokio::time::sleep(PAUSE).await;
    }
}

fn names<'a, P>(site: &Site<'a, P>) -> Vec<&'a str> {
    site.cluster.nodes.iter().map(|node| node.name.as_str()).collect()
}

/// Gives the node its machine. The lease is held, and `outlook` was found under it.
pub async fn replace<M: Machinery, P: Provider>(
    ground: &Ground<'_, M>,
    site: &Site<'_, P>,
    order: Order<'_>,
    outlook: &Outlook,
    stop: &StopSign,
) -> Result<Replacement, OpsError> {
    let (platform, node, index) = (ground.platform, order.name(), site.store.index()?);
    let next = match outlook.begun {
        Some(next) => next,
        None => platform.begin(node, order.empty_disk).await?,
    };
    if platform.has_former(node, next) {
        let leave = async || leave(ground, site, node, outlook, &index).await;
        phase(site.reporter, "leave", leave).await?;
    }
    stop.heed()?;
    if platform.has_former_disk(node, next) {
        platform.set_disk_aside(node, next).await?;
    }
    phase(site.reporter, "machine", async || make(ground, node, &index, stop).await).await?;
    if outlook.is_reached() {
        phase(site.reporter, "server", async || wait(site, node, stop).await).await?;
    }
    platform.end(node).await?;
    Ok(next)
}

/// The machine of before goes: in order where its server lives or nobody can tell, and at once where it is dead.
async fn leave<M: Machinery, P: Provider>(
    ground: &Ground<'_, M>,
    site: &Site<'_, P>,
    node: &str,
    outlook: &Outlook,
    index: &Index,
) -> Result<(), OpsError> {
    let told = |words: &str| site.reporter.event(&Event::Waiting(words));
    let answers = match &outlook.world {
        Some(world) => world.servers().any(|server| server.server_name == node),
        None => true,
    };
    if outlook.is_reached() && answers {
        hand_over(site, index, node, &look(site).await).await?;
    }
    if answers {
        ground.platform.stop(node, &told).await?;
    }
    Ok(ground.platform.terminate(node, &told).await?)
}

/// Makes what the machine stands on what it should be, and the machine.
async fn make<M: Machinery>(
    ground: &Ground<'_, M>,
    node: &str,
    index: &Index,
    stop: &StopSign,
) -> Result<(), OpsError> {
    let planned = ground.plan(index).await?;
    let machine = RecordId::new(Kind::Instance, node);
    let stands_on = stands_on(&planned, &machine);
    let ours = |action: &&Action| action.id == machine || stands_on.contains(&action.id);
    let actions: Vec<&Action> = planned.plan.changes().filter(ours).collect();
    walk(ground, index, &actions, None, stop).await
}

/// Waits until the node is well and has everything.
async fn wait<P: Provider>(
    site: &Site<'_, P>,
    node: &str,
    stop: &StopSign,
) -> Result<(), OpsError> {
    let (begin, names, mut whole) = (Instant::now(), names(site), BTreeSet::new());
    loop {
        let nodes = look(site).await;
        let Some(missing) = lacking(&names, &nodes, node, &mut whole) else {
            return Ok(());
        };
        stop.heed()?;
        if begin.elapsed() > CATCHING_UP {
            return Err(OpsError::Unhealthy { seconds: CATCHING_UP.as_secs(), missing });
        }
        site.reporter.event(&Event::Waiting(&missing));
        tokio::time::sleep(PAUSE).await;
    }
}
