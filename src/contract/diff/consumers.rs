//! Consumers: what a service pulls no longer, and what it is handed differently.

use super::{Change, Effect, Sides};
use crate::contract::handed_out;
use crate::model::matching::covers;
use crate::model::{Cluster, Consumer, Service};

/// Consumers that went or came, and the settings of those that stayed.
pub fn consumers(sides: &Sides<'_>, changes: &mut Vec<Change>) {
    for (service, old) in all(sides.before) {
        // Of a service that is gone or has moved, that alone is told.
        let stays = sides.after.services.get(&service.name);
        if stays.is_none_or(|after| after.account != service.account) {
            continue;
        }
        match twin(sides.after, service, old) {
            None => {
                let what = format!("may no longer pull from {}", old.path());
                changes.push(change(Effect::Breaking, "consumer-gone", service, what));
            }
            Some((holder, _)) if holder.name != service.name => {
                let what =
                    format!("may no longer pull from {}, as {} does", old.path(), holder.name);
                changes.push(change(Effect::Breaking, "consumer-gone", service, what));
            }
            Some((_, new)) => {
                filters(sides, service, old, new, changes);
                settings(service, old, new, changes);
                copies(sides, service, (old, new), changes);
            }
        }
    }
    for (service, new) in all(sides.after) {
        let known = twin(sides.before, service, new);
        let is_new = known.is_none_or(|(holder, _)| holder.name != service.name);
        if is_new && sides.before.services.contains_key(&service.name) {
            let what = format!("may pull from {}", new.path());
            changes.push(change(Effect::Addition, "consumer-new", service, what));
        }
    }
}

fn change(effect: Effect, code: &'static str, service: &Service, what: String) -> Change {
    Change::new(effect, code, &service.account, &service.name, what)
}

fn all(cluster: &Cluster) -> impl Iterator<Item = (&Service, &Consumer)> {
    let services = cluster.services.values();
    services.flat_map(|service| service.consumes.iter().map(move |consumer| (service, consumer)))
}

/// The consumer of the same name on the same stream.
fn twin<'a>(
    cluster: &'a Cluster,
    service: &Service,
    consumer: &Consumer,
) -> Option<(&'a Service, &'a Consumer)> {
    let key = |consumer: &'a Consumer| (&consumer.account, &consumer.stream, &consumer.name);
    let wanted = (&consumer.account, &consumer.stream, &consumer.name);
    all(cluster).find(|(holder, other)| holder.account == service.account && key(other) == wanted)
}

/// The patterns that a consumer hands out. One that follows its stream changes with it, which is told of the stream.
fn patterns(cluster: &Cluster, consumer: &Consumer) -> Vec<String> {
    let mut streams = cluster.streams_of(&consumer.account);
    let stream = streams.find(|stream| stream.name == consumer.stream);
    let patterns = stream.map_or(&consumer.filter[..], |stream| handed_out(consumer, stream));
    patterns.iter().map(ToString::to_string).collect()
}

fn filters(
    sides: &Sides<'_>,
    service: &Service,
    old: &Consumer,
    new: &Consumer,
    changes: &mut Vec<Change>,
) {
    if old.filter == new.filter {
        return;
    }
    let before = patterns(sides.before, old);
    let after = patterns(sides.after, new);
    let inside = |all: &[String], one: &String| all.iter().any(|pattern| covers(pattern, one));
    for gone in before.iter().filter(|pattern| !inside(&after, pattern)) {
        let what = format!("is no longer handed `{gone}` by {}", old.path());
        changes.push(change(Effect::Breaking, "filter-narrower", service, what));
    }
    for come in after.iter().filter(|pattern| !inside(&before, pattern)) {
        let what = format!("is handed `{come}` by {}", new.path());
        changes.push(change(Effect::Addition, "filter-wider", service, what));
    }
}

fn settings(service: &Service, old: &Consumer, new: &Consumer, changes: &mut Vec<Change>) {
    let path = new.path();
    if old.ack != new.ack {
        let what =
            format!("acknowledges messages of {path} differently, and the consumer is made anew");
        changes.push(change(Effect::Breaking, "consumer-remade", service, what));
    }
    if old.deliver != new.deliver || old.max_waiting != new.max_waiting {
        let what = format!("{path} must be made anew, and begins from its start");
        changes.push(change(Effect::Notable, "consumer-remade", service, what));
    }
    if old.ack == new.ack && old.redelivery != new.redelivery {
        let what = format!("is handed unacknowledged messages of {path} again by other rules");
        changes.push(change(Effect::Notable, "redelivery-changed", service, what));
    }
}

/// The copies of how far it has come. Those of one that follows its stream are told of the stream.
fn copies(
    sides: &Sides<'_>,
    service: &Service,
    (old, new): (&Consumer, &Consumer),
    changes: &mut Vec<Change>,
) {
    let copies = |cluster: &Cluster, consumer: &Consumer| {
        let mut streams = cluster.streams_of(&consumer.account);
        let stream = streams.find(|stream| stream.name == consumer.stream);
        consumer.replicas.or(stream.map(|stream| stream.replicas)).unwrap_or_default()
    };
    let (before, after) = (copies(sides.before, old), copies(sides.after, new));
    if old.replicas != new.replicas && after < before {
        let what = format!("{} has {after} replicas, before {before}", new.path());
        changes.push(change(Effect::Notable, "guard-weaker", service, what));
    }
}
