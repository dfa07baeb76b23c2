//! Keys that sign users: accept, distribute, verify, issue, verify, and after the overlap retire, push, verify.
//!
//! A server evicts nobody when an account's claims list one key more, and everybody whom a key has signed when it is
//! listed no more (measured on 2.15.1). So the new key is listed beside the old one, and known everywhere, before it
//! signs anything. Each step is one commit, or may be repeated; the stage is read from the store.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::guests::{Door, Guest};
use super::list::signed;
use super::rotate::until;
use super::run::{Run, under_way};
use super::{Replaced, Rotated, Step, Wish};
use crate::artifacts::{Handover, Role, Scribe, Stage, handover, short_lived_user_by, stage};
use crate::model::{Account, AccountName, Client, Cluster, OWN_ROLE, SYSTEM_ACCOUNT, Service};
use crate::ops::execute::StopSign;
use crate::ops::{OpsError, Site};
use crate::provider::Provider;
use crate::secrets::{Index, KeyName};

const ACCEPT: Step = Step {
    name: "accept",
    words: "make a new key for each role; the account's claims list it beside the old one",
};
const DISTRIBUTE: Step = Step {
    name: "distribute",
    words: "push the claims to every server, which closes no connection",
};
const PRELOAD: Step = Step {
    name: "preload",
    words: "have one node after the other read them in its configuration as well, without a restart",
};
const VERIFY_ACCEPTED: Step = Step {
    name: "verify-accepted",
    words: "sign in on every node with a user of the moment that the new key has signed",
};
const ISSUE: Step =
    Step { name: "issue", words: "sign for the users anew with the new key; their own keys stay" };
const VERIFY_NEW: Step =
    Step { name: "verify-new", words: "sign in on every node with the new creds" };
const WAIT: Step =
    Step { name: "wait", words: "let in what the old key has signed, until the overlap is over" };
const DROP: Step = Step { name: "drop", words: "list the old key in the account's claims no more" };
const PUSH: Step = Step {
    name: "push",
    words: "push the claims to every server, which closes the connections that the old key signed for",
};
const VERIFY_OLD: Step = Step {
    name: "verify-old",
    words: "prove that every node refuses what the old key has signed, and signs now",
};
const FORGET: Step = Step { name: "forget", words: "forget the old key, and what it has signed" };

/// So many roles of an account are tried on every node, spread over all; that each server has the claims of all is
/// looked up whatever their number.
const TRIED: usize = 24;

/// Whose signing keys are replaced.
#[derive(Debug, Clone, Copy)]
pub enum Signers<'c> {
    /// That of the role of a service or a leafnode.
    Client(Client<'c>),
    /// Those of all roles of an account, natsops' own included.
    Account(&'c Account),
    /// That of natsops' role in the system account, whose claims stand in every node's configuration.
    System,
}

impl Signers<'_> {
    pub(super) fn account(&self) -> AccountName {
        match self {
            Self::Client(client) => client.account().clone(),
            Self::Account(account) => account.name.clone(),
            Self::System => Role::system().account,
        }
    }

    /// The roles that go together: of an account all, or those that an earlier run has begun with.
    pub(super) fn roles(&self, cluster: &Cluster, index: &Index) -> Vec<Role> {
        match self {
            Self::Client(client) => vec![Role::of(*client)],
            Self::System => vec![Role::system()],
            Self::Account(account) => {
                let all = Role::all(cluster, &account.name);
                let begun = all.iter().any(|role| is_own(role) && role.is_passing(index));
                all.into_iter().filter(|role| !begun || role.is_passing(index)).collect()
            }
        }
    }

    /// Refuses when other keys of the same users are being replaced.
    fn check<P>(&self, site: &Site<'_, P>, index: &Index) -> Result<(), OpsError> {
        let cluster = site.cluster;
        let account = self.account();
        let all = Role::all(cluster, &account);
        let together = all.iter().any(|role| is_own(role) && role.is_passing(index));
        let users = match self {
            Self::Client(client) => vec![*client],
            Self::System => Vec::new(),
            Self::Account(account) => Client::of(cluster, &account.name),
        };
        if let Some(client) = users.iter().find(|one| stage(**one, index) != Stage::Settled) {
            return Err(under_way(site, "the user key", "user", client.name()));
        }
        match self {
            Self::Client(_) => {}
            Self::System => return Ok(()),
            Self::Account(_) if together => return Ok(()),
            Self::Account(_) => {
                return match all.iter().find(|role| role.is_passing(index)) {
                    Some(role) => {
                        Err(under_way(site, "the signing key", "signing-key", &role.name))
                    }
                    None => Ok(()),
                };
            }
        }
        match together {
            true => Err(under_way(site, "every signing key", "signing-key", account.as_str())),
            false => Ok(()),
        }
    }
}

