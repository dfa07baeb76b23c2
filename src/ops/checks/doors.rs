//! What strangers meet: every door that must be shut is tried on every node.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::join_all;

use super::{Finding, Scene};
use crate::model::{Node, SYSTEM_ACCOUNT};
use crate::nats::{Probe, ProbeError, Tls, tls};
use crate::provider::Provider;
use crate::secrets::Ticket;

/// How a stranger knocks.
struct Knock<'a> {
    /// Who the stranger is, for the figure.
    stranger: &'static str,
    port: u16,
    tls: Tls,
    user: Option<&'a Ticket>,
    /// The setting that lets the stranger in.
    setting: &'static str,
}

/// A peer that does not encrypt its route.
pub async fn plain_route<P: Provider>(scene: &Scene<'_, '_, P>) -> Finding {
    knock(
        scene,
        &Knock {
            stranger: "a plaintext route",
            port: scene.site.cluster.ports.cluster,
            tls: Tls::Never,
            user: None,
            setting: "cluster.tls",
        },
    )
    .await
}

/// A client that does not encrypt, but has valid creds.
pub async fn plain_client<P: Provider>(scene: &Scene<'_, '_, P>) -> Finding {
    let user = own_user(scene)?;
    knock(
        scene,
        &Knock {
            stranger: "a plaintext client",
            port: scene.site.cluster.ports.client,
            tls: Tls::Never,
            user: Some(&user),
            setting: "tls and allow_non_tls",
        },
    )
    .await
}

/// A client that encrypts and has valid creds, but no certificate.
pub async fn no_certificate<P: Provider>(scene: &Scene<'_, '_, P>) -> Finding {
    let user = own_user(scene)?;
    let config = tls(&scene.access.authority, None).map_err(unusable)?;
    knock(
        scene,
        &Knock {
            stranger: "a client without certificate",
            port: scene.site.cluster.ports.client,
            tls: Tls::With(Arc::new(config)),
            user: Some(&user),
            setting: "tls.verify",
        },
    )
    .await
}

/// A client with a valid certificate, but no creds.
pub async fn no_creds<P: Provider>(scene: &Scene<'_, '_, P>) -> Finding {
    let config = scene.access.tls().map_err(unusable)?;
    knock(
        scene,
        &Knock {
            stranger: "a client without creds",
            port: scene.site.cluster.ports.client,
            tls: Tls::With(Arc::new(config)),
            user: None,
            setting: "operator, no_auth_user and default_sentinel",
        },
    )
    .await
}

fn own_user<P: Provider>(scene: &Scene<'_, '_, P>) -> Result<Ticket, (String, String)> {
    scene
        .site
        .own_user(SYSTEM_ACCOUNT, scene.index)
        .map_err(unusable)
}

fn unusable(reason: impl std::fmt::Display) -> (String, String) {
    (
        format!("can't be tried: {reason}"),
        "the keys of this environment".to_owned(),
    )
}

async fn knock<P: Provider>(scene: &Scene<'_, '_, P>, knock: &Knock<'_>) -> Finding {
    let nodes = &scene.site.cluster.nodes;
    let answers = join_all(nodes.iter().map(|node| try_door(node, knock))).await;
    let all = nodes.len();
    let open: Vec<String> = nodes
        .iter()
        .zip(&answers)
        .filter_map(|(node, answer)| match answer {
            Door::Shut => None,
            Door::Open => Some(format!("{} lets it in", node.name)),
            Door::Gone(reason) => Some(format!("{} can't be tried: {reason}", node.name)),
        })
        .collect();
    if open.is_empty() {
        return Ok(format!("{all} of {all} nodes refuse {}", knock.stranger));
    }
    let refusing = all - open.len();
    Err((
        format!("{refusing} of {all} nodes refuse {}; {}", knock.stranger, open.join("; ")),
        format!("the settings {} in nats.conf", knock.setting),
    ))
}

enum Door {
    Shut,
    Open,
    Gone(String),
}

/// A door is open when the server still talks after the stranger has introduced itself.
async fn try_door(node: &Node, knock: &Knock<'_>) -> Door {
    let address = SocketAddr::from((node.address, knock.port));
    let outcome = async {
        let mut probe = Probe::open(address, &knock.tls).await?;
        probe.sign_in(knock.user).await
    };
    match outcome.await {
        Ok(()) => Door::Open,
        Err(ProbeError::Refused(_) | ProbeError::Closed(_)) => Door::Shut,
        Err(silent @ (ProbeError::Silent(..) | ProbeError::Late)) => Door::Gone(silent.to_string()),
    }
}
