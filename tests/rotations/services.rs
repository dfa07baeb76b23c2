//! Services under load: each has two instances, and takes new creds in one of two ways.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_nats::jetstream;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::{Client, Event};
use futures_util::StreamExt as _;
use futures_util::future::join_all;

use super::cached::Cache;
use super::counts::Counts;
use crate::support::Project;

/// How many instances a service has.
const INSTANCES: usize = 2;

/// How a service takes new creds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    /// A second connection is made, then the first one is drained.
    MakeBeforeBreak,
    /// One instance after the other stops, and starts again.
    Restart,
}

/// What a service does all the time.
#[derive(Clone, Copy)]
pub enum Work {
    /// Publishes, when it is told to.
    Speaks,
    /// Answers requests as a member of a queue group.
    Serves { subject: &'static str, queue: &'static str },
    /// Pulls from its durable consumer, and acknowledges.
    Consumes { stream: &'static str },
}

/// A service with its instances.
pub struct Service {
    pub name: &'static str,
    pub manner: Manner,
    work: Work,
    folder: PathBuf,
    live: Mutex<Vec<Arc<Instance>>>,
    next: AtomicUsize,
    counts: Arc<Counts>,
}

/// A running instance.
pub struct Instance {
    pub client: Client,
    /// Where its service uses the cache.
    pub cache: Option<Cache>,
    /// Set before we close the connection ourselves.
    leaving: Arc<AtomicBool>,
}

impl Service {
    pub fn new(
        (name, manner, work): (&'static str, Manner, Work),
        project: &Project,
        counts: &Arc<Counts>,
    ) -> Self {
        Self {
            name,
            manner,
            work,
            folder: project.path().join(format!("creds-{name}")),
            live: Mutex::default(),
            next: AtomicUsize::new(0),
            counts: Arc::clone(counts),
        }
    }

    /// Starts every instance, with the creds that are there now.
    pub async fn start(&self) {
        for _ in 0..INSTANCES {
            let instance = self.instance().await;
            self.live.lock().unwrap().push(instance);
        }
    }

    /// Some instance that is there.
    pub async fn some(&self) -> Arc<Instance> {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if let Some(instance) = self.chosen(number) {
                return instance;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn chosen(&self, number: usize) -> Option<Arc<Instance>> {
        let live = self.live.lock().unwrap();
        live.get(number.checked_rem(live.len())?).cloned()
    }

    /// Every instance takes the creds that are there now.
    pub async fn redeploy(&self) {
        for _ in 0..INSTANCES {
            let old = self.live.lock().unwrap()[0].clone();
            if self.manner == Manner::MakeBeforeBreak {
                let new = self.instance().await;
                self.live.lock().unwrap().push(new);
            }
            self.live.lock().unwrap().remove(0);
            leave(old).await;
            if self.manner == Manner::Restart {
                let new = self.instance().await;
                self.live.lock().unwrap().push(new);
            }
        }
    }

    async fn instance(&self) -> Arc<Instance> {
        let leaving = Arc::new(AtomicBool::new(false));
        let client = connect(self.name, &self.folder, &leaving, &self.counts).await;
        match self.work {
            Work::Speaks => {}
            Work::Serves { subject, queue } => {
                let requests = client.queue_subscribe(subject, queue.to_owned()).await.unwrap();
                client.flush().await.unwrap();
                tokio::spawn(serve(client.clone(), requests));
            }
            Work::Consumes { stream } => {
                let (client, leaving) = (client.clone(), Arc::clone(&leaving));
                let counts = Arc::clone(&self.counts);
                tokio::spawn(consume(client, (stream, self.name), leaving, counts));
            }
        }
        Arc::new(Instance { client, cache: Cache::of(&self.folder), leaving })
    }
}

/// Lets what is in flight end, then closes the connection.
async fn leave(instance: Arc<Instance>) {
    let begin = Instant::now();
    while Arc::strong_count(&instance) > 1 && begin.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    instance.leaving.store(true, Ordering::Relaxed);
    // A consumer ends its batch first.
    tokio::time::sleep(Duration::from_millis(100)).await;
    instance.client.drain().await.unwrap();
}

async fn connect(
    service: &str,
    folder: &std::path::Path,
    leaving: &Arc<AtomicBool>,
    counts: &Arc<Counts>,
) -> Client {
    let urls = std::fs::read_to_string(folder.join("urls")).unwrap();
    let servers: Vec<_> = urls.trim().split(',').map(str::to_owned).collect();
    let (leaving, counts) = (Arc::clone(leaving), Arc::clone(counts));
    crate::cluster::options(folder, service)
        .await
        .event_callback(move |event| {
            let (leaving, counts) = (Arc::clone(&leaving), Arc::clone(&counts));
            async move {
                if matches!(event, Event::Disconnected) && !leaving.load(Ordering::Relaxed) {
                    counts.closed_by_server();
                }
            }
        })
        .connect(servers)
        .await
        .unwrap()
}

async fn serve(client: Client, mut requests: async_nats::Subscriber) {
    while let Some(request) = requests.next().await {
        // A connection that is just moving loses the answer; the requester asks again.
        client.publish(request.reply.unwrap(), "!".into()).await.ok();
    }
}

async fn consume(
    client: Client,
    (stream, consumer): (&'static str, &'static str),
    leaving: Arc<AtomicBool>,
    counts: Arc<Counts>,
) {
    let context = jetstream::new(client);
    while !leaving.load(Ordering::Relaxed) {
        // While nodes restart, a pull may fail; what was not acknowledged comes again.
        if pull(&context, stream, consumer, &counts).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn pull(
    context: &jetstream::Context,
    stream: &str,
    consumer: &str,
    counts: &Counts,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let consumer: PullConsumer = context.get_stream(stream).await?.get_consumer(consumer).await?;
    let batch = consumer.fetch().max_messages(100).expires(Duration::from_millis(500));
    let mut batch = batch.messages().await?;
    let mut messages = Vec::new();
    // What came before a failure has come; what is not acknowledged comes again, and is the same.
    while let Some(Ok(message)) = batch.next().await {
        counts.delivered(&message.payload);
        messages.push(message);
    }
    let acknowledged = messages.iter().map(jetstream::Message::double_ack);
    join_all(acknowledged).await;
    Ok(())
}
