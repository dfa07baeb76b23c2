//! What the catalog grants, and what follows from it: the one place that knows every kind of grant.

use serde_json::Value;

use super::catalog::Service;
use super::deed::Deed;

/// One thing that a service may say or hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub direction: Direction,
    /// The subject or pattern.
    pub subject: String,
    /// The queue group that it is bound to.
    pub queue: Option<String>,
}

/// Whether a service speaks or listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Speaks,
    Listens,
}

/// What an entry of a list comes to, for the service of this name.
pub type Kind = fn(&str, &Value) -> Vec<Grant>;

/// Every list of grants that a service may have. A new kind of grant is added here.
pub const KINDS: [(&str, Kind); 7] = [
    ("serves", listens),
    ("calls", speaks),
    ("publishes", speaks),
    ("subscribes", listens),
    ("consumes", pulls),
    ("reads", reads),
    ("writes", writes),
];

/// Keys of a service that grant nothing of NATS, or limit what is granted.
const OTHERS: [&str; 6] = ["account", "description", "caches", "limits", "networks", "connections"];

fn speaks(_: &str, entry: &Value) -> Vec<Grant> {
    vec![speak(entry.as_str().unwrap())]
}

/// What a client says to JetStream to pull from a durable consumer, and to acknowledge. In another account it does not
/// get to see the stream.
fn pulls(service: &str, entry: &Value) -> Vec<Grant> {
    let stream = entry["stream"].as_str().unwrap();
    let consumer = entry["consumer"].as_str().unwrap_or(service);
    let account = entry["account"].as_str();
    let api = account.map_or_else(|| "$JS.API".to_owned(), |account| format!("$JS.{account}.API"));
    let mut said = vec![
        format!("{api}.CONSUMER.INFO.{stream}.{consumer}"),
        format!("{api}.CONSUMER.MSG.NEXT.{stream}.{consumer}"),
    ];
    if account.is_none() {
        said.push(format!("{api}.STREAM.INFO.{stream}"));
    }
    if entry["ack"] != "none" {
        said.push(format!("$JS.ACK.{stream}.{consumer}.>"));
    }
    said.iter().map(|subject| speak(subject)).collect()
}

/// What a client says to JetStream to get a bucket's values, and to watch them.
fn reads(_: &str, entry: &Value) -> Vec<Grant> {
    let bucket = entry.as_str().unwrap();
    [
        "$JS.API.STREAM.INFO.KV_{}",
        "$JS.API.DIRECT.GET.KV_{}",
        "$JS.API.DIRECT.GET.KV_{}.$KV.{}.>",
        "$JS.API.CONSUMER.CREATE.KV_{}",
        "$JS.API.CONSUMER.CREATE.KV_{}.>",
        "$JS.API.CONSUMER.INFO.KV_{}.*",
        "$JS.API.CONSUMER.DELETE.KV_{}.*",
        "$JS.FC.KV_{}.>",
    ]
    .map(|subject| speak(&subject.replace("{}", bucket)))
    .into()
}

/// What a client says to put, to delete and to purge keys.
fn writes(_: &str, entry: &Value) -> Vec<Grant> {
    let bucket = entry.as_str().unwrap();
    ["$JS.API.STREAM.INFO.KV_{}", "$KV.{}.>"]
        .map(|subject| speak(&subject.replace("{}", bucket)))
        .into()
}

fn listens(_: &str, entry: &Value) -> Vec<Grant> {
    let queue = entry["queue"].as_str().map(str::to_owned);
    vec![Grant {
        direction: Direction::Listens,
        subject: entry["subject"].as_str().unwrap().to_owned(),
        queue,
    }]
}

fn speak(subject: &str) -> Grant {
    Grant { direction: Direction::Speaks, subject: subject.to_owned(), queue: None }
}

