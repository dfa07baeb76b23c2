//! A service gets a new user key: issue, verify, and after the overlap revoke, push, verify.
//!
//! The service's scoped signing key, which the servers accept already, signs for the new user too, so nothing is to be
//! distributed before it is issued. Each step is one commit, or may be repeated; the stage is read from the store, so
//! that an interrupted rotation is continued by the next run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::list::connected;
use super::steps::Step;
use crate::artifacts::{Newer, Scribe, Stage, review, stage};
use crate::model::{ConnectionKind, Period, Service};
use crate::nats::{ClaimsError, Probe, ProbeError, Tls, Varz, push};
use crate::ops::execute::StopSign;
use crate::ops::gate::look;
use crate::ops::report::phase;
use crate::ops::session::Session;
use crate::ops::survey::observe;
use crate::ops::{OpsError, Site};
use crate::provider::Provider;
use crate::secrets::{Change, Document, Index, KeyName, StoreError, Ticket};

/// How long a server may take to close the connections of a revoked user; it takes milliseconds (measured on 2.15.1).
const EVICTION: Duration = Duration::from_secs(5);

/// How often is looked whether they are closed.
const PAUSE: Duration = Duration::from_millis(50);

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// How long the old key is let in beside the new one.
    pub overlap: Period,
    /// Whether the old key has leaked: it is revoked first, and only then a new one made.
    pub leaked: bool,
}

/// How far a rotation has come.
#[derive(Debug, Serialize)]
pub struct Rotated {
    /// Whether the old key is gone.
    pub done: bool,
    /// What was done in this run.
    pub steps: Vec<Step>,
    /// The public key to be used from now on.
    pub new: Option<String>,
    /// The public key that is on its way out, or gone.
    pub old: Option<String>,
    /// When the overlap is over, while it is not.
    pub until: Option<Timestamp>,
    /// How many connections the old key still has.
    pub connections: usize,
}

/// One run.
struct Run<'r, 'a, P> {
    site: &'r Site<'a, P>,
    service: &'r Service,
    newer: Newer,
    index: Index,
    steps: Vec<Step>,
    old: Option<String>,
}

/// Begins a rotation, or continues the one that is under way.
pub async fn rotate<P: Provider>(
    site: &Site<'_, P>,
    service: &Service,
    wish: Wish,
    stop: &StopSign,
) -> Result<Rotated, OpsError> {
    let mut run = Run::ready(site, service, wish).await?;
    let mut begun = false;
    loop {
        if stop.is_raised() {
            return Err(OpsError::Interrupted);
        }
        let stage = stage(service, &run.index);
        run.remember_old();
        match stage {
            Stage::Settled if begun => return run.outcome(None).await,
            Stage::Settled if wish.leaked => run.revoke().await?,
            Stage::Settled => run.issue().await?,
            Stage::Overlapping(_) if wish.leaked => run.revoke().await?,
            Stage::Overlapping(since) => {
                run.verify_new().await?;
                if let Some(until) = after(since, wish.overlap).filter(|end| *end > site.now()) {
                    run.steps.push(Step::Wait);
                    return run.outcome(Some(until)).await;
                }
                run.revoke().await?;
            }
            Stage::Bare => {
                run.push().await?;
                run.verify_old().await?;
                run.issue().await?;
            }
            Stage::Succeeded => {
                if !run.steps.contains(&Step::VerifyOld) {
                    run.push().await?;
                    run.verify_old().await?;
                }
                if !run.steps.contains(&Step::VerifyNew) {
                    run.verify_new().await?;
                }
                run.commit(Step::Forget, Scribe::forget(service)).await?;
            }
        }
        begun = true;
    }
}

/// `period` after `time`; what is beyond the calendar never comes.
fn after(time: Timestamp, period: Period) -> Option<Timestamp> {
    let span = SignedDuration::try_from(period.duration()).unwrap_or(SignedDuration::MAX);
    Some(time.saturating_add(span).unwrap_or(Timestamp::MAX))
}

impl<'r, 'a, P: Provider> Run<'r, 'a, P> {
    /// Looks whether a rotation can be carried out: nothing else may be under way, and its proof must be possible.
    async fn ready(
        site: &'r Site<'a, P>,
        service: &'r Service,
        wish: Wish,
    ) -> Result<Self, OpsError> {
        let index = site.store.index()?;
        let environment = &site.cluster.environment;
        if index.is_empty() {
            let what = format!("no key has been made yet; natsops apply {environment} makes them");
            return Err(OpsError::Unready(what));
        }
        if !service.connections.contains(&ConnectionKind::Standard) {
            let name = &service.name;
            let what = format!("{name} has no ordinary connection, so its keys can't be tried");
            return Err(OpsError::Unready(what));
        }
        let world = observe(site, &index).await?;
        let newer = world.newer();
        let pending = review(site.cluster, &index, site.now(), &newer);
        if let Some(action) = pending.changes().next() {
            let what =
                format!("{} is not as the files say; natsops apply {environment}", action.id);
            return Err(OpsError::Unready(what));
        }
        let mut nodes = site.cluster.nodes.iter().zip(&world.health);
        if let Some((node, _)) = nodes.find(|(_, health)| health.varz.is_none()) {
            // A leaked key is revoked where it can be; the run fails at the proof, and the next one goes on.
            if !wish.leaked {
                let what = format!("{} does not answer, and every node is to be tried", node.name);
                return Err(OpsError::Unready(what));
            }
        }
        Ok(Self { site, service, newer, index, steps: Vec::new(), old: None })
    }

