//! `redis.conf`, one per node of the cache, from `templates/redis.conf.j2`; and reading it back.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use minijinja::context;
use sha2::{Digest as _, Sha256};

use super::templates::{RenderError, render};
use crate::model::{EnvironmentName, Redis, RedisNode};

/// The user with which replicas sign in to their primaries.
pub const REPLICATION_USER: &str = "natsops-replication";

/// Directives that name nothing that the server would tell by the same word.
const UNASKED: [&str; 3] = ["include", "daemonize", "aclfile"];

/// The files of a server's TLS.
pub const TLS_FILES: [&str; 3] = ["tls-cert-file", "tls-key-file", "tls-ca-cert-file"];

/// The file names that make a server this node and no other. Paths are relative to the node's folder.
#[derive(Debug, Clone)]
pub struct RedisIdentity {
    /// The node's certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
    /// The trusted authorities.
    pub authority: String,
    /// The users.
    pub acl: String,
    /// The directive with the password of replication.
    pub replication_secret: String,
}

/// Renders the configuration of `node`.
pub fn redis_config(
    environment: &EnvironmentName,
    redis: &Redis,
    node: &RedisNode,
    identity: &RedisIdentity,
) -> Result<String, RenderError> {
    let context = context! {
        environment => environment.as_str(),
        name => node.name.as_str(),
        address => node.address.to_string(),
        port => Redis::PORT,
        bus_port => Redis::BUS_PORT,
        max_memory => redis.max_memory.bytes(),
        replication_user => REPLICATION_USER,
        certificate => &identity.certificate,
        key => &identity.key,
        authority => &identity.authority,
        acl => &identity.acl,
        replication_secret => &identity.replication_secret,
    };
    render("redis.conf", context)
}

/// A configuration, directive by directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisSettings(BTreeMap<String, String>);

impl RedisSettings {
    /// Reads a configuration of ours. Whatever else stands there makes it differ, which is all that matters.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim);
        let directives = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(
            directives
                .map(|line| {
                    let (name, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
                    (name.to_owned(), value.trim().trim_matches('"').to_owned())
                })
                .collect(),
        )
    }

    /// A digest of what it says, whatever its order and its comments.
    pub fn digest(&self) -> String {
        let text: String = self.0.iter().map(|(name, value)| format!("{name} {value}\n")).collect();
        format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(text)))
    }

    /// The files of its TLS, each with its setting.
    pub fn tls_files(&self) -> Vec<(&str, &str)> {
        let files = self.0.iter().filter(|(name, _)| TLS_FILES.contains(&name.as_str()));
        files.map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// What a running server can be asked for: its answer is the value that stands here.
    pub fn askable(&self) -> BTreeMap<String, String> {
        let asked = self.0.iter().filter(|(name, _)| !UNASKED.contains(&name.as_str()));
        asked.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_order_do_not_change_the_digest() {
        let one = RedisSettings::parse("# first\nport 0\nsave \"\"\n");
        let two = RedisSettings::parse("save \"\"\n\nport 0");
        assert_eq!(one.digest(), two.digest());
        assert_eq!(one.askable()["save"], "");
        assert_ne!(one.digest(), RedisSettings::parse("port 0\nsave 60\n").digest());
    }

    #[test]
    fn what_the_server_would_not_tell_is_not_asked() {
        let settings = RedisSettings::parse("include x\ndaemonize no\nmaxmemory 1\n").askable();
        assert_eq!(settings.keys().collect::<Vec<_>>(), ["maxmemory"]);
    }
}
