//! Every service can do what the catalog grants, and is refused a neighbouring thing: tried with its own creds.
//!
//! Nothing is delivered. A publication is traced and goes nowhere (`Nats-Trace-Only`); a subscription is given back
//! in the same breath. A subscription that a running instance holds at this moment is proven by that,
//! and is not tried, because a second member of a queue group could be handed a request.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;

use super::neighbours::{Forbidden, neighbours};
use super::{Finding, Scene, route};
use crate::model::{Client, ConnectionKind, Node, Service, Subscription};
use crate::nats::{Probe, Tls, tls};
use crate::ops::OpsError;
use crate::provider::Provider;
use crate::secrets::{Document, KeyName, StoreError, Ticket};

/// How many services sign in at a time.
const AT_A_TIME: usize = 8;

/// How long is waited before a service that did not get in tries again; after the last time its refusal counts. A server that
/// knows an account from its routes alone reads its claims when somebody signs in, and refuses whoever else does so meanwhile
/// (`lookupAccount`: "update too soon").
const PAUSES: [Duration; 3] =
    [Duration::from_millis(300), Duration::from_millis(600), Duration::from_millis(1200)];

/// What a service's trial came to.
#[derive(Default)]
struct Trial {
    service: String,
    granted: usize,
    refused: usize,
    problems: Vec<String>,
    /// Why it can't be tried from here.
    untried: Option<String>,
}

/// User key, subject and queue group of every subscription on the cluster.
type Live = BTreeSet<(String, String, String)>;

/// Tries every service.
pub async fn grants<P: Provider>(scene: &Scene<'_, '_, P>) -> Finding {
    let cluster = scene.site.cluster;
    let live = live(scene).await;
    let trials: Vec<Trial> = stream::iter(cluster.services.values().enumerate())
        .map(|(number, service)| trial(scene, service, number, &live))
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    let services = trials.len();
    let granted: usize = trials.iter().map(|trial| trial.granted).sum();
    let refused: usize = trials.iter().map(|trial| trial.refused).sum();
    let wrong: Vec<&Trial> = trials.iter().filter(|trial| !trial.problems.is_empty()).collect();
    if wrong.is_empty() {
        let mut untried: Vec<&str> = trials.iter().filter_map(|t| t.untried.as_deref()).collect();
        untried.sort_unstable();
        let tried = services - untried.len();
        let untried = untried.iter().map(|why| format!("; not tried: {why}"));
        return Ok(format!(
            "{tried} services can do all {granted} granted things and none of {refused} neighbouring ones{}",
            untried.collect::<String>()
        ));
    }
    let mut wrong: Vec<String> = wrong.into_iter().map(Trial::summary).collect();
    wrong.sort_unstable();
    Err((
        format!("{} of {services} services deviate; {}", wrong.len(), wrong.join("; ")),
        format!("natsops plan {}: are the account's claims current?", cluster.environment),
    ))
}

impl Trial {
    /// The first deviation, and how many more there are.
    fn summary(&self) -> String {
        let first = self.problems.first().map_or("", String::as_str);
        match self.problems.len() {
            0 | 1 => format!("{}: {first}", self.service),
            more => format!("{}: {first}, and {} more", self.service, more - 1),
        }
    }
}

async fn live<P: Provider>(scene: &Scene<'_, '_, P>) -> Live {
    let asked = scene
        .site
        .cluster
        .nodes
        .iter()
        .map(async |node| scene.site.monitor(node).connections().await.unwrap_or_default());
    let connections = join_all(asked).await.into_iter().flatten();
    connections
        .flat_map(|connection| {
            let user = connection.authorized_user;
            let held = connection.subscriptions_list_detail.into_iter();
            held.map(move |held| (user.clone(), held.subject, held.qgroup))
        })
        .collect()
}

