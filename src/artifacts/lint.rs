//! The last look at a node's folder before a server sees it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Bundle, Content};
use crate::render::{ConfigError, ConfigText, Finding, Surroundings, lint_config};

/// Finds what is wrong with a node's folder that `nats-server -t` would let through.
///
/// Only what the folder itself says is looked at: the machine's disk is another matter.
pub fn lint_bundle(bundle: &Bundle, now: Timestamp) -> Result<Vec<Finding>, ConfigError> {
    let mut public = BTreeMap::new();
    for file in &bundle.files {
        if let Content::Public(text) = &file.content {
            public.insert(file.path.clone(), Ok(text.clone()));
        }
    }
    let config = match public.remove("nats.conf") {
        Some(Ok(config)) => config,
        _ => String::new(),
    };
    let around = Surroundings { certificates: public, disk: None, store_problem: None, now };
    Ok(lint_config(&ConfigText::parse(&config)?, &around))
}
