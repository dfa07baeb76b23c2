//! Streams: made, changed, made anew or removed, and the time that their replicas need to find each other.

use std::time::{Duration, Instant};

use super::apply::look_again;
use super::execute::{StopSign, execute};
use super::gate::wait_healthy;
use super::session::Session;
use super::{Event, OpsError, Reporter, Site};
use crate::model::{AccountName, Stream, StreamName};
use crate::nats::{Connection, StreamError, delete_stream, put_stream};
use crate::plan::{Action, ActionKind, Kind};
use crate::provider::Provider;
use crate::secrets::Index;

/// How long the meta leader may not have heard of a server that is well: two of the intervals in which servers tell.
const UNHEARD: Duration = Duration::from_secs(20);

/// How often is tried again.
const PAUSE: Duration = Duration::from_millis(250);

/// Does what the plan says about streams.
///
/// It is looked at again first, since the nodes may only now be there to be asked.
pub async fn streams<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    stop: &StopSign,
) -> Result<(), OpsError> {
    let (_, plan) = look_again(site, index, Kind::Stream, stop).await?;
    let actions: Vec<&Action> =
        plan.changes().filter(|action| action.id.kind == Kind::Stream).collect();
    if !actions.is_empty() {
        let session = Session::open(site, index, site.cluster.nodes.len()).await?;
        let session = tokio::sync::Mutex::new(session);
        execute(&actions, site.reporter, stop, async |action| -> Result<(), OpsError> {
            let (account, name) = parts(site, action)?;
            let connection = session.lock().await.account(site, index, account).await?;
            let mut streams = site.cluster.streams_of(account);
            let stream = streams.find(|stream| stream.name == name);
            let attempt = async || perform(&connection, action.action, &name, stream).await;
            Ok(placed(attempt, site.reporter, stop).await?)
        })
        .await?;
    }
    wait_healthy(site, stop).await.map(drop)
}

/// Repeats `attempt` while the meta leader has not heard of enough servers yet: all of them are there and well.
async fn placed(
    attempt: impl AsyncFn() -> Result<(), StreamError>,
    reporter: &dyn Reporter,
    stop: &StopSign,
) -> Result<(), StreamError> {
    let begin = Instant::now();
    loop {
        match attempt().await {
            Err(error) if error.too_few_peers && begin.elapsed() < UNHEARD && !stop.is_raised() => {
                reporter.event(&Event::Waiting(&error.to_string()));
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

/// Each of these may be repeated without harm, so that a torn one is continued by the next.
async fn perform(
    connection: &Connection,
    action: ActionKind,
    name: &StreamName,
    stream: Option<&Stream>,
) -> Result<(), StreamError> {
    if matches!(action, ActionKind::Delete | ActionKind::Replace) {
        delete_stream(connection, name.as_str()).await?;
    }
    match stream {
        Some(stream) => put_stream(connection, stream, action == ActionKind::Update).await,
        None => Ok(()),
    }
}

fn parts<'a, P>(
    site: &'a Site<'_, P>,
    action: &Action,
) -> Result<(&'a AccountName, StreamName), OpsError> {
    let parts = action.id.name.split_once('/').and_then(|(account, stream)| {
        let (account, _) = site.cluster.accounts.get_key_value(account)?;
        Some((account, stream.parse().ok()?))
    });
    let stranger = "it is no stream of an account of the catalog";
    parts.ok_or_else(|| OpsError::Stream(StreamError::new(&action.id.name, stranger)))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Silent;
    impl Reporter for Silent {
        fn event(&self, _: &Event<'_>) {}
    }

    /// Refused twice, then taken; gives how often it was tried.
    async fn attempts(too_few_peers: bool, stop: &StopSign) -> (usize, Result<(), StreamError>) {
        let tried = AtomicUsize::new(0);
        let attempt = async || {
            if tried.fetch_add(1, Ordering::Relaxed) == 2 {
                return Ok(());
            }
            Err(StreamError { too_few_peers, ..StreamError::new("S", "no suitable peers") })
        };
        let outcome = placed(attempt, &Silent, stop).await;
        (tried.into_inner(), outcome)
    }

    #[tokio::test(start_paused = true)]
    async fn a_leader_that_has_not_heard_of_enough_servers_is_asked_again() {
        let (tried, outcome) = attempts(true, &StopSign::default()).await;
        assert!(outcome.is_ok());
        assert_eq!(tried, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn any_other_refusal_and_a_stop_are_final() {
        let (tried, outcome) = attempts(false, &StopSign::default()).await;
        assert_eq!((tried, outcome.is_err()), (1, true));
        let stop = StopSign::default();
        stop.raise();
        let (tried, outcome) = attempts(true, &stop).await;
        assert_eq!((tried, outcome.is_err()), (1, true));
    }
}
