//! `nats.conf`, one per node, from `templates/nats.conf.j2`.

use minijinja::context;

use super::ZONE_TAG;
use super::templates::{RenderError, render};
use crate::model::{Cluster, Node};

/// The documents and file names that make a server this node and no other. Paths are relative to the node's folder.
#[derive(Debug, Clone)]
pub struct ServerIdentity {
    /// The operator's JWT.
    pub operator: String,
    /// The public key of the system account.
    pub system_account: String,
    /// The system account's JWT.
    pub system_jwt: String,
    /// The node's certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
    /// The trusted authorities.
    pub authority: String,
}

/// Renders the configuration of `node`.
pub fn server_config(
    cluster: &Cluster,
    node: &Node,
    identity: &ServerIdentity,
) -> Result<String, RenderError> {
    let at = |port: u16| format!("{}:{port}", node.address);
    let peers: Vec<String> = cluster
        .nodes
        .iter()
        .filter(|peer| peer.name != node.name)
        .map(|peer| format!("tls://{}:{}", peer.address, cluster.ports.cluster))
        .collect();
    let tags: Vec<String> = std::iter::once(format!("{ZONE_TAG}{}", node.zone))
        .chain(node.tags.iter().map(ToString::to_string))
        .collect();
    render(
        "nats.conf",
        context! {
                    environment => cluster.environment.as_str(),
                    name => node.name.as_str(),
                    cluster => cluster.name.as_str(),
                    client => at(cluster.ports.client),
                    route => at(cluster.ports.cluster),
                    leafnode => at(cluster.ports.leafnode),
                    monitor => at(cluster.ports.monitor),
                    tags,
                    unique_tag => ZONE_TAG,
                    max_connections => cluster.limits.max_connections,
                    max_payload => cluster.limits.max_payload.bytes(),
                    max_pending => cluster.limits.max_pending.bytes(),
                    ping_interval => cluster.limits.ping_interval.to_string(),
                    write_deadline => cluster.limits.write_deadline.to_string(),
                    lame_duck_duration => cluster.lame_duck.duration.to_string(),
                    lame_duck_grace => cluster.lame_duck.grace.to_string(),
                    domain => &cluster.jetstream.domain,
                    max_file => cluster.jetstream.max_file.bytes(),
                    max_memory => cluster.jetstream.max_memory.bytes(),
                    peers,
                    operator => &identity.operator,
                    system_account => &identity.system_account,
                    system_jwt => &identity.system_jwt,
                    certificate => &identity.certificate,
                    key => &identity.key,
                    authority => &identity.authority,
        },
    )
}
