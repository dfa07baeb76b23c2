//! One run of a rotation: what it has read, what it has done, and what every kind of key needs of it.

use jiff::Timestamp;

use super::Step;
use crate::artifacts::{Newer, Scribe, review, review_within};
use crate::model::{AccountName, Client, Cluster};
use crate::nats::{ClaimsError, Varz, lookup, push};
use crate::ops::cache;
use crate::ops::execute::StopSign;
use crate::ops::gate::look;
use crate::ops::nodes::nodes;
use crate::ops::report::phase;
use crate::ops::session::Session;
use crate::ops::survey::{World, observe, plan_nodes};
use crate::ops::{OpsError, Site, reload};
use crate::plan::{Action, Effect, Kind};
use crate::provider::{CONFIG_DIGEST, Provider};
use crate::secrets::{Change, Document, Index, KeyName, SecretStore, StoreError, Ticket};

/// What is said of a new key that can't be tried from here.
pub(super) const BY_CLAIMS: &str = "good by the claims that every node holds";

/// One run.
pub(super) struct Run<'r, 'a, P> {
    /// Where it runs.
    pub site: &'r Site<'a, P>,
    /// What the servers hold in a newer version than the index.
    pub newer: Newer,
    /// The account whose papers alone are signed: what has leaked does not wait for the changes of others.
    pub only: Option<AccountName>,
    /// The index, as this run has left it.
    pub index: Index,
    /// What was done in this run.
    pub steps: Vec<Step>,
}

impl<'r, 'a, P: Provider> Run<'r, 'a, P> {
    /// Looks whether anything can be rotated: nothing else may be under way, and its proof must be possible.
    ///
    /// A key that has leaked is revoked where it can be, although a node is away: the run fails at its proof, and the next
    /// one goes on. Then it is also the matter of its account `only`, where that is all that it takes.
    pub async fn ready(
        site: &'r Site<'a, P>,
        leaked: bool,
        only: Option<AccountName>,
    ) -> Result<(Self, World), OpsError> {
        let index = made(site.cluster, site.store)?;
        let world = observe(site, &index).await?;
        let newer = world.newer(&index);
        match leaked {
            true => reviewed_claims(site.cluster, only.as_ref(), &index, site.now(), &newer)?,
            false => reviewed(site.cluster, &index, site.now(), &newer)?,
        }
        let mut nodes = site.cluster.nodes.iter().zip(&world.health);
        if let Some((node, _)) = nodes.find(|(_, health)| health.varz.is_none())
            && !leaked
        {
            let what = format!("{} does not answer, and every node is to be tried", node.name);
            return Err(OpsError::Unready(what));
        }
        Ok((Self { site, newer, only, index, steps: Vec::new() }, world))
    }

    /// Looks whether to hand out certificates or passwords would do no more than that: what else is to be done to nodes
    /// is the matter of an apply.
    pub async fn undisturbed(&self, world: &World) -> Result<(), OpsError> {
        let (site, environment) = (self.site, &self.site.cluster.environment);
        let kept = cache::observe(site, &self.index).await?;
        let mut nodes = site.cluster.redis_nodes().iter();
        if let Some(node) = nodes.find(|node| !kept.views.contains_key(&node.name)) {
            let what = format!("{} does not answer, and every node is to be tried", node.name);
            return Err(OpsError::Unready(what));
        }
        let mut all = plan_nodes(site, &self.index, world)?;
        all.extend(cache::plan(site, &self.index, &kept)?);
        let harmless = |action: &&Action| {
            let reads = matches!(action.effect, Effect::None | Effect::Reload);
            is_unread(action) || (action.blocked.is_none() && reads)
        };
        match all.changes().find(|action| !harmless(action)) {
            None => Ok(()),
            Some(action) => Err(OpsError::Unready(format!(
                "{} is not as the files say; natsops apply {environment}",
                action.id
            ))),
        }
    }

    /// Has every node take its certificates, authorities and users from the index: those of the cluster one after the
    /// other, those of the cache while they run.
    pub async fn distribute(&mut self, step: Step, stop: &StopSign) -> Result<(), OpsError> {
        self.step(step, async |run| {
            let world = observe(run.site, &run.index).await?;
            let world = match run.read_again(&world).await? {
                true => observe(run.site, &run.index).await?,
                false => world,
            };
            nodes(run.site, &run.index, &world, stop).await?;
            cache::apply(run.site, &run.index, stop).await
        })
        .await
    }

