//! Environments whose machines are made: plan, apply and destroy of what nodes stand on.
//!
//! 1. The anchor is made: the place where keys and the lease lie, with nothing secret in it.
//! 2. What seals it is made.
//! 3. Keys are made and papers signed, in one commit, into the sealed place.
//! 4. Everything else, as soon as what it needs is there.
//! 5. A last look must find nothing to do.
//!
//! Each step plans again from what it finds, so that an interrupted apply is continued by the next.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::execute::{Pool, StopSign, execute_in};
use super::report::phase;
use super::{Event, OpsError, Reporter};
use crate::artifacts::{Newer, issue, review};
use crate::model::Cluster;
use crate::plan::{
    Action, ActionKind, Effect, Kind, NotObserved, Observed, Permits, Plan, Record, RecordId,
    plan_with,
};
use crate::provider::{Applied, Means, Platform, Seen, Supply};
use crate::secrets::{Entropy, Index, SecretStore};

/// What can't be looked at from outside the network, and why.
const INSIDE: [Kind; 5] = [Kind::Node, Kind::Claims, Kind::Stream, Kind::Bucket, Kind::Consumer];
/// Why.
pub const HIDDEN: &str = "the nodes are in private subnets, and can't be reached from here";

/// What must be there before anything secret is.
const SEAL: [Kind; 2] = [Kind::EncryptionKey, Kind::S3Bucket];

/// What services and machines fetch.
const FETCHED: [Kind; 2] = [Kind::Parameter, Kind::BundleObject];

/// Most actions wait for AWS and cost nothing meanwhile; pacing keeps the calls apart.
const AT_A_TIME: usize = 32;

/// Everything that these workflows need of an environment.
pub struct Ground<'a, P> {
    /// What is meant.
    pub cluster: &'a Cluster,
    /// Where the keys are.
    pub store: &'a (dyn SecretStore + Sync),
    /// Where new keys come from.
    pub entropy: &'a (dyn Entropy + Sync),
    /// What makes it.
    pub platform: &'a P,
    /// The secret side of what is handed over.
    pub supply: &'a dyn Supply,
    /// Who is told.
    pub reporter: &'a dyn Reporter,
    /// Whether everything is looked at, whatever it costs.
    pub deep: bool,
}

/// A plan, with what it was made of.
#[derive(Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// What the platform should have.
    pub desired: Vec<Record>,
    /// What was found.
    pub seen: Seen,
    /// What somebody has changed by hand since the last apply.
    pub by_hand: BTreeSet<RecordId>,
}

/// Plans everything: keys and papers, and what the platform makes, which `desired` says. `seen` is nothing where nothing
/// was looked at.
pub fn plan(
    cluster: &Cluster,
    desired: &dyn Fn(&Index) -> Vec<Record>,
    index: &Index,
    seen: Seen,
    applied: &Applied,
) -> Planned {
    let mut all = review(cluster, index, Timestamp::now(), &Newer::new());
    // What is still to be signed is not known yet, and neither is what follows from it.
    let signed: BTreeSet<&str> = all.changes().map(|action| action.id.name.as_str()).collect();
    let desired = desired(&index.without(|document| signed.contains(document.name())));
    let permits = Permits { remove: stray_rules(&desired, &seen), ..Permits::default() };
    let not_observed = INSIDE.map(|kind| NotObserved { kind, reason: HIDDEN.to_owned() }).to_vec();
    let observed = Observed { records: seen.records.clone(), not_observed };
    let mut made = plan_with(desired.clone(), observed, &permits);
    for action in made.actions.iter_mut().filter(|action| action.id.kind == Kind::SecurityRule) {
        if action.action == ActionKind::Delete {
            action.effect = Effect::None;
            "nobody asks for it, and it is an open door".clone_into(&mut action.reason);
        }
    }
    let by_hand = by_hand(&made, &desired, applied);
    all.extend(made);
    Planned { plan: all, desired, seen, by_hand }
}

