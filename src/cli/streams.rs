//! `natsops streams list ENV` and `natsops streams show ENV STREAM`

mod buckets;

use anstream::println;
use serde_json::{Value, json};

use super::context::Context;
use super::failure::Failure;
use super::{exit, lookup, paint, services, tables};
use crate::contract::who;
use crate::model::{Cluster, Consumer, Service, Stream};

/// The streams and buckets of the catalog
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(ListArgs),
    Show(ShowArgs),
}

/// List the streams and buckets, as this environment sizes them
///
/// `natsops status` shows what they hold.
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: String,
}

/// Show a stream with all of its settings, whose messages it stores, and who pulls them; or a bucket, and who uses it
#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: String,
    /// The stream or bucket
    #[arg(value_name = "STREAM")]
    stream: String,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    match &args.command {
        Command::List(args) => list(context, args),
        Command::Show(args) => show(context, args),
    }
}

fn list(context: &Context, args: &ListArgs) -> Result<u8, Failure> {
    let cluster = context.cluster(&args.environment)?;
    if context.json {
        let all: Vec<Value> = cluster.streams.iter().map(value).collect();
        let buckets: Vec<Value> = cluster.buckets.iter().map(buckets::value).collect();
        let value = json!({
            "format": 1, "environment": args.environment, "streams": all, "buckets": buckets,
        });
        println!("{value:#}");
        return Ok(exit::DONE);
    }
    let header =
        ["STREAM", "ACCOUNT", "SUBJECTS", "RETENTION", "AGE", "SIZE", "REPLICAS", "CONSUMERS"];
    let mut table = tables::table(&header);
    for stream in &cluster.streams {
        let subjects = match stream.subjects.as_slice() {
            [one] => one.to_string(),
            more => format!("{} patterns", more.len()),
        };
        table.add_row(vec![
            stream.name.to_string(),
            stream.account.to_string(),
            subjects,
            word(&json!(stream.retention)),
            stream.max_age.map_or_else(|| "-".to_owned(), |age| age.to_string()),
            stream.max_bytes.to_string(),
            stream.replicas.to_string(),
            consumers(&cluster, stream).len().to_string(),
        ]);
    }
    println!("{}", tables::trimmed(&table));
    if !cluster.buckets.is_empty() {
        println!();
        println!("{}", buckets::list(&cluster));
    }
    Ok(exit::DONE)
}

fn show(context: &Context, args: &ShowArgs) -> Result<u8, Failure> {
    let cluster = context.cluster(&args.environment)?;
    if let Some(bucket) = buckets::named(&cluster, &args.stream) {
        return Ok(buckets::show(context, &args.environment, &cluster, bucket));
    }
    let stream = lookup::stream(&cluster, &args.stream)?;
    let stored = publishers(&cluster, stream);
    if context.json {
        let mut value = json!({
            "format": 1, "environment": args.environment, "stream": value(stream),
        });
        value["stores"] = json!(
            stored
                .iter()
                .map(|(subject, service)| { json!({ "subject": subject, "publisher": service }) })
                .collect::<Vec<_>>()
        );
        let all = consumers(&cluster, stream).into_iter().map(|(service, consumer)| {
            let mut value = services::consumer_value(consumer);
            value["service"] = json!(service.name);
            value["service_account"] = json!(service.account);
            value
        });
        value["consumers"] = all.collect();
        println!("{value:#}");
        return Ok(exit::DONE);
    }
    println!("{} ({}): {}", paint::bold(&stream.name), stream.account, stream.description);
    println!();
    println!("{}", settings(&value(stream)));
    println!();
    let mut table = tables::table(&["STORES", "FROM"]);
    for (subject, service) in stored {
        table.add_row(vec![subject, service]);
    }
    println!("{}", tables::trimmed(&table));
    let all = consumers(&cluster, stream);
    if !all.is_empty() {
        println!();
        println!("{}", consumer_table(&all));
    }
    Ok(exit::DONE)
}

/// The consumers of a stream, each with the service that pulls.
fn consumers<'a>(cluster: &'a Cluster, stream: &'a Stream) -> Vec<(&'a Service, &'a Consumer)> {
    let all = cluster.consumers_of(&stream.account);
    all.filter(|(_, consumer)| consumer.stream == stream.name).collect()
}

fn consumer_table(all: &[(&Service, &Consumer)]) -> String {
    let header = ["CONSUMER", "SERVICE", "FILTER", "BEGINS", "ACK", "WAIT", "DELIVERIES"];
    let mut table = tables::table(&header);
    for (service, consumer) in all {
        let filter = match consumer.filter.as_slice() {
            [] => "everything".to_owned(),
            [one] => one.to_string(),
            more => format!("{} patterns", more.len()),
        };
        let redelivery = consumer.redelivery.as_ref();
        table.add_row(vec![
            consumer.name.to_string(),
            services::named(*service, &consumer.account),
            filter,
            word(&json!(consumer.deliver)),
            word(&json!(consumer.ack)),
            redelivery.map_or_else(|| "-".to_owned(), |r| r.ack_wait.to_string()),
            redelivery
                .and_then(|r| r.max_deliver)
                .map_or_else(|| "-".to_owned(), |most| most.to_string()),
        ]);
    }
    tables::trimmed(&table)
}

/// Every subject that reaches the stream, with its publisher.
fn publishers(cluster: &Cluster, stream: &Stream) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = stream
        .subjects
        .iter()
        .flat_map(|pattern| who(cluster, pattern.as_str()).publishes)
        .filter(|party| *party.account == stream.account)
        .map(|party| (party.subject, party.holder.to_string()))
        .collect();
    all.sort();
    all
}

fn settings(value: &Value) -> String {
    let mut table = tables::table(&["SETTING", "VALUE"]);
    for (key, value) in value.as_object().into_iter().flatten() {
        if matches!(key.as_str(), "name" | "account" | "description") {
            continue;
        }
        let shown = match value {
            Value::Array(items) if items.is_empty() => word(&Value::Null),
            Value::Array(items) => items.iter().map(word).collect::<Vec<_>>().join(", "),
            other => word(other),
        };
        table.add_row(vec![key.clone(), shown]);
    }
    tables::trimmed(&table)
}

fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn value(stream: &Stream) -> Value {
    json!({
        "name": stream.name, "account": stream.account, "description": stream.description,
        "subjects": stream.subjects, "retention": stream.retention, "discard": stream.discard,
        "max_age": stream.max_age, "max_bytes": stream.max_bytes,
        "max_messages": stream.max_messages,
        "max_messages_per_subject": stream.max_messages_per_subject,
        "discard_per_subject": stream.discard_per_subject,
        "max_message_size": stream.max_message_size, "replicas": stream.replicas,
        "duplicate_window": stream.duplicate_window, "compression": stream.compression,
        "placement": stream.placement,
        "deny_delete": stream.deny_delete, "deny_purge": stream.deny_purge,
    })
}
