//! Streams: made, changed, made anew or removed, and the time that their replicas need to find each other.

use super::apply::look_again;
use super::execute::{StopSign, execute};
use super::gate::wait_healthy;
use super::session::Session;
use super::{OpsError, Site};
use crate::model::{AccountName, Stream, StreamName};
use crate::nats::{Connection, StreamError, delete_stream, put_stream};
use crate::plan::{Action, ActionKind, Kind};
use crate::provider::Provider;
use crate::secrets::Index;

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
            Ok(perform(&connection, action.action, &name, stream).await?)
        })
        .await?;
    }
    wait_healthy(site, stop).await.map(drop)
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
    parts.ok_or_else(|| {
        OpsError::Stream(StreamError {
            stream: action.id.name.clone(),
            reason: "it is no stream of an account of the catalog".to_owned(),
        })
    })
}
