//! Streams and buckets as the API has them, and the fields by which they are compared.

use std::collections::BTreeMap;

use async_nats::jetstream::stream::{
    Compression as WireCompression, Config, DiscardPolicy, Placement, RetentionPolicy, StorageType,
};

use crate::model::{Bucket, Compression, Discard, Period, Retention, Stream, TagName};
use crate::plan::{Kind, OnChange, Record, RecordId};

/// The stream as the API has it.
pub(super) fn stream_config(stream: &Stream) -> Config {
    let Stream {
        name,
        account: _,
        description,
        subjects,
        retention,
        discard,
        max_age,
        max_bytes,
        max_messages,
        max_messages_per_subject,
        discard_per_subject,
        max_message_size,
        replicas,
        duplicate_window,
        compression,
        placement,
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
        max_messages: max_messages.map_or(-1, i64::from),
        max_messages_per_subject: max_messages_per_subject.map_or(-1, i64::from),
        discard_new_per_subject: *discard_per_subject,
        max_consumers: -1,
        storage: StorageType::File,
        num_replicas: usize::from(*replicas),
        duplicate_window: duplicate_window.duration(),
        compression: Some(wire_compression(*compression)),
        placement: wire_placement(placement),
        allow_direct: true,
        deny_delete: *deny_delete,
        deny_purge: *deny_purge,
        ..Config::default()
    }
}

/// The stream of a bucket, as clients make one: full, it refuses; a value goes by being overwritten or purged alone.
pub(super) fn bucket_config(bucket: &Bucket) -> Config {
    Config {
        name: bucket.name.stream(),
        description: Some(bucket.description.clone()),
        subjects: vec![bucket.name.subjects()],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        max_age: bucket.ttl.map_or(std::time::Duration::ZERO, |ttl| ttl.duration()),
        max_bytes: i64::try_from(bucket.max_bytes.bytes()).unwrap_or(i64::MAX),
        max_message_size: bucket
            .max_value_size
            .map_or(-1, |size| i32::try_from(size.bytes()).unwrap_or(i32::MAX)),
        max_messages: -1,
        max_messages_per_subject: i64::from(bucket.history),
        max_consumers: -1,
        storage: StorageType::File,
        num_replicas: usize::from(bucket.replicas),
        duplicate_window: bucket.duplicate_window().duration(),
        compression: Some(wire_compression(bucket.compression)),
        placement: wire_placement(&bucket.placement),
        allow_direct: true,
        allow_rollup: true,
        deny_delete: true,
        ..Config::default()
    }
}

fn wire_compression(compression: Compression) -> WireCompression {
    match compression {
        Compression::None => WireCompression::None,
        Compression::S2 => WireCompression::S2,
    }
}

fn wire_placement(tags: &[TagName]) -> Option<Placement> {
    let tags: Vec<String> = tags.iter().map(ToString::to_string).collect();
    (!tags.is_empty()).then_some(Placement { cluster: None, tags })
}

/// The id of what the server calls a stream: a bucket where its name says so.
pub(super) fn stream_id(account: &str, name: &str) -> RecordId {
    match name.strip_prefix(Bucket::STREAM_PREFIX) {
        Some(bucket) => RecordId::new(Kind::Bucket, format!("{account}/{bucket}")),
        None => RecordId::new(Kind::Stream, format!("{account}/{name}")),
    }
}

/// A length of time as the catalog writes it; zero is no limit.
pub(super) fn period(duration: std::time::Duration) -> String {
    if duration.is_zero() {
        return "none".to_owned();
    }
    u64::try_from(duration.as_millis())
        .map_or_else(|_| format!("{duration:?}"), |ms| Period::milliseconds(ms).to_string())
}

/// A limit; zero and less is none.
pub(super) fn figure(value: i64) -> String {
    if value <= 0 { "none".to_owned() } else { value.to_string() }
}

const NEW_STREAM: &str = "the server can't change this: make a stream of another name, copy, and switch over; \
     or lose its messages, with --replace";
const ONE_WAY: &str = "the server does not take this protection back: make a stream of another name, copy, and switch \
     over; or lose its messages, with --replace";

