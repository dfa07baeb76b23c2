//! Streams, buckets and consumers: made, changed, made anew or removed, and the time that their replicas need to find each other.

use std::time::{Duration, Instant};

use super::apply::look_again;
use super::execute::{StopSign, execute};
use super::gate::wait_healthy;
use super::session::Session;
use super::{Event, OpsError, Reporter, Site};
use crate::model::{AccountName, Bucket, Consumer};
use crate::nats::{
    Connection, ConnectionError, Stored, StreamError, delete_consumer, delete_stream, put_consumer,
    put_stream,
};
use crate::plan::{Action, ActionKind, Kind};
use crate::provider::Provider;
use crate::secrets::Index;

/// How long a refusal that may pass is not taken for an answer: two of the intervals in which servers tell of themselves.
const UNHEARD: Duration = Duration::from_secs(20);

/// How often is tried again.
const PAUSE: Duration = Duration::from_millis(250);

/// Does what the plan says about streams, buckets and consumers.
///
/// It is looked at again first, since the nodes may only now be there to be asked.
pub async fn streams<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    stop: &StopSign,
) -> Result<(), OpsError> {
    let (_, plan) = look_again(site, index, Kind::Stream, stop).await?;
    let ours = |kind| matches!(kind, Kind::Stream | Kind::Bucket | Kind::Consumer);
    let actions: Vec<&Action> = plan.changes().filter(|action| ours(action.id.kind)).collect();
    if !actions.is_empty() {
        let session = Session::open(site, index, site.cluster.nodes.len()).await?;
        let session = tokio::sync::Mutex::new(session);
        execute(&actions, site.reporter, stop, async |action| -> Result<(), OpsError> {
            let target = Target::of(site, action)?;
            let enter = async || session.lock().await.account(site, index, target.account).await;
            // A server that still reads the claims of an account lets nobody of it in.
            let connection = patiently(enter, is_shut_out, site.reporter, stop).await?;
            let attempt = async || perform(&connection, action.action, &target).await;
            Ok(placed(attempt, site.reporter, stop).await?)
        })
        .await?;
    }
    wait_healthy(site, stop).await.map(drop)
}

fn is_shut_out(error: &OpsError) -> bool {
    matches!(error, OpsError::Connection(ConnectionError::Refused(_)))
}

/// Repeats `attempt` while the servers refuse what they may take soon: all of them are there and well.
async fn placed(
    attempt: impl AsyncFn() -> Result<(), StreamError>,
    reporter: &dyn Reporter,
    stop: &StopSign,
) -> Result<(), StreamError> {
    patiently(attempt, |error| error.passing, reporter, stop).await
}

/// Repeats `attempt` while it fails for a reason that may pass.
async fn patiently<T, E: std::fmt::Display>(
    attempt: impl AsyncFn() -> Result<T, E>,
    is_passing: impl Fn(&E) -> bool,
    reporter: &dyn Reporter,
    stop: &StopSign,
) -> Result<T, E> {
    let begin = Instant::now();
    loop {
        match attempt().await {
            Err(error) if is_passing(&error) && begin.elapsed() < UNHEARD && !stop.is_raised() => {
                reporter.event(&Event::Waiting(&error.to_string()));
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

/// What an action is about.
struct Target<'a> {
    account: &'a AccountName,
    thing: Thing<'a>,
}

/// A name of the server, and what the catalog says of it, if anything.
enum Thing<'a> {
    Stream(String, Option<Stored<'a>>),
    Consumer { stream: String, name: String, wanted: Option<&'a Consumer> },
}

impl<'a> Target<'a> {
    fn of<P>(site: &Site<'a, P>, action: &Action) -> Result<Self, OpsError> {
        let stranger = || {
            let reason = "it belongs to no account of the catalog";
            OpsError::Stream(StreamError::new(&action.id, reason))
        };
        let cluster = site.cluster;
        let (account, name) = action.id.name.split_once('/').ok_or_else(stranger)?;
        let (account, _) = cluster.accounts.get_key_value(account).ok_or_else(stranger)?;
        let thing = match action.id.kind {
            Kind::Bucket => {
                let bucket = cluster.buckets_of(account).find(|b| b.name.as_str() == name);
                let stream = format!("{}{name}", Bucket::STREAM_PREFIX);
                Thing::Stream(stream, bucket.map(Stored::Bucket))
            }
            Kind::Consumer => {
                let (stream, name) = name.split_once('/').ok_or_else(stranger)?;
                let is_meant = |consumer: &&Consumer| {
                    (consumer.stream.as_str(), consumer.name.as_str()) == (stream, name)
                };
                let all = cluster.consumers_of(account).map(|(_, consumer)| consumer);
                let wanted = { all }.find(is_meant);
                Thing::Consumer { stream: stream.to_owned(), name: name.to_owned(), wanted }
            }
            _ => {
                let stream = cluster.streams_of(account).find(|s| s.name.as_str() == name);
                Thing::Stream(name.to_owned(), stream.map(Stored::Stream))
            }
        };
        Ok(Self { account, thing })
    }
}

/// Each of these may be repeated without harm, so that a torn one is continued by the next.
async fn perform(
    connection: &Connection,
    action: ActionKind,
    target: &Target<'_>,
) -> Result<(), StreamError> {
    let goes = matches!(action, ActionKind::Delete | ActionKind::Replace);
    match &target.thing {
        Thing::Stream(name, wanted) => {
            if goes {
                delete_stream(connection, name).await?;
            }
            match wanted {
                Some(stored) => put_stream(connection, *stored, action == ActionKind::Update).await,
                None => Ok(()),
            }
        }
        Thing::Consumer { stream, name, wanted } => {
            if goes {
                delete_consumer(connection, stream, name).await?;
            }
            match wanted {
                Some(consumer) => put_consumer(connection, consumer).await,
                None => Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::ops::report::Silent;

    /// Refused twice, then taken; gives how often it was tried.
    async fn attempts(passing: bool, stop: &StopSign) -> (usize, Result<(), StreamError>) {
        let tried = AtomicUsize::new(0);
        let attempt = async || {
            if tried.fetch_add(1, Ordering::Relaxed) == 2 {
                return Ok(());
            }
            Err(StreamError { passing, ..StreamError::new("S", "no suitable peers") })
        };
        let outcome = placed(attempt, &Silent, stop).await;
        (tried.into_inner(), outcome)
    }

    #[tokio::test(start_paused = true)]
    async fn servers_that_are_not_ready_for_a_stream_are_asked_again() {
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
