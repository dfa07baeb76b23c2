//! Leafnodes: every node's door is shut to strangers, and a server that may come in passes messages both ways.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::grouped::{grouped, untried};
use super::{Finding, Scene};
use crate::artifacts::{ProbingEdge, ProbingLink, probing_edge, short_lived_leafnode};
use crate::model::{Node, OWN_ACCOUNT};
use crate::nats::{Connection, Probe, ProbeError, Tls, cross, edge_client, tls};
use crate::provider::{Edge as _, Provider};
use crate::secrets::Ticket;

/// Somebody who knocks at a leafnode's door.
struct Guest<'a> {
    /// Who it is, in words.
    who: &'static str,
    tls: Tls,
    user: Option<&'a Ticket>,
    welcome: bool,
}

/// Three strangers are refused at every node, and the one who may come in is not.
///
/// That one says the same words, so that they are not what the others are refused for.
pub async fn doors<P: Provider>(scene: &Scene<'_, '_, P>) -> Finding {
    let (site, index) = (scene.site, scene.index);
    let user = short_lived_leafnode(index, site.store, site.entropy, site.now());
    let user = user.map_err(unusable)?;
    let encrypted = Tls::With(Arc::new(scene.access.tls().map_err(unusable)?));
    let bare = Tls::With(Arc::new(tls(&scene.access.authority, None).map_err(unusable)?));
    let guest = |who, tls: &Tls, user, welcome| Guest { who, tls: tls.clone(), user, welcome };
    let guests = [
        guest("with certificate and creds", &encrypted, Some(&user), true),
        guest("that does not encrypt", &Tls::Never, Some(&user), false),
        guest("without certificate", &bare, Some(&user), false),
        guest("without creds", &encrypted, None, false),
    ];
    let tried = scene.doors().map(async |(node, gone)| match gone {
        Some(reason) => Some((node.name.as_str(), reason)),
        None => Some((node.name.as_str(), problem(scene, node, &guests).await?)),
    });
    let wrong: Vec<(&str, String)> = join_all(tried).await.into_iter().flatten().collect();
    let all = site.cluster.nodes.len();
    if wrong.is_empty() {
        return Ok(format!(
            "{all} of {all} nodes refuse a plaintext leafnode, one without certificate, one without creds"
        ));
    }
    let right = all - wrong.len();
    Err((
        format!("{right} of {all} nodes let in whom they should; {}", grouped(wrong)),
        "the settings leafnodes.tls in nats.conf".to_owned(),
    ))
}

/// The first guest of whom a node takes the wrong view.
async fn problem<P>(scene: &Scene<'_, '_, P>, node: &Node, guests: &[Guest<'_>]) -> Option<String> {
    let address = SocketAddr::from((node.address, scene.site.cluster.ports.leafnode));
    for guest in guests {
        let outcome = async {
            let mut probe = Probe::open(address, &guest.tls).await?;
            probe.sign_in_as_leafnode(guest.user).await
        };
        let who = guest.who;
        match outcome.await {
            Ok(()) if !guest.welcome => return Some(format!("lets in one {who}")),
            Err(ProbeError::Refused(reason) | ProbeError::Closed(reason)) if guest.welcome => {
                return Some(format!("refuses one {who}: {reason}"));
            }
            Err(silent @ (ProbeError::Silent(..) | ProbeError::Busy(_) | ProbeError::Late)) => {
                return Some(untried(&silent));
            }
            _ => {}
        }
    }
    None
}

/// A leafnode server is started, connects to every node, and passes a message out of the cluster and one into it.
pub async fn passes<P: Provider>(scene: &Scene<'_, '_, P>) -> Finding {
    let (site, index) = (scene.site, scene.index);
    let prepared = probing_edge(site.cluster, index, site.store, site.entropy, site.now());
    let ProbingEdge { bundle, links } = prepared.map_err(unusable)?;
    let user = site.own_user(OWN_ACCOUNT, index).map_err(unusable)?;
    let hub = scene.access.connect(&user).await.map_err(unusable)?;
    // It is stopped when it goes out of scope, whatever becomes of the messages.
    let edge = site.provider.start_edge(&bundle).await;
    let edge =
        edge.map_err(|error| (error.to_string(), "nats-server on this machine".to_owned()))?;
    let run = hub.new_inbox();
    let run = run.rsplit('.').next().unwrap_or_default();
    let crossings = links.iter().zip(scene.doors()).map(async |(link, (_, gone))| {
        let outcome = match gone {
            None => through(&hub, edge.clients(), link, run).await,
            Some(reason) => Err(reason),
        };
        (link.node.clone(), outcome)
    });
    judge(join_all(crossings).await.into_iter().collect())
}

async fn through(
    hub: &Connection,
    edge: SocketAddr,
    link: &ProbingLink,
    run: &str,
) -> Result<Duration, String> {
    let client = edge_client(edge, &link.user, &link.password).await;
    let client = client.map_err(|error| error.to_string())?;
    cross(hub, &client, &format!("{run}.{}", link.node)).await
}

fn judge(outcomes: BTreeMap<String, Result<Duration, String>>) -> Finding {
    let all = outcomes.len();
    let slowest = outcomes.values().filter_map(|outcome| outcome.as_ref().ok()).max();
    let slowest = slowest.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    let wrong: Vec<(&str, String)> = outcomes
        .iter()
        .filter_map(|(node, outcome)| Some((node.as_str(), outcome.as_ref().err()?.clone())))
        .collect();
    if wrong.is_empty() {
        return Ok(format!(
            "{all} of {all} nodes pass a leafnode's messages both ways, {slowest:.1} ms there and back at most"
        ));
    }
    let right = all - wrong.len();
    Err((
        format!("{right} of {all} nodes pass a leafnode's messages; {}", grouped(wrong)),
        format!("leafnodes in nats.conf, and the claims of account {OWN_ACCOUNT}"),
    ))
}

fn unusable(reason: impl std::fmt::Display) -> (String, String) {
    (format!("can't be tried: {reason}"), "the keys of this environment".to_owned())
}
