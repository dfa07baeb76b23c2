//! A user of the cache gets a new password: both are accepted, and after the overlap the old one by no node.
//!
//! A server of the cache can't tell with which of two passwords a connection has signed in. So when the old one is
//! dropped, all connections of the user are closed, and those that know the new one are back at once.

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::rotate::{Words, until};
use super::run::Run;
use super::{Replaced, Rotated, Step, Wish};
use crate::artifacts::{REPLICATION_USER, Scribe};
use crate::model::{OWN_ROLE, Redis, RedisNode, Service};
use crate::ops::OpsError;
use crate::ops::cache::{self, open};
use crate::ops::execute::StopSign;
use crate::provider::Provider;
use crate::redis::{Pass, RedisFailure, ages, enter, evict};
use crate::secrets::{Beside, Index, KeyName};

const ISSUE: Step = Step { name: "issue", words: "make a new password" };
const ACCEPT: Step =
    Step { name: "accept", words: "have every node of the cache accept it beside the old one" };
const VERIFY_NEW: Step =
    Step { name: "verify-new", words: "sign in with the new password on every node of the cache" };
const WAIT: Step =
    Step { name: "wait", words: "let the old password in as well, until the overlap is over" };
const DROP: Step = Step { name: "drop", words: "have every node of the cache forget the old one" };
const EVICT: Step =
    Step { name: "evict", words: "close the user's connections, which come back with the new one" };
const VERIFY_OLD: Step =
    Step { name: "verify-old", words: "prove that every node of the cache refuses the old one" };
const FORGET: Step = Step { name: "forget", words: "forget the old password" };

/// Who signs in to the cache.
#[derive(Debug, Clone, Copy)]
pub enum CacheUser<'c> {
    /// A service.
    Service(&'c Service),
    /// natsops itself.
    Own,
    /// The replicas, to their primaries.
    Replication,
}

impl CacheUser<'_> {
    /// The key of its password.
    fn key(self) -> KeyName {
        match self {
            Self::Service(service) => KeyName::redis_user(service.name.as_str()),
            Self::Own => KeyName::redis_user(OWN_ROLE),
            Self::Replication => KeyName::redis_replication(),
        }
    }

    /// Its name in the cache.
    fn name(self) -> String {
        match self {
            Self::Service(service) => service.name.to_string(),
            Self::Own => OWN_ROLE.to_owned(),
            Self::Replication => REPLICATION_USER.to_owned(),
        }
    }
}

/// Where it stands, as the store tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// One password, and nothing under way.
    Settled,
    /// The new password exists since then, and the old one is let in as well.
    Overlapping(Timestamp),
    /// The old password is to be refused.
    Dropping,
}

/// Where the rotation of a password stands.
pub(super) fn stage(name: &KeyName, index: &Index) -> Stage {
    let has = |beside| index.public(&name.beside(beside)).is_some();
    match index.keys.get(name) {
        _ if has(Beside::Revoked) => Stage::Dropping,
        Some(entry) if has(Beside::Retiring) => Stage::Overlapping(entry.created),
        _ => Stage::Settled,
    }
}

/// The digest of the old password, while it is known.
pub(super) fn old_of(name: &KeyName, index: &Index) -> Option<String> {
    let beside = [Beside::Retiring, Beside::Revoked].into_iter();
    beside.filter_map(|beside| index.public(&name.beside(beside))).map(str::to_owned).next()
}

/// What is left to do.
pub(super) fn left(user: CacheUser<'_>, wish: Wish, index: &Index) -> Vec<Step> {
    let end = [DROP, EVICT, VERIFY_OLD, VERIFY_NEW, FORGET];
    let begin: &[Step] = match (stage(&user.key(), index), wish.leaked) {
        (Stage::Settled, true) => &[ISSUE],
        (Stage::Settled, false) => &[ISSUE, ACCEPT, VERIFY_NEW, WAIT],
        (Stage::Overlapping(_), false) => &[ACCEPT, VERIFY_NEW, WAIT],
        (Stage::Overlapping(_), true) | (Stage::Dropping, _) => &[],
    };
    begin.iter().copied().chain(end).collect()
}

/// Begins, or goes on.
pub(super) async fn rotate<P: Provider>(
    mut run: Run<'_, '_, P>,
    user: CacheUser<'_>,
    wish: Wish,
    stop: &StopSign,
) -> Result<Rotated, OpsError> {
    let name = user.key();
    let names = [name.clone()];
    let mut begun = false;
    let mut old = None;
    let mut waiting = None;
    loop {
        stop.heed()?;
        old = old_of(&name, &run.index).or(old);
        match stage(&name, &run.index) {
            Stage::Settled if begun => break,
            Stage::Settled => {
                let beside = if wish.leaked { Beside::Revoked } else { Beside::Retiring };
                let change = run.scribe().renew(&names, beside, &run.index)?;
                run.commit(ISSUE, change).await?;
            }
            Stage::Overlapping(since) => {
                if !wish.leaked {
                    run.distribute(ACCEPT, stop).await?;
                    verify_new(&mut run, user).await?;
                    let until = until(&name, &run.index, wish, run.site.now());
                    waiting = until.map(|until| (since, until));
                }
                if waiting.is_some() {
                    run.steps.push(WAIT);
                    break;
                }
                let change = run.scribe().dismiss(&names, &run.index)?;
                run.site
                    .store
                    .commit(run.index.generation, change)
                    .map(|index| run.index = index)?;
            }
            Stage::Dropping => {
                run.distribute(DROP, stop).await?;
                refuse_old(&mut run, user, stop).await?;
                verify_new(&mut run, user).await?;
                run.commit(FORGET, Scribe::forget_old(&names, Beside::Revoked)).await?;
            }
        }
        begun = true;
    }
    outcome(run, user, old, waiting).await
}

