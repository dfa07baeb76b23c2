//! Streams on the servers: what the catalog asks, what is there, and the way from one to the other.

use std::collections::BTreeMap;

use async_nats::jetstream::context::{
    CreateStreamError, CreateStreamErrorKind, DeleteStreamErrorKind,
};
use async_nats::jetstream::stream::{
    Compression as WireCompression, Config, DiscardPolicy, Info, RetentionPolicy, StorageType,
};
use async_nats::jetstream::{self, ErrorCode};
use serde::Deserialize;

use super::Connection;
use crate::model::{Compression, Discard, Period, Retention, Stream, StreamName};
use crate::plan::{Kind, OnChange, Record, RecordId};

/// Why a stream could not be looked at or changed.
#[derive(Debug, thiserror::Error)]
#[error("stream {stream}: {reason}")]
pub struct StreamError {
    /// The stream, or the account whose streams could not be listed.
    pub stream: String,
    /// The server's words.
    pub reason: String,
    /// Whether the meta leader found too few servers for the replicas.
    ///
    /// It counts those only from which it has had statistics: right after an election it may have none of a server that is
    /// well, for as long as the servers' interval of 10 s.
    pub too_few_peers: bool,
}

impl StreamError {
    /// A refusal that stays one.
    pub fn new(stream: impl ToString, reason: impl ToString) -> Self {
        let (stream, reason) = (stream.to_string(), reason.to_string());
        Self { stream, reason, too_few_peers: false }
    }

    fn refused(stream: &StreamName, error: &CreateStreamError) -> Self {
        let too_few_peers = matches!(
            error.kind(),
            CreateStreamErrorKind::JetStream(refusal)
                if refusal.error_code() == ErrorCode::CLUSTER_NO_PEERS
        );
        Self { too_few_peers, ..Self::new(stream, error) }
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

/// The records that the catalog asks for in an account.
pub fn desired_streams<'a>(streams: impl Iterator<Item = &'a Stream>) -> Vec<Record> {
    streams
        .map(|stream| {
            record(id(stream.account.as_str(), stream.name.as_str()), &wire(stream))
                .needs([RecordId::new(Kind::Claims, &stream.account)])
        })
        .collect()
}

/// One page of the answer to `$JS.API.STREAM.LIST`.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    total: usize,
    #[serde(default, deserialize_with = "nothing_is_empty")]
    streams: Vec<Info>,
    /// Streams that exist and whose leader did not answer, most often because it has just died.
    #[serde(default, deserialize_with = "nothing_is_empty")]
    missing: Vec<String>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    description: String,
}

/// Go writes an empty list as null.
fn nothing_is_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The streams of an account, with their records and their places.
///
/// A stream without a leader exists, and nothing more can be said of it: it must not look like one to create.
pub async fn found_streams(
    connection: &Connection,
    account: &str,
) -> Result<Vec<(Record, PlacedStream)>, StreamError> {
    let failed = |reason: String| StreamError::new(format!("of {account}"), reason);
    let mut found = Vec::new();
    loop {
        let offset = serde_json::json!({ "offset": found.len() }).to_string();
        let answer = connection
            .request("$JS.API.STREAM.LIST", offset.into())
            .await
            .map_err(|error| failed(error.to_string()))?;
        let page: Page =
            serde_json::from_slice(&answer.payload).map_err(|error| failed(error.to_string()))?;
        if let Some(refusal) = page.error {
            return Err(failed(refusal.description));
        }
        let before = found.len();
        found.extend(page.streams.into_iter().map(|info| {
            let record = record(id(account, &info.config.name), &info.config).complete();
            (record, placed(&info))
        }));
        found.extend(page.missing.into_iter().map(|name| {
            let record = Record::new(id(account, &name));
            (record, PlacedStream { name, ..PlacedStream::default() })
        }));
        if found.len() >= page.total || found.len() == before {
            return Ok(found);
        }
    }
}

/// Creates a stream, or changes it into what the catalog asks. Doing it twice does no harm.
pub async fn put_stream(
    connection: &Connection,
    stream: &Stream,
    exists: bool,
) -> Result<(), StreamError> {
    let context = jetstream::new(connection.clone());
    let config = wire(stream);
    let outcome = if exists {
        context.update_stream(config).await.map(drop)
    } else {
        context.create_stream(config).await.map(drop)
    };
    outcome.map_err(|error| StreamError::refused(&stream.name, &error))
}

