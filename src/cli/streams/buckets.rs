//! Buckets among the streams: in the list, and one by its name.

use anstream::println;
use serde_json::{Value, json};

use super::{settings, word};
use crate::cli::context::Context;
use crate::cli::{exit, paint, tables};
use crate::model::{Bucket, Cluster, Service};

/// The bucket of a name, as the catalog or as servers write it.
pub fn named<'a>(cluster: &'a Cluster, name: &str) -> Option<&'a Bucket> {
    let bare = name.strip_prefix(Bucket::STREAM_PREFIX).unwrap_or(name);
    cluster.buckets.iter().find(|bucket| bucket.name.as_str() == bare)
}

/// All buckets as a table.
pub fn list(cluster: &Cluster) -> String {
    let header =
        ["BUCKET", "ACCOUNT", "HISTORY", "AGE", "SIZE", "REPLICAS", "READ BY", "WRITTEN BY"];
    let mut table = tables::table(&header);
    for bucket in &cluster.buckets {
        table.add_row(vec![
            bucket.name.to_string(),
            bucket.account.to_string(),
            bucket.history.to_string(),
            word(&json!(bucket.ttl)),
            bucket.max_bytes.to_string(),
            bucket.replicas.to_string(),
            names(&readers(cluster, bucket)),
            names(&writers(cluster, bucket)),
        ]);
    }
    tables::trimmed(&table)
}

/// Shows one.
pub fn show(context: &Context, environment: &str, cluster: &Cluster, bucket: &Bucket) -> u8 {
    if context.json {
        let name = |service: &&Service| service.name.to_string();
        let (read, written) = (readers(cluster, bucket), writers(cluster, bucket));
        let value = json!({
            "format": 1, "environment": environment, "bucket": value(bucket),
            "read_by": read.iter().map(name).collect::<Vec<_>>(),
            "written_by": written.iter().map(name).collect::<Vec<_>>(),
        });
        println!("{value:#}");
        return exit::DONE;
    }
    println!("{} ({}): {}", paint::bold(&bucket.name), bucket.account, bucket.description);
    println!();
    println!("{}", settings(&value(bucket)));
    println!();
    let mut table = tables::table(&["USE", "BY"]);
    table.add_row(vec!["reads".to_owned(), names(&readers(cluster, bucket))]);
    table.add_row(vec!["writes".to_owned(), names(&writers(cluster, bucket))]);
    println!("{}", tables::trimmed(&table));
    exit::DONE
}

fn readers<'a>(cluster: &'a Cluster, bucket: &'a Bucket) -> Vec<&'a Service> {
    let all = cluster.services_of(&bucket.account);
    all.filter(|service| service.reads.contains(&bucket.name)).collect()
}

fn writers<'a>(cluster: &'a Cluster, bucket: &'a Bucket) -> Vec<&'a Service> {
    let all = cluster.services_of(&bucket.account);
    all.filter(|service| service.writes.contains(&bucket.name)).collect()
}

fn names(services: &[&Service]) -> String {
    let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

/// A bucket with all of its settings.
pub fn value(bucket: &Bucket) -> Value {
    json!({
        "name": bucket.name, "account": bucket.account, "description": bucket.description,
        "stream": bucket.name.stream(), "history": bucket.history, "ttl": bucket.ttl,
        "max_bytes": bucket.max_bytes, "max_value_size": bucket.max_value_size,
        "replicas": bucket.replicas, "compression": bucket.compression,
        "placement": bucket.placement,
    })
}