async fn trial<P: Provider>(
    scene: &Scene<'_, '_, P>,
    service: &Service,
    number: usize,
    live: &Live,
) -> Trial {
    let mut trial = Trial { service: service.name.to_string(), ..Trial::default() };
    let node = door(scene, number);
    let address = SocketAddr::from((node.address, scene.site.cluster.ports.client));
    if !service.connections.contains(&ConnectionKind::Standard) {
        // It has no ordinary connection to try anything on, and is refused one.
        trial.problems.extend(sign_in(scene, service, address).await.is_ok().then(|| {
            "it signs in over an ordinary connection, which the catalog does not permit".to_owned()
        }));
        trial.untried = Client::from(service).untried(scene.site.cluster);
        return trial;
    }
    let outcome = async {
        let mut probe = match sign_in_patiently(scene, service, address).await {
            Ok(probe) => probe,
            Err(refusal) => {
                trial.untried = Client::from(service).untried(scene.site.cluster);
                return if trial.untried.is_some() { Ok(()) } else { Err(refusal) };
            }
        };
        let user = scene.index.public(&KeyName::user(&service.name)).unwrap_or_default();
        try_publications(scene, &mut probe, service, &mut trial).await?;
        try_subscriptions(&mut probe, service, user, live, &mut trial).await?;
        try_neighbours(scene, &mut probe, service, &mut trial).await
    };
    if let Err(reason) = outcome.await {
        trial.problems.push(format!("at {}: {reason}", node.name));
    }
    trial
}

/// Each service knocks at another node, so that all are seen to know all claims. A silent one fails a check of its own.
fn door<'s, P>(scene: &Scene<'s, '_, P>, number: usize) -> &'s Node {
    let nodes = &scene.site.cluster.nodes;
    let answers = |at: usize| scene.nodes.get(at).is_some_and(|health| health.varz.is_some());
    let at = (number..number + nodes.len()).map(|at| at % nodes.len()).find(|at| answers(*at));
    &nodes[at.unwrap_or(number % nodes.len())]
}

/// Signs in, and again after each pause while that fails.
async fn sign_in_patiently<P: Provider>(
    scene: &Scene<'_, '_, P>,
    service: &Service,
    address: SocketAddr,
) -> Result<Probe, String> {
    for pause in PAUSES {
        if let Ok(probe) = sign_in(scene, service, address).await {
            return Ok(probe);
        }
        tokio::time::sleep(pause).await;
    }
    sign_in(scene, service, address).await
}

/// Signs in exactly as the service does: with its own certificate and its own creds.
async fn sign_in<P: Provider>(
    scene: &Scene<'_, '_, P>,
    service: &Service,
    address: SocketAddr,
) -> Result<Probe, String> {
    let ticket = |document: Document, key: KeyName| -> Result<Ticket, OpsError> {
        let public = scene.index.document(&document);
        let public = public.ok_or_else(|| StoreError::Missing(key.clone()))?.to_owned();
        let secret = scene.site.store.open(&key)?;
        Ok(Ticket { public, secret })
    };
    let certificate = ticket(Document::client(&service.name), KeyName::client(&service.name));
    let certificate = certificate.map_err(|error| error.to_string())?;
    let user = ticket(Document::user(&service.name), KeyName::user(&service.name));
    let user = user.map_err(|error| error.to_string())?;
    let config = tls(&scene.access.authority, Some((&certificate.public, &certificate.secret)));
    let config = config.map_err(|error| error.to_string())?;
    let mut probe = Probe::open(address, &Tls::With(Arc::new(config)))
        .await
        .map_err(|error| error.to_string())?;
    probe.sign_in(Some(&user)).await.map_err(|error| error.to_string())?;
    Ok(probe)
}