/// What the catalog calls these settings where they are a bucket's.
const OF_A_BUCKET: [(&str, &str); 3] = [
    ("max_age", "ttl"),
    ("max_message_size", "max_value_size"),
    ("max_messages_per_subject", "history"),
];

/// The fields of a stream or bucket, the same for what is asked and what is found.
pub(super) fn stream_record(account: &str, config: &Config) -> Record {
    let id = stream_id(account, &config.name);
    let renamed = |name: &'static str| {
        let own = OF_A_BUCKET.iter().filter(|_| id.kind == Kind::Bucket);
        own.clone().find(|(stream, _)| *stream == name).map_or(name, |(_, bucket)| *bucket)
    };
    let record =
        plain(config).into_iter().fold(Record::new(id.clone()), |record, (name, value)| {
            record.field(renamed(name), value, OnChange::InPlace)
        });
    let one_way = |set: bool| if set { OnChange::InPlace } else { OnChange::Forbidden(ONE_WAY) };
    record
        .field("retention", word(&config.retention), OnChange::Forbidden(NEW_STREAM))
        .field("storage", word(&config.storage), OnChange::Forbidden(NEW_STREAM))
        .field("deny_delete", config.deny_delete, one_way(config.deny_delete))
        .field("deny_purge", config.deny_purge, one_way(config.deny_purge))
}

/// What a server changes while the stream is in use.
fn plain(config: &Config) -> BTreeMap<&'static str, String> {
    let mut subjects = config.subjects.clone();
    subjects.sort();
    let mut tags = config.placement.as_ref().map_or_else(Vec::new, |place| place.tags.clone());
    tags.sort();
    let anywhere = || "any node".to_owned();
    let compression = config.compression.as_ref().unwrap_or(&WireCompression::None);
    BTreeMap::from([
        ("description", config.description.clone().unwrap_or_default()),
        ("subjects", subjects.join(", ")),
        ("discard", word(&config.discard)),
        ("discard_per_subject", config.discard_new_per_subject.to_string()),
        ("max_age", period(config.max_age)),
        ("max_bytes", figure(config.max_bytes)),
        ("max_message_size", figure(config.max_message_size.into())),
        ("max_messages", figure(config.max_messages)),
        ("max_messages_per_subject", figure(config.max_messages_per_subject)),
        ("max_consumers", figure(config.max_consumers.into())),
        ("replicas", config.num_replicas.to_string()),
        ("duplicate_window", period(config.duplicate_window)),
        ("compression", word(compression)),
        ("placement", if tags.is_empty() { anywhere() } else { tags.join(", ") }),
        ("allow_direct", config.allow_direct.to_string()),
        ("allow_rollup", config.allow_rollup.to_string()),
        ("no_ack", config.no_ack.to_string()),
    ])
}

pub(super) fn word(value: &dyn std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ByteSize;

    fn bucket() -> Bucket {
        Bucket {
            name: "QUOTAS".parse().unwrap(),
            account: "GAME".parse().unwrap(),
            description: String::new(),
            history: 5,
            ttl: Some(Period::seconds(60)),
            max_bytes: ByteSize::new(1 << 20),
            max_value_size: None,
            replicas: 3,
            compression: Compression::S2,
            placement: vec![],
        }
    }

    #[test]
    fn a_bucket_is_told_in_its_own_words_and_never_as_a_stream() {
        let config = bucket_config(&bucket());
        let record = stream_record("GAME", &config);
        assert_eq!(record.id, RecordId::new(Kind::Bucket, "GAME/QUOTAS"));
        assert_eq!(record.fields["history"].value, "5");
        assert_eq!(record.fields["ttl"].value, "1m");
        assert!(!record.fields.contains_key("max_messages_per_subject"));
    }

    #[test]
    fn a_message_id_is_remembered_no_longer_than_its_value() {
        assert_eq!(bucket_config(&bucket()).duplicate_window.as_secs(), 60);
        let lasting = Bucket { ttl: None, ..bucket() };
        assert_eq!(bucket_config(&lasting).duplicate_window.as_secs(), 120);
    }
}
