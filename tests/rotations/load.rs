//! The load: in two accounts somebody publishes and consumes, somebody asks and answers, and somebody uses the cache, all
//! the time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_nats::jetstream;
use futures_util::StreamExt as _;
use tokio::task::{JoinHandle, JoinSet};

use super::counts::Counts;
use super::services::{Manner, Service, Work};
use crate::cluster::Keys;
use crate::support::{Cluster, Project, holds_no_secret};

/// Two publish, and together 250 a second.
const BETWEEN_MESSAGES: Duration = Duration::from_millis(8);

/// Three ask, and together 250 a second.
const BETWEEN_REQUESTS: Duration = Duration::from_millis(12);

/// One uses the cache, and 50 times a second.
const BETWEEN_VALUES: Duration = Duration::from_millis(20);

/// How long one attempt may take, and how often something is tried.
const ATTEMPT: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 10;

/// What was on its way to a connection that moved comes again after the minute that a consumer may take.
const DELIVERY: Duration = Duration::from_secs(90);

/// Who publishes what, and which stream keeps it; who consumes it is among the services.
const SPEAKERS: [(&str, &str, &str); 2] = [
    ("payments", "evt.payment.charge.settled.v1", "COMMERCE_EVENTS"),
    ("quest-generator", "evt.quest.completed.v1", "GAME_WORLD"),
];

/// Who asks for what.
const ASKERS: [(&str, &str); 3] = [
    ("store", "svc.wallet.v1.balance"),
    ("store", "svc.inventory.v1.list"),
    ("npc-dialogue", "svc.ai.llm.v1.infer"),
];

/// Who uses the cache.
const CACHER: &str = "store";

/// The services of the load: of each account two of each manner.
const SERVICES: [(&str, Manner, Work); 8] = [
    ("payments", Manner::MakeBeforeBreak, Work::Speaks),
    ("store", Manner::Restart, Work::Consumes { stream: "COMMERCE_EVENTS" }),
    (
        "wallet",
        Manner::MakeBeforeBreak,
        Work::Serves { subject: "svc.wallet.v1.balance", queue: "q.wallet" },
    ),
    (
        "inventory",
        Manner::Restart,
        Work::Serves { subject: "svc.inventory.v1.list", queue: "q.inventory" },
    ),
    ("quest-generator", Manner::Restart, Work::Speaks),
    ("knowledge-base", Manner::MakeBeforeBreak, Work::Consumes { stream: "GAME_WORLD" }),
    (
        "llm-gateway",
        Manner::Restart,
        Work::Serves { subject: "svc.ai.llm.v1.infer", queue: "q.ai.llm.infer" },
    ),
    ("npc-dialogue", Manner::MakeBeforeBreak, Work::Speaks),
];

/// Their names.
pub fn names() -> impl Iterator<Item = &'static str> {
    SERVICES.iter().map(|(name, ..)| *name)
}

/// Everything that goes on while keys are rotated.
pub struct Load {
    pub counts: Arc<Counts>,
    services: Vec<Arc<Service>>,
    stop: Arc<AtomicBool>,
    drivers: Vec<JoinHandle<()>>,
    begin: Instant,
}

impl Load {
    pub async fn start(project: &Project) -> Self {
        let counts = Arc::new(Counts::default());
        let stop = Arc::new(AtomicBool::new(false));
        let mut services = Vec::new();
        for service in SERVICES {
            export(project, service.0);
            let service = Service::new(service, project, &counts);
            service.start().await;
            services.push(Arc::new(service));
        }
        let mut load = Self { counts, services, stop, drivers: Vec::new(), begin: Instant::now() };
        for (number, (service, subject, stream)) in SPEAKERS.into_iter().enumerate() {
            let work = (load.service(service), subject, stream, number);
            load.drivers.push(tokio::spawn(publish(work, load.shared())));
        }
        for (service, subject) in ASKERS {
            let work = (load.service(service), subject);
            load.drivers.push(tokio::spawn(request(work, load.shared())));
        }
        load.drivers.push(tokio::spawn(cache(load.service(CACHER), load.shared())));
        load
    }

    fn shared(&self) -> (Arc<Counts>, Arc<AtomicBool>) {
        (Arc::clone(&self.counts), Arc::clone(&self.stop))
    }

    pub fn service(&self, name: &str) -> Arc<Service> {
        let service = self.services.iter().find(|service| service.name == name);
        Arc::clone(service.unwrap_or_else(|| panic!("{name} has no part in the load")))
    }

    /// Gives those of `services` that have a part in the load their new creds; gives their names.
    pub async fn redeploy(&self, project: &Project, services: &[String]) -> Vec<&'static str> {
        let mut names = Vec::new();
        for service in &self.services {
            if services.iter().any(|name| name == service.name) {
                export(project, service.name);
                service.redeploy().await;
                names.push(service.name);
            }
        }
        names
    }

    /// Ends it, and looks whether anything was lost; gives how many seconds it went on.
    pub async fn end(self, cluster: &Cluster) -> f64 {
        let seconds = self.begin.elapsed().as_secs_f64();
        self.stop.store(true, Ordering::Relaxed);
        for driver in self.drivers {
            driver.await.unwrap();
        }
        let begin = Instant::now();
        while self.counts.undelivered() > 0 && begin.elapsed() < DELIVERY {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(self.counts.undelivered(), 0, "acknowledged messages that no consumer got");
        for (account, stream) in [("COMMERCE", "COMMERCE_EVENTS"), ("GAME", "GAME_WORLD")] {
            let stored = stored(cluster, account, stream).await;
            let acknowledged = &self.counts.acknowledged()[stream];
            let lost: Vec<&String> = acknowledged.difference(&stored).collect();
            assert_eq!(lost, Vec::<&String>::new(), "of {} acknowledged", acknowledged.len());
        }
        seconds
    }
}

