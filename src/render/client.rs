//! What a client's tools read: a context of the `nats` tool, and a script for shells.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::model::{Cluster, Service};

/// The fields of a context file that matter here (natscli, `~/.config/nats/context/NAME.json`).
#[derive(Serialize)]
struct Context<'a> {
    description: &'a str,
    url: String,
    creds: String,
    cert: String,
    key: String,
    ca: String,
    inbox_prefix: String,
}

/// A context of the `nats` tool for a service whose files lie in `folder`.
pub fn nats_context(cluster: &Cluster, service: &Service, folder: &Path) -> String {
    let url = cluster.client_urls().join(",");
    nats_context_of(url, &service.description, &service.inbox_prefix(), folder)
}

/// A context of the `nats` tool for whoever connects to `url` and has their files in `folder`.
pub fn nats_context_of(
    url: String,
    description: &str,
    inbox_prefix: &str,
    folder: &Path,
) -> String {
    let file = |name: &str| folder.join(name).display().to_string();
    let context = Context {
        description,
        url,
        creds: file("user.creds"),
        cert: file("client.pem"),
        key: file("client.key"),
        ca: file("ca.pem"),
        inbox_prefix: inbox_prefix.to_owned(),
    };
    let json = serde_json::to_string_pretty(&context);
    json.expect("text always has a JSON form") + "\n"
}

/// A script that sets what clients read from the process environment.
pub fn environment_script(cluster: &Cluster, service: &Service, folder: &Path) -> String {
    let file = |name: &str| folder.join(name).display().to_string();
    let mut script = String::new();
    let mut variables = vec![
        ("NATS_URL", cluster.client_urls().join(",")),
        ("NATS_CREDS", file("user.creds")),
        ("NATS_CERT", file("client.pem")),
        ("NATS_KEY", file("client.key")),
        ("NATS_CA", file("ca.pem")),
        ("NATS_INBOX_PREFIX", service.inbox_prefix()),
    ];
    if let Some(redis) = cluster.cache_of(service) {
        // The certificate, the key and the authority are those above.
        variables.extend([
            ("REDIS_URLS", redis.client_urls().join(",")),
            ("REDIS_USERNAME", service.name.to_string()),
            ("REDIS_PASSWORD_FILE", file("redis.password")),
        ]);
    }
    for (name, value) in variables {
        let quoted = value.replace('\'', r"'\''");
        writeln!(script, "export {name}='{quoted}'").expect("a string takes what it is given");
    }
    script
}
