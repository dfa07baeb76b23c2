//! Durable consumers on the servers: what the catalog asks, what is there, and the way from one to the other.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::{AckPolicy, Config, DeliverPolicy, ReplayPolicy};
use async_nats::jetstream::stream::{ConsumerError, ConsumerErrorKind};
use serde::Deserialize;

use super::Connection;
use super::lists::list;
use super::stream_config::{figure, period, word};
use super::streams::{StreamError, changing};
use crate::model::{AccountName, Ack, Consumer, Deliver};
use crate::plan::{Kind, OnChange, Record, RecordId};

/// The record that the catalog asks for.
pub fn desired_consumer(account: &AccountName, consumer: &Consumer) -> Record {
    let config = wire(consumer);
    record(consumer_id(account, consumer.stream.as_str(), consumer.name.as_str()), &config)
        .needs([RecordId::new(Kind::Stream, format!("{account}/{}", consumer.stream))])
}

/// The id of a consumer.
pub fn consumer_id(account: &AccountName, stream: &str, name: &str) -> RecordId {
    RecordId::new(Kind::Consumer, format!("{account}/{stream}/{name}"))
}

#[derive(Deserialize)]
struct Found {
    name: String,
    config: Config,
}

/// The durable consumers of a stream. Others come and go with a client, and are nobody's to manage.
pub async fn found_consumers(
    connection: &Connection,
    account: &AccountName,
    stream: &str,
) -> Result<Vec<Record>, StreamError> {
    let listed = list::<Found>(connection, &format!("$JS.API.CONSUMER.LIST.{stream}")).await;
    let listed =
        listed.map_err(|reason| StreamError::new(format!("consumers of {stream}"), reason))?;
    let durable = listed.found.into_iter().filter(|found| found.config.durable_name.is_some());
    let found = durable.map(|consumer| {
        record(consumer_id(account, stream, &consumer.name), &consumer.config).complete()
    });
    let missing = listed.missing.iter().map(|name| Record::new(consumer_id(account, stream, name)));
    Ok(found.chain(missing).collect())
}

/// Creates a consumer, or changes it into what the catalog asks. Doing it twice does no harm.
pub async fn put_consumer(connection: &Connection, consumer: &Consumer) -> Result<(), StreamError> {
    let context = changing(connection);
    let outcome = context.create_consumer_on_stream(wire(consumer), consumer.stream.as_str());
    outcome.await.map(drop).map_err(|error| refused(&consumer.path(), &error))
}

/// Deletes a consumer with its position. One that is gone already is no failure.
pub async fn delete_consumer(
    connection: &Connection,
    stream: &str,
    name: &str,
) -> Result<(), StreamError> {
    match changing(connection).delete_consumer_from_stream(name, stream).await {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            ConsumerErrorKind::JetStream(refusal)
                if matches!(
                    refusal.error_code(),
                    ErrorCode::CONSUMER_NOT_FOUND | ErrorCode::STREAM_NOT_FOUND
                ) =>
            {
                Ok(())
            }
            _ => Err(refused(&format!("{stream}/{name}"), &error)),
        },
    }
}

fn refused(consumer: &str, error: &ConsumerError) -> StreamError {
    let code = match error.kind() {
        ConsumerErrorKind::JetStream(refusal) => Some(refusal.error_code()),
        _ => None,
    };
    StreamError::refused(format!("consumer {consumer}"), code, error)
}

/// What a filter says that lets everything pass.
const EVERYTHING: &str = ">";

/// The consumer as the API has it.
fn wire(consumer: &Consumer) -> Config {
    let mut filters: Vec<String> = consumer.filter.iter().map(ToString::to_string).collect();
    // Of which subjects the last messages are meant, the server wants to hear, also where it is all (seen on 2.15.1).
    if filters.is_empty() && consumer.deliver == Deliver::LastPerSubject {
        filters.push(EVERYTHING.to_owned());
    }
    let single = if filters.len() == 1 { filters.remove(0) } else { String::new() };
    let mut config = Config {
        durable_name: Some(consumer.name.to_string()),
        name: Some(consumer.name.to_string()),
        description: Some(consumer.description.clone()).filter(|words| !words.is_empty()),
        deliver_policy: match consumer.deliver {
            Deliver::All => DeliverPolicy::All,
            Deliver::New => DeliverPolicy::New,
            Deliver::Last => DeliverPolicy::Last,
            Deliver::LastPerSubject => DeliverPolicy::LastPerSubject,
        },
        ack_policy: match consumer.ack {
            Ack::Explicit => AckPolicy::Explicit,
            Ack::All => AckPolicy::All,
            Ack::None => AckPolicy::None,
        },
        filter_subject: single,
        filter_subjects: filters,
        replay_policy: ReplayPolicy::Instant,
        max_waiting: i64::from(consumer.max_waiting),
        max_deliver: -1,
        num_replicas: consumer.replicas.map_or(0, usize::from),
        ..Config::default()
    };
    if let Some(redelivery) = &consumer.redelivery {
        config.ack_wait = redelivery.ack_wait.duration();
        config.max_deliver = redelivery.max_deliver.map_or(-1, i64::from);
        config.backoff = redelivery.backoff.iter().map(|wait| wait.duration()).collect();
        config.max_ack_pending = i64::from(redelivery.max_ack_pending);
    }
    config
}

const NEW_CONSUMER: &str = "the server can't change this: pull from a consumer of another name; \
     or make this one anew, with --replace, which loses how far it has come";

/// The fields of a consumer, the same for what is asked and what is found.
fn record(id: RecordId, config: &Config) -> Record {
    let mut filters = config.filter_subjects.clone();
    filters.push(config.filter_subject.clone());
    filters.retain(|filter| !filter.is_empty() && filter != EVERYTHING);
    filters.sort();
    let list = |items: Vec<String>, none: &str| {
        if items.is_empty() { none.to_owned() } else { items.join(", ") }
    };
    let backoff = config.backoff.iter().map(|wait: &Duration| period(*wait)).collect();
    let replicas = match config.num_replicas {
        0 => "as the stream".to_owned(),
        count => count.to_string(),
    };
    let plain = [
        ("description", config.description.clone().unwrap_or_default()),
        ("filter", list(filters, "everything")),
        ("ack_wait", period(config.ack_wait)),
        ("max_deliver", figure(config.max_deliver)),
        ("backoff", list(backoff, "none")),
        ("max_ack_pending", figure(config.max_ack_pending)),
        ("replicas", replicas),
        ("headers_only", config.headers_only.to_string()),
        ("inactive_threshold", period(config.inactive_threshold)),
    ];
    let record = plain.into_iter().fold(Record::new(id), |record, (name, value)| {
        record.field(name, value, OnChange::InPlace)
    });
    let push = config.deliver_subject.is_some();
    record
        .field("deliver", deliver(&config.deliver_policy), OnChange::Forbidden(NEW_CONSUMER))
        .field("ack", word(&config.ack_policy), OnChange::Forbidden(NEW_CONSUMER))
        .field("max_waiting", figure(config.max_waiting), OnChange::Forbidden(NEW_CONSUMER))
        .field("replay", word(&config.replay_policy), OnChange::Forbidden(NEW_CONSUMER))
        .field("mode", if push { "push" } else { "pull" }, OnChange::Forbidden(NEW_CONSUMER))
}

/// Where a consumer begins, as the catalog words it.
fn deliver(policy: &DeliverPolicy) -> String {
    match policy {
        DeliverPolicy::LastPerSubject => "last-per-subject".to_owned(),
        other => word(other),
    }
}