/// Publishes everything, and sees where it goes: into the accounts that the catalog says, and into no other.
async fn try_publications<P: Provider>(
    scene: &Scene<'_, '_, P>,
    probe: &mut Probe,
    service: &Service,
    trial: &mut Trial,
) -> Result<(), String> {
    let traces = service.trace_subject();
    let permissions = service.permissions();
    let mut words = route::listen(service);
    for entry in permissions.publish.iter().filter(|entry| **entry != traces) {
        let subject = concrete(entry);
        words.push_str(&traced(&subject, &traces));
        let answer = probe.ask(&words).await.map_err(|error| error.to_string())?;
        words.clear();
        let problem = if !answer.errors.is_empty() {
            Some(format!("publish {subject} is refused"))
        } else if route::is_known(scene, service, entry) {
            let tried = (service, entry.as_str(), subject.as_str());
            route::wrong(scene, probe, tried, answer.messages).await?
        } else {
            // A request to JetStream of its own account, or a key of a bucket: neither is in the contract.
            None
        };
        trial.granted += usize::from(problem.is_none());
        trial.problems.extend(problem);
    }
    Ok(())
}

async fn try_subscriptions(
    probe: &mut Probe,
    service: &Service,
    user: &str,
    live: &Live,
    trial: &mut Trial,
) -> Result<(), String> {
    for subscription in &service.permissions().subscribe {
        let Subscription { subject, queue } = subscription;
        let queue = queue.clone().unwrap_or_default();
        if live.contains(&(user.to_owned(), subject.clone(), queue.clone())) {
            trial.granted += 1;
            continue;
        }
        let words = format!("SUB {subject} {queue} 1\r\nUNSUB 1\r\n");
        expect(probe, &words, true, &format!("subscribe {subject}"), trial).await?;
    }
    Ok(())
}

async fn try_neighbours<P: Provider>(
    scene: &Scene<'_, '_, P>,
    probe: &mut Probe,
    service: &Service,
    trial: &mut Trial,
) -> Result<(), String> {
    let has_inbox = !service.permissions().publish.is_empty();
    for forbidden in neighbours(scene.site.cluster, service) {
        let (words, what) = match forbidden {
            Forbidden::Publish(subject) => {
                let words = if has_inbox {
                    traced(&subject, &service.trace_subject())
                } else if subject.starts_with("svc.natsops.") {
                    // Without an inbox nothing can be traced; this subject has no listener anywhere.
                    format!("PUB {subject} 0\r\n\r\n")
                } else {
                    continue;
                };
                (words, format!("publish {subject}"))
            }
            Forbidden::Subscribe(subject, queue) => {
                let queue = queue.unwrap_or_default();
                let words = format!("SUB {subject} {queue} 1\r\nUNSUB 1\r\n");
                let group = if queue.is_empty() { String::new() } else { format!(" in {queue}") };
                (words, format!("subscribe {subject}{group}"))
            }
        };
        expect(probe, &words, false, &what, trial).await?;
    }
    Ok(())
}

async fn expect(
    probe: &mut Probe,
    words: &str,
    granted: bool,
    what: &str,
    trial: &mut Trial,
) -> Result<(), String> {
    let answer = probe.ask(words).await.map_err(|error| error.to_string())?;
    let allowed = answer.errors.is_empty();
    match (granted, allowed) {
        (true, true) => trial.granted += 1,
        (false, false) => trial.refused += 1,
        (true, false) => trial.problems.push(format!("{what} is refused")),
        (false, true) => trial.problems.push(format!("{what} is allowed")),
    }
    Ok(())
}

/// A subject that an entry lets through.
fn concrete(entry: &str) -> String {
    let token = |token| if matches!(token, "*" | ">") { "0" } else { token };
    entry.split('.').map(token).collect::<Vec<_>>().join(".")
}

/// A publication that is checked, traced to `inbox` and delivered to nobody.
fn traced(subject: &str, inbox: &str) -> String {
    let headers = format!("NATS/1.0\r\nNats-Trace-Dest: {inbox}\r\nNats-Trace-Only: true\r\n\r\n");
    let size = headers.len();
    format!("HPUB {subject} {size} {size}\r\n{headers}\r\n")
}
