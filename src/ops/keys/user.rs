//! A service or a leafnode gets a new user key: issue, verify, and after the overlap revoke, push, verify.
//!
//! The client's scoped signing key, which the servers accept already, signs for the new user too, so nothing is to be
//! distributed before it is issued. Each step is one commit, or may be repeated; the stage is read from the store, so
//! that an interrupted rotation is continued by the next run.

use jiff::Timestamp;

use super::client::names;
use super::guests::Guest;
use super::list::connected;
use super::rotate::{Words, until};
use super::run::{BY_CLAIMS, Run, under_way};
use super::{Replaced, Rotated, Step, Wish};
use crate::artifacts::{Role, Scribe, Stage, retiring_user, stage};
use crate::model::Client;
use crate::ops::OpsError;
use crate::ops::execute::StopSign;
use crate::provider::Provider;
use crate::secrets::{Document, Index, KeyName};

const ISSUE: Step =
    Step { name: "issue", words: "make a new key; the client's signing key signs for it" };
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
pub(super) fn left(client: Client<'_>, wish: Wish, index: &Index) -> Vec<Step> {
    match (stage(client, index), wish.leaked) {
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
    client: Client<'_>,
    wish: Wish,
    stop: &StopSign,
) -> Result<Rotated, OpsError> {
    alone(&run, client)?;
    let mut begun = false;
    let mut old = None;
    loop {
        stop.heed()?;
        let retiring = run.index.public(&retiring_user(client));
        old = retiring.map(str::to_owned).or(old);
        match stage(client, &run.index) {
            Stage::Settled if begun => return outcome(run, client, old, None).await,
            Stage::Settled if wish.leaked => revoke(&mut run, client).await?,
            Stage::Settled => issue(&mut run, client).await?,
            Stage::Overlapping if wish.leaked => revoke(&mut run, client).await?,
            Stage::Overlapping => {
                verify_new(&mut run, client).await?;
                let new = KeyName::user_of(client);
                if let Some(until) = until(&new, &run.index, wish, run.site.now()) {
                    run.steps.push(WAIT);
                    return outcome(run, client, old, Some(until)).await;
                }
                revoke(&mut run, client).await?;
            }
            Stage::Bare => {
                refuse_old(&mut run, client).await?;
                issue(&mut run, client).await?;
            }
            Stage::Succeeded => {
                if !run.has_done(VERIFY_OLD) {
                    refuse_old(&mut run, client).await?;
                }
                if !run.has_done(VERIFY_NEW) {
                    verify_new(&mut run, client).await?;
                }
                run.commit(FORGET, Scribe::forget(client)).await?;
            }
        }
        begun = true;
    }
}

/// Revokes every key that the client has, and makes no new one: that is left to the next rotation.
pub(super) async fn withdraw<P: Provider>(
    mut run: Run<'_, '_, P>,
    client: Client<'_>,
    stop: &StopSign,
) -> Result<Rotated, OpsError> {
    alone(&run, client)?;
    loop {
        stop.heed()?;
        match stage(client, &run.index) {
            Stage::Settled | Stage::Overlapping => revoke(&mut run, client).await?,
            // The new key is in the store alone, and is revoked next.
            Stage::Succeeded => {
                refuse_old(&mut run, client).await?;
                run.commit(FORGET, Scribe::forget(client)).await?;
            }
            Stage::Bare => {
                refuse_old(&mut run, client).await?;
                break;
            }
        }
    }
    let name = KeyName::user_of(client);
    let old = run.index.public(&name).map(str::to_owned);
    let words = words(&run, client, true);
    let keys = vec![Replaced { name: name.to_string(), new: None, old, connections: 0, words }];
    let remarks = run.untried([client]);
    Ok(Rotated { done: true, steps: run.steps, keys, remarks, ..Rotated::default() })
}

/// Refuses while what signs for the client's user is being replaced: each would wait for the other.
fn alone<P: Provider>(run: &Run<'_, '_, P>, client: Client<'_>) -> Result<(), OpsError> {
    let role = Role::of(client);
    match role.is_passing(&run.index) {
        true => Err(under_way(run.site, "the signing key", "signing-key", &role.name)),
        false => Ok(()),
    }
}

async fn outcome<P: Provider>(
    run: Run<'_, '_, P>,
    client: Client<'_>,
    old: Option<String>,
    until: Option<Timestamp>,
) -> Result<Rotated, OpsError> {
    let connections = match (&old, until) {
        (Some(old), Some(_)) => connected(run.site, old).await?,
        _ => 0,
    };
    let name = KeyName::user_of(client);
    let new = run.index.public(&name).map(str::to_owned);
    let words = words(&run, client, until.is_none());
    let (redeploy, leafnodes) = names(&[client]);
    let remarks = run.untried([client]);
    Ok(Rotated {
        done: until.is_none(),
        steps: run.steps,
        keys: vec![Replaced { name: name.to_string(), new, old, connections, words }],
        until,
        tell: until.map(|_| name).into_iter().collect(),
        redeploy,
        leafnodes,
        remarks,
    })
}

/// What is to be said of its keys where it is not the usual: servers do not tell which user a leafnode has signed in with,
/// and what can't be tried is proven by claims.
fn words<P: Provider>(run: &Run<'_, '_, P>, client: Client<'_>, done: bool) -> Option<Words> {
    let by_claims = client.untried(run.site.cluster).is_some();
    let old = match (client, done) {
        (Client::Leafnode(_), true) => "refused by every node",
        (Client::Leafnode(_), false) => "let in as well; servers do not tell who uses it",
        (Client::Service(_), true) if by_claims => "revoked in the claims that every node holds",
        _ => return None,
    };
    let new = if by_claims { BY_CLAIMS } else { "let in by every node" };
    Some(Words { new, old: old.to_owned() })
}

async fn issue<P: Provider>(run: &mut Run<'_, '_, P>, client: Client<'_>) -> Result<(), OpsError> {
    let change = run.scribe().succeed(client, &run.index)?;
    run.commit(ISSUE, change).await
}

async fn revoke<P: Provider>(run: &mut Run<'_, '_, P>, client: Client<'_>) -> Result<(), OpsError> {
    let change = run.scribe().revoke(client, &run.index)?;
    run.commit(REVOKE, change).await
}

async fn verify_new<P: Provider>(
    run: &mut Run<'_, '_, P>,
    client: Client<'_>,
) -> Result<(), OpsError> {
    run.step(VERIFY_NEW, async |run| {
        let (key, paper) = (KeyName::user_of(client), Document::user_of(client));
        run.let_in(&guests(run, client, &key, &paper)?).await?;
        run.held(client.account().as_str()).await
    })
    .await
}

/// The client, where its creds can be tried from here.
fn guests<P: Provider>(
    run: &Run<'_, '_, P>,
    client: Client<'_>,
    key: &KeyName,
    paper: &Document,
) -> Result<Vec<Guest>, OpsError> {
    if client.untried(run.site.cluster).is_some() {
        return Ok(Vec::new());
    }
    let whose = client.name().to_owned();
    Ok(vec![Guest { whose, user: run.ticket(key, paper)?, door: client.into() }])
}

/// Pushes the revocation, then tries until every node refuses the old key and none has a connection of it.
async fn refuse_old<P: Provider>(
    run: &mut Run<'_, '_, P>,
    client: Client<'_>,
) -> Result<(), OpsError> {
    run.step(PUSH, async |run| run.push(client.account().as_str()).await).await?;
    run.step(VERIFY_OLD, async |run| {
        let key = retiring_user(client);
        let guests = guests(run, client, &key, &Document::of_beside(&key))?;
        let old = run.index.public(&key).unwrap_or_default();
        run.refused(&guests, async || {
            let left = connected(run.site, old).await?;
            Ok((left > 0).then(|| format!("{left} connections of the old key are left")))
        })
        .await
    })
    .await
}
