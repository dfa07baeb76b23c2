//! What is revoked is refused by every server from now on, and nothing takes its place yet.

use jiff::Timestamp;

use super::guests::{Door, Guest};
use super::list::connected;
use super::run::Run;
use super::{Rotated, Step, signing, user};
use crate::artifacts::{issued_at, user_issued_at};
use crate::model::{Account, ConnectionKind, OWN_ROLE, Service};
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
    /// The key with which a service signs in.
    User(&'c Service),
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
    let (run, _) = Run::ready(site, true).await?;
    match what {
        Revoked::User(service) => user::withdraw(run, service, stop).await,
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
    let services: Vec<&Service> = run.site.cluster.services_of(&account.name).collect();
    // What is void from now on: with it is proven that it opens nothing. An earlier run may have signed it anew already.
    let old: Vec<(&Service, Ticket)> = services
        .iter()
        .filter(|service| issued(&run, service).is_some_and(|issued| issued <= until))
        .map(|service| Ok((*service, creds(&run, service)?)))
        .collect::<Result<_, OpsError>>()?;
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
        let others = old.iter().filter(|(service, _)| is_ordinary(service)).map(guest);
        let guests: Vec<Guest> = std::iter::once(own).chain(others).collect();
        run.refused(&guests, async || {
            for (service, _) in &old {
                let key = run.index.public(&KeyName::user(&service.name)).unwrap_or_default();
                let left = connected(run.site, key).await?;
                if left > 0 {
                    return Ok(Some(format!("{left} connections of {} are left", service.name)));
                }
            }
            Ok(None)
        })
        .await
    })
    .await?;
    run.step(VERIFY_NEW, async |run| {
        let ordinary = services.iter().filter(|service| is_ordinary(service));
        let new = ordinary.map(|service| Ok((*service, creds(run, service)?)));
        let new = new.collect::<Result<Vec<_>, OpsError>>()?;
        run.let_in(&new.iter().map(guest).collect::<Vec<_>>()).await
    })
    .await?;
    let leafnodes = run.site.cluster.leafnodes_of(&account.name);
    let leafnodes = leafnodes.map(|leafnode| leafnode.name.to_string()).collect();
    let redeploy = services.iter().map(|service| service.name.to_string()).collect();
    Ok(Rotated { done: true, steps: run.steps, redeploy, leafnodes, ..Rotated::default() })
}

fn guest((service, user): &(&Service, Ticket)) -> Guest {
    let user = Ticket { public: user.public.clone(), secret: user.secret.clone() };
    Guest { whose: service.name.to_string(), user, door: Door::Client }
}

fn is_ordinary(service: &Service) -> bool {
    service.connections.contains(&ConnectionKind::Standard)
}

/// When the creds of a service were issued, in unix seconds.
fn issued<P: Provider>(run: &Run<'_, '_, P>, service: &Service) -> Option<i64> {
    issued_at(run.index.document(&Document::user(&service.name))?)
}

fn creds<P: Provider>(run: &Run<'_, '_, P>, service: &Service) -> Result<Ticket, OpsError> {
    run.ticket(&KeyName::user(&service.name), &Document::user(&service.name))
}
