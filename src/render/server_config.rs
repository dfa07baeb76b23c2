//! `nats.conf`, one per node, from `templates/nats.conf.j2`.

use std::sync::LazyLock;

use minijinja::{Environment, UndefinedBehavior, context};

use super::ZONE_TAG;
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

/// A template that does not fit its input, which is a bug of ours.
#[derive(Debug, thiserror::Error)]
#[error("can't render {file}: {reason:#}")]
pub struct RenderError {
    /// The produced file.
    pub file: &'static str,
    /// The template engine's reason.
    pub reason: minijinja::Error,
}

pub(super) static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter("quoted", quoted);
    environment
        .add_template("nats.conf", include_str!("../../templates/nats.conf.j2"))
        .expect("the template is compiled in and has a test");
    environment
        .add_template("leafnode.conf", include_str!("../../templates/leafnode.conf.j2"))
        .expect("the template is compiled in and has a test");
    environment
});

/// Text as nats-server reads it in quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Renders the configuration of `node`.
pub fn server_config(
    cluster: &Cluster,
    node: &Node,
    identity: &ServerIdentity,
) -> Result<String, RenderError> {
    let failed = |reason| RenderError { file: "nats.conf", reason };
    let at = |port: u16| format!("{}:{port}", node.address);
    let peers: Vec<String> = cluster
        .nodes
        .iter()
        .filter(|peer| peer.name != node.name)
        .map(|peer| format!("tls://{}:{}", peer.address, cluster.ports.cluster))
        .collect();
    TEMPLATES
        .get_template("nats.conf")
        .and_then(|template| {
            template.render(context! {
                environment => cluster.environment.as_str(),
                name => node.name.as_str(),
                cluster => cluster.name.as_str(),
                client => at(cluster.ports.client),
                route => at(cluster.ports.cluster),
                leafnode => at(cluster.ports.leafnode),
                monitor => at(cluster.ports.monitor),
                zone_tag => format!("{ZONE_TAG}{}", node.zone),
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
            })
        })
        .map(|text| text + "\n")
        .map_err(failed)
}
