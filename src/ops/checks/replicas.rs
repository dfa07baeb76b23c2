//! Every stream has all of its replicas, each current, each in a zone of its own.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Finding, Scene};
use crate::model::Stream;
use crate::nats::PlacedStream;
use crate::ops::survey::{Inside, observe};
use crate::provider::Provider;

/// How long a replica may be behind because there is much to store.
const MOMENT: Duration = Duration::from_secs(5);

/// How often is looked.
const PAUSE: Duration = Duration::from_millis(200);

/// Looks at every stream of the catalog, and again for a moment while one is not whole.
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
    for stream in &cluster.streams {
        let found = contents
            .streams
            .get(&stream.account)
            .into_iter()
            .flatten()
            .find(|(_, placed)| placed.name == stream.name.as_str());
        match found {
            None => problems.push(format!("{} does not exist", stream.name)),
            Some((_, placed)) => {
                copies += placed.current().count();
                problems.extend(problem(scene, stream, placed));
            }
        }
    }
    let count = cluster.streams.len();
    if problems.is_empty() {
        return Ok(format!(
            "{count} streams, {copies} replicas, all current, each in a zone of its own"
        ));
    }
    let whole = count - problems.len();
    Err((format!("{whole} of {count} streams whole; {}", problems.join("; ")), look()))
}

fn problem<P>(scene: &Scene<'_, '_, P>, stream: &Stream, placed: &PlacedStream) -> Option<String> {
    let wanted = usize::from(stream.replicas);
    let current: Vec<&str> = placed.current().collect();
    if current.len() != wanted {
        return Some(format!("{}: {} of {wanted} replicas current", stream.name, current.len()));
    }
    let nodes = scene.site.cluster.nodes.iter();
    let zones: BTreeSet<_> =
        nodes.filter(|node| current.contains(&node.name.as_str())).map(|node| &node.zone).collect();
    (zones.len() != wanted)
        .then(|| format!("{}: {wanted} replicas in {} zones", stream.name, zones.len()))
}
