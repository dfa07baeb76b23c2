//! A service gets a new user key: issue, verify, and after the overlap revoke, push, verify.
//!
//! The service's scoped signing key, which the servers accept already, signs for the new user too, so nothing is to be
//! distributed before it is issued. Each step is one commit, or may be repeated; the stage is read from the store, so
//! that an interrupted rotation is continued by the next run.

use jiff::Timestamp;

use super::guests::{Door, Guest};
use super::list::connected;
use super::rotate::until;
use super::run::{Run, can_be_tried, under_way};
use super::{Replaced, Rotated, Step, Wish};
use crate::artifacts::{Role, Scribe, Stage, stage};
use crate::model::Service;
use crate::ops::OpsError;
use crate::ops::execute::StopSign;
use crate::provider::Provider;
use crate::secrets::{Document, Index, KeyName};

const ISSUE: Step =
    Step { name: "issue", words: "make a new key; the service's signing key signs for it" };
const VERIFY_NEW: Step =
    Step { name: "verify-new", words: "sign in with the new key on every node" };
const WAIT: Step =
    Step { name: "wait", words: "let the old key in as well, until the overlap is over" };
const REVOKE: Step = Step { name: "revoke", words: "revoke the old key in the account's claims" };
const PUSH: Step = Step {
    name: "push",
    words: "push the claims to every server, which closes the old key's connections",
};
const VERIFY_OLD: Step =
    Step { name: "verify-old", words: "prove that every node refuses the old key" };
const FORGET: Step = Step { name: "forget", words: "forget the old key; its revocation stays" };

/// What is left to do.
pub(super) fn left(service: &Service, wish: Wish, index: &Index) -> Vec<Step> {
    match (stage(service, index), wish.leaked) {
        (Stage::Settled, true) => vec![REVOKE, PUSH, VERIFY_OLD, ISSUE, VERIFY_NEW, FORGET],
        (Stage::Settled, false) => vec![ISSUE, VERIFY_NEW, WAIT, REVOKE, PUSH, VERIFY_OLD, FORGET],
        (Stage::Overlapping, true) => vec![REVOKE, PUSH, VERIFY_OLD, VERIFY_NEW, FORGET],
        (Stage::Overlapping, false) => vec![VERIFY_NEW, WAIT, REVOKE, PUSH, VERIFY_OLD, FORGET],
        (Stage::Bare, _) => vec![PUSH, VERIFY_OLD, ISSUE, VERIFY_NEW, FORGET],
        (Stage::Succeeded, _) => vec![PUSH, VERIFY_OLD, VERIFY_NEW, FORGET],
    }
}

/// Begins, or goes on.
pub(super) async fn rotate<P: Provider>(
    mut run: Run<'_, '_, P>,
    service: &Service,
    wish: Wish,
    stop: &StopSign,
) -> Result<Rotated, OpsError> {
    can_be_tried(service)?;
    if Role::of(service).is_passing(&run.index) {
        return Err(under_way(run.site, "the signing key", "signing-key", service.name.as_str()));
    }
    let mut begun = false;
    let mut old = None;
    loop {
        if stop.is_raised() {
            return Err(OpsError::Interrupted);
        }
        let retiring = run.index.public(&KeyName::retiring_user(&service.name));
        old = retiring.map(str::to_owned).or(old);
        match stage(service, &run.index) {
            Stage::Settled if begun => return outcome(run, service, old, None).await,
            Stage::Settled if wish.leaked => revoke(&mut run, service).await?,
            Stage::Settled => issue(&mut run, service).await?,
            Stage::Overlapping if wish.leaked => revoke(&mut run, service).await?,
            Stage::Overlapping => {
                verify_new(&mut run, service).await?;
                let new = KeyName::user(&service.name);
                if let Some(until) = until(&new, &run.index, wish, run.site.now()) {
                    run.steps.push(WAIT);
                    return outcome(run, service, old, Some(until)).await;
                }
                revoke(&mut run, service).await?;
            }
            Stage::Bare => {
                refuse_old(&mut run, service).await?;
                issue(&mut run, service).await?;
            }
            Stage::Succeeded => {
                if !run.has_done(VERIFY_OLD) {
                    refuse_old(&mut run, service).await?;
                }
                if !run.has_done(VERIFY_NEW) {
                    verify_new(&mut run, service).await?;
                }
                run.commit(FORGET, Scribe::forget(service)).await?;
            }
        }
        begun = true;
    }
}

