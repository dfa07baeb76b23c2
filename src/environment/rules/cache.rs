//! Rules of the cache: what the environment provides, and what the catalog's services keep in it.

use super::Document;
use crate::environment::decide::LOCAL_SHARDS;
use crate::environment::spec::{CatalogSpec, EnvironmentSpec, ProviderSpec, RedisSpec};
use crate::environment::{Diagnostic, Diagnostics, Place};
use crate::model::{ByteSize, KeyPattern, ServiceName};

/// A server needs a few MiB for itself, and evicts everything when that is all it has.
const LEAST_MEMORY: ByteSize = ByteSize::new(16 << 20);

/// With fewer, the shards that are left are no majority, and nobody may replace a dead primary.
const QUORUM: u8 = 3;

/// A pattern of a service, with where it stands.
struct Use<'a> {
    service: &'a ServiceName,
    pattern: &'a KeyPattern,
    at: Place,
    path: String,
}

pub fn check(
    environment: &Document<EnvironmentSpec>,
    catalog: &[Document<CatalogSpec>],
    problems: &mut Diagnostics,
) {
    let uses: Vec<Use<'_>> = catalog.iter().flat_map(uses).collect();
    keys_belong_to_one(&uses, problems);
    users_are_free(&uses, problems);
    match &environment.spec.redis {
        Some(redis) => {
            size(environment, redis, problems);
            names_are_free(environment, problems);
            if uses.is_empty() {
                let message = "no service of the catalog caches anything";
                let problem = environment.lint("cache-unused", "redis", message);
                problems.push(problem.help("say which services cache, or take the block out"));
            }
        }
        None => problems.items.extend(uses.iter().map(|used| {
            let message = format!("`{}` caches, and this environment has no cache", used.service);
            Diagnostic::lint("cache-missing", used.at.clone(), &used.path, message)
                .other(environment.key("name"), "has no block `redis`")
                .help("add `redis: {shards: 3, replicas_per_shard: 1}`, or let the service do without")
        })),
    }
}

fn uses(document: &Document<CatalogSpec>) -> Vec<Use<'_>> {
    let services = document.spec.services.iter();
    services
        .flat_map(|(service, spec)| {
            spec.caches.iter().enumerate().map(move |(index, pattern)| {
                let path = format!("services.{service}.caches[{index}]");
                Use { service, pattern, at: document.at(&path), path }
            })
        })
        .collect()
}

fn keys_belong_to_one(uses: &[Use<'_>], problems: &mut Diagnostics) {
    for (index, used) in uses.iter().enumerate() {
        for earlier in uses[..index].iter().filter(|u| u.pattern.overlaps(used.pattern)) {
            let (one, other) = (used.pattern, earlier.pattern);
            let (code, message, help) = if earlier.service == used.service {
                let message = format!("`{}` caches `{one}` twice", used.service);
                ("duplicate-keys", message, "one pattern for a key is enough")
            } else {
                let message =
                    format!("`{one}` overlaps `{other}`, which `{}` caches", earlier.service);
                (
                    "shared-keys",
                    message,
                    "a key belongs to one service; give each a prefix of its own",
                )
            };
            let problem = Diagnostic::error(code, used.at.clone(), message);
            problems.push(problem.other(earlier.at.clone(), "first here").help(help));
        }
    }
}

/// Names that users of the cache have, whatever the catalog says.
fn users_are_free(uses: &[Use<'_>], problems: &mut Diagnostics) {
    for used in uses {
        let name = used.service.as_str();
        if name == "default" || name.starts_with("natsops-") {
            let message = format!("`{name}` is a user of every cache");
            let problem = Diagnostic::error("reserved-name", used.at.clone(), message);
            problems.push(problem.help("call the service by another name"));
        }
    }
}

fn size(environment: &Document<EnvironmentSpec>, redis: &RedisSpec, problems: &mut Diagnostics) {
    let at = |key: &str| environment.at(&format!("redis.{key}"));
    if redis.max_memory < LEAST_MEMORY {
        let message = format!("max_memory is {}, at least {LEAST_MEMORY} works", redis.max_memory);
        problems.push(Diagnostic::error("cache-memory", at("max_memory"), message));
    }
    let ProviderSpec::Local(_) = environment.spec.provider else {
        return;
    };
    if redis.shards > LOCAL_SHARDS {
        let message = format!("{} shards, one machine has room for {LOCAL_SHARDS}", redis.shards);
        problems.push(Diagnostic::error("cache-shards", at("shards"), message));
    } else if redis.shards < QUORUM && redis.replicas_per_shard > 0 {
        let message =
            format!("with {} shards no replica takes over from its primary", redis.shards);
        let problem = environment.lint("cache-failover", "redis.shards", message);
        problems.push(problem.help("a majority of the primaries must agree: use 3 or more"));
    }
}

/// Nodes of the cache live beside those of the cluster.
fn names_are_free(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    for (index, node) in environment.spec.nats.nodes.iter().enumerate() {
        if node.name.as_str().starts_with("redis-") {
            let at = environment.at(&format!("nats.nodes[{index}].name"));
            let message = format!("`{}` could be a node of the cache", node.name);
            let problem = Diagnostic::error("reserved-name", at, message);
            problems.push(problem.help("names that begin with `redis-` belong to the cache"));
        }
    }
}
