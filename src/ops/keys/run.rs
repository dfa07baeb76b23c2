//! One run of a rotation: what it has read, what it has done, and what every kind of key needs of it.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::join_all;

use super::Step;
use crate::artifacts::{Newer, Scribe, review};
use crate::model::ConnectionKind;
use crate::model::Service;
use crate::nats::{ClaimsError, Probe, ProbeError, Tls, Varz, push};
use crate::ops::gate::look;
use crate::ops::report::phase;
use crate::ops::session::Session;
use crate::ops::survey::{World, observe};
use crate::ops::{OpsError, Site};
use crate::provider::Provider;
use crate::secrets::{Change, Document, Index, KeyName, StoreError, Ticket};

/// One run.
pub(super) struct Run<'r, 'a, P> {
    /// Where it runs.
    pub site: &'r Site<'a, P>,
    /// What the servers hold in a newer version than the index.
    pub newer: Newer,
    /// The index, as this run has left it.
    pub index: Index,
    /// What was done in this run.
    pub steps: Vec<Step>,
}

impl<'r, 'a, P: Provider> Run<'r, 'a, P> {
    /// Looks whether anything can be rotated: nothing else may be under way, and its proof must be possible.
    ///
    /// A key that has leaked is revoked where it can be, although a node is away: the run fails at its proof, and the next
    /// one goes on.
    pub async fn ready(site: &'r Site<'a, P>, leaked: bool) -> Result<(Self, World), OpsError> {
        let index = site.store.index()?;
        let environment = &site.cluster.environment;
        if index.is_empty() {
            let what = format!("no key has been made yet; natsops apply {environment} makes them");
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
        if let Some((node, _)) = nodes.find(|(_, health)| health.varz.is_none())
            && !leaked
        {
            let what = format!("{} does not answer, and every node is to be tried", node.name);
            return Err(OpsError::Unready(what));
        }
        Ok((Self { site, newer, index, steps: Vec::new() }, world))
    }

    /// Does a step, and remembers it.
    pub async fn step<T>(
        &mut self,
        step: Step,
        work: impl AsyncFnOnce(&Self) -> Result<T, OpsError>,
    ) -> Result<T, OpsError> {
        let outcome = phase(self.site.reporter, step.name, async || work(self).await).await?;
        self.steps.push(step);
        Ok(outcome)
    }

    /// Whether this run has done a step.
    pub fn has_done(&self, step: Step) -> bool {
        self.steps.contains(&step)
    }

    /// A step that writes into the store.
    pub async fn commit(&mut self, step: Step, change: Change) -> Result<(), OpsError> {
        let write = async |run: &Self| Ok(run.site.store.commit(run.index.generation, change)?);
        self.index = self.step(step, write).await?;
        Ok(())
    }

    /// What writes the changes of a succession.
    pub fn scribe(&self) -> Scribe<'_> {
        let Site { cluster, store, entropy, .. } = self.site;
        let now = self.site.now();
        Scribe { cluster, store: *store, entropy: *entropy, now, newer: &self.newer }
    }

    /// Has every server take the claims of an account as they stand in the index.
    pub async fn push(&self, account: &str) -> Result<(), OpsError> {
        let servers: Vec<Varz> =
            look(self.site).await.into_iter().filter_map(|node| node.varz).collect();
        let token = self.index.document(&Document::account(account));
        let token = token.ok_or_else(|| ClaimsError::Connection("no token".to_owned()))?;
        let session = Session::open(self.site, &self.index, self.site.cluster.nodes.len()).await?;
        Ok(push(&session.control, token, &servers).await?)
    }

    /// A key of the store, with a paper about it.
    pub fn ticket(&self, key: &KeyName, paper: &Document) -> Result<Ticket, OpsError> {
        let public = self.index.document(paper);
        let public = public.ok_or_else(|| StoreError::Missing(key.clone()))?.to_owned();
        Ok(Ticket { public, secret: self.site.store.open(key)? })
    }

    /// Signs in on every node, with natsops' own certificate: only the user is in question.
    pub async fn knock(
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

    /// Proves that every node lets a user in.
    pub async fn lets_in(&self, user: &Ticket) -> Result<(), OpsError> {
        for (node, answer) in self.knock(user).await? {
            answer.map_err(|error| {
                OpsError::Unproven(format!("{node} does not let the new key in: {error}"))
            })?;
        }
        Ok(())
    }

    /// What a node still does that lets a user in, or that can't be told; none when every node refuses it.
    pub async fn still_open(&self, user: &Ticket) -> Result<Option<String>, OpsError> {
        let answers = self.knock(user).await?;
        Ok(answers.into_iter().find_map(|(node, answer)| match answer {
            Err(ProbeError::Refused(_)) => None,
            Ok(()) => Some(format!("{node} still lets the old key in")),
            Err(error) => Some(format!("{node} can't be tried: {error}")),
        }))
    }
}

/// A service whose keys can be tried has an ordinary connection.
pub(super) fn can_be_tried(service: &Service) -> Result<(), OpsError> {
    if service.connections.contains(&ConnectionKind::Standard) {
        return Ok(());
    }
    let name = &service.name;
    Err(OpsError::Unready(format!("{name} has no ordinary connection, so its keys can't be tried")))
}
