//! `natsops services list ENV` and `natsops services show ENV SERVICE`, leafnodes included

use std::collections::BTreeSet;

use anstream::println;
use serde_json::{Value, json};

use super::context::Context;
use super::failure::Failure;
use super::{exit, lookup, paint, tables};
use crate::contract::{Borders, Grant, Holder, Verb, grants, holders, meet, pulled, who};
use crate::model::{AccountName, BucketName, Cluster, Consumer, Leafnode, PassageKind, Service};

/// The services of the catalog, and the leafnodes that are let in
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

/// List the services and leafnodes
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: String,
}

/// Show a service or leafnode: what it is granted, with whom it speaks, and the permissions that its clients hold
#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: String,
    /// The service, or the leafnode
    #[arg(value_name = "SERVICE")]
    service: String,
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
        let all: Vec<Value> =
            cluster.services.values().map(|service| value(&cluster, service)).collect();
        let leafnodes: Vec<Value> = cluster.leafnodes.values().map(leafnode_value).collect();
        let value = json!({
            "format": 1, "environment": args.environment, "services": all,
            "leafnodes": leafnodes,
        });
        println!("{value:#}");
        return Ok(exit::DONE);
    }
    let mut table = tables::table(&[
        "SERVICE",
        "ACCOUNT",
        "SERVES",
        "CALLS",
        "PUBLISHES",
        "SUBSCRIBES",
        "CONSUMES",
        "BUCKETS",
    ]);
    for holder in holders(&cluster) {
        let all = grants(holder);
        let of = |verb| all.iter().filter(|grant| grant.verb == verb).count().to_string();
        let service = holder.service();
        table.add_row(vec![
            holder.to_string(),
            holder.account().to_string(),
            of(Verb::Serves),
            of(Verb::Calls),
            of(Verb::Publishes),
            of(Verb::Subscribes),
            service.map_or(0, |service| service.consumes.len()).to_string(),
            service.map_or(0, |service| buckets(service).len()).to_string(),
        ]);
    }
    println!("{}", tables::trimmed(&table));
    Ok(exit::DONE)
}

fn show(context: &Context, args: &ShowArgs) -> Result<u8, Failure> {
    let cluster = context.cluster(&args.environment)?;
    let holder = lookup::holder(&cluster, &args.service)?;
    if context.json {
        let mut shown = json!({ "format": 1, "environment": args.environment });
        match holder {
            Holder::Service(service) => shown["service"] = value(&cluster, service),
            Holder::Leafnode(leafnode) => shown["leafnode"] = leafnode_value(leafnode),
        }
        println!("{shown:#}");
        return Ok(exit::DONE);
    }
    println!("{} ({}): {}", paint::bold(holder), holder.account(), holder.description());
    println!();
    println!("{}", granted(&cluster, holder));
    println!();
    println!("{}", held(holder));
    if let Some(service) = holder.service() {
        println!();
        println!("{}", bounds(service));
    }
    Ok(exit::DONE)
}

/// The buckets that a service reads or writes.
fn buckets(service: &Service) -> BTreeSet<&BucketName> {
    service.reads.iter().chain(&service.writes).collect()
}