async fn outcome<P: Provider>(
    run: Run<'_, '_, P>,
    user: CacheUser<'_>,
    old: Option<String>,
    waiting: Option<(Timestamp, Timestamp)>,
) -> Result<Rotated, OpsError> {
    let connections = match waiting {
        Some((since, _)) => older(&run, user, since).await?,
        None => 0,
    };
    let name = user.key();
    let words = match waiting {
        Some(_) => format!("let in as well, with {connections} connections that are older"),
        None => "refused by every node of the cache, no connection is left".to_owned(),
    };
    Ok(Rotated {
        done: waiting.is_none(),
        keys: vec![Replaced {
            new: run.index.public(&name).map(str::to_owned),
            name: name.to_string(),
            old,
            connections,
            words: Some(Words { new: "let in by every node of the cache", old: words }),
        }],
        until: waiting.map(|(_, until)| until),
        tell: waiting.map(|_| name).into_iter().collect(),
        redeploy: match user {
            CacheUser::Service(service) => vec![service.name.to_string()],
            CacheUser::Own | CacheUser::Replication => Vec::new(),
        },
        steps: run.steps,
        ..Rotated::default()
    })
}

/// How many connections are older than the new password, and so have signed in with the old one.
async fn older<P: Provider>(
    run: &Run<'_, '_, P>,
    user: CacheUser<'_>,
    since: Timestamp,
) -> Result<usize, OpsError> {
    let session = open(run.site, &run.index)?;
    let limit = run.site.now().as_second() - since.as_second();
    let mut count = 0;
    for node in run.site.cluster.redis_nodes() {
        let ages = ages(&session, node, &user.name()).await?;
        count += ages.iter().filter(|age| **age > limit).count();
    }
    Ok(count)
}

/// What signs in with the password of a key, behind natsops' own certificate.
fn pass<P: Provider>(
    run: &Run<'_, '_, P>,
    user: CacheUser<'_>,
    key: &KeyName,
) -> Result<Pass, OpsError> {
    let tls = run.site.access(&run.index)?.tls()?;
    let user = Some((user.name(), run.site.store.open(key)?));
    Ok(Pass { tls: Some(Arc::new(tls)), user })
}

/// Signs in to a node.
async fn sign_in(pass: &Pass, node: &RedisNode) -> Result<(), RedisFailure> {
    enter(SocketAddr::from((node.address, Redis::PORT)), pass).await.map(drop)
}

async fn verify_new<P: Provider>(
    run: &mut Run<'_, '_, P>,
    user: CacheUser<'_>,
) -> Result<(), OpsError> {
    run.step(VERIFY_NEW, async |run| {
        let pass = pass(run, user, &user.key())?;
        for node in run.site.cluster.redis_nodes() {
            sign_in(&pass, node).await.map_err(|error| {
                let node = &node.name;
                OpsError::Unproven(format!("{node} does not let the new password in: {error}"))
            })?;
        }
        Ok(())
    })
    .await
}

/// Closes what has signed in with the old password, and proves that nobody can any more.
async fn refuse_old<P: Provider>(
    run: &mut Run<'_, '_, P>,
    user: CacheUser<'_>,
    stop: &StopSign,
) -> Result<(), OpsError> {
    run.step(EVICT, async |run| {
        let session = open(run.site, &run.index)?;
        for node in run.site.cluster.redis_nodes() {
            evict(&session, node, &user.name()).await?;
        }
        // Replicas are linked again when this ends.
        cache::apply(run.site, &run.index, stop).await
    })
    .await?;
    run.step(VERIFY_OLD, async |run| {
        let old = pass(run, user, &user.key().beside(Beside::Revoked))?;
        for node in run.site.cluster.redis_nodes() {
            let name = &node.name;
            match sign_in(&old, node).await {
                Err(RedisFailure::Shut(..) | RedisFailure::Refused(_)) => {}
                Err(error) => return Err(OpsError::Unproven(error.to_string())),
                Ok(()) => {
                    return Err(OpsError::Unproven(format!(
                        "{name} still lets the old password in"
                    )));
                }
            }
        }
        Ok(())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::{KeyEntry, KeyKind};

    fn index(names: &[KeyName]) -> Index {
        let mut index = Index::default();
        for name in names {
            let (public, created) = (name.to_string(), Timestamp::UNIX_EPOCH);
            let entry = KeyEntry::new(KeyKind::Password, public, created);
            index.keys.insert(name.clone(), entry);
        }
        index
    }

    #[test]
    fn where_it_stands_follows_from_the_names_of_the_keys() {
        let name = KeyName::redis_user("store");
        let of = |others: &[Beside]| {
            let others = others.iter().map(|beside| name.beside(*beside));
            stage(&name, &index(&others.chain([name.clone()]).collect::<Vec<_>>()))
        };
        assert_eq!(of(&[]), Stage::Settled);
        assert_eq!(of(&[Beside::Retiring]), Stage::Overlapping(Timestamp::UNIX_EPOCH));
        assert_eq!(of(&[Beside::Revoked]), Stage::Dropping);
        // What is refused counts, whatever else is there.
        assert_eq!(of(&[Beside::Retiring, Beside::Revoked]), Stage::Dropping);
    }
}
