//! What strangers meet: every door that must be shut is tried on every node.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::join_all;

use super::grouped::{grouped, untried};
use super::{Finding, Scene};
use crate::model::{Node, SYSTEM_ACCOUNT};
use crate::nats::{Probe, ProbeError, Tls, tls};
use crate::provider::Provider;
use crate::secrets::Ticket;

/// How a stranger knocks at a client's door.
struct Knock<'a> {
    tls: Tls,
    user: Option<&'a Ticket>,
}

/// A peer that does not encrypt its route.
pub async fn plain_route<P: Provider>(scene: &Scene<'_, '_, P>) -> Finding {
    let port = scene.site.cluster.ports.cluster;
    let doors = join_all(scene.doors().map(async |(node, gone)| {
        if let Some(reason) = gone {
            return Door::Gone(reason);
        }
        match Probe::answers_in_clear(SocketAddr::from((node.address, port))).await {
            Ok(true) => Door::Open,
            Ok(false) => Door::Shut,
            Err(reason) => Door::Gone(untried(&reason)),
        }
    }));
    judge(scene, doors.await, "a plaintext route", "cluster.tls")
}

/// A client that does not encrypt, but has valid creds.
pub async fn plain_client<P: Provider>(scene: &Scene<'_, '_, P>) -> Finding {
    let user = own_user(scene)?;
    let knock = Knock { tls: Tls::Never, user: Some(&user) };
    let doors = knock_everywhere(scene, &knock).await;
    judge(scene, doors, "a plaintext client", "tls and allow_non_tls")
}

/// A client that encrypts and has valid creds, but no certificate.
pub async fn no_certificate<P: Provider>(scene: &Scene<'_, '_, P>) -> Finding {
    let user = own_user(scene)?;
    let config = tls(&scene.access.authority, None).map_err(unusable)?;
    let knock = Knock { tls: Tls::With(Arc::new(config)), user: Some(&user) };
    let doors = knock_everywhere(scene, &knock).await;
    judge(scene, doors, "a client without certificate", "tls.verify")
}

/// A client with a valid certificate, but no creds.
pub async fn no_creds<P: Provider>(scene: &Scene<'_, '_, P>) -> Finding {
    let config = scene.access.tls().map_err(unusable)?;
    let knock = Knock { tls: Tls::With(Arc::new(config)), user: None };
    let doors = knock_everywhere(scene, &knock).await;
    judge(scene, doors, "a client without creds", "operator and default_sentinel")
}

fn own_user<P: Provider>(scene: &Scene<'_, '_, P>) -> Result<Ticket, (String, String)> {
    scene.site.own_user(SYSTEM_ACCOUNT, scene.index).map_err(unusable)
}

fn unusable(reason: impl std::fmt::Display) -> (String, String) {
    (format!("can't be tried: {reason}"), "the keys of this environment".to_owned())
}

/// What became of the stranger at each node's door.
fn judge<P>(scene: &Scene<'_, '_, P>, doors: Vec<Door>, stranger: &str, setting: &str) -> Finding {
    let all = doors.len();
    let open: Vec<(&str, String)> = scene
        .site
        .cluster
        .nodes
        .iter()
        .zip(doors)
        .filter_map(|(node, door)| match door {
            Door::Shut => None,
            Door::Open => Some((node.name.as_str(), "lets it in".to_owned())),
            Door::Gone(reason) => Some((node.name.as_str(), reason)),
        })
        .collect();
    if open.is_empty() {
        return Ok(format!("{all} of {all} nodes refuse {stranger}"));
    }
    let refusing = all - open.len();
    Err((
        format!("{refusing} of {all} nodes refuse {stranger}; {}", grouped(open)),
        format!("the settings {setting} in nats.conf"),
    ))
}

enum Door {
    Shut,
    Open,
    Gone(String),
}

async fn knock_everywhere<P: Provider>(scene: &Scene<'_, '_, P>, knock: &Knock<'_>) -> Vec<Door> {
    let port = scene.site.cluster.ports.client;
    join_all(scene.doors().map(async |(node, gone)| match gone {
        Some(reason) => Door::Gone(reason),
        None => try_door(node, port, knock).await,
    }))
    .await
}

/// A door is open when the server still talks after the stranger has introduced itself.
async fn try_door(node: &Node, port: u16, knock: &Knock<'_>) -> Door {
    let address = SocketAddr::from((node.address, port));
    let outcome = async {
        let mut probe = Probe::open(address, &knock.tls).await?;
        probe.sign_in(knock.user).await
    };
    match outcome.await {
        Ok(()) | Err(ProbeError::Full(_)) => Door::Open,
        Err(ProbeError::Refused(_) | ProbeError::Closed(_)) => Door::Shut,
        Err(silent @ (ProbeError::Silent(..) | ProbeError::Busy(_) | ProbeError::Late)) => {
            Door::Gone(untried(&silent))
        }
    }
}
