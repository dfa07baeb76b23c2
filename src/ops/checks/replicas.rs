//! Every stream and bucket has all of its replicas, each current, each in a zone of its own, and every consumer is there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Finding, Scene};
use crate::model::{AccountName, Cluster};
use crate::nats::{PlacedStream, consumer_id};
use crate::ops::survey::{Contents, Inside, observe};
use crate::provider::Provider;

/// How long a replica may be behind because there is much to store.
const MOMENT: Duration = Duration::from_secs(5);

/// How often is looked.
const PAUSE: Duration = Duration::from_millis(200);

/// What the catalog keeps as a stream: its account, its name on the servers, and how many copies it wants.
struct Kept<'a> {
    account: &'a AccountName,
    name: String,
    replicas: u8,
}

fn kept(cluster: &Cluster) -> Vec<Kept<'_>> {
    let streams = cluster.streams.iter().map(|stream| Kept {
        account: &stream.account,
        name: stream.name.to_string(),
        replicas: stream.replicas,
    });
    let buckets = cluster.buckets.iter().map(|bucket| Kept {
        account: &bucket.account,
        name: bucket.name.stream(),
        replicas: bucket.replicas,
    });
    streams.chain(buckets).collect()
}

/// Looks at everything that the catalog keeps, and again for a moment while something is not whole.
pub async fn replicas<P: Provider>(scene: &Scene<'_, '_, P>) -> Finding {
    let begin = Instant::now();
    loop {
        match look(scene).await {
            Err(_) if begin.elapsed() < MOMENT => tokio::time::sleep(PAUSE).await,
            finding => return finding,
        }
    }
}

async fn look<P: Provider>(scene: &Scene<'_, '_, P>) -> Finding {
    let cluster = scene.site.cluster;
    let look = || format!("natsops status {}", cluster.environment);
    let hidden = |reason: String| (format!("streams can't be looked at: {reason}"), look());
    let world =
        observe(scene.site, scene.index).await.map_err(|error| hidden(error.to_string()))?;
    let contents = match world.inside {
        Inside::Seen(contents) => contents,
        Inside::Hidden(reason) => return Err(hidden(reason)),
        Inside::Pristine => return Err(hidden("nothing has been applied yet".to_owned())),
    };
    if let Some(reason) = contents.hidden {
        return Err(hidden(reason));
    }
    let (mut copies, mut problems) = (0, Vec::new());
    let all = kept(cluster);
    for kept in &all {
        let found = contents
            .streams
            .get(kept.account)
            .into_iter()
            .flatten()
            .find(|(_, placed)| placed.name == kept.name);
        match found {
            None => problems.push(format!("{} does not exist", kept.name)),
            Some((_, placed)) => {
                copies += placed.current().count();
                problems.extend(problem(scene, kept, placed));
            }
        }
    }
    let (count, whole) = (all.len(), all.len() - problems.len());
    let missing = missing_consumers(cluster, &contents);
    if problems.is_empty() && missing.is_empty() {
        return Ok(format!(
            "{}, {copies} replicas, all current, each in a zone of its own",
            counted(cluster)
        ));
    }
    problems.extend(missing);
    Err((format!("{whole} of {count} streams whole; {}", problems.join("; ")), look()))
}

/// How many streams, buckets and consumers the catalog has, in words.
fn counted(cluster: &Cluster) -> String {
    let consumers: usize = cluster.services.values().map(|service| service.consumes.len()).sum();
    let mut words = format!("{} streams", cluster.streams.len());
    for (count, noun) in [(cluster.buckets.len(), "buckets"), (consumers, "consumers")] {
        if count > 0 {
            words.push_str(&format!(", {count} {noun}"));
        }
    }
    words
}

fn missing_consumers(cluster: &Cluster, contents: &Contents) -> Vec<String> {
    let all = cluster.accounts.keys().flat_map(|account| {
        cluster.consumers_of(account).map(move |(_, consumer)| (account, consumer))
    });
    all.filter(|(account, consumer)| {
        let id = consumer_id(account, consumer.stream.as_str(), consumer.name.as_str());
        !contents.consumers.iter().any(|record| record.id == id)
    })
    .map(|(_, consumer)| format!("consumer {} does not exist", consumer.path()))
    .collect()
}

fn problem<P>(scene: &Scene<'_, '_, P>, kept: &Kept<'_>, placed: &PlacedStream) -> Option<String> {
    let wanted = usize::from(kept.replicas);
    let current: Vec<&str> = placed.current().collect();
    if current.len() != wanted {
        return Some(format!("{}: {} of {wanted} replicas current", kept.name, current.len()));
    }
    let nodes = scene.site.cluster.nodes.iter();
    let zones: BTreeSet<_> =
        nodes.filter(|node| current.contains(&node.name.as_str())).map(|node| &node.zone).collect();
    (zones.len() != wanted)
        .then(|| format!("{}: {wanted} replicas in {} zones", kept.name, zones.len()))
}