/// Revokes every key that the service has, and makes no new one: that is left to the next rotation.
pub(super) async fn withdraw<P: Provider>(
    mut run: Run<'_, '_, P>,
    service: &Service,
    stop: &StopSign,
) -> Result<Rotated, OpsError> {
    can_be_tried(service)?;
    loop {
        if stop.is_raised() {
            return Err(OpsError::Interrupted);
        }
        match stage(service, &run.index) {
            Stage::Settled | Stage::Overlapping => revoke(&mut run, service).await?,
            // The new key is in the store alone, and is revoked next.
            Stage::Succeeded => {
                refuse_old(&mut run, service).await?;
                run.commit(FORGET, Scribe::forget(service)).await?;
            }
            Stage::Bare => {
                refuse_old(&mut run, service).await?;
                break;
            }
        }
    }
    let name = KeyName::user(&service.name);
    let old = run.index.public(&name).map(str::to_owned);
    let keys =
        vec![Replaced { name: name.to_string(), new: None, old, connections: 0, words: None }];
    Ok(Rotated { done: true, steps: run.steps, keys, ..Rotated::default() })
}

async fn outcome<P: Provider>(
    run: Run<'_, '_, P>,
    service: &Service,
    old: Option<String>,
    until: Option<Timestamp>,
) -> Result<Rotated, OpsError> {
    let connections = match (&old, until) {
        (Some(old), Some(_)) => connected(run.site, old).await?,
        _ => 0,
    };
    let name = KeyName::user(&service.name);
    let new = run.index.public(&name).map(str::to_owned);
    Ok(Rotated {
        done: until.is_none(),
        steps: run.steps,
        keys: vec![Replaced { name: name.to_string(), new, old, connections, words: None }],
        until,
        tell: until.map(|_| name).into_iter().collect(),
        redeploy: vec![service.name.to_string()],
        ..Rotated::default()
    })
}

async fn issue<P: Provider>(run: &mut Run<'_, '_, P>, service: &Service) -> Result<(), OpsError> {
    let change = run.scribe().succeed(service, &run.index)?;
    run.commit(ISSUE, change).await
}

async fn revoke<P: Provider>(run: &mut Run<'_, '_, P>, service: &Service) -> Result<(), OpsError> {
    let change = run.scribe().revoke(service, &run.index)?;
    run.commit(REVOKE, change).await
}

async fn verify_new<P: Provider>(
    run: &mut Run<'_, '_, P>,
    service: &Service,
) -> Result<(), OpsError> {
    run.step(VERIFY_NEW, async |run| {
        let name = &service.name;
        let user = run.ticket(&KeyName::user(name), &Document::user(name))?;
        run.let_in(&[Guest { whose: name.to_string(), user, door: Door::Client }]).await
    })
    .await
}

/// Pushes the revocation, then tries until every node refuses the old key and none has a connection of it.
async fn refuse_old<P: Provider>(
    run: &mut Run<'_, '_, P>,
    service: &Service,
) -> Result<(), OpsError> {
    run.step(PUSH, async |run| run.push(service.account.as_str()).await).await?;
    run.step(VERIFY_OLD, async |run| {
        let (key, paper) =
            (KeyName::retiring_user(&service.name), Document::retiring_user(&service.name));
        let whose = service.name.to_string();
        let guest = Guest { whose, user: run.ticket(&key, &paper)?, door: Door::Client };
        let old = run.index.public(&key).unwrap_or_default();
        run.refused(&[guest], async || {
            let left = connected(run.site, old).await?;
            Ok((left > 0).then(|| format!("{left} connections of the old key are left")))
        })
        .await
    })
    .await
}
