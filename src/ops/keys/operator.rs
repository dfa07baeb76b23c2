//! The operator's signing key: one that stands by takes its place, then every server learns to trust it no more.
//!
//! The standby is in the operator's claims from the first day, so every server trusts what it signs. Only the end of
//! the old key changes those claims, and a server reads them at its start alone (2.15.1: a reload refuses the change).
//! So the nodes restart once, one at a time, between health gates.

use std::time::Duration;

use futures_util::future::try_join_all;

use super::run::Run;
use super::{Replaced, Rotated, Step, Words};
use crate::artifacts::{Promotion, Scribe, promotion};
use crate::model::{SYSTEM_ACCOUNT, exporters_first};
use crate::nats::{lookup, trusted_keys};
use crate::ops::execute::{StopSign, execute};
use crate::ops::gate::{Patience, look, missing};
use crate::ops::nodes::nodes;
use crate::ops::session::Session;
use crate::ops::survey::{World, account_names, interruption, observe, plan_nodes};
use crate::ops::{Event, OpsError, Site};
use crate::plan::{Action, Effect};
use crate::provider::Provider;
use crate::secrets::{Index, KeyName, StoreError};

const PROMOTE: Step = Step {
    name: "promote",
    words: "the first key that stands by becomes the current one, and signs every account; a new one is made to stand by",
};
const PUSH: Step = Step {
    name: "push",
    words: "push every account's claims to every server; all trust that key already",
};
const VERIFY_SIGNED: Step = Step {
    name: "verify-signed",
    words: "look up on every server that the claims of every account are signed by it",
};
const DROP: Step = Step {
    name: "drop",
    words: "sign the operator's claims anew, without the old key; this needs the operator's identity key",
};
const RESTART: Step = Step {
    name: "restart",
    words: "restart the nodes, one at a time between health gates: they read those claims at their start",
};
const VERIFY_OLD: Step =
    Step { name: "verify-old", words: "prove that no server trusts the old key any more" };
const FORGET: Step = Step { name: "forget", words: "forget the old key" };

/// How long nodes may take that an earlier run has left on their way: leaving orderly, and coming back.
const LIMIT: Duration = Duration::from_secs(180);

/// How often is looked.
const PAUSE: Duration = Duration::from_millis(100);

/// What is left to do.
pub(super) fn left(index: &Index) -> Vec<Step> {
    let all = [PROMOTE, PUSH, VERIFY_SIGNED, DROP, RESTART, VERIFY_OLD, FORGET];
    let done = match promotion(index) {
        Promotion::Settled => 0,
        Promotion::Promoted => 1,
        Promotion::Dropped => 4,
    };
    all[done..].to_vec()
}

/// Begins, or goes on.
pub(super) async fn rotate<P: Provider>(
    mut run: Run<'_, '_, P>,
    world: &World,
    stop: &StopSign,
) -> Result<Rotated, OpsError> {
    let (retiring, current) = (KeyName::retiring_operator_signing(), KeyName::operator_signing(1));
    let mut begun = false;
    let mut old = None;
    loop {
        stop.heed()?;
        old = run.index.public(&retiring).map(str::to_owned).or(old);
        match promotion(&run.index) {
            Promotion::Settled if begun => break,
            Promotion::Settled => {
                prepared(run.site, world)?;
                let change = run.scribe().promote(&run.index)?;
                run.commit(PROMOTE, change).await?;
            }
            Promotion::Promoted => {
                let accounts: Vec<String> = signed_by_it(run.site);
                run.step(PUSH, async |run| run.push_all(&accounts).await).await?;
                run.step(VERIFY_SIGNED, async |run| signed(run, &accounts).await).await?;
                let change = run.scribe().drop_operator_key(&run.index)?;
                run.commit(DROP, change).await?;
            }
            Promotion::Dropped => {
                run.step(RESTART, async |run| restart(run, stop).await).await?;
                run.step(VERIFY_OLD, async |run| distrusted(run, &retiring).await).await?;
                run.commit(FORGET, Scribe::forget_operator_key()).await?;
            }
        }
        begun = true;
    }
    let new = run.index.public(&current).map(str::to_owned);
    let words = Some(Words {
        new: "trusted by every server, and every account is signed by it",
        old: "trusted by no server".to_owned(),
    });
    Ok(Rotated {
        done: true,
        steps: run.steps,
        keys: vec![Replaced { name: current.to_string(), new, old, connections: 0, words }],
        ..Rotated::default()
    })
}