/// What differs although the last apply made it exactly what it should be now; and rules that nobody asks for.
fn by_hand(plan: &Plan, desired: &[Record], applied: &Applied) -> BTreeSet<RecordId> {
    let prints = prints(desired);
    let changed = |action: &&Action| {
        let name = action.id.to_string();
        match action.action {
            // What the last apply made itself goes because the files have changed.
            ActionKind::Delete => !applied.is_empty() && !applied.contains_key(&name),
            ActionKind::Create | ActionKind::Update => {
                applied.contains_key(&name) && applied.get(&name) == prints.get(&name)
            }
            ActionKind::Keep | ActionKind::Replace => false,
        }
    };
    plan.actions.iter().filter(changed).map(|action| action.id.clone()).collect()
}

/// A digest of what each thing should be.
fn prints(desired: &[Record]) -> Applied {
    let print = |record: &Record| {
        let fields = record.fields.iter().map(|(name, field)| format!("{name}={}\n", field.value));
        let digest = Sha256::digest(fields.collect::<String>());
        HEXLOWER.encode(&digest)[..16].to_owned()
    };
    desired.iter().map(|record| (record.id.to_string(), print(record))).collect()
}

impl Planned {
    /// The same with what the servers themselves told, which was not observed before.
    #[must_use]
    pub fn with_servers(mut self, servers: Plan) -> Self {
        self.plan = with_servers(self.plan, servers);
        self
    }
}

/// A plan with what the servers themselves told.
pub fn with_servers(mut plan: Plan, servers: Plan) -> Plan {
    plan.not_observed.retain(|unseen| !INSIDE.contains(&unseen.kind));
    plan.extend(servers);
    plan
}

impl<P: Platform> Ground<'_, P> {
    /// Looks at everything, and plans.
    pub async fn plan(&self, index: &Index) -> Result<Planned, OpsError> {
        let (seen, applied) =
            tokio::join!(self.platform.observe(self.deep), self.platform.applied());
        let seen = seen?;
        self.platform.fits()?;
        let desired = |index: &Index| self.platform.desired(index);
        Ok(plan(self.cluster, &desired, index, seen, &applied?))
    }
}

/// Rules of our own groups that nobody asks for. The ways to a group that is there, and that nobody asks for any more, stay
/// with it.
fn stray_rules(desired: &[Record], seen: &Seen) -> BTreeSet<RecordId> {
    let wanted: BTreeSet<&RecordId> = desired.iter().map(|record| &record.id).collect();
    let ids = || seen.records.iter().map(|record| &record.id).filter(|id| !wanted.contains(id));
    let left: BTreeSet<&str> =
        ids().filter(|id| id.kind == Kind::SecurityGroup).map(|id| id.name.as_str()).collect();
    let ends = |id: &RecordId| {
        let words = id.name.split(' ').next().into_iter().chain(id.name.rsplit(' ').next());
        words.into_iter().any(|word| left.contains(word))
    };
    ids().filter(|id| id.kind == Kind::SecurityRule && !ends(id)).cloned().collect()
}

/// Makes everything what it should be. The anchor is there, and the lease is held. What `agreed` does not show is not done:
/// somebody else may have changed the world since.
pub async fn apply<P: Platform>(
    ground: &Ground<'_, P>,
    agreed: &Plan,
    stop: &StopSign,
) -> Result<Plan, OpsError> {
    let index = ground.store.index()?;
    phase(ground.reporter, "seal", async || {
        let plan = ground.plan(&index).await?.plan;
        if let Some(id) = unseen(&plan, agreed) {
            let what = format!("{id} is to be changed as well, which the plan did not show");
            return Err(OpsError::Unready(what));
        }
        follow(ground, &index, (&plan, &Only::Kinds(&SEAL)), stop).await
    })
    .await?;
    stop.heed()?;
    let index = phase(ground.reporter, "identity", async || identity(ground, index)).await?;
    stop.heed()?;
    phase(ground.reporter, "platform", async || perform(ground, &index, &Only::All, stop).await)
        .await?;
    phase(ground.reporter, "checks", async || {
        let planned = ground.plan(&index).await?;
        ground.platform.note(&prints(&planned.desired)).await?;
        Ok(planned.plan)
    })
    .await
}

