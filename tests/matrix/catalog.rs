//! The catalog as these tests read it: plain YAML, by no code of the product's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::grants::{Grant, KINDS, granted, matches};

/// Services and streams of all files.
pub struct Catalog {
    pub services: BTreeMap<String, Service>,
    pub streams: BTreeMap<String, Stream>,
}

/// A service.
pub struct Service {
    pub name: String,
    pub account: String,
    /// The keys of its lists of grants.
    pub kinds: BTreeSet<String>,
    /// Its other keys.
    pub others: BTreeSet<String>,
    /// What it may say and hear.
    pub grants: Vec<Grant>,
    /// Whether it may answer what arrives.
    pub answers: bool,
    /// The largest message that it may send: its own limit, or that of its account.
    pub payload: usize,
}

/// A stream.
pub struct Stream {
    pub account: String,
    pub subjects: Vec<String>,
}

impl Catalog {
    /// Reads every file of `environments/catalog` of a project.
    pub fn read(project: &Path) -> Self {
        let mut catalog = Self { services: BTreeMap::new(), streams: BTreeMap::new() };
        for entry in std::fs::read_dir(project.join("environments/catalog")).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            catalog.add(&serde_yaml::from_str(&text).unwrap());
        }
        assert!(!catalog.services.is_empty());
        catalog
    }

    fn add(&mut self, file: &Value) {
        for (name, service) in entries(&file["services"]) {
            let account = &file["accounts"][text(&service["account"])];
            self.services.insert(name.clone(), Service::read(name, service, account));
        }
        for (name, stream) in entries(&file["streams"]) {
            let stream =
                Stream { account: text(&stream["account"]), subjects: texts(&stream["subjects"]) };
            self.streams.insert(name.clone(), stream);
        }
        for (name, bucket) in entries(&file["buckets"]) {
            let stream = Stream {
                account: text(&bucket["account"]),
                subjects: vec![format!("$KV.{name}.>")],
            };
            self.streams.insert(format!("KV_{name}"), stream);
        }
    }

    /// The stream that keeps a subject: one of its account, or the audit trail of another.
    pub fn keeper(&self, account: &str, subject: &str) -> Option<&str> {
        let keeps = |stream: &&Stream| stream.subjects.iter().any(|own| matches(own, subject));
        let mut all: Vec<_> = self.streams.iter().filter(|(_, stream)| keeps(stream)).collect();
        all.sort_by_key(|(_, stream)| stream.account != account);
        let reachable =
            |stream: &Stream| stream.account == account || subject.starts_with("audit.");
        let found = all.into_iter().find(|(_, stream)| reachable(stream));
        found.map(|(name, _)| name.as_str())
    }

    /// The other services.
    pub fn others<'a>(&'a self, service: &'a Service) -> impl Iterator<Item = &'a Service> {
        self.services.values().filter(|other| other.name != service.name)
    }
}

impl Service {
    fn read(name: &str, entry: &Value, account: &Value) -> Self {
        let limits = [entry, account].map(|holder| holder["limits"]["payload"].as_str());
        let keys = entries(entry).map(|(key, _)| key.clone());
        let (kinds, others) = keys.partition(|key| KINDS.iter().any(|(kind, _)| kind == key));
        Self {
            name: name.to_owned(),
            kinds,
            others,
            account: text(&entry["account"]),
            grants: granted(name, entry),
            answers: !texts_of(&entry["serves"]).is_empty(),
            payload: limits.into_iter().flatten().map(bytes).next().unwrap(),
        }
    }
}

fn entries(map: &Value) -> impl Iterator<Item = (&String, &Value)> {
    map.as_object().into_iter().flatten()
}

fn texts_of(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn texts(list: &Value) -> Vec<String> {
    texts_of(list).iter().map(text).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// `64 KiB` as a number.
fn bytes(size: &str) -> usize {
    let (number, unit) = size.split_once(' ').unwrap();
    let unit = match unit {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        other => panic!("{other} is a new unit"),
    };
    number.parse::<usize>().unwrap() * unit
}
