//! The cache: whole, shut to strangers, and open to each service as far as the catalog says and no further.

mod doors;
mod grants;

use std::time::{Duration, Instant};

use super::{Finding, Scene};
use crate::model::{Redis, ZoneName};
use crate::ops::cache::{CacheWorld, observe};
use crate::provider::Provider;
use crate::redis::{Shape, Views};

/// What a server says while it takes the cache for not whole.
const DOWN: &str = "ClusterDown";

/// How long it may say so after it has come back.
const MOMENT: Duration = Duration::from_secs(6);

/// How often is tried.
const PAUSE: Duration = Duration::from_millis(300);

/// Runs the checks of the cache, and hands each finding to `add`; none where there is no cache.
pub async fn run<P: Provider>(
    scene: &Scene<'_, '_, P>,
    mut add: impl FnMut(&'static str, Finding),
) {
    let Some(redis) = scene.site.cluster.redis.as_ref().filter(|redis| !redis.nodes.is_empty())
    else {
        return;
    };
    let world = observe(scene.site, scene.index).await;
    let world = world.unwrap_or_else(|reason| CacheWorld {
        hidden: Some(reason.to_string()),
        ..CacheWorld::default()
    });
    add("cache-slots", slots(scene, redis, &world));
    add("cache-replicas", replicas(scene, redis, &world));
    add("cache-doors", doors::doors(scene, redis).await);
    add("cache-grants", patient_grants(scene, redis).await);
}

/// Where to look when the cache is not whole.
fn status<P>(scene: &Scene<'_, '_, P>) -> String {
    format!("natsops status {}", scene.site.cluster.environment)
}

/// Every slot is served, by the one primary of its shard, and every server knows it.
fn slots<P>(scene: &Scene<'_, '_, P>, redis: &Redis, world: &CacheWorld) -> Finding {
    if let Some(reason) = &world.hidden {
        return Err((format!("the cache can't be looked at: {reason}"), status(scene)));
    }
    let (found, whole) = (Shape::of(redis, &world.views), Shape::whole(redis));
    let words = format!(
        "{} of {} slots served, {} of {} shards with one primary, {} of {} nodes content",
        found.slots, whole.slots, found.primaries, whole.primaries, found.content, whole.content
    );
    let good = found.slots == whole.slots
        && found.misplaced == 0
        && found.primaries == whole.primaries
        && found.content == whole.content;
    if good { Ok(words) } else { Err((words, status(scene))) }
}

/// Every replica follows its shard's primary, has all of its keys, and fails with another zone.
fn replicas<P>(scene: &Scene<'_, '_, P>, redis: &Redis, world: &CacheWorld) -> Finding {
    let (found, whole) = (Shape::of(redis, &world.views), Shape::whole(redis));
    let several = redis.nodes.iter().any(|node| node.zone != redis.nodes[0].zone);
    let together = if several { together(redis, &world.views) } else { Vec::new() };
    let place = if several { ", each in another zone than its primary" } else { "" };
    if found.replicas == whole.replicas && together.is_empty() {
        return Ok(format!("{} of {} replicas linked{place}", found.replicas, whole.replicas));
    }
    let mut words = format!("{} of {} replicas linked", found.replicas, whole.replicas);
    for (node, zone) in together {
        words.push_str(&format!("; {node} is in {zone} like its primary"));
    }
    Err((words, status(scene)))
}

/// Replicas that share the zone of their primary.
fn together<'a>(redis: &'a Redis, views: &Views) -> Vec<(&'a str, &'a ZoneName)> {
    let zone_of = |id: &str| {
        let mut nodes = redis.nodes.iter();
        nodes.find(|node| views.get(&node.name).is_some_and(|view| view.id == id)).map(|n| &n.zone)
    };
    let nodes = redis.nodes.iter();
    nodes
        .filter(|node| {
            let primary = views.get(&node.name).and_then(|view| view.primary());
            primary.and_then(zone_of) == Some(&node.zone)
        })
        .map(|node| (node.name.as_str(), &node.zone))
        .collect()
}

/// Tries the grants, and again for a moment: a server that has just come back calls the cache down for a second or two.
async fn patient_grants<P: Provider>(scene: &Scene<'_, '_, P>, redis: &Redis) -> Finding {
    let begin = Instant::now();
    loop {
        match grants::grants(scene, redis).await {
            Err((finding, _)) if finding.contains(DOWN) && begin.elapsed() < MOMENT => {
                tokio::time::sleep(PAUSE).await;
            }
            finding => return finding,
        }
    }
}