/// Looks whether all of it can be done, before any of it is: nothing stops with a node, and the identity key opens.
fn prepared<P: Provider>(site: &Site<'_, P>, world: &World) -> Result<(), OpsError> {
    let mut nodes = site.cluster.nodes.iter();
    if let Some(what) = nodes.find_map(|node| interruption(site, world, node.name.as_str()))
        && !site.allowed.interruption
    {
        return Err(OpsError::Unready(format!("every node is to restart, and {what}")));
    }
    site.store.open(&KeyName::operator()).map(drop).map_err(|error| match error {
        StoreError::Offline(key) => OpsError::Unready(format!(
            "{key} is offline, and must sign the operator's claims anew; natsops keys online {} FILE",
            site.cluster.environment
        )),
        error => error.into(),
    })
}

/// The accounts that the operator's signing key has signed, those that export first. The system account's claims stand
/// in every node's configuration, and change with the operator's.
fn signed_by_it<P>(site: &Site<'_, P>) -> Vec<String> {
    let exporters = exporters_first(&site.cluster.passages);
    let place = |name: &str| exporters.iter().position(|account| account.as_str() == name);
    let mut names: Vec<&str> = account_names(site).filter(|name| *name != SYSTEM_ACCOUNT).collect();
    names.sort_by_key(|name| place(name));
    names.into_iter().map(str::to_owned).collect()
}

/// Proves that every server holds claims of these accounts that the current key has signed.
async fn signed<P: Provider>(run: &Run<'_, '_, P>, accounts: &[String]) -> Result<(), OpsError> {
    let servers = run.site.cluster.nodes.len();
    let session = Session::open(run.site, &run.index, servers).await?;
    let wanted = run.index.public(&KeyName::operator_signing(1)).unwrap_or_default();
    let asked = accounts.iter().map(async |name| {
        let key = run.index.public(&KeyName::account(name)).unwrap_or_default();
        let held = lookup(&session.control, key).await?;
        let right = held.signed_by(wanted);
        match right {
            right if right == servers => Ok(()),
            right => Err(OpsError::Unproven(format!(
                "{right} of {servers} servers hold claims of {name} that the new key has signed"
            ))),
        }
    });
    try_join_all(asked).await.map(drop)
}

/// Has every node that does not run with the operator's new claims take its turn to restart.
async fn restart<P: Provider>(run: &Run<'_, '_, P>, stop: &StopSign) -> Result<(), OpsError> {
    calm(run, stop).await?;
    run.push_all(&[SYSTEM_ACCOUNT.to_owned()]).await?;
    let world = observe(run.site, &run.index).await?;
    nodes(run.site, &run.index, &world, stop).await
}

/// Waits until every node is well. A run that died may have told a node to leave: it is started as soon as it is gone.
async fn calm<P: Provider>(run: &Run<'_, '_, P>, stop: &StopSign) -> Result<(), OpsError> {
    let Run { site, index, .. } = run;
    let mut patience = Patience::new(LIMIT);
    loop {
        let found = look(site).await;
        let Some(missing) = missing(site, &found) else {
            return Ok(());
        };
        stop.heed()?;
        patience.check(&found, &missing)?;
        if found.iter().any(|node| node.varz.is_none()) {
            let plan = plan_nodes(site, index, &observe(site, index).await?)?;
            let turn =
                |action: &&Action| matches!(action.effect, Effect::RollingRestart | Effect::Reload);
            let starts: Vec<&Action> = plan.changes().filter(|action| !turn(action)).collect();
            let perform = async |action: &Action| site.provider.perform(action).await;
            execute(&starts, site.reporter, stop, perform).await?;
        }
        site.reporter.event(&Event::Waiting(&missing));
        tokio::time::sleep(PAUSE).await;
    }
}

/// Proves that every server trusts the new keys, and not the old one; and that all hold the system account's new claims.
async fn distrusted<P: Provider>(run: &Run<'_, '_, P>, retiring: &KeyName) -> Result<(), OpsError> {
    let old = run.index.public(retiring).unwrap_or_default();
    let new = run.index.public(&KeyName::operator_signing(1)).unwrap_or_default();
    for (node, health) in run.site.cluster.nodes.iter().zip(look(run.site).await) {
        let name = &node.name;
        let unproven = |what: String| Err(OpsError::Unproven(what));
        let Some(server) = health.varz else {
            return unproven(format!("{name} does not answer, so what it trusts can't be told"));
        };
        let trusted = trusted_keys(&server);
        if trusted.contains(old) {
            return unproven(format!("{name} still trusts the old key"));
        }
        if !trusted.contains(new) {
            return unproven(format!("{name} does not trust the new key"));
        }
    }
    run.held(SYSTEM_ACCOUNT).await
}
