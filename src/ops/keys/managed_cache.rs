//! A user of a cache that the platform runs gets a new password: both are accepted, and after the overlap the old one not.
//!
//! A user of such a cache has at most two passwords, which are set as a whole, so nobody is shut out in between. natsops
//! has no way in of its own: what the platform says of the user is the proof.

use jiff::Timestamp;

use super::cache::{Stage, old_of, stage};
use super::rotate::{Words, until};
use super::run::{made, reviewed};
use super::{Replaced, Rotated, Step, Wish};
use crate::artifacts::{Newer, Scribe};
use crate::model::Service;
use crate::ops::OpsError;
use crate::ops::execute::StopSign;
use crate::ops::platform::{Ground, deliver, walk};
use crate::ops::report::phase;
use crate::plan::{Action, ActionKind, Effect, Kind, RecordId};
use crate::provider::Platform;
use crate::secrets::{Beside, Change, Index, KeyName};

const ISSUE: Step = Step { name: "issue", words: "make a new password" };
const ACCEPT: Step = Step { name: "accept", words: "have the cache accept it beside the old one" };
const DELIVER: Step =
    Step { name: "deliver", words: "write it where the service fetches it at its start" };
const WAIT: Step =
    Step { name: "wait", words: "let the old password in as well, until the overlap is over" };
const DROP: Step = Step { name: "drop", words: "have the cache forget the old one" };
const FORGET: Step = Step { name: "forget", words: "forget the old password" };

/// What is left to do.
pub(super) fn left(service: &Service, wish: Wish, index: &Index) -> Vec<Step> {
    let begin: &[Step] = match (stage(&key(service), index), wish.leaked) {
        (Stage::Settled, true) => &[ISSUE],
        (Stage::Settled, false) => &[ISSUE, ACCEPT, DELIVER, WAIT],
        (Stage::Overlapping(_), false) => &[ACCEPT, DELIVER, WAIT],
        (Stage::Overlapping(_), true) | (Stage::Dropping, _) => &[],
    };
    begin.iter().copied().chain([DROP, DELIVER, FORGET]).collect()
}

fn key(service: &Service) -> KeyName {
    KeyName::redis_user(service.name.as_str())
}

/// Begins, or goes on. The lease is held.
pub async fn rotate_managed<P: Platform>(
    ground: &Ground<'_, P>,
    service: &Service,
    wish: Wish,
    stop: &StopSign,
) -> Result<Rotated, OpsError> {
    let mut run = Run::ready(ground, stop)?;
    let name = key(service);
    let names = [name.clone()];
    let mut old = None;
    let mut waiting = None;
    let mut begun = false;
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
            Stage::Overlapping(_) => {
                if !wish.leaked {
                    run.hand_over(ACCEPT, service).await?;
                    waiting = until(&name, &run.index, wish, Timestamp::now());
                    if waiting.is_some() {
                        run.steps.push(WAIT);
                        break;
                    }
                }
                let change = run.scribe().dismiss(&names, &run.index)?;
                run.index = ground.store.commit(run.index.generation, change)?;
            }
            Stage::Dropping => {
                run.hand_over(DROP, service).await?;
                run.commit(FORGET, Scribe::forget_old(&names, Beside::Revoked)).await?;
            }
        }
        begun = true;
    }
    Ok(outcome(run, service, old, waiting))
}

fn outcome<P: Platform>(
    run: Run<'_, '_, P>,
    service: &Service,
    old: Option<String>,
    until: Option<Timestamp>,
) -> Rotated {
    let name = key(service);
    let words = match until {
        Some(_) => "let in as well",
        None => "let in no more; connections that were made under it live on",
    };
    Rotated {
        done: until.is_none(),
        keys: vec![Replaced {
            new: run.index.public(&name).map(str::to_owned),
            name: name.to_string(),
            old,
            connections: 0,
            words: Some(Words { new: "let in by the cache", old: words.to_owned() }),
        }],
        until,
        tell: until.map(|_| name).into_iter().collect(),
        redeploy: vec![service.name.to_string()],
        steps: run.steps,
        ..Rotated::default()
    }
}

/// One run.
struct Run<'r, 'a, P> {
    ground: &'r Ground<'a, P>,
    stop: &'r StopSign,
    newer: Newer,
    index: Index,
    steps: Vec<Step>,
}

impl<'r, 'a, P: Platform> Run<'r, 'a, P> {
    /// Looks whether nothing else is under way.
    fn ready(ground: &'r Ground<'a, P>, stop: &'r StopSign) -> Result<Self, OpsError> {
        let (index, newer) = (made(ground.cluster, ground.store)?, Newer::new());
        reviewed(ground.cluster, &index, Timestamp::now(), &newer)?;
        Ok(Self { ground, stop, newer, index, steps: Vec::new() })
    }

    fn scribe(&self) -> Scribe<'_> {
        let Ground { cluster, store, entropy, .. } = self.ground;
        let now = Timestamp::now();
        Scribe { cluster, store: *store, entropy: *entropy, now, newer: &self.newer, only: None }
    }

    /// A step that writes into the store.
    async fn commit(&mut self, step: Step, change: Change) -> Result<(), OpsError> {
        let Self { ground, index, .. } = &*self;
        let write = async || Ok(ground.store.commit(index.generation, change)?);
        let next: Result<Index, OpsError> = phase(ground.reporter, step.name, write).await;
        self.index = next?;
        self.steps.push(step);
        Ok(())
    }

    /// Gives the cache the passwords that count, then the service the one that it should use.
    async fn hand_over(&mut self, step: Step, service: &Service) -> Result<(), OpsError> {
        let user = self.user(service)?;
        let Self { ground, index, stop, .. } = &*self;
        phase(ground.reporter, step.name, async || walk(ground, index, &[&user], None, stop).await)
            .await?;
        deliver(ground, stop).await?;
        self.steps.extend([step, DELIVER]);
        Ok(())
    }

    /// Setting a user's passwords, whatever it has: how many there are can be seen, which they are can't.
    fn user(&self, service: &Service) -> Result<Action, OpsError> {
        let desired = self.ground.platform.desired(&self.index);
        let record = desired.into_iter().find(|record| {
            let name = record.fields.get("name").map(|field| field.value.as_str());
            record.id.kind == Kind::CacheUser && name == Some(service.name.as_str())
        });
        let id: RecordId = record.map(|record| record.id).ok_or_else(|| {
            OpsError::Unready(format!("{} has no user in the cache", service.name))
        })?;
        Ok(Action {
            id,
            action: ActionKind::Update,
            reason: "its password is replaced".to_owned(),
            effect: Effect::None,
            changes: Vec::new(),
            blocked: None,
            needs: Vec::new(),
        })
    }
}
