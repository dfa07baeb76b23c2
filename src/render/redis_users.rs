//! `users.acl`: who may do what in the cache, from `templates/users.acl.j2`.
//!
//! The file holds digests of passwords only, so anybody may read it.

use data_encoding::HEXLOWER;
use minijinja::context;
use sha2::{Digest as _, Sha256};

use super::redis_config::REPLICATION_USER;
use super::templates::{RenderError, render};
use crate::model::{KeyPattern, OWN_ROLE, Service};

/// What a service may do with its keys: values, hashes and lifetimes, and what a cluster's client asks to find its way.
/// Nothing here names keys of others, as SCAN would, and nothing blocks, scripts or administers.
const SERVICE_COMMANDS: [&str; 36] = [
    "@string",
    "@hash",
    "del",
    "unlink",
    "exists",
    "type",
    "touch",
    "expire",
    "pexpire",
    "expireat",
    "pexpireat",
    "expiretime",
    "pexpiretime",
    "ttl",
    "pttl",
    "persist",
    "auth",
    "hello",
    "ping",
    "echo",
    "quit",
    "reset",
    "select",
    "command",
    "readonly",
    "readwrite",
    "asking",
    "client|id",
    "client|getname",
    "client|setname",
    "cluster|slots",
    "cluster|shards",
    "cluster|nodes",
    "cluster|info",
    "cluster|myid",
    "cluster|keyslot",
];

/// A user who can never sign in begins with this. Its commands are those of every service, and the rest of its name
/// is the digest of the file: a server rewrites the commands that it is given in its own words, the same for equal
/// ones, so what a service really may do can be told by comparison.
pub const PATTERN_USER: &str = "natsops-services-";

/// A user of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisUser {
    /// The name.
    pub name: String,
    /// SHA-256 of each password that lets it in, in hex; two while one is replaced by another.
    pub passwords: Vec<String>,
    /// Its keys, as Redis writes them.
    pub keys: Vec<String>,
    /// What it may do.
    pub commands: Commands,
}

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commands {
    /// Everything: natsops itself.
    All,
    /// What a replica needs.
    Replication,
    /// What a service needs.
    Service,
}

/// The users of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisUsers(Vec<RedisUser>);

impl Commands {
    /// The rules, as Redis writes them.
    pub fn rules(self) -> String {
        let only = |commands: &[&str]| format!("-@all +{}", commands.join(" +"));
        match self {
            Self::All => "+@all".to_owned(),
            Self::Replication => only(&["ping", "psync", "replconf"]),
            Self::Service => only(&SERVICE_COMMANDS),
        }
    }

    /// What they are called.
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "every command",
            Self::Replication => "the commands of a replica",
            Self::Service => "the commands of a service",
        }
    }
}

impl RedisUser {
    /// natsops itself.
    pub fn own(password: String) -> Self {
        Self {
            name: OWN_ROLE.to_owned(),
            passwords: vec![password],
            keys: vec!["~*".to_owned()],
            commands: Commands::All,
        }
    }

    /// The replicas.
    pub fn replication(password: String) -> Self {
        Self {
            name: REPLICATION_USER.to_owned(),
            passwords: vec![password],
            keys: Vec::new(),
            commands: Commands::Replication,
        }
    }

    /// A service.
    pub fn service(service: &Service, password: String) -> Self {
        let keys = service.caches.iter().map(KeyPattern::as_str);
        Self {
            name: service.name.to_string(),
            passwords: vec![password],
            keys: keys.map(|key| format!("~{key}")).collect(),
            commands: Commands::Service,
        }
    }

    /// The same with another password that lets it in, if there is one.
    #[must_use]
    pub fn and(mut self, password: Option<String>) -> Self {
        self.passwords.extend(password);
        self
    }

    fn rules(&self) -> String {
        let mut words = vec!["on".to_owned()];
        words.extend(self.passwords.iter().map(|password| format!("#{password}")));
        words.extend(self.keys.iter().cloned());
        let channels = if self.commands == Commands::All { "&*" } else { "resetchannels" };
        words.push(channels.to_owned());
        words.push(self.commands.rules());
        words.join(" ")
    }
}

impl RedisUsers {
    /// These users.
    pub fn new(users: Vec<RedisUser>) -> Self {
        Self(users)
    }

    /// The users.
    pub fn iter(&self) -> impl Iterator<Item = &RedisUser> {
        self.0.iter()
    }

    /// What a server that has read these users calls its pattern user, without the beginning.
    pub fn mark(&self) -> String {
        let lines = self.0.iter().map(|user| format!("{} {}\n", user.name, user.rules()));
        let text: String = lines.chain([Commands::Service.rules()]).collect();
        users_digest(&text)["sha256:".len()..][..12].to_owned()
    }

    /// The file.
    pub fn file(&self) -> Result<String, RenderError> {
        let pattern = format!(
            "{PATTERN_USER}{} off resetchannels {}",
            self.mark(),
            Commands::Service.rules()
        );
        let lines = self.0.iter().map(|user| format!("{} {}", user.name, user.rules()));
        let lines: Vec<String> = lines.chain([pattern]).collect();
        render("users.acl", context! { lines })
    }
}

/// What a service may do in the cache, as ElastiCache takes it: without a password, which it keeps apart.
pub fn cache_access(service: &Service) -> String {
    let keys = service.caches.iter().map(|key| format!("~{}", key.as_str()));
    let mut words = vec!["on".to_owned()];
    words.extend(keys);
    words.push("resetchannels".to_owned());
    words.push(Commands::Service.rules());
    words.join(" ")
}

/// A digest of a file of users.
pub fn users_digest(text: &str) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_digests_and_one_user_that_nobody_is() {
        let users = RedisUsers::new(vec![RedisUser::own("ab".repeat(32))]);
        let file = users.file().unwrap();
        let lines: Vec<&str> = file.trim().lines().collect();
        assert_eq!(lines[0], "user default off resetchannels -@all");
        assert_eq!(lines[1], format!("user natsops on #{} ~* &* +@all", "ab".repeat(32)));
        assert!(lines[2].starts_with(&format!("user natsops-services-{} off ", users.mark())));
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn another_password_is_another_mark() {
        let mark = |password: &str| RedisUsers::new(vec![RedisUser::own(password.into())]).mark();
        assert_ne!(mark("aa"), mark("bb"));
    }
}