/// Deletes a stream with all of its messages. One that is gone already is no failure.
pub async fn delete_stream(connection: &Connection, name: &str) -> Result<(), StreamError> {
    match jetstream::new(connection.clone()).delete_stream(name).await {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            DeleteStreamErrorKind::JetStream(refusal)
                if refusal.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                Ok(())
            }
            _ => Err(StreamError::new(name, error)),
        },
    }
}

fn id(account: &str, stream: &str) -> RecordId {
    RecordId::new(Kind::Stream, format!("{account}/{stream}"))
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
    }
}

/// The stream as the API has it.
fn wire(stream: &Stream) -> Config {
    let Stream {
        name,
        account: _,
        description,
        subjects,
        retention,
        discard,
        max_age,
        max_bytes,
        max_message_size,
        replicas,
        duplicate_window,
        compression,
        deny_delete,
        deny_purge,
    } = stream;
    Config {
        name: name.to_string(),
        description: Some(description.clone()),
        subjects: subjects.iter().map(ToString::to_string).collect(),
        retention: match retention {
            Retention::Limits => RetentionPolicy::Limits,
            Retention::Interest => RetentionPolicy::Interest,
            Retention::WorkQueue => RetentionPolicy::WorkQueue,
        },
        discard: match discard {
            Discard::Old => DiscardPolicy::Old,
            Discard::New => DiscardPolicy::New,
        },
        max_age: max_age.map_or(std::time::Duration::ZERO, |age| age.duration()),
        max_bytes: i64::try_from(max_bytes.bytes()).unwrap_or(i64::MAX),
        max_message_size: max_message_size
            .map_or(-1, |size| i32::try_from(size.bytes()).unwrap_or(i32::MAX)),
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        storage: StorageType::File,
        num_replicas: usize::from(*replicas),
        duplicate_window: duplicate_window.duration(),
        compression: Some(match compression {
            Compression::None => WireCompression::None,
            Compression::S2 => WireCompression::S2,
        }),
        allow_direct: true,
        deny_delete: *deny_delete,
        deny_purge: *deny_purge,
        ..Config::default()
    }
}

/// A length of time as the catalog writes it; zero is no limit.
fn period(duration: std::time::Duration) -> String {
    if duration.is_zero() {
        return "none".to_owned();
    }
    u64::try_from(duration.as_millis())
        .map_or_else(|_| format!("{duration:?}"), |ms| Period::milliseconds(ms).to_string())
}

const NEW_STREAM: &str = "the server can't change this: make a stream of another name, copy, and switch over; \
     or lose its messages, with --replace";
const ONE_WAY: &str = "the server does not take this protection back: make a stream of another name, copy, and switch \
     over; or lose its messages, with --replace";

/// The fields of a stream, the same for what is asked and what is found.
fn record(id: RecordId, config: &Config) -> Record {
    let text = |value: &dyn std::fmt::Debug| format!("{value:?}").to_lowercase();
    let figure = |value: i64| if value <= 0 { "none".to_owned() } else { value.to_string() };
    let mut subjects = config.subjects.clone();
    subjects.sort();
    let one_way = |set: bool| if set { OnChange::InPlace } else { OnChange::Forbidden(ONE_WAY) };
    let plain: BTreeMap<&str, String> = BTreeMap::from([
        ("description", config.description.clone().unwrap_or_default()),
        ("subjects", subjects.join(", ")),
        ("discard", text(&config.discard)),
        ("max_age", period(config.max_age)),
        ("max_bytes", figure(config.max_bytes)),
        ("max_message_size", figure(config.max_message_size.into())),
        ("max_messages", figure(config.max_messages)),
        ("max_messages_per_subject", figure(config.max_messages_per_subject)),
        ("max_consumers", figure(config.max_consumers.into())),
        ("replicas", config.num_replicas.to_string()),
        ("duplicate_window", period(config.duplicate_window)),
        ("compression", text(config.compression.as_ref().unwrap_or(&WireCompression::None))),
        ("allow_direct", config.allow_direct.to_string()),
        ("no_ack", config.no_ack.to_string()),
    ]);
    plain
        .into_iter()
        .fold(Record::new(id), |record, (name, value)| record.field(name, value, OnChange::InPlace))
        .field("retention", text(&config.retention), OnChange::Forbidden(NEW_STREAM))
        .field("storage", text(&config.storage), OnChange::Forbidden(NEW_STREAM))
        .field("deny_delete", config.deny_delete, one_way(config.deny_delete))
        .field("deny_purge", config.deny_purge, one_way(config.deny_purge))
}
