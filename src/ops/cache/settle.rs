//! Waiting for the cache, and leading it there.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::Work;
use crate::model::{Redis, RedisNode};
use crate::ops::{Event, OpsError};
use crate::provider::Provider;
use crate::redis::{RedisFailure, Session, Shape, Step, Views, give_way, look, perform, steps};

/// How often is looked.
const PAUSE: Duration = Duration::from_millis(50);

/// How long the cache may take: a few seconds until dead servers are given up, and some for a full copy.
const LIMIT: Duration = Duration::from_secs(60);

/// Looks at every server; those that do not answer are left out.
pub async fn views(session: &Session, redis: &Redis, settings: &[String]) -> Views {
    let nodes = redis.nodes.iter();
    let asked = nodes.map(async |node| {
        let view = look(session, node, settings).await.ok()?;
        Some((node.name.clone(), view))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// What is missing for the cache to be whole, in words.
pub fn missing(redis: &Redis, views: &Views) -> Option<String> {
    Shape::of(redis, views).missing(redis)
}

/// All that `look` must ask for where only the shape counts.
const NO_SETTINGS: &str = "maxmemory";

impl<P: Provider> Work<'_, '_, P> {
    /// Takes the steps that are left, until the cache is whole.
    pub(super) async fn settle(&self) -> Result<(), OpsError> {
        self.until(|views| missing(self.redis, views)).await
    }

    /// Lets a replica take over from a node, if the node is a primary that has one.
    pub(super) async fn hand_over(&self, node: &RedisNode) -> Result<(), OpsError> {
        let views = self.views().await;
        let Some(heir) = self.heir(node, &views) else {
            return Ok(());
        };
        give_way(&self.session, heir).await?;
        self.until(|views| {
            let handed = views.get(&node.name).is_some_and(|view| view.primary().is_some());
            let waiting = || format!("{} hands over to {}", node.name, heir.name);
            (!handed).then(waiting).or_else(|| missing(self.redis, views))
        })
        .await
    }

    async fn views(&self) -> Views {
        views(&self.session, self.redis, &[NO_SETTINGS.to_owned()]).await
    }

    /// Takes steps. What a server refuses because the others have moved on meanwhile is seen anew in the next round.
    async fn take(&self, steps: Vec<Step<'_>>) -> Option<RedisFailure> {
        let mut refused = None;
        for step in steps {
            refused = perform(&self.session, &step).await.err().or(refused);
        }
        refused
    }

    async fn until(&self, missing: impl Fn(&Views) -> Option<String>) -> Result<(), OpsError> {
        let begin = Instant::now();
        loop {
            let views = self.views().await;
            let Some(missing) = missing(&views) else {
                return Ok(());
            };
            self.stop.heed()?;
            let refused = self.take(steps(self.redis, &views)).await;
            if begin.elapsed() > LIMIT {
                let missing =
                    refused.map_or(missing.clone(), |reason| format!("{missing}; {reason}"));
                return Err(OpsError::Unhealthy { seconds: LIMIT.as_secs(), missing });
            }
            self.site.reporter.event(&Event::Waiting(&missing));
            tokio::time::sleep(PAUSE).await;
        }
    }
}
