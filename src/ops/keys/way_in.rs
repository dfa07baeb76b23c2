//! The way in is lost: the servers run, and none lets a user of the system account in, since its claims have expired or
//! are not ours.
//!
//! They stand in every node's configuration as well. So the operator's key signs them anew, newer than whatever the
//! servers hold, and each node starts with them.

use super::Step;
use super::run::Run;
use crate::model::SYSTEM_ACCOUNT;
use crate::ops::OpsError;
use crate::ops::execute::StopSign;
use crate::ops::nodes::restart_all;
use crate::ops::session::Session;
use crate::ops::survey::{Inside, World, observe};
use crate::provider::Provider;

const SIGN: Step =
    Step { name: "sign", words: "have the operator's key sign the system account's claims anew" };
const RESTART: Step =
    Step { name: "restart", words: "restart one node after the other, each with the new claims" };

/// Makes the way again if it is lost; gives how the world is then.
pub(super) async fn restore<P: Provider>(
    run: &mut Run<'_, '_, P>,
    world: World,
    stop: &StopSign,
) -> Result<World, OpsError> {
    let servers = world.servers().count();
    let hidden = matches!(world.inside, Inside::Hidden(_)) && servers > 0;
    if !hidden || Session::open(run.site, &run.index, servers).await.is_ok() {
        return Ok(world);
    }
    // What the servers hold can't be asked for; claims of this moment are newer.
    run.newer.insert(SYSTEM_ACCOUNT.to_owned(), run.site.now().as_second());
    let change = run.scribe().issue(&run.index)?;
    run.commit(SIGN, change).await?;
    run.step(RESTART, async |run| {
        let world = observe(run.site, &run.index).await?;
        restart_all(run.site, &run.index, &world, stop).await
    })
    .await?;
    let world = observe(run.site, &run.index).await?;
    run.newer = world.newer(&run.index);
    Ok(world)
}