/// The grants, each with those at its other end.
fn granted(cluster: &Cluster, holder: Holder<'_>) -> String {
    let home = holder.account();
    let mut table = tables::table(&["GRANT", "SUBJECT", "QUEUE", "WITH"]);
    let borders = Borders::new(cluster);
    for grant in grants(holder) {
        let all = who(cluster, grant.subject.as_str());
        let others = match grant.verb {
            Verb::Serves => all.calls,
            Verb::Calls => all.serves,
            Verb::Publishes => all.subscribes,
            Verb::Subscribes | Verb::Consumes => all.publishes,
        };
        let mut names: Vec<String> = others
            .iter()
            .filter(|other| meet(cluster, home, other.account, &other.subject))
            .map(|other| match other.account == home {
                true => other.holder.to_string(),
                false => format!("{}/{}", other.account, other.holder),
            })
            .collect();
        if grant.verb == Verb::Publishes {
            let pull = all.consumes.iter().filter(|other| other.owner == home);
            names.extend(pull.map(|other| match other.account == home {
                true => other.service.to_string(),
                false => format!("{}/{}", other.account, other.service),
            }));
            names.sort_unstable();
        }
        names.dedup();
        let crossing = borders.crossing(&grant).filter(|p| p.kind == PassageKind::Audit);
        names.extend(crossing.map(|passage| format!("the streams of {}", passage.owner)));
        table.add_row(vec![
            grant.verb.key().to_owned(),
            grant.subject.to_string(),
            grant.queue.map_or_else(|| "-".to_owned(), ToString::to_string),
            joined(&names.iter().map(String::as_str).collect::<Vec<_>>()),
        ]);
    }
    let rows = holder.service().map(|service| stored(cluster, service));
    rows.into_iter().flatten().for_each(|row| {
        table.add_row(row);
    });
    tables::trimmed(&table)
}

/// A service or leafnode, with its account where that is not `home`.
pub fn named<'a>(holder: impl Into<Holder<'a>>, home: &AccountName) -> String {
    let holder = holder.into();
    match holder.account() == home {
        true => holder.to_string(),
        false => format!("{}/{holder}", holder.account()),
    }
}