/// Whether the old key is refused before there is a new one. Of the system account it can't be: whoever brings the claims
/// to the servers comes in by its key, so every server must know the new one first.
fn at_once(signers: Signers<'_>, wish: Wish) -> bool {
    wish.leaked && !matches!(signers, Signers::System)
}

/// Only an account as a whole replaces the key of natsops' own role.
fn is_own(role: &Role) -> bool {
    role.name == OWN_ROLE
}

/// What is left to do.
pub(super) fn left(
    signers: Signers<'_>,
    wish: Wish,
    cluster: &Cluster,
    index: &Index,
) -> Vec<Step> {
    let leaked = at_once(signers, wish);
    let begin: &[Step] = match handover(&signers.roles(cluster, index), index) {
        Handover::Settled if leaked => &[DROP, PUSH, VERIFY_OLD, ISSUE, VERIFY_NEW],
        Handover::Settled => {
            &[ACCEPT, DISTRIBUTE, VERIFY_ACCEPTED, ISSUE, VERIFY_NEW, WAIT, DROP, PUSH, VERIFY_OLD]
        }
        Handover::Accepted if leaked => &[DROP, PUSH, VERIFY_OLD, ISSUE, VERIFY_NEW],
        Handover::Accepted => {
            &[DISTRIBUTE, VERIFY_ACCEPTED, ISSUE, VERIFY_NEW, WAIT, DROP, PUSH, VERIFY_OLD]
        }
        Handover::Issued if leaked => &[DROP, PUSH, VERIFY_OLD, VERIFY_NEW],
        Handover::Issued => &[VERIFY_NEW, WAIT, DROP, PUSH, VERIFY_OLD],
        Handover::Dropped => &[PUSH, VERIFY_OLD, ISSUE, VERIFY_NEW],
        Handover::Retired => &[PUSH, VERIFY_OLD, VERIFY_NEW],
    };
    let system = matches!(signers, Signers::System);
    let waits = !wish.leaked;
    let steps = begin.iter().copied().filter(|step| waits || *step != WAIT).flat_map(|step| {
        let preload = system && (step == DISTRIBUTE || step == PUSH);
        std::iter::once(step).chain(preload.then_some(PRELOAD))
    });
    steps.chain([FORGET]).collect()
}

/// Begins, or goes on.
pub(super) async fn rotate<P: Provider>(
    run: Run<'_, '_, P>,
    signers: Signers<'_>,
    wish: Wish,
    stop: &StopSign,
) -> Result<Rotated, OpsError> {
    signers.check(run.site, &run.index)?;
    let roles = signers.roles(run.site.cluster, &run.index);
    let mut turn = Turn { run, account: signers.account(), roles, cut: Vec::new(), stop };
    let leaked = at_once(signers, wish);
    let mut begun = false;
    let before = turn.keys();
    loop {
        stop.heed()?;
        match handover(&turn.roles, &turn.run.index) {
            Handover::Settled if begun => return turn.outcome(&before, None).await,
            Handover::Settled | Handover::Accepted if leaked => turn.drop_old().await?,
            Handover::Settled => turn.accept().await?,
            Handover::Accepted => {
                turn.distribute().await?;
                turn.issue().await?;
            }
            Handover::Issued if leaked => turn.drop_old().await?,
            Handover::Issued => {
                turn.verify_new().await?;
                if let Some(until) = turn.until(wish) {
                    turn.run.steps.push(WAIT);
                    return turn.outcome(&before, Some(until)).await;
                }
                turn.cut = turn.connected().await?;
                turn.drop_old().await?;
            }
            Handover::Dropped => {
                turn.refuse_old().await?;
                turn.issue().await?;
            }
            Handover::Retired => turn.end().await?,
        }
        begun = true;
    }
}

/// Has no server accept any key of the service's role that has signed for its user, and signs nothing anew: that is left
/// to the next rotation.
pub(super) async fn withdraw<P: Provider>(
    run: Run<'_, '_, P>,
    service: &Service,
    stop: &StopSign,
) -> Result<Rotated, OpsError> {
    let signers = Signers::Client(service.into());
    signers.check(run.site, &run.index)?;
    let (account, roles) = (service.account.clone(), vec![Role::of(service.into())]);
    let mut turn = Turn { run, account, roles, cut: Vec::new(), stop };
    let name = turn.roles[0].key();
    loop {
        stop.heed()?;
        match handover(&turn.roles, &turn.run.index) {
            Handover::Settled | Handover::Accepted | Handover::Issued => turn.drop_old().await?,
            // What the new key has signed is in the store, and is void next.
            Handover::Retired => {
                turn.refuse_old().await?;
                turn.run.commit(FORGET, Scribe::forget_roles(&turn.roles)).await?;
            }
            Handover::Dropped => {
                turn.refuse_old().await?;
                break;
            }
        }
    }
    let old = turn.run.index.public(&turn.roles[0].retiring()).map(str::to_owned);
    let keys =
        vec![Replaced { name: name.to_string(), new: None, old, connections: 0, words: None }];
    let remarks = untried(&turn.run, &turn.roles);
    Ok(Rotated { done: true, steps: turn.run.steps, keys, remarks, ..Rotated::default() })
}

