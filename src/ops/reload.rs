//! A reload: the server is told to read its configuration again, and what it then says of itself is the proof.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::session::Session;
use super::{OpsError, Site};
use crate::artifacts::prepare_node;
use crate::nats::Varz;
use crate::plan::Action;
use crate::provider::{Provider, ProviderError};
use crate::secrets::Index;

/// How long a server may take to show what it has read.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often is looked.
const PAUSE: Duration = Duration::from_millis(20);

/// Writes a node's files and has its server take them.
pub async fn perform<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    action: &Action,
) -> Result<(), OpsError> {
    let node = &action.id.name;
    let found = site.cluster.nodes.iter().find(|found| found.name.as_str() == node);
    let found = found.ok_or_else(|| ProviderError::Bundle(format!("{node} is not a node")))?;
    let monitor = site.monitor(found);
    let before = monitor.varz().await?;
    site.provider.take(action, &before.moment()).await?;
    let session = Session::open(site, index, site.cluster.nodes.len()).await?;
    let told = session.control.reload(&before.server_id).await;
    told.map_err(|error| OpsError::Control { node: node.clone(), error })?;
    let prepared = prepare_node(site.cluster, found, index)?;
    let wanted = Wanted {
        digest: prepared.tree.digest(),
        certificate_ends: prepared.certificate_ends,
        read_after: before.config_load_time,
    };
    let begin = Instant::now();
    while let Some(problem) = wanted.problem(&monitor.varz().await?) {
        if begin.elapsed() > PATIENCE {
            return Err(OpsError::NotReloaded { node: node.clone(), problem });
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// What a server says of itself once it has taken a reload.
struct Wanted {
    digest: String,
    certificate_ends: Option<Timestamp>,
    read_after: Option<Timestamp>,
}

impl Wanted {
    fn problem(&self, varz: &Varz) -> Option<String> {
        let Self { digest, certificate_ends, read_after } = self;
        if &varz.config_digest != digest {
            Some(format!("it runs {} instead of {digest}", varz.config_digest))
        } else if varz.config_load_time <= *read_after {
            Some("it has not read its configuration again".to_owned())
        } else if certificate_ends.is_some() && varz.tls_cert_not_after != *certificate_ends {
            let shown = varz.tls_cert_not_after;
            let shown = shown.map_or("never".to_owned(), |ends| ends.to_string());
            Some(format!("it presents a certificate that ends {shown}"))
        } else {
            None
        }
    }
}
