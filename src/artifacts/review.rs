//! Compares the index with the model, as records: by meaning, never by bytes, and without opening a secret.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::cores::on_all_cores;
use super::paper::{Paper, keys_within};
use super::{certificates, claims, leafnode_claims, sharing};
use crate::jwt::{AccountBody, ActivationBody, Claims, OperatorBody, UserBody, decode};
use crate::model::{AccountName, Cluster, OWN_ACCOUNT, SYSTEM_ACCOUNT, Validity};
use crate::pki::Certificate;
use crate::plan::{Kind, Observed, OnChange, PENDING, Plan, Record, RecordId, plan};
use crate::secrets::{EVERYBODY, Index};

/// Account claims that the servers hold in a newer version than the index: the `iat` of each, by account.
pub type Newer = BTreeMap<String, i64>;

/// Plans what must be made or signed for the index to be what the model asks.
pub fn review(cluster: &Cluster, index: &Index, now: Timestamp, newer: &Newer) -> Plan {
    review_within(cluster, None, index, now, newer)
}

/// The same of an account alone, or of everything.
pub fn review_within(
    cluster: &Cluster,
    only: Option<&AccountName>,
    index: &Index,
    now: Timestamp,
    newer: &Newer,
) -> Plan {
    let mut desired = Vec::new();
    let mut observed = Observed::default();
    for name in keys_within(cluster, only) {
        let id = RecordId::new(Kind::Key, &name);
        if index.public(&name).is_some() {
            observed.records.push(Record::new(id.clone()));
        }
        desired.push(Record::new(id));
    }
    let papers = Paper::within(cluster, only);
    for (wanted, found) in on_all_cores(&papers, |paper| compare(cluster, paper, index, now, newer))
    {
        desired.push(wanted);
        observed.records.extend(found);
    }
    let mut plan = plan(desired, observed);
    // Keys of services that the catalog no longer has stay in the store; they open nothing any more.
    plan.unmanaged.clear();
    plan
}

/// Whether a paper is as the model asks.
pub fn is_current(
    cluster: &Cluster,
    paper: &Paper,
    index: &Index,
    now: Timestamp,
    newer: &Newer,
) -> bool {
    let (wanted, found) = compare(cluster, paper, index, now, newer);
    let observed = Observed { records: found.into_iter().collect(), not_observed: Vec::new() };
    plan(vec![wanted], observed).is_empty()
}

fn compare(
    cluster: &Cluster,
    paper: &Paper,
    index: &Index,
    now: Timestamp,
    newer: &Newer,
) -> (Record, Option<Record>) {
    let document = paper.document();
    let kind = match paper {
        Paper::Authority
        | Paper::Node(_)
        | Paper::Client(_)
        | Paper::LeafnodeClient(_)
        | Paper::RedisNode(_) => Kind::Certificate,
        _ => Kind::Jwt,
    };
    let needs =
        [paper.subject(), paper.signer(cluster, index)].map(|key| RecordId::new(Kind::Key, key));
    let record = Record::new(RecordId::new(kind, document.name())).needs(needs);
    let text = index.document(&document);
    let held = |account: &str| Some((*newer.get(account)?, "older than what the servers hold"));
    let void = |account: &str| Some((void_until(index, account)? + 1, "revoked"));
    match paper {
        Paper::Operator => {
            let wanted = claims::operator(cluster, index);
            tokens::<OperatorBody>(record, &wanted, text, None)
        }
        Paper::System => {
            let wanted = claims::system(index);
            tokens::<AccountBody>(record, &wanted, text, held(SYSTEM_ACCOUNT))
        }
        Paper::Own => {
            let wanted = leafnode_claims::own(cluster, index);
            tokens::<AccountBody>(record, &wanted, text, held(OWN_ACCOUNT))
        }
        Paper::Activation(activation) => {
            let wanted = sharing::activation(activation, index);
            tokens::<ActivationBody>(record, &wanted, text, None)
        }
        Paper::Account(account) => {
            let wanted = claims::account(cluster, &cluster.accounts[account], index);
            tokens::<AccountBody>(record, &wanted, text, held(account.as_str()))
        }
        Paper::User(service) => {
            let wanted = claims::user(&cluster.services[service], index);
            tokens::<UserBody>(
                record,
                &wanted,
                text,
                void(cluster.services[service].account.as_str()),
            )
        }
        Paper::LeafnodeUser(leafnode) => {
            let wanted = leafnode_claims::user(&cluster.leafnodes[leafnode], index);
            tokens::<UserBody>(
                record,
                &wanted,
                text,
                void(cluster.leafnodes[leafnode].account.as_str()),
            )
        }
        Paper::Authority
        | Paper::Node(_)
        | Paper::Client(_)
        | Paper::LeafnodeClient(_)
        | Paper::RedisNode(_) => {
            let wanted =
                certificates::wanted(cluster, paper, index).expect("these papers are certificates");
            (
                certificate_record(record.clone(), &wanted, index),
                text.map(|text| found_certificate(record, text, now)),
            )
        }
    }
}