/// Writes what services and machines fetch, after keys were changed.
pub async fn deliver<P: Platform>(ground: &Ground<'_, P>, stop: &StopSign) -> Result<(), OpsError> {
    let index = ground.store.index()?;
    phase(ground.reporter, "deliver", async || {
        perform(ground, &index, &Only::Kinds(&FETCHED), stop).await?;
        Ok(ground.platform.note(&prints(&ground.platform.desired(&index))).await?)
    })
    .await
}

fn identity<P: Platform>(ground: &Ground<'_, P>, index: Index) -> Result<Index, OpsError> {
    let change = issue(
        ground.cluster,
        &index,
        ground.store,
        ground.entropy,
        Timestamp::now(),
        &Newer::new(),
    )?;
    if change.is_empty() {
        return Ok(index);
    }
    Ok(ground.store.commit(index.generation, change)?)
}

/// What a plan changes, or takes away, that another does not. Things that only begin may be told of in other words a moment
/// later, and the anchor has just been made.
fn unseen<'p>(plan: &'p Plan, agreed: &Plan) -> Option<&'p RecordId> {
    let takes = |action: &Action| matches!(action.action, ActionKind::Delete | ActionKind::Replace);
    let shown: BTreeMap<&RecordId, &Action> = agreed.changes().map(|a| (&a.id, a)).collect();
    let is_new = |action: &&Action| {
        let known = shown.get(&action.id);
        known.is_none_or(|shown| takes(action) && shown.action != action.action)
    };
    let mut others = plan.changes().filter(|action| action.id.kind != Kind::S3Bucket);
    others.find(is_new).map(|action| &action.id)
}

/// Which actions of a plan are performed.
enum Only<'a> {
    All,
    Kinds(&'a [Kind]),
}

async fn perform<P: Platform>(
    ground: &Ground<'_, P>,
    index: &Index,
    only: &Only<'_>,
    stop: &StopSign,
) -> Result<(), OpsError> {
    let plan = ground.plan(index).await?.plan;
    follow(ground, index, (&plan, only), stop).await
}