/// All grants of a service, its inboxes included.
pub fn granted(name: &str, service: &Value) -> Vec<Grant> {
    let mut grants = Vec::new();
    for (key, value) in service.as_object().unwrap() {
        match KINDS.iter().find(|(kind, _)| kind == key) {
            Some((_, kind)) => {
                let entries = value.as_array().unwrap().iter();
                grants.extend(entries.flat_map(|entry| kind(name, entry)));
            }
            None => assert!(OTHERS.contains(&key.as_str()), "{name}: `{key}` is a new kind"),
        }
    }
    // Whoever speaks hears answers in inboxes of its own, and may have its messages traced to one of them.
    if grants.iter().any(|grant| grant.direction == Direction::Speaks) {
        grants.push(Grant {
            direction: Direction::Listens,
            subject: format!("_INBOX.{name}.>"),
            queue: None,
        });
        grants.push(speak(&format!("_INBOX.{name}.trace")));
    }
    grants
}

impl Grant {
    /// Whether it is a grant to speak.
    pub fn speaks(&self) -> bool {
        self.direction == Direction::Speaks
    }

    /// Whether it stands in the catalog as a subject of the contract; other grants follow from those.
    pub fn is_contract(&self) -> bool {
        ["svc.", "evt.", "audit."].iter().any(|category| self.subject.starts_with(category))
    }

    /// The deed that proves it.
    pub fn deed(&self) -> Deed {
        match self.direction {
            Direction::Speaks => Deed::publish(concrete(&self.subject)),
            Direction::Listens => Deed::subscribe(&self.subject, self.queue.as_deref()),
        }
    }

    /// Whether a deed proves it, with any subject of its pattern.
    pub fn is_tried_by(&self, deed: &Deed) -> bool {
        match deed {
            Deed::Publish { subject, .. } => {
                self.direction == Direction::Speaks && matches(&self.subject, subject)
            }
            Deed::Subscribe { subject, queue } => {
                self.direction == Direction::Listens
                    && self.queue == *queue
                    && matches(&self.subject, subject)
            }
            Deed::Reply { .. } => false,
        }
    }
}

impl Service {
    /// Whether it may do something, by what the catalog says and what a server makes of that.
    pub fn may(&self, deed: &Deed) -> bool {
        match deed {
            Deed::Publish { subject, bytes } => self.may_publish(subject) && *bytes <= self.payload,
            Deed::Subscribe { subject, queue } => self.may_subscribe(subject, queue.as_deref()),
            Deed::Reply { .. } => self.answers,
        }
    }

    fn may_publish(&self, subject: &str) -> bool {
        self.over(Direction::Speaks, subject).next().is_some()
    }

    /// A grant with a queue group is for members of that group only, and beside it no other group may have the subject.
    fn may_subscribe(&self, subject: &str, queue: Option<&str>) -> bool {
        let (bound, plain): (Vec<_>, Vec<_>) =
            self.over(Direction::Listens, subject).partition(|grant| grant.queue.is_some());
        match queue {
            Some(queue) if !bound.is_empty() => {
                bound.iter().any(|grant| grant.queue.as_deref() == Some(queue))
            }
            _ => !plain.is_empty(),
        }
    }

    /// The grant by which it hears a subject.
    pub fn listens_to<'a>(&'a self, subject: &'a str) -> Option<&'a Grant> {
        self.over(Direction::Listens, subject).next()
    }

    fn over<'a>(
        &'a self,
        direction: Direction,
        subject: &'a str,
    ) -> impl Iterator<Item = &'a Grant> {
        let own = self.grants.iter().filter(move |grant| grant.direction == direction);
        own.filter(move |grant| matches(&grant.subject, subject))
    }
}

/// Whether a server that holds a pattern passes a subject. It takes a wildcard that it is asked for as any other word.
pub fn matches(pattern: &str, asked: &str) -> bool {
    let (first, rest) = pattern.split_once('.').unwrap_or((pattern, ""));
    let (word, others) = asked.split_once('.').unwrap_or((asked, ""));
    if first == ">" {
        return true;
    }
    if first != "*" && first != word {
        return false;
    }
    match (rest.is_empty(), others.is_empty()) {
        (true, true) => true,
        (false, false) => matches(rest, others),
        _ => false,
    }
}

/// A subject of a pattern.
pub fn concrete(pattern: &str) -> String {
    let one = |token| if token == "*" || token == ">" { "matrix" } else { token };
    pattern.split('.').map(one).collect::<Vec<_>>().join(".")
}
