//! What is revoked is refused by every server from now on, and nothing takes its place yet.

use jiff::Timestamp;

use super::client::names;
use super::guests::{Door, Guest};
use super::list::connected;
use super::run::Run;
use super::{Rotated, Step, signing, user};
use crate::artifacts::{issued_at, user_issued_at};
use crate::model::{Account, Client, OWN_ROLE, Service};
use crate::ops::execute::StopSign;
use crate::ops::{OpsError, Site};
use crate::provider::Provider;
use crate::secrets::{Document, EVERYBODY, KeyName, Ticket};

const REVOKE: Step = Step {
    name: "revoke",
    words: "revoke whatever was issued until then in the account's claims, and sign for the users anew",
};
const PUSH: Step = Step {
    name: "push",
    words: "push the claims to every server, which closes the connections of those users",
};
const VERIFY_OLD: Step = Step {
    name: "verify-old",
    words: "prove that every node refuses a user of that time, and that no connection is left",
};
const VERIFY_NEW: Step =
    Step { name: "verify-new", words: "sign in on every node with the new creds" };

/// What is revoked.
#[derive(Debug, Clone, Copy)]
pub enum Revoked<'c> {
    /// The key with which a service or a leafnode signs in.
    User(Client<'c>),
    /// The role of a service: whatever its signing key has signed.
    Service(&'c Service),
    /// All users of an account that were issued until a time.
    Account(&'c Account, Timestamp),
}

/// Revokes, or goes on with it. A node that is away does not stop it from being revoked elsewhere: the run fails at its
/// proof, and the next one goes on.
pub async fn revoke<P: Provider>(
    site: &Site<'_, P>,
    what: Revoked<'_>,
    stop: &StopSign,
) -> Result<Rotated, OpsError> {
    let account = match what {
        Revoked::User(client) => client.account(),
        Revoked::Service(service) => &service.account,
        Revoked::Account(account, _) => &account.name,
    };
    let (run, _) = Run::ready(site, true, Some(account.clone())).await?;
    match what {
        Revoked::User(client) => user::withdraw(run, client, stop).await,
        Revoked::Service(service) => signing::withdraw(run, service, stop).await,
        Revoked::Account(account, until) => everybody(run, account, until.as_second()).await,
    }
}

async fn everybody<P: Provider>(
    mut run: Run<'_, '_, P>,
    account: &Account,
    until: i64,
) -> Result<Rotated, OpsError> {
    let name = account.name.as_str();
    let clients = Client::of(run.site.cluster, &account.name);
    // What is void from now on: with it is proven that it opens nothing. An earlier run may have signed it anew already.
    let mut void = clients.clone();
    void.retain(|client| issued(&run, *client).is_some_and(|issued| issued <= until));
    let old = creds(&run, &void)?;
    let stands = run.index.revocations.get(name).and_then(|users| users.get(EVERYBODY));
    if stands.is_none_or(|stands| *stands < until) {
        let change = run.scribe().revoke_everybody(&account.name, until, &run.index)?;
        run.commit(REVOKE, change).await?;
    }
    run.step(PUSH, async |run| run.push(name).await).await?;
    run.step(VERIFY_OLD, async |run| {
        let Site { store, entropy, .. } = run.site;
        let now = run.site.now();
        let canary = user_issued_at((name, until), &run.index, *store, *entropy, now)?;
        let own = Guest { whose: OWN_ROLE.to_owned(), user: canary, door: Door::Client };
        let guests: Vec<Guest> = std::iter::once(own).chain(guests(run, old)).collect();
        run.refused(&guests, async || {
            for client in &void {
                let key = run.index.public(&KeyName::user_of(*client)).unwrap_or_default();
                let left = connected(run.site, key).await?;
                if left > 0 {
                    return Ok(Some(format!("{left} connections of {} are left", client.name())));
                }
            }
            Ok(None)
        })
        .await
    })
    .await?;
    run.step(VERIFY_NEW, async |run| {
        let new = creds(run, &clients)?;
        run.let_in(&guests(run, new)).await?;
        run.held(name).await
    })
    .await?;
    let (redeploy, leafnodes) = names(&clients);
    let remarks = run.untried(clients);
    Ok(Rotated { done: true, steps: run.steps, redeploy, leafnodes, remarks, ..Rotated::default() })
}

/// Those whose creds can be tried from here.
fn guests<P: Provider>(run: &Run<'_, '_, P>, creds: Vec<(Client<'_>, Ticket)>) -> Vec<Guest> {
    let tried = |client: &Client<'_>| client.untried(run.site.cluster).is_none();
    let creds = creds.into_iter().filter(|(client, _)| tried(client));
    creds
        .map(|(client, user)| Guest { whose: client.name().to_owned(), user, door: client.into() })
        .collect()
}

/// When the creds of a client were issued, in unix seconds.
fn issued<P: Provider>(run: &Run<'_, '_, P>, client: Client<'_>) -> Option<i64> {
    issued_at(run.index.document(&Document::user_of(client))?)
}

fn creds<'c, P: Provider>(
    run: &Run<'_, '_, P>,
    clients: impl IntoIterator<Item = &'c Client<'c>>,
) -> Result<Vec<(Client<'c>, Ticket)>, OpsError> {
    let ticket = |client: &Client<'c>| {
        let (key, paper) = (KeyName::user_of(*client), Document::user_of(*client));
        Ok((*client, run.ticket(&key, &paper)?))
    };
    clients.into_iter().map(ticket).collect()
}