/// A key of a role before and after this run.
type Keys = Vec<(Option<String>, Option<String>)>;

/// One run for some roles of an account.
struct Turn<'r, 'a, P> {
    run: Run<'r, 'a, P>,
    account: AccountName,
    roles: Vec<Role>,
    /// Whose connections the end of the overlap has closed, and how many.
    cut: Vec<(String, usize)>,
    stop: &'r StopSign,
}

impl<P: Provider> Turn<'_, '_, P> {
    async fn accept(&mut self) -> Result<(), OpsError> {
        let change = self.run.scribe().accept(&self.roles, &self.run.index)?;
        self.run.commit(ACCEPT, change).await
    }

    /// Brings the claims to every server, and where they stand in its configuration, there as well.
    async fn bring(&mut self, step: Step) -> Result<(), OpsError> {
        let account = self.account.as_str();
        self.run.step(step, async |run| run.push(account).await).await?;
        match account {
            SYSTEM_ACCOUNT => self.run.distribute(PRELOAD, self.stop).await,
            _ => Ok(()),
        }
    }

    async fn distribute(&mut self) -> Result<(), OpsError> {
        self.bring(DISTRIBUTE).await?;
        let (account, roles) = (&self.account, &self.roles);
        self.run
            .step(VERIFY_ACCEPTED, async |run| {
                run.let_in(&moments(run, account, roles, Role::key)?).await
            })
            .await
    }

    async fn issue(&mut self) -> Result<(), OpsError> {
        let change = self.run.scribe().hand_over(&self.roles, &self.run.index)?;
        self.run.commit(ISSUE, change).await
    }

    async fn verify_new(&mut self) -> Result<(), OpsError> {
        let (account, roles) = (&self.account, &self.roles);
        self.run
            .step(VERIFY_NEW, async |run| {
                let own: Vec<Role> = roles.iter().filter(|r| r.user.is_none()).cloned().collect();
                let mut guests = moments(run, account, &own, Role::key)?;
                for (role, door) in tried(run.site.cluster, roles) {
                    let Some((key, paper)) = &role.user else { continue };
                    let user = run.ticket(key, paper)?;
                    guests.push(Guest { whose: role.name.clone(), user, door });
                }
                run.let_in(&guests).await?;
                run.held(account.as_str()).await
            })
            .await
    }

    async fn drop_old(&mut self) -> Result<(), OpsError> {
        let change = self.run.scribe().drop_old(&self.roles, &self.run.index)?;
        self.run.commit(DROP, change).await
    }

    /// Pushes the claims without the old keys, then tries until every node refuses what they have signed.
    async fn refuse_old(&mut self) -> Result<(), OpsError> {
        self.bring(PUSH).await?;
        let (account, roles) = (&self.account, &self.roles);
        self.run
            .step(VERIFY_OLD, async |run| {
                let mut guests = moments(run, account, roles, Role::retiring)?;
                for (role, door) in tried(run.site.cluster, roles) {
                    let Some((key, paper)) = &role.user else { continue };
                    let kept = role.old_paper();
                    let known = run.index.document(&kept).is_some();
                    let user = run.ticket(key, if known { &kept } else { paper })?;
                    guests.push(Guest { whose: role.name.clone(), user, door });
                }
                run.refused(&guests, async || {
                    let left = connections(run, roles).await?;
                    Ok((!left.is_empty())
                        .then(|| format!("connections of the old key are left: {}", said(&left))))
                })
                .await
            })
            .await
    }

    /// When the overlap is over, while it is not: the roles go together.
    fn until(&self, wish: Wish) -> Option<Timestamp> {
        let (index, now) = (&self.run.index, self.run.site.now());
        self.roles.iter().filter_map(|role| until(&role.key(), index, wish, now)).max()
    }

    async fn end(&mut self) -> Result<(), OpsError> {
        if !self.run.has_done(VERIFY_OLD) {
            self.refuse_old().await?;
        }
        if !self.run.has_done(VERIFY_NEW) {
            self.verify_new().await?;
        }
        self.run.commit(FORGET, Scribe::forget_roles(&self.roles)).await
    }

