//! Where a traced publication went, as the server that took it tells: into which other accounts.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;

use super::Scene;
use crate::model::matching::covers;
use crate::model::{AccountName, Category, Flow, Service};
use crate::nats::Probe;
use crate::provider::Provider;
use crate::secrets::KeyName;

/// How often is asked whether the trace has come, and how long is waited between.
const TIMES: usize = 100;
const PAUSE: Duration = Duration::from_millis(5);

/// A trace, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Trace {
    #[serde(default)]
    events: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Step {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, rename = "acc")]
    account: String,
    #[serde(default, rename = "subj")]
    subject: String,
    /// The kind of connection that it came over: 0 is a client.
    #[serde(default, rename = "kind")]
    source: i64,
}

impl Trace {
    /// Whether it is that of the server which took the publication from us.
    fn is_of(&self, subject: &str) -> bool {
        let first = self.events.first();
        first.is_some_and(|step| step.kind == "in" && step.source == 0 && step.subject == subject)
    }

    fn accounts(&self, kind: &str) -> BTreeSet<String> {
        let steps = self.events.iter().filter(|step| step.kind == kind);
        steps.map(|step| step.account.clone()).collect()
    }
}

/// The words that have traces delivered to this connection.
pub fn listen(service: &Service) -> String {
    format!("SUB {} 9\r\n", service.trace_subject())
}

/// What is wrong with the way that a publication went; `said` is what came with the server's answer.
pub async fn wrong<P: Provider>(
    scene: &Scene<'_, '_, P>,
    probe: &mut Probe,
    (service, entry, concrete): (&Service, &str, &str),
    mut said: Vec<String>,
) -> Result<Option<String>, String> {
    let mut trace = None;
    for _ in 0..TIMES {
        let read = said.iter().filter_map(|text| serde_json::from_str::<Trace>(text).ok());
        trace = read.into_iter().find(|trace| trace.is_of(concrete));
        if trace.is_some() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        said = probe.ask("").await.map_err(|error| error.to_string())?.messages;
    }
    let Some(trace) = trace else {
        return Ok(Some(format!("publish {concrete} leaves no trace")));
    };
    Ok(compare(scene, service, entry, &trace))
}

/// Whether the way of a publication is told by the catalog: a subject of the contract, or one that crosses.
pub fn is_known<P: Provider>(scene: &Scene<'_, '_, P>, service: &Service, entry: &str) -> bool {
    let mut imports = scene.site.cluster.imports_of(&service.account);
    Category::of_subject(entry).is_some() || imports.any(|lane| covers(&lane.local, entry))
}

fn compare<P: Provider>(
    scene: &Scene<'_, '_, P>,
    service: &Service,
    entry: &str,
    trace: &Trace,
) -> Option<String> {
    let cluster = scene.site.cluster;
    let key = |account: &AccountName| {
        scene.index.public(&KeyName::of_account(account)).unwrap_or_default().to_owned()
    };
    let name = |found: &str| {
        let known = cluster.accounts.keys().find(|account| key(account) == found);
        known.map_or("an unknown account".to_owned(), ToString::to_string)
    };
    let services = cluster.imports_of(&service.account);
    let services: BTreeSet<String> = services
        .filter(|lane| lane.flow.is_service() && covers(&lane.local, entry))
        .map(|lane| key(&lane.owner))
        .collect();
    let events = cluster.exports_of(&service.account);
    let events: BTreeSet<String> = events
        .filter(|lane| lane.flow == Flow::Messages && covers(&lane.subject, entry))
        .map(|lane| key(&lane.user))
        .collect();
    let (into, out) = (trace.accounts("si"), trace.accounts("se"));
    if let Some(missing) = services.difference(&into).next() {
        return Some(format!("publish {entry} does not reach account {}", name(missing)));
    }
    let stray = into.difference(&services).next().or_else(|| out.difference(&events).next());
    stray.map(|stray| format!("publish {entry} reaches account {}", name(stray)))
}
