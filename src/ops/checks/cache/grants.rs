//! Every service can read and write its keys, and nothing else: tried on every node, with its own password and certificate.
//!
//! Nothing is changed. What is read does not exist, and what is written would only replace what exists (`SET … XX`).
//! A node that does not have a key sends its clients on, but only after it has seen that they may have it.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::join_all;

use super::{Finding, Scene};
use crate::model::{Redis, Service};
use crate::pki::client_config;
use crate::provider::Provider;
use crate::redis::{Answer, Connection, Pass, enter, try_command};
use crate::secrets::{Document, KeyName};

/// What a key of a probe ends with.
const PROBE: &str = "natsops-probe";

/// What no service may do: names of others' keys, others' connections, settings, users, messages.
const FORBIDDEN: [&str; 6] = [
    "KEYS natsops-probe",
    "SCAN 0",
    "CLIENT LIST",
    "CONFIG GET maxmemory",
    "ACL LIST",
    "PUBLISH natsops-probe x",
];

/// What a service's trials came to.
#[derive(Default)]
struct Trial {
    granted: usize,
    refused: usize,
    problems: Vec<String>,
}

/// Tries every service at every node.
pub async fn grants<P: Provider>(scene: &Scene<'_, '_, P>, redis: &Redis) -> Finding {
    let cluster = scene.site.cluster;
    let trials = join_all(cluster.cache_users().map(|service| trial(scene, redis, service))).await;
    let services = trials.len();
    let granted: usize = trials.iter().map(|trial| trial.granted).sum();
    let refused: usize = trials.iter().map(|trial| trial.refused).sum();
    let wrong: Vec<&str> =
        trials.iter().filter_map(|trial| trial.problems.first().map(String::as_str)).collect();
    if wrong.is_empty() {
        return Ok(format!(
            "{services} services can do all {granted} granted things and none of {refused} others"
        ));
    }
    let deviating = wrong.len();
    Err((
        format!("{deviating} of {services} services deviate; {}", wrong.join("; ")),
        format!(
            "natsops plan {}: are the users of the cache as they should be?",
            cluster.environment
        ),
    ))
}

async fn trial<P: Provider>(scene: &Scene<'_, '_, P>, redis: &Redis, service: &Service) -> Trial {
    let mut trial = Trial::default();
    let pass = match pass(scene, service) {
        Ok(pass) => pass,
        Err(reason) => {
            trial.problems.push(format!("{}: {reason}", service.name));
            return trial;
        }
    };
    let mut homes = vec![0; service.caches.len()];
    for node in &redis.nodes {
        let address = SocketAddr::from((node.address, Redis::PORT));
        let place = format!("{} at {}", service.name, node.name);
        match enter(address, &pass).await {
            Ok(mut connection) => {
                try_own(&mut connection, service, &mut homes, (&place, &mut trial)).await;
                try_others(scene, &mut connection, service, (&place, &mut trial)).await;
            }
            Err(reason) => trial.problems.push(format!("{place}: {reason}")),
        }
    }
    for (pattern, _) in service.caches.iter().zip(&homes).filter(|(_, homes)| **homes == 0) {
        trial.problems.push(format!("{}: no node has {pattern}", service.name));
    }
    trial
}

fn pass<P: Provider>(scene: &Scene<'_, '_, P>, service: &Service) -> Result<Pass, String> {
    let open = |name: KeyName| scene.site.store.open(&name).map_err(|error| error.to_string());
    let document = scene.index.document(&Document::client(&service.name));
    let certificate = document.ok_or("it has no certificate")?;
    let key = open(KeyName::client(&service.name))?;
    let tls = client_config(&scene.access.authority, Some((certificate, &key)))
        .map_err(|error| error.to_string())?;
    let password = open(KeyName::redis_user(service.name.as_str()))?;
    Ok(Pass { tls: Some(Arc::new(tls)), user: Some((service.name.to_string(), password)) })
}

/// Its own keys. `homes` counts the nodes that have each, and not only know who does.
async fn try_own(
    connection: &mut Connection,
    service: &Service,
    homes: &mut [usize],
    (place, trial): (&str, &mut Trial),
) {
    for (pattern, homes) in service.caches.iter().zip(homes) {
        let key = pattern.concrete(PROBE);
        for command in [format!("GET {key}"), format!("SET {key} x XX PX 1000")] {
            match try_command(connection, &command).await {
                Answer::Done => {
                    *homes += 1;
                    trial.granted += 1;
                }
                Answer::Elsewhere => trial.granted += 1,
                Answer::Forbidden => trial.problems.push(format!("{place}: {command} is refused")),
                Answer::Failed(reason) => trial.problems.push(format!("{place}: {reason}")),
            }
        }
    }
}

/// Keys of others, and what no service may do.
async fn try_others<P>(
    scene: &Scene<'_, '_, P>,
    connection: &mut Connection,
    service: &Service,
    (place, trial): (&str, &mut Trial),
) {
    let others = scene.site.cluster.cache_users().filter(|other| other.name != service.name);
    let keys = others.flat_map(|other| &other.caches).map(|pattern| pattern.concrete(PROBE));
    let keys = keys.chain([PROBE.to_owned()]);
    let commands = keys.flat_map(|key| [format!("GET {key}"), format!("SET {key} x XX PX 1000")]);
    for command in commands.chain(FORBIDDEN.map(str::to_owned)) {
        match try_command(connection, &command).await {
            Answer::Forbidden => trial.refused += 1,
            Answer::Done | Answer::Elsewhere => {
                trial.problems.push(format!("{place}: {command} is allowed"));
            }
            Answer::Failed(reason) => trial.problems.push(format!("{place}: {reason}")),
        }
    }
}
