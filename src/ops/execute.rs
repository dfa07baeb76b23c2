//! Walks a plan's graph: every action as soon as what it needs is done, several at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::{Event, OpsError, Reporter};
use crate::plan::{Action, order};

/// How many actions run at a time: enough to keep the servers busy, few enough to be read.
const AT_A_TIME: usize = 8;

/// How often is looked up from waiting, whether the user has asked to stop.
const LOOK_UP: Duration = Duration::from_millis(200);

/// Whether the user has asked to stop. Nothing new is started; what is in flight is finished, or left to itself.
#[derive(Debug, Default)]
pub struct StopSign(AtomicBool);

impl StopSign {
    /// Asks to stop.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits until it is asked.
    pub async fn raised(&self) {
        while !self.is_raised() {
            tokio::time::sleep(LOOK_UP).await;
        }
    }

    /// Fails where it was asked: the next step of a sequence is not begun.
    pub fn heed(&self) -> Result<(), OpsError> {
        if self.is_raised() { Err(OpsError::Interrupted) } else { Ok(()) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done,
    Failed,
}

/// How actions are performed.
pub struct Pool<'a> {
    /// How many run at a time.
    pub at_a_time: usize,
    /// Whether a stop leaves what is in flight to itself, instead of waiting for its end.
    pub leaves: bool,
    /// Who is told.
    pub reporter: &'a dyn Reporter,
    /// Whether to begin anything new.
    pub stop: &'a StopSign,
}

/// Performs `actions`, a few at a time.
pub async fn execute<F, E>(
    actions: &[&Action],
    reporter: &dyn Reporter,
    stop: &StopSign,
    perform: F,
) -> Result<(), OpsError>
where
    F: AsyncFn(&Action) -> Result<(), E>,
    E: Into<OpsError>,
{
    execute_in(&Pool { at_a_time: AT_A_TIME, leaves: false, reporter, stop }, actions, perform)
        .await
}

/// Performs `actions`. After a failure, what does not depend on it goes on; the rest is left for the next run.
pub async fn execute_in<F, E>(
    pool: &Pool<'_>,
    actions: &[&Action],
    perform: F,
) -> Result<(), OpsError>
where
    F: AsyncFn(&Action) -> Result<(), E>,
    E: Into<OpsError>,
{
    let Pool { at_a_time, leaves, reporter, stop } = pool;
    let needs = order(actions)?;
    let mut states = vec![State::Waiting; actions.len()];
    let mut running = FuturesUnordered::new();
    let (mut failed, mut first) = (0, None);
    loop {
        for index in 0..actions.len() {
            let ready = needs[index].iter().all(|&need| states[need] == State::Done);
            let free = running.len() < *at_a_time && !stop.is_raised();
            if states[index] == State::Waiting && ready && free {
                states[index] = State::Running;
                reporter.event(&Event::Started(actions[index]));
                let perform = &perform;
                running.push(async move {
                    let begin = Instant::now();
                    let outcome = perform(actions[index]).await.map_err(Into::into);
                    (index, begin.elapsed(), outcome)
                });
            }
        }
        let next = tokio::time::timeout(LOOK_UP, running.next()).await;
        let Ok(next) = next else {
            if *leaves && stop.is_raised() {
                let left = (0..actions.len()).filter(|index| states[*index] == State::Running);
                left.for_each(|index| reporter.event(&Event::Left(actions[index])));
                return Err(OpsError::Left);
            }
            continue;
        };
        let Some((index, elapsed, outcome)): Option<(_, _, Result<(), OpsError>)> = next else {
            break;
        };
        match outcome {
            Ok(()) => {
                states[index] = State::Done;
                reporter.event(&Event::Done(actions[index], elapsed));
            }
            Err(error) => {
                states[index] = State::Failed;
                failed += 1;
                reporter.event(&Event::Failed(actions[index], &error.to_string()));
                first.get_or_insert(error);
            }
        }
    }
    match first {
        // The only failure keeps its type, and with it its exit code.
        Some(error) if failed == 1 => Err(error),
        Some(error) => {
            Err(OpsError::Actions { failed, all: actions.len(), first: Box::new(error) })
        }
        None if states.contains(&State::Waiting) => Err(OpsError::Interrupted),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::ops::report::Silent;
    use crate::plan::{Kind, Observed, Record, RecordId, plan};
    use crate::provider::ProviderError;

    fn chain() -> Vec<Action> {
        let id = |name: &str| RecordId::new(Kind::Node, name);
        let records = vec![
            Record::new(id("c")).needs([id("b")]),
            Record::new(id("b")).needs([id("a")]),
            Record::new(id("a")),
            Record::new(id("alone")),
        ];
        plan(records, Observed::default()).actions
    }

    async fn run(fails: &str, stop: &StopSign) -> (Vec<String>, Result<(), OpsError>) {
        let actions = chain();
        let done = Mutex::new(Vec::new());
        let outcome = execute(&actions.iter().collect::<Vec<_>>(), &Silent, stop, async |action| {
            done.lock().unwrap().push(action.id.name.clone());
            if action.id.name == fails {
                return Err(ProviderError::Tool("no".to_owned()));
            }
            Ok(())
        })
        .await;
        (done.into_inner().unwrap(), outcome)
    }

    #[tokio::test]
    async fn what_is_needed_comes_first() {
        let (done, outcome) = run("", &StopSign::default()).await;
        assert!(outcome.is_ok());
        let at = |name: &str| done.iter().position(|done| done == name).unwrap();
        assert!(at("a") < at("b") && at("b") < at("c"));
    }

    #[tokio::test]
    async fn after_a_failure_the_independent_goes_on_and_the_dependent_does_not() {
        let (done, outcome) = run("a", &StopSign::default()).await;
        assert!(outcome.is_err());
        assert!(done.contains(&"alone".to_owned()));
        assert!(!done.contains(&"b".to_owned()));
    }

    #[tokio::test]
    async fn after_a_stop_nothing_new_begins() {
        let stop = StopSign::default();
        stop.raise();
        let (done, outcome) = run("", &stop).await;
        assert!(done.is_empty());
        assert!(matches!(outcome, Err(OpsError::Interrupted)));
    }
}