/// Until when whatever was issued to the users of an account is void.
pub(super) fn void_until(index: &Index, account: &str) -> Option<i64> {
    index.revocations.get(account)?.get(EVERYBODY).copied()
}

/// The records of a token: claims as fields, so that a change can be named.
fn tokens<B: Serialize + DeserializeOwned + Clone>(
    record: Record,
    wanted: &Claims<B>,
    text: Option<&str>,
    newer: Option<(i64, &str)>,
) -> (Record, Option<Record>) {
    let found = text.map(|text| match decode::<B>(text) {
        Ok(token) => {
            let stale = newer.filter(|(newer, _)| *newer > token.claims.iat);
            let version = stale.map_or("newest", |(_, what)| what);
            claim_fields(record.clone(), &token.claims).field("version", version, OnChange::InPlace)
        }
        Err(reason) => record.clone().field("version", reason, OnChange::InPlace),
    });
    let wanted = claim_fields(record, wanted).field("version", "newest", OnChange::InPlace);
    (wanted, found.map(Record::complete))
}

fn claim_fields<B: Serialize>(record: Record, claims: &Claims<B>) -> Record {
    let body = serde_json::to_value(&claims.nats).expect("claims always have a JSON form");
    let mut fields = BTreeMap::new();
    flatten(String::new(), &body, &mut fields);
    fields
        .into_iter()
        .fold(record, |record, (name, value)| {
            let on_change = effect(&name);
            record.field(&name, value, on_change)
        })
        .field("issuer", &claims.iss, OnChange::InPlace)
        .field("name", &claims.name, OnChange::InPlace)
        .field("subject", &claims.sub, OnChange::InPlace)
}

/// What tells a role's former signing key from the current one, while both are listed.
const RETIRING: &str = " (retiring)";

/// Changing a role's template, or its key, closes the connections of that role and of no other (measured on 2.15.1).
fn effect(field: &str) -> OnChange {
    let mut steps = field.split('.');
    match (steps.next(), steps.next(), steps.next()) {
        (Some("signing_keys"), Some(role), Some("template" | "key")) => {
            OnChange::Reconnect(role.strip_suffix(RETIRING).unwrap_or(role).to_owned())
        }
        _ => OnChange::InPlace,
    }
}

/// Objects become dotted paths; lists of objects go by role or subject; lists of words are one value.
fn flatten(path: String, value: &Value, fields: &mut BTreeMap<String, String>) {
    let join = |step: &str| {
        if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") }
    };
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                flatten(join(key), value, fields);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let mut roles = BTreeSet::new();
            for item in items {
                let role = item["role"].as_str();
                let name = role.or(item["subject"].as_str());
                let step = name.or(item.as_str()).unwrap_or("?");
                // The current key stands first.
                let again = role.is_some_and(|role| !roles.insert(role));
                let step = if again { format!("{step}{RETIRING}") } else { step.to_owned() };
                flatten(join(&step), item, fields);
            }
        }
        Value::Array(items) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            fields.insert(path, items.join(", "));
        }
        Value::String(text) if path.ends_with(".token") => {
            fields.insert(path, fingerprint(text));
        }
        Value::String(text) => {
            fields.insert(path, text.clone());
        }
        other => {
            fields.insert(path, other.to_string());
        }
    }
}

/// A short form of an activation that tells two apart: the end of its signature.
fn fingerprint(token: &str) -> String {
    match token.rsplit_once('.') {
        Some((_, signature)) => {
            signature.get(signature.len().saturating_sub(12)..).unwrap_or_default().to_owned()
        }
        None => token.to_owned(),
    }
}

fn certificate_record(record: Record, wanted: &certificates::Wanted, index: &Index) -> Record {
    let authority = certificates::authority(index).and_then(|pem| Certificate::read(pem).ok());
    let authority = match wanted.purpose {
        None => String::new(),
        Some(_) => authority.map_or(PENDING.to_owned(), |authority| authority.identifier),
    };
    record
        .field("subject", &wanted.subject, OnChange::InPlace)
        .field("names", wanted.names.join(", "), OnChange::InPlace)
        .field("key", &wanted.public, OnChange::InPlace)
        .field("authority", authority, OnChange::InPlace)
        .field("life", "valid", OnChange::InPlace)
}

fn found_certificate(record: Record, pem: &str, now: Timestamp) -> Record {
    let certificate = match Certificate::read(pem) {
        Ok(certificate) => certificate,
        Err(reason) => return record.field("life", reason, OnChange::InPlace),
    };
    let life = if certificate.remaining(now) > Validity::RENEW_BEFORE {
        "valid".to_owned()
    } else {
        format!("ends {}", certificate.not_after)
    };
    record
        .field("subject", &certificate.subject, OnChange::InPlace)
        .field("names", certificate.names.join(", "), OnChange::InPlace)
        .field("key", &certificate.public, OnChange::InPlace)
        .field("authority", &certificate.authority, OnChange::InPlace)
        .field("life", life, OnChange::InPlace)
}