    fn remember_old(&mut self) {
        let retiring = self.index.public(&KeyName::retiring_user(&self.service.name));
        if let Some(old) = retiring {
            self.old = Some(old.to_owned());
        }
    }

    async fn outcome(self, until: Option<Timestamp>) -> Result<Rotated, OpsError> {
        let connections = match (&self.old, until) {
            (Some(old), Some(_)) => connected(self.site, old).await?,
            _ => 0,
        };
        let new = self.index.public(&KeyName::user(&self.service.name)).map(str::to_owned);
        let Self { steps, old, .. } = self;
        Ok(Rotated { done: until.is_none(), steps, new, old, until, connections })
    }

    async fn step<T>(
        &mut self,
        step: Step,
        work: impl AsyncFnOnce(&Self) -> Result<T, OpsError>,
    ) -> Result<T, OpsError> {
        let outcome = phase(self.site.reporter, step.name(), async || work(self).await).await?;
        self.steps.push(step);
        Ok(outcome)
    }

    async fn commit(&mut self, step: Step, change: Change) -> Result<(), OpsError> {
        let write = async |run: &Self| Ok(run.site.store.commit(run.index.generation, change)?);
        self.index = self.step(step, write).await?;
        Ok(())
    }

    fn scribe(&self) -> Scribe<'_> {
        let Site { cluster, store, entropy, .. } = self.site;
        let now = self.site.now();
        Scribe { cluster, store: *store, entropy: *entropy, now, newer: &self.newer }
    }

    async fn issue(&mut self) -> Result<(), OpsError> {
        let change = self.scribe().succeed(self.service, &self.index)?;
        self.commit(Step::Issue, change).await
    }

    async fn revoke(&mut self) -> Result<(), OpsError> {
        let change = self.scribe().revoke(self.service, &self.index)?;
        self.commit(Step::Revoke, change).await
    }

    async fn push(&mut self) -> Result<(), OpsError> {
        self.step(Step::Push, async |run| {
            let servers: Vec<Varz> =
                look(run.site).await.into_iter().filter_map(|node| node.varz).collect();
            let token = run.index.document(&Document::of_account(&run.service.account));
            let token = token.ok_or_else(|| ClaimsError::Connection("no token".to_owned()))?;
            let session = Session::open(run.site, &run.index, run.site.cluster.nodes.len()).await?;
            Ok(push(&session.control, token, &servers).await?)
        })
        .await
    }

    async fn verify_new(&mut self) -> Result<(), OpsError> {
        self.step(Step::VerifyNew, async |run| {
            let name = &run.service.name;
            let ticket = run.ticket(KeyName::user(name), Document::user(name))?;
            for (node, answer) in run.knock(&ticket).await? {
                answer.map_err(|error| {
                    OpsError::Unproven(format!("{node} does not let the new key in: {error}"))
                })?;
            }
            Ok(())
        })
        .await
    }

    /// Tries until every node refuses the old key and none has a connection of it.
    async fn verify_old(&mut self) -> Result<(), OpsError> {
        self.step(Step::VerifyOld, async |run| {
            let name = &run.service.name;
            let ticket = run.ticket(KeyName::retiring_user(name), Document::retiring_user(name))?;
            let old = run.old.as_deref().unwrap_or_default();
            let begin = Instant::now();
            loop {
                let answers = run.knock(&ticket).await?;
                let open = answers.into_iter().find_map(|(node, answer)| match answer {
                    Err(ProbeError::Refused(_)) => None,
                    Ok(()) => Some(format!("{node} still lets the old key in")),
                    Err(error) => Some(format!("{node} can't be tried: {error}")),
                });
                let open = match open {
                    Some(open) => Some(open),
                    None => match connected(run.site, old).await? {
                        0 => None,
                        left => Some(format!("{left} connections of the old key are left")),
                    },
                };
                match open {
                    None => return Ok(()),
                    Some(open) if begin.elapsed() > EVICTION => {
                        return Err(OpsError::Unproven(open));
                    }
                    Some(_) => tokio::time::sleep(PAUSE).await,
                }
            }
        })
        .await
    }

    fn ticket(&self, key: KeyName, paper: Document) -> Result<Ticket, OpsError> {
        let public = self.index.document(&paper);
        let public = public.ok_or_else(|| StoreError::Missing(key.clone()))?.to_owned();
        Ok(Ticket { public, secret: self.site.store.open(&key)? })
    }

    /// Signs in on every node, with natsops' own certificate: only the user is in question.
    async fn knock(
        &self,
        user: &Ticket,
    ) -> Result<Vec<(String, Result<(), ProbeError>)>, OpsError> {
        let tls = Tls::With(Arc::new(self.site.access(&self.index)?.tls()?));
        let port = self.site.cluster.ports.client;
        let knocks = self.site.cluster.nodes.iter().map(async |node| {
            let address = SocketAddr::from((node.address, port));
            let answer = async { Probe::open(address, &tls).await?.sign_in(Some(user)).await };
            (node.name.to_string(), answer.await)
        });
        Ok(join_all(knocks).await)
    }
}