fn joined(names: &[&str]) -> String {
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

/// What it pulls, reads and writes, each with those at the other end.
fn stored(cluster: &Cluster, service: &Service) -> Vec<Vec<String>> {
    let row = |grant: &str, what: String, with: &[&str]| {
        vec![grant.to_owned(), what, "-".to_owned(), joined(with)]
    };
    let mut rows = Vec::new();
    for (index, consumer) in service.consumes.iter().enumerate() {
        let pulls = pulled(cluster);
        let own = |grant: &&Grant<'_>| grant.holder == service.into() && grant.index == index;
        let mut from: Vec<String> = Vec::new();
        for grant in pulls.iter().filter(own) {
            let all = holders(cluster).flat_map(grants);
            let publishers = all.filter(|other| {
                other.account == &consumer.account
                    && other.verb == Verb::Publishes
                    && other.subject == grant.subject
            });
            from.extend(publishers.map(|other| named(other.holder, &service.account)));
        }
        from.sort_unstable();
        from.dedup();
        let from: Vec<&str> = from.iter().map(String::as_str).collect();
        let path = match consumer.is_abroad(&service.account) {
            true => format!("{} of {}", consumer.path(), consumer.account),
            false => consumer.path(),
        };
        rows.push(row("consumes", path, &from));
    }
    let others = |bucket: &BucketName, list: fn(&Service) -> &Vec<BucketName>| {
        let all = cluster.services_of(&service.account);
        let all = all.filter(|other| other.name != service.name && list(other).contains(bucket));
        all.map(|other| other.name.as_str()).collect::<Vec<_>>()
    };
    let read = service.reads.iter().map(|b| row("reads", b.to_string(), &others(b, |s| &s.writes)));
    rows.extend(read);
    let written = service.writes.iter();
    rows.extend(written.map(|b| row("writes", b.to_string(), &others(b, |s| &s.reads))));
    rows.extend(service.caches.iter().map(|keys| row("caches", keys.to_string(), &[])));
    rows
}

/// What its clients hold, as a server enforces it.
fn held(holder: Holder<'_>) -> String {
    let permissions = holder.permissions();
    let mut table = tables::table(&["PERMISSION", "ENTRY"]);
    let nothing = || vec!["nothing".to_owned()];
    let publish = match permissions.publish.as_slice() {
        [] => nothing(),
        some => some.to_vec(),
    };
    let subscribe = match permissions.subscribe.as_slice() {
        [] => nothing(),
        some => some.iter().map(|entry| entry.claim()).collect(),
    };
    publish.into_iter().for_each(|entry| {
        table.add_row(vec!["publish".to_owned(), entry]);
    });
    subscribe.into_iter().for_each(|entry| {
        table.add_row(vec!["subscribe".to_owned(), entry]);
    });
    if permissions.replies {
        table.add_row(vec!["reply", "once to each request, within two minutes"]);
    }
    tables::trimmed(&table)
}

/// What a connection of a service may use, and where it may come from.
fn bounds(service: &Service) -> String {
    let mut table = tables::table(&["CONNECTION", "BOUND"]);
    let account = || "that of the account".to_owned();
    let limits = &service.limits;
    let networks: Vec<&str> = service.networks.iter().map(String::as_str).collect();
    let kinds = service
        .connections
        .iter()
        .filter_map(|kind| Some(serde_json::to_value(kind).ok()?.as_str()?.to_owned()));
    let rows = [
        ("payload", limits.payload.map_or_else(account, |size| size.to_string())),
        ("subscriptions", limits.subscriptions.map_or_else(account, |most| most.to_string())),
        (
            "networks",
            if networks.is_empty() { "everywhere".to_owned() } else { networks.join(", ") },
        ),
        ("kinds", kinds.collect::<Vec<_>>().join(", ")),
        ("inbox", service.inbox_prefix()),
    ];
    for (name, bound) in rows {
        table.add_row(vec![name.to_owned(), bound]);
    }
    tables::trimmed(&table)
}

/// A consumer with all of its settings.
pub fn consumer_value(consumer: &Consumer) -> Value {
    let redelivery = consumer.redelivery.as_ref();
    json!({
        "account": consumer.account, "stream": consumer.stream, "consumer": consumer.name,
        "description": consumer.description,
        "filter": consumer.filter, "deliver": consumer.deliver, "ack": consumer.ack,
        "ack_wait": redelivery.map(|r| r.ack_wait),
        "max_deliver": redelivery.and_then(|r| r.max_deliver),
        "backoff": redelivery.map(|r| &r.backoff),
        "max_ack_pending": redelivery.map(|r| r.max_ack_pending),
        "max_waiting": consumer.max_waiting, "replicas": consumer.replicas,
    })
}

fn leafnode_value(leafnode: &Leafnode) -> Value {
    let crossing = leafnode.crossing();
    json!({
        "name": leafnode.name, "account": leafnode.account, "description": leafnode.description,
        "calls": leafnode.calls, "publishes": leafnode.publishes,
        "subscribes": leafnode.subscribes,
        "inbox_prefix": leafnode.inbox_prefix(),
        "permissions": { "publish": crossing.into, "subscribe": crossing.out },
    })
}

fn value(cluster: &Cluster, service: &Service) -> Value {
    let borders = Borders::new(cluster);
    let pulls = pulled(cluster).into_iter().filter(|grant| grant.holder == service.into());
    let across = grants(service).into_iter().chain(pulls).filter_map(|grant| {
        let passage = borders.crossing(&grant)?;
        Some(json!({
            "verb": grant.verb, "subject": grant.subject, "kind": passage.kind,
            "account": passage.owner,
        }))
    });
    let across: Vec<Value> = across.collect();
    let permissions = service.permissions();
    let subscribe: Vec<String> = permissions.subscribe.iter().map(|entry| entry.claim()).collect();
    let pairs = |verb: Verb| -> Vec<Value> {
        let all = grants(service).into_iter().filter(|grant| grant.verb == verb);
        all.map(|grant| json!({ "subject": grant.subject, "queue": grant.queue })).collect()
    };
    json!({
        "name": service.name, "account": service.account, "description": service.description,
        "serves": pairs(Verb::Serves), "calls": service.calls,
        "publishes": service.publishes, "subscribes": pairs(Verb::Subscribes),
        "consumes": service.consumes.iter().map(consumer_value).collect::<Vec<_>>(),
        "reads": service.reads, "writes": service.writes, "caches": service.caches,
        "networks": service.networks, "connections": service.connections,
        "limits": {
            "subscriptions": service.limits.subscriptions, "payload": service.limits.payload,
        },
        "across": across,
        "inbox_prefix": service.inbox_prefix(),
        "permissions": {
            "publish": permissions.publish, "subscribe": subscribe, "replies": permissions.replies,
        },
    })
}
