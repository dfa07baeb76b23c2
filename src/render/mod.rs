//! Model to files: one file here per produced file.

mod boot;
mod client;
mod config_tree;
mod leafnode_config;
mod lint;
mod redis_config;
mod redis_seen;
mod redis_users;
mod server_config;
mod templates;

pub use boot::{BootPlaces, LOG_BYTES, NodeTool, boot_script, node_tool};
pub use client::{environment_script, nats_context, nats_context_of};
pub use config_tree::{ConfigError, ConfigTree};
pub use leafnode_config::{LeafnodeServer, Link, Papers, leafnode_config};
pub use lint::{CONFIG_LINTS, ConfigText, Finding, Surroundings, lint_config};
pub use redis_config::{REPLICATION_USER, RedisIdentity, RedisSettings, TLS_FILES, redis_config};
pub use redis_seen::{SeenUsers, grants};
pub use redis_users::{Commands, PATTERN_USER, RedisUser, RedisUsers, cache_access, users_digest};
pub use server_config::{ServerIdentity, server_config};
pub use templates::RenderError;

/// The tag that carries a node's zone.
pub const ZONE_TAG: &str = "az:";