/// Writes the creds of a service as they are now.
fn export(project: &Project, service: &str) {
    let out = format!("creds-{service}");
    let exported = project.run(&["creds", "export", "local", service, "--out", &out]).expect(0);
    holds_no_secret(&exported.stdout);
}

/// Publishes messages with ids, each until it is acknowledged or given up.
async fn publish(
    (service, subject, stream, number): (Arc<Service>, &'static str, &'static str, usize),
    (counts, stop): (Arc<Counts>, Arc<AtomicBool>),
) {
    let mut ticks = tokio::time::interval(BETWEEN_MESSAGES);
    let mut running = JoinSet::new();
    let message = AtomicU64::new(0);
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let id = format!("{number}-{}", message.fetch_add(1, Ordering::Relaxed));
        let (service, counts) = (Arc::clone(&service), Arc::clone(&counts));
        running.spawn(async move {
            for _ in 0..ATTEMPTS {
                let instance = service.some().await;
                let sent = send(&instance.client, subject, &id);
                if let Ok(Ok(())) = tokio::time::timeout(ATTEMPT, sent).await {
                    counts.acknowledge(stream, id);
                    return;
                }
                drop(instance);
                // As long as clients usually wait: a stream that elects a leader refuses at once.
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            counts.failed.fetch_add(1, Ordering::Relaxed);
        });
        while running.try_join_next().is_some() {}
    }
    running.join_all().await;
}

async fn send(
    client: &async_nats::Client,
    subject: &'static str,
    id: &str,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut headers = async_nats::HeaderMap::new();
    headers.insert(async_nats::header::NATS_MESSAGE_ID, id);
    let context = jetstream::new(client.clone());
    context.publish_with_headers(subject, headers, id.to_owned().into()).await?.await?;
    Ok(())
}

/// Asks, again and again until there is an answer.
async fn request(
    (service, subject): (Arc<Service>, &'static str),
    (counts, stop): (Arc<Counts>, Arc<AtomicBool>),
) {
    let mut ticks = tokio::time::interval(BETWEEN_REQUESTS);
    let mut running = JoinSet::new();
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        counts.requests.fetch_add(1, Ordering::Relaxed);
        let (service, counts) = (Arc::clone(&service), Arc::clone(&counts));
        running.spawn(async move {
            for _ in 0..ATTEMPTS {
                let instance = service.some().await;
                let asked = instance.client.request(subject, "?".into());
                if let Ok(Ok(_)) = tokio::time::timeout(ATTEMPT, asked).await {
                    counts.answered.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                drop(instance);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            counts.failed.fetch_add(1, Ordering::Relaxed);
        });
        while running.try_join_next().is_some() {}
    }
    running.join_all().await;
}

/// Writes values to the cache and reads them, each until that has worked.
async fn cache(service: Arc<Service>, (counts, stop): (Arc<Counts>, Arc<AtomicBool>)) {
    let mut ticks = tokio::time::interval(BETWEEN_VALUES);
    let mut running = JoinSet::new();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        number += 1;
        let (service, counts) = (Arc::clone(&service), Arc::clone(&counts));
        running.spawn(async move {
            for _ in 0..ATTEMPTS {
                let instance = service.some().await;
                let cache = instance.cache.as_ref().expect("the service uses the cache");
                if let Ok(Ok(())) = tokio::time::timeout(ATTEMPT, cache.keep(number)).await {
                    counts.cached.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                drop(instance);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            counts.failed.fetch_add(1, Ordering::Relaxed);
        });
        while running.try_join_next().is_some() {}
    }
    running.join_all().await;
}

/// The ids that a stream holds.
async fn stored(cluster: &Cluster, account: &str, stream: &str) -> BTreeSet<String> {
    let keys = Keys::of(&cluster.project);
    let access = keys.access(&cluster.project);
    let context = jetstream::new(access.connect(&keys.own_user(account)).await.unwrap());
    let stream = context.get_stream(stream).await.unwrap();
    let count = stream.cached_info().state.messages;
    // natsops' own role acknowledges nothing, and the account stores nothing with a single replica.
    let config = jetstream::consumer::pull::Config {
        headers_only: true,
        ack_policy: jetstream::consumer::AckPolicy::None,
        num_replicas: 3,
        ..Default::default()
    };
    let consumer = stream.create_consumer(config).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    let mut ids = BTreeSet::new();
    for _ in 0..count {
        let message = messages.next().await.unwrap().unwrap();
        let headers = message.headers.as_ref().unwrap();
        let id = headers.get(async_nats::header::NATS_MESSAGE_ID).unwrap();
        assert!(ids.insert(id.to_string()), "a message is stored twice");
    }
    ids
}