    /// Has servers read what was written for them by a run that died before they did. What they refuse is left to a
    /// restart, as an apply would do it. Tells whether there were any.
    async fn read_again(&self, world: &World) -> Result<bool, OpsError> {
        let plan = plan_nodes(self.site, &self.index, world)?;
        let mut found = false;
        for action in plan.changes().filter(|action| is_unread(action)) {
            found = true;
            let action = Action { effect: Effect::Reload, ..action.clone() };
            match reload::perform(self.site, &self.index, &action).await {
                Ok(()) | Err(OpsError::Control { .. } | OpsError::NotReloaded { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
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
        let (newer, only) = (&self.newer, self.only.as_ref());
        Scribe { cluster, store: *store, entropy: *entropy, now, newer, only }
    }

    /// Has every server take the claims of an account as they stand in the index.
    pub async fn push(&self, account: &str) -> Result<(), OpsError> {
        self.push_all(&[account.to_owned()]).await
    }

    /// The same of several accounts: one after the other, since a server that takes two at once may miss what passes
    /// between them.
    pub async fn push_all(&self, accounts: &[String]) -> Result<(), OpsError> {
        let servers: Vec<Varz> =
            look(self.site).await.into_iter().filter_map(|node| node.varz).collect();
        let session = Session::open(self.site, &self.index, self.site.cluster.nodes.len()).await?;
        for account in accounts {
            let token = self.index.document(&Document::account(account));
            let token = token.ok_or_else(|| ClaimsError::Connection("no token".to_owned()))?;
            push(&session.control, token, &servers).await?;
        }
        Ok(())
    }

    /// Proves that every server holds the claims of an account as they stand in the index: it accepts whom they name, and
    /// nobody else. An apply that died may not have brought them.
    pub async fn held(&self, account: &str) -> Result<(), OpsError> {
        let servers = self.site.cluster.nodes.len();
        let token = self.index.document(&Document::account(account)).unwrap_or_default();
        let key = self.index.public(&KeyName::account(account)).unwrap_or_default();
        let session = Session::open(self.site, &self.index, servers).await?;
        let held = lookup(&session.control, key).await?;
        match held.tokens.iter().filter(|held| *held == token).count() {
            holding if holding == servers => Ok(()),
            _ => self.push(account).await,
        }
    }

    /// What is to be said of clients whose creds can't be tried from here.
    pub fn untried<'c>(&self, clients: impl IntoIterator<Item = Client<'c>>) -> Vec<String> {
        let clients = clients.into_iter();
        let why = clients.filter_map(|client| client.untried(self.site.cluster));
        why.map(|why| format!("{why}, so its creds were not tried; every server holds the claims that decide on them"))
            .collect()
    }

    /// A key of the store, with a paper about it.
    pub fn ticket(&self, key: &KeyName, paper: &Document) -> Result<Ticket, OpsError> {
        let public = self.index.document(paper);
        let public = public.ok_or_else(|| StoreError::Missing(key.clone()))?.to_owned();
        Ok(Ticket { public, secret: self.site.store.open(key)? })
    }
}

/// The index of an environment that has been applied.
pub(super) fn made(cluster: &Cluster, store: &dyn SecretStore) -> Result<Index, OpsError> {
    let index = store.index()?;
    match index.is_empty() {
        false => Ok(index),
        true => Err(OpsError::Unready(format!(
            "no key has been made yet; natsops apply {} makes them",
            cluster.environment
        ))),
    }
}

/// Refuses what an apply must make or sign first.
pub(super) fn reviewed(
    cluster: &Cluster,
    index: &Index,
    now: Timestamp,
    newer: &Newer,
) -> Result<(), OpsError> {
    let remedy = format!("; natsops apply {}", cluster.environment);
    refuse(review(cluster, index, now, newer).changes().next(), &remedy)
}

/// The same of what a revocation would sign as well: a certificate that is about to end holds up no leaked key.
fn reviewed_claims(
    cluster: &Cluster,
    only: Option<&AccountName>,
    index: &Index,
    now: Timestamp,
    newer: &Newer,
) -> Result<(), OpsError> {
    let plan = review_within(cluster, only, index, now, newer);
    let remedy = format!(
        ", and would be signed as well; revoke from the files that were applied, or: natsops apply {}",
        cluster.environment
    );
    refuse(plan.changes().find(|action| action.id.kind != Kind::Certificate), &remedy)
}

fn refuse(action: Option<&Action>, remedy: &str) -> Result<(), OpsError> {
    match action {
        None => Ok(()),
        Some(action) => {
            Err(OpsError::Unready(format!("{} is not as the files say{remedy}", action.id)))
        }
    }
}

/// Whether a node's folder is as it should be, and only its server has not read it yet.
fn is_unread(action: &Action) -> bool {
    let running = action.effect == Effect::RollingRestart;
    running && action.changes.iter().all(|change| change.field == CONFIG_DIGEST)
}

/// Why nothing of `name` is replaced now: something else of it is, by `keys rotate ENV WHAT`.
pub(super) fn under_way<P>(
    site: &Site<'_, P>,
    something: &str,
    what: &str,
    name: &str,
) -> OpsError {
    let environment = &site.cluster.environment;
    OpsError::UnderWay {
        what: format!("{something} of {name}"),
        next: format!("natsops keys rotate {environment} {what} {name}"),
    }
}