    /// Who has connections that the old keys have signed for.
    async fn connected(&self) -> Result<Vec<(String, usize)>, OpsError> {
        connections(&self.run, &self.roles).await
    }

    /// The current key of each role, and the one that is on its way out.
    fn keys(&self) -> Keys {
        let public = |name: KeyName| self.run.index.public(&name).map(str::to_owned);
        self.roles.iter().map(|role| (public(role.key()), public(role.retiring()))).collect()
    }

    async fn outcome(self, before: &Keys, until: Option<Timestamp>) -> Result<Rotated, OpsError> {
        let connected = match until {
            Some(_) => self.connected().await?,
            None => Vec::new(),
        };
        let count = |role: &Role| {
            let own = connected.iter().find(|(name, _)| *name == role.name);
            own.map_or(0, |(_, count)| *count)
        };
        let keys = self.roles.iter().zip(before).zip(self.keys());
        let keys = keys.map(|((role, (current, retiring)), (new, kept))| Replaced {
            name: role.key().to_string(),
            new,
            old: kept.or_else(|| retiring.clone()).or_else(|| current.clone()),
            connections: count(role),
            words: None,
        });
        let keys = keys.collect();
        let mut remarks = untried(&self.run, &self.roles);
        if !connected.is_empty() {
            let who = said(&connected);
            remarks.push(format!("still connected with creds that the old key signed: {who}"));
        }
        if !self.cut.is_empty() {
            let who = said(&self.cut);
            remarks.push(format!("the overlap is over, and these connections were closed: {who}"));
        }
        let users = self.roles.iter().filter(|role| role.user.is_some());
        let (mut redeploy, mut leafnodes) = (Vec::new(), Vec::new());
        for role in users {
            match role.name.strip_prefix("leafnode/") {
                Some(leafnode) => leafnodes.push(leafnode.to_owned()),
                None => redeploy.push(role.name.clone()),
            }
        }
        let (done, steps) = (until.is_none(), self.run.steps);
        let tell = if done { Vec::new() } else { self.roles.iter().map(Role::key).collect() };
        Ok(Rotated { done, steps, keys, until, tell, redeploy, leafnodes, remarks })
    }
}

/// How many connections each of the roles has that its old key has signed for; only those that have any.
async fn connections<P: Provider>(
    run: &Run<'_, '_, P>,
    roles: &[Role],
) -> Result<Vec<(String, usize)>, OpsError> {
    let counts = signed(run.site).await?;
    let old = |role: &Role| run.index.public(&role.retiring()).and_then(|old| counts.get(old));
    Ok(roles.iter().filter_map(|role| Some((role.name.clone(), *old(role)?))).collect())
}

/// What is to be said of roles whose users can't be tried from here.
fn untried<P: Provider>(run: &Run<'_, '_, P>, roles: &[Role]) -> Vec<String> {
    let clients = clients(run.site.cluster);
    run.untried(roles.iter().filter_map(|role| clients.get(&role.name).copied()))
}

/// Everybody, by the name of the role.
fn clients(cluster: &Cluster) -> BTreeMap<String, Client<'_>> {
    Client::all(cluster).into_iter().map(|client| (Role::of(client).name, client)).collect()
}

/// Such as `3 of wallet, 1 of store`.
fn said(connected: &[(String, usize)]) -> String {
    let each = connected.iter().map(|(who, count)| format!("{count} of {who}"));
    each.collect::<Vec<_>>().join(", ")
}

/// The roles that can be tried, spread over all, each with its door.
fn tried<'r>(cluster: &Cluster, roles: &'r [Role]) -> Vec<(&'r Role, Door)> {
    let clients = clients(cluster);
    let door = |role: &Role| match clients.get(&role.name) {
        Some(client) => client.untried(cluster).is_none().then(|| (*client).into()),
        None => Some(Door::Client),
    };
    let all: Vec<_> = roles.iter().filter_map(|role| Some((role, door(role)?))).collect();
    let every = all.len().div_ceil(TRIED).max(1);
    all.into_iter().step_by(every).collect()
}

/// Users of the moment, one of each role that can be tried, whom its new or its old key signs for.
fn moments<P: Provider>(
    run: &Run<'_, '_, P>,
    account: &AccountName,
    roles: &[Role],
    key: impl Fn(&Role) -> KeyName,
) -> Result<Vec<Guest>, OpsError> {
    let Site { cluster, store, entropy, .. } = run.site;
    let guest = |(role, door): (&Role, Door)| {
        let signer = (account.as_str(), &key(role));
        let now = run.site.now();
        let user = short_lived_user_by(signer, &run.index, *store, *entropy, now)?;
        Ok(Guest { whose: role.name.clone(), user, door })
    };
    tried(cluster, roles).into_iter().map(guest).collect()
}
