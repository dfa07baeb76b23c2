//! Servers whose machines are made elsewhere: whether they can be reached from here, and what they then tell.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::net::TcpStream;

use super::apply::apply;
use super::checks::Report;
use super::execute::StopSign;
use super::gate::{look, wait_healthy};
use super::notices::notices;
use super::survey::{World, observe, plan_inside, plan_nodes};
use super::{Event, OpsError, Site};
use crate::plan::Plan;
use crate::provider::Provider;
use crate::secrets::Index;

/// How long a server may take to open its door. In another network nobody ever answers.
const DOOR: Duration = Duration::from_secs(1);

/// How long machines may take to boot and join: four times what is usual.
const BOOT: Duration = Duration::from_secs(600);

/// How often is looked.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether any server's monitoring and client ports can be reached from here.
pub async fn is_open<P: Provider>(site: &Site<'_, P>) -> bool {
    let ports = site.cluster.ports;
    let doors = site.cluster.nodes.iter().map(async |node| {
        let open = async |port| {
            let door = TcpStream::connect(SocketAddr::from((node.address, port)));
            matches!(tokio::time::timeout(DOOR, door).await, Ok(Ok(_)))
        };
        let (monitor, client) = tokio::join!(open(ports.monitor), open(ports.client));
        monitor && client
    });
    join_all(doors).await.contains(&true)
}

/// Waits until every server answers: machines that were just made take a minute or two.
pub async fn wait<P: Provider>(site: &Site<'_, P>, stop: &StopSign) -> Result<(), OpsError> {
    let begin = Instant::now();
    loop {
        let nodes = look(site).await;
        let silent = nodes.iter().filter(|node| node.varz.is_none()).count();
        if silent == 0 {
            return Ok(());
        }
        stop.heed()?;
        let missing = format!("{silent} of {} servers do not answer", nodes.len());
        if begin.elapsed() > BOOT {
            return Err(OpsError::Unhealthy { seconds: BOOT.as_secs(), missing });
        }
        site.reporter.event(&Event::Waiting(&missing));
        tokio::time::sleep(PAUSE).await;
    }
}

/// What the servers tell; none where nobody answers who is one of them. Those that answer are waited for until they are
/// healthy where a stop sign is given, since a cluster that just forms tells little.
pub async fn survey<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    patient: Option<&StopSign>,
) -> Result<Option<World>, OpsError> {
    if index.is_empty() || !is_open(site).await {
        return Ok(None);
    }
    if let Some(stop) = patient {
        wait_healthy(site, stop).await?;
    }
    let world = observe(site, index).await?;
    let ours = world.servers().next().is_some();
    Ok(ours.then_some(world))
}

/// Plans what only the servers can tell: what they run, claims, streams, buckets and consumers.
pub fn plan<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    world: &World,
) -> Result<Plan, OpsError> {
    let mut plan = plan_nodes(site, index, world)?;
    plan.extend(plan_inside(site, index, world));
    plan.notices = notices(site, world);
    Ok(plan)
}

/// Makes the servers what they should be, and proves it; gives the checks, and what is left.
pub async fn finish<P: Provider>(
    site: &Site<'_, P>,
    world: World,
    stop: &StopSign,
) -> Result<(Report, Plan), OpsError> {
    let report = apply(site, site.store.index()?, world, stop).await?;
    let index = site.store.index()?;
    let world = observe(site, &index).await?;
    Ok((report, plan(site, &index, &world)?))
}