async fn follow<P: Platform>(
    ground: &Ground<'_, P>,
    index: &Index,
    (plan, only): (&Plan, &Only<'_>),
    stop: &StopSign,
) -> Result<(), OpsError> {
    let wanted = |kind: Kind| match only {
        Only::All => !matches!(kind, Kind::Key | Kind::Certificate | Kind::Jwt),
        Only::Kinds(kinds) => kinds.contains(&kind),
    };
    let actions: Vec<&Action> = plan.changes().filter(|action| wanted(action.id.kind)).collect();
    walk(ground, index, &actions, None, stop).await
}

/// Performs actions in the order of their needs.
pub(super) async fn walk<P: Platform>(
    ground: &Ground<'_, P>,
    index: &Index,
    actions: &[&Action],
    snapshot: Option<String>,
    stop: &StopSign,
) -> Result<(), OpsError> {
    let told = |words: &str| ground.reporter.event(&Event::Waiting(words));
    let means = Means { index, supply: ground.supply, snapshot, told: &told };
    // What AWS does goes on without us; the next apply finds it.
    let pool = Pool { at_a_time: AT_A_TIME, leaves: true, reporter: ground.reporter, stop };
    execute_in(&pool, actions, async |action| ground.platform.perform(action, &means).await).await
}

/// Plans the way to nothing: whatever needs a thing goes before it. Kinds in `keep` stay, and so does what is not ours.
pub fn plan_destroy<P: Platform>(
    ground: &Ground<'_, P>,
    index: &Index,
    seen: &Seen,
    keep: &[Kind],
) -> Plan {
    let desired = ground.platform.desired(index);
    let strays = stray_rules(&desired, seen);
    let users = users(&desired, &strays, seen);
    let strangers = strangers(&desired, seen, ground.cluster.environment.as_str());
    let mut plan = Plan::empty();
    for record in &seen.records {
        let id = record.id.clone();
        let stays = if strangers.contains(&id) {
            Some("it is not ours")
        } else if keep.contains(&id.kind) {
            Some("it stays unless its deletion is asked for by name")
        } else {
            None
        };
        let (action, effect) = match (stays, id.kind) {
            (Some(_), _) => (ActionKind::Keep, Effect::None),
            (None, Kind::Instance) => (ActionKind::Delete, Effect::Stop),
            (
                None,
                Kind::Volume | Kind::S3Bucket | Kind::EncryptionKey | Kind::ReplicationGroup,
            ) => (ActionKind::Delete, Effect::LosesData),
            (None, _) => (ActionKind::Delete, Effect::None),
        };
        let reason = stays.unwrap_or("destroy removes it").to_owned();
        let needs = users.get(&id).cloned().unwrap_or_default();
        plan.actions.push(Action {
            id,
            action,
            reason,
            effect,
            changes: Vec::new(),
            blocked: None,
            needs,
        });
    }
    plan
}

/// For each thing, what needs it and so must go before it. Rules of strangers may name any of our groups.
fn users(
    desired: &[Record],
    strays: &BTreeSet<RecordId>,
    seen: &Seen,
) -> BTreeMap<RecordId, Vec<RecordId>> {
    let mut users: BTreeMap<RecordId, Vec<RecordId>> = BTreeMap::new();
    for record in desired {
        for needed in &record.needs {
            users.entry(needed.clone()).or_default().push(record.id.clone());
        }
    }
    let of =
        |kind: Kind| seen.records.iter().map(|record| &record.id).filter(move |id| id.kind == kind);
    for group in of(Kind::SecurityGroup) {
        users.entry(group.clone()).or_default().extend(strays.iter().cloned());
    }
    // What a node has left behind that is not in the file any more: its machine goes first, then all that hung on it.
    let left = |kind: Kind| of(kind).filter(|id| !desired.iter().any(|record| record.id == **id));
    for kind in [Kind::NetworkInterface, Kind::Volume, Kind::Role] {
        for id in left(kind) {
            let machine = of(Kind::Instance).filter(|machine| machine.name == id.name);
            users.entry(id.clone()).or_default().extend(machine.cloned());
        }
    }
    for group in of(Kind::SecurityGroup) {
        users.entry(group.clone()).or_default().extend(left(Kind::NetworkInterface).cloned());
    }
    // A group may still hold a user that nobody asks for any more.
    for user in of(Kind::CacheUser) {
        users.entry(user.clone()).or_default().extend(of(Kind::CacheUserGroup).cloned());
    }
    users
}

/// Whose a thing is, where it tells.
fn owner(record: &Record) -> Option<&str> {
    record.fields.get("owner").map(|field| field.value.as_str())
}

/// What carries our name and not our mark, what belongs to such a thing, and what nobody asks for. Of the last, bundles lie in
/// our own bucket, and what carries our mark was made for services and nodes that have left the file.
fn strangers(desired: &[Record], seen: &Seen, environment: &str) -> BTreeSet<RecordId> {
    let wanted: BTreeMap<&RecordId, &Record> = desired.iter().map(|r| (&r.id, r)).collect();
    let foreign: BTreeSet<&RecordId> = seen
        .records
        .iter()
        .filter(|found| wanted.get(&found.id).is_some_and(|wanted| owner(wanted) != owner(found)))
        .map(|found| &found.id)
        .collect();
    let of_foreign = |found: &Record| match wanted.get(&found.id) {
        Some(wanted) => wanted.needs.iter().any(|needed| foreign.contains(needed)),
        // The name of a rule begins with that of its group.
        None if found.id.kind == Kind::SecurityRule => foreign.iter().any(|group| {
            let of_group = found.id.name.split(' ').next() == Some(&group.name);
            group.kind == Kind::SecurityGroup && of_group
        }),
        None => found.id.kind != Kind::BundleObject && owner(found) != Some(environment),
    };
    let strange = |found: &&Record| foreign.contains(&found.id) || of_foreign(found);
    seen.records.iter().filter(strange).map(|found| found.id.clone()).collect()
}

/// Performs a plan to nothing. `snapshot` names the last snapshot of the cache.
pub async fn destroy<P: Platform>(
    ground: &Ground<'_, P>,
    index: &Index,
    plan: &Plan,
    snapshot: Option<String>,
    stop: &StopSign,
) -> Result<(), OpsError> {
    let actions: Vec<&Action> = plan.changes().collect();
    walk(ground, index, &actions, snapshot, stop).await
}
