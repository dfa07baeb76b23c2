//! Streams on the servers: what the catalog asks, what is there, and the way from one to the other.

use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamErrorKind, DeleteStreamErrorKind};
use async_nats::jetstream::stream::{Config, Info};
use async_nats::jetstream::{self, ErrorCode};

use super::Connection;
use super::lists::list;
use super::stream_config::{bucket_config, stream_config, stream_id, stream_record};
use crate::model::{Bucket, Stream};
use crate::plan::{Kind, Record, RecordId};

/// Why a stream, a bucket or a consumer could not be looked at or changed.
#[derive(Debug, thiserror::Error)]
#[error("{thing}: {reason}")]
pub struct StreamError {
    /// What it is about.
    pub thing: String,
    /// The server's words.
    pub reason: String,
    /// Whether the same request may succeed later, although every server is well.
    ///
    /// The meta leader counts only servers from which it has had statistics: right after an election it may have none of a
    /// server that is well, for as long as the servers' interval of 10 s. And a server that is to hold a replica looks the
    /// account up when it gets to it, which can fail while it is still reading the account's claims: it then has the meta
    /// leader refuse the stream (`processStreamAssignment` of nats-server 2.12).
    pub passing: bool,
}

impl StreamError {
    /// A refusal that stays one.
    pub fn new(thing: impl ToString, reason: impl ToString) -> Self {
        let (thing, reason) = (thing.to_string(), reason.to_string());
        Self { thing, reason, passing: false }
    }

    /// A refusal of JetStream, if it gave a code, or a failure on the way to it.
    pub(super) fn refused(
        thing: impl ToString,
        code: Option<ErrorCode>,
        error: impl ToString,
    ) -> Self {
        let passing = matches!(code, Some(ErrorCode::CLUSTER_NO_PEERS | ErrorCode::NO_ACCOUNT));
        Self { passing, ..Self::new(thing, error) }
    }
}

/// A stream with where its replicas are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlacedStream {
    /// Its name.
    pub name: String,
    /// How many replicas its configuration asks for; 0 where nobody could tell.
    pub wanted: usize,
    /// The leader, if there is one.
    pub leader: Option<String>,
    /// The other replicas, and whether each is current and there.
    pub followers: Vec<(String, bool)>,
    /// How many messages it holds.
    pub messages: u64,
    /// How many bytes it holds.
    pub bytes: u64,
    /// How many consumers read it; none where nobody could tell.
    pub consumers: Option<usize>,
}

impl PlacedStream {
    /// Whether it loses its majority when a server leaves, however well the others are.
    pub fn stops_without(&self, server: &str) -> bool {
        let followers = self.followers.iter().map(|(name, _)| name);
        let members = self.leader.iter().chain(followers);
        let (all, others) = members
            .fold((0, 0), |(all, others), name| (all + 1, others + usize::from(name != server)));
        others < all && others < all / 2 + 1
    }

    /// The servers that hold a current replica.
    pub fn current(&self) -> impl Iterator<Item = &str> {
        let followers = self.followers.iter().filter(|(_, current)| *current);
        self.leader.iter().map(String::as_str).chain(followers.map(|(name, _)| name.as_str()))
    }
}

/// What the catalog has and a server keeps as a stream.
#[derive(Debug, Clone, Copy)]
pub enum Stored<'a> {
    /// A stream.
    Stream(&'a Stream),
    /// A bucket.
    Bucket(&'a Bucket),
}

impl Stored<'_> {
    fn config(self) -> Config {
        match self {
            Self::Stream(stream) => stream_config(stream),
            Self::Bucket(bucket) => bucket_config(bucket),
        }
    }

    /// The record that the catalog asks for.
    pub fn desired(self) -> Record {
        let account = match self {
            Self::Stream(stream) => &stream.account,
            Self::Bucket(bucket) => &bucket.account,
        };
        let claims = RecordId::new(Kind::Claims, account);
        stream_record(account.as_str(), &self.config()).needs([claims])
    }
}

/// The streams of an account, with their records and their places.
///
/// A stream without a leader exists, and nothing more can be said of it: it must not look like one to create.
pub async fn found_streams(
    connection: &Connection,
    account: &str,
) -> Result<Vec<(Record, PlacedStream)>, StreamError> {
    let listed = list::<Info>(connection, "$JS.API.STREAM.LIST").await;
    let listed =
        listed.map_err(|reason| StreamError::new(format!("streams of {account}"), reason))?;
    let found = listed.found.into_iter().map(|info| {
        let record = stream_record(account, &info.config).complete();
        (record, placed(&info))
    });
    let missing = listed.missing.into_iter().map(|name| {
        let record = Record::new(stream_id(account, &name));
        (record, PlacedStream { name, ..PlacedStream::default() })
    });
    Ok(found.chain(missing).collect())
}

/// How long servers may take over a change: all that are to hold a replica make their files for it first.
const CHANGE: Duration = Duration::from_secs(30);

/// JetStream of an account, asked to change something.
pub(super) fn changing(connection: &Connection) -> jetstream::Context {
    jetstream::ContextBuilder::new().timeout(CHANGE).build(connection.clone())
}

/// Creates a stream or bucket, or changes it into what the catalog asks. Doing it twice does no harm.
pub async fn put_stream(
    connection: &Connection,
    stored: Stored<'_>,
    exists: bool,
) -> Result<(), StreamError> {
    let context = changing(connection);
    let config = stored.config();
    let name = config.name.clone();
    let outcome = if exists {
        context.update_stream(config).await.map(drop)
    } else {
        context.create_stream(config).await.map(drop)
    };
    outcome.map_err(|error| {
        let code = match error.kind() {
            CreateStreamErrorKind::JetStream(refusal) => Some(refusal.error_code()),
            _ => None,
        };
        StreamError::refused(format!("stream {name}"), code, error)
    })
}

/// Deletes a stream with all of its messages. One that is gone already is no failure.
pub async fn delete_stream(connection: &Connection, name: &str) -> Result<(), StreamError> {
    match changing(connection).delete_stream(name).await {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            DeleteStreamErrorKind::JetStream(refusal)
                if refusal.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                Ok(())
            }
            _ => Err(StreamError::new(format!("stream {name}"), error)),
        },
    }
}

fn placed(info: &Info) -> PlacedStream {
    let cluster = info.cluster.as_ref();
    PlacedStream {
        name: info.config.name.clone(),
        wanted: info.config.num_replicas,
        leader: cluster.and_then(|cluster| cluster.leader.clone()).filter(|name| !name.is_empty()),
        followers: cluster.map_or_else(Vec::new, |cluster| {
            let peers = cluster.replicas.iter();
            peers.map(|peer| (peer.name.clone(), peer.current && !peer.offline)).collect()
        }),
        messages: info.state.messages,
        bytes: info.state.bytes,
        consumers: Some(info.state.consumer_count),
    }
}
