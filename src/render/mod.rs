//! Model to files: one file here per produced file.

mod client;
mod config_tree;
mod leafnode_config;
mod lint;
mod server_config;

pub use client::{environment_script, nats_context};
pub use config_tree::{ConfigError, ConfigTree};
pub use leafnode_config::{LeafnodeServer, Link, Papers, leafnode_config};
pub use lint::{CONFIG_LINTS, ConfigText, Finding, Surroundings, lint_config};
pub use server_config::{RenderError, ServerIdentity, server_config};

/// The tag that carries a node's zone.
pub const ZONE_TAG: &str = "az:";
