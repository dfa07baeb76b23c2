//! The same views as text for Mermaid, which places everything itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::contract::{Borders, Grant, Holder, Verb, holders, subjects};
use crate::model::{Cluster, Placement, Stream, SubjectPattern};

/// The contract as a flow chart: requests and events go through their subjects, stored events on into their stream.
pub fn contract(cluster: &Cluster) -> String {
    let (all, borders) = (subjects(cluster), Borders::new(cluster));
    let ids: BTreeMap<_, usize> = all.keys().copied().zip(0..).collect();
    let ends: BTreeMap<Holder<'_>, usize> = holders(cluster).zip(0..).collect();
    let mut out = String::from("flowchart LR\n");
    for (number, account) in cluster.accounts.keys().enumerate() {
        line(&mut out, format_args!("  subgraph account{number}[{}]", quoted(account.as_str())));
        for (holder, id) in ends.iter().filter(|(holder, _)| holder.account() == account) {
            let name = quoted(&holder.to_string());
            line(&mut out, format_args!("    {}[{name}]", end(*holder, *id)));
        }
        for ((subject, _), id) in ids.iter().filter(|((_, owner), _)| *owner == account) {
            line(&mut out, format_args!("    subject{id}([{}])", quoted(subject.as_str())));
        }
        for (id, stream) in
            cluster.streams.iter().enumerate().filter(|(_, s)| &s.account == account)
        {
            line(&mut out, format_args!("    stream{id}[({})]", quoted(stream.name.as_str())));
        }
        for (id, bucket) in
            cluster.buckets.iter().enumerate().filter(|(_, b)| &b.account == account)
        {
            let name = format!("bucket {}", bucket.name);
            line(&mut out, format_args!("    bucket{id}[({})]", quoted(&name)));
        }
        out.push_str("  end\n");
    }
    for (key, granted) in &all {
        for grant in granted.iter().filter(|grant| grant.verb != Verb::Consumes) {
            edge(&mut out, grant, &end(grant.holder, ends[&grant.holder]), ids[key]);
        }
        let keepers = borders.keepers(key.1, key.0);
        for (id, stream) in cluster.streams.iter().enumerate() {
            let stores = |pattern: &SubjectPattern| pattern.covers(key.0);
            let keeps = keepers.iter().any(|keeper| std::ptr::eq(*keeper, stream));
            if keeps && stream.subjects.iter().any(stores) {
                line(&mut out, format_args!("  subject{} --> stream{id}", ids[key]));
            }
        }
    }
    kept(&mut out, cluster, &ends);
    out
}

/// What services pull out of streams, and what they read from and write to buckets.
fn kept(out: &mut String, cluster: &Cluster, ends: &BTreeMap<Holder<'_>, usize>) {
    for service in cluster.services.values() {
        let number = ends[&Holder::Service(service)];
        for consumer in &service.consumes {
            let own = |stream: &Stream| {
                stream.account == consumer.account && stream.name == consumer.stream
            };
            let Some(id) = cluster.streams.iter().position(own) else {
                continue;
            };
            let label = quoted(&format!("consumer {}", consumer.name));
            line(out, format_args!("  stream{id} ==>|{label}| service{number}"));
        }
        for (id, bucket) in cluster.buckets.iter().enumerate() {
            if service.writes.contains(&bucket.name) {
                line(out, format_args!("  service{number} --> bucket{id}"));
            }
            if service.reads.contains(&bucket.name) {
                line(out, format_args!("  bucket{id} -.-> service{number}"));
            }
        }
    }
}

fn line(out: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to a string can't fail.
    writeln!(out, "{words}").ok();
}

/// What a service or leafnode is called in the chart.
fn end(holder: Holder<'_>, id: usize) -> String {
    let kind = if holder.is_leafnode() { "leafnode" } else { "service" };
    format!("{kind}{id}")
}

fn edge(out: &mut String, grant: &Grant<'_>, end: &str, subject: usize) {
    let label =
        grant.queue.map(|queue| format!("|{}|", quoted(queue.as_str()))).unwrap_or_default();
    let arrow = if matches!(grant.verb, Verb::Calls | Verb::Serves) { "-->" } else { "-.->" };
    let words = if grant.verb.speaks() {
        format!("  {end} {arrow} subject{subject}")
    } else {
        format!("  subject{subject} {arrow}{label} {end}")
    };
    line(out, format_args!("{words}"));
}

/// Zones, nodes, the load balancer and the cache as a flow chart.
pub fn topology(cluster: &Cluster) -> String {
    let mut out = String::from("flowchart TB\n");
    let services = format!("{} services", cluster.services.len());
    line(&mut out, format_args!("  clients[{}]", quoted(&services)));
    let door = match &cluster.placement {
        Placement::Local { .. } => "clients",
        Placement::Aws(aws) => {
            let kind = if aws.internal_load_balancer { "internal " } else { "" };
            let name = format!("{kind}network load balancer");
            line(&mut out, format_args!("  balancer{{{{{}}}}}", quoted(&name)));
            line(&mut out, format_args!("  clients -->|{}| balancer", cluster.ports.client));
            "balancer"
        }
    };
    for (id, (name, leafnode)) in cluster.leafnodes.iter().enumerate() {
        let words = quoted(&format!("leafnode {name} of {}", leafnode.account));
        line(&mut out, format_args!("  leafnode{id}[{words}]"));
        let port = cluster.ports.leafnode;
        match &cluster.placement {
            Placement::Aws(_) => {
                line(&mut out, format_args!("  leafnode{id} -->|{port}| balancer"));
            }
            Placement::Local { .. } => (0..cluster.nodes.len()).for_each(|node| {
                line(&mut out, format_args!("  leafnode{id} -->|{port}| node{node}"));
            }),
        }
    }
    let zones: BTreeSet<_> = cluster.nodes.iter().map(|node| &node.zone).collect();
    for (number, zone) in zones.into_iter().enumerate() {
        let title = zone.as_str();
        line(&mut out, format_args!("  subgraph zone{number}[{}]", quoted(title)));
        for (id, node) in cluster.nodes.iter().enumerate().filter(|(_, node)| &node.zone == zone) {
            let name = format!("{} {}", node.name, node.address);
            line(&mut out, format_args!("    node{id}[{}]", quoted(&name)));
        }
        out.push_str("  end\n");
    }
    let routes = format!("routes on {}, every node with every other", cluster.ports.cluster);
    line(&mut out, format_args!("  routes[{}]", quoted(&routes)));
    for id in 0..cluster.nodes.len() {
        line(&mut out, format_args!("  {door} --> node{id}\n  node{id} -.- routes"));
    }
    if let Some(redis) = &cluster.redis {
        let shards = format!(
            "Redis: shards {}, replicas of each {}",
            redis.shards, redis.replicas_per_shard
        );
        line(&mut out, format_args!("  redis[({})]\n  clients -.-> redis", quoted(&shards)));
    }
    out
}

/// A label: in quotes, with what Mermaid would read as markup by its number or name.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '&' => out.push_str("#amp;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '`' => out.push_str("#96;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_as_markup() {
        assert_eq!(quoted("a \"b\" <c> & #1\n"), "\"a #quot;b#quot; #lt;c#gt; #amp; #35;1 \"");
        assert_eq!(quoted("evt.x.v1.*"), "\"evt.x.v1.*\"");
    }
}
