//! What strangers meet at the cache: every door that must be shut is tried on every node.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::join_all;

use super::{Finding, Scene};
use crate::model::{OWN_ROLE, Redis, RedisNode};
use crate::ops::OpsError;
use crate::ops::cache::open;
use crate::pki::client_config;
use crate::provider::Provider;
use crate::redis::{Pass, RedisFailure, bus_answers_in_clear, enter};
use crate::secrets::Secret;

/// A stranger: what is wrong with it, and what it shows.
type Stranger = (&'static str, Pass);

/// Tries every stranger at every node.
pub async fn doors<P: Provider>(scene: &Scene<'_, '_, P>, redis: &Redis) -> Finding {
    let strangers = strangers(scene).map_err(|reason| {
        (format!("can't be tried: {reason}"), "the keys of this environment".to_owned())
    })?;
    let tried = join_all(redis.nodes.iter().map(|node| at(node, &strangers))).await;
    let open: Vec<String> = tried.iter().flatten().cloned().collect();
    let (all, shut) = (tried.len(), tried.iter().filter(|problems| problems.is_empty()).count());
    let words = format!(
        "{shut} of {all} nodes refuse plaintext, no certificate, no password and a wrong one"
    );
    if open.is_empty() {
        return Ok(words);
    }
    Err((
        format!("{words}; {}", open.join("; ")),
        "the settings tls-* in redis.conf, and users.acl".to_owned(),
    ))
}

fn strangers<P: Provider>(scene: &Scene<'_, '_, P>) -> Result<Vec<Stranger>, OpsError> {
    let whole = open(scene.site, scene.index)?.pass().clone();
    let bare = client_config(&scene.access.authority, None)?;
    let wrong = Some((OWN_ROLE.to_owned(), Secret::new("natsops_wrong".to_owned())));
    Ok(vec![
        ("in the clear", Pass { tls: None, ..whole.clone() }),
        ("without certificate", Pass { tls: Some(Arc::new(bare)), ..whole.clone() }),
        ("without password", Pass { user: None, ..whole.clone() }),
        ("with a wrong password", Pass { user: wrong, ..whole }),
    ])
}

/// The problems of one node.
async fn at(node: &RedisNode, strangers: &[Stranger]) -> Vec<String> {
    let address = SocketAddr::from((node.address, Redis::PORT));
    let untried = |reason: RedisFailure| format!("{} can't be tried: {reason}", node.name);
    let mut problems = Vec::new();
    let knocks = join_all(strangers.iter().map(|(_, pass)| enter(address, pass)));
    let (knocks, bus) = tokio::join!(knocks, bus_answers_in_clear(node));
    for ((who, _), outcome) in strangers.iter().zip(knocks) {
        match outcome {
            Ok(_) => problems.push(format!("{} lets in a client {who}", node.name)),
            // Whoever answers nobody has not listened to the peer either.
            Err(silent @ RedisFailure::Silent(..)) => {
                problems.push(untried(silent));
                return problems;
            }
            Err(_) => {}
        }
    }
    match bus {
        Ok(false) => {}
        Ok(true) => problems.push(format!("{} listens to a peer in the clear", node.name)),
        Err(reason) => problems.push(untried(reason)),
    }
    problems
}
