//! What a machine boots with: `boot.sh`, its user data, and `natsops-node`, the tool that the user data fetches.
//!
//! Neither holds a secret: the machine's role opens its bundle. User data can't be changed while a machine runs and holds
//! 16 KB at most, so it only fetches the tool, and trusts it by its checksum.

use data_encoding::HEXLOWER;
use minijinja::context;
use sha2::{Digest as _, Sha256};

use super::templates::{RenderError, render};
use crate::model::{Cluster, Node, Period};

/// A server that leaves needs its lame duck, and a little to close its files.
const BEYOND_LAME_DUCK: Period = Period::seconds(30);

/// As much of a log as a machine tells at once: Systems Manager keeps the first 24,000 characters of what is said.
pub const LOG_BYTES: usize = 23_000;

/// Where a machine finds what is its own.
#[derive(Debug, Clone)]
pub struct BootPlaces<'a> {
    /// The bucket of the environment.
    pub bucket: &'a str,
    /// The region.
    pub region: &'a str,
    /// The id of its data volume.
    pub volume: &'a str,
}

/// Renders the script that a machine runs at its first start.
pub fn boot_script(
    cluster: &Cluster,
    node: &Node,
    places: &BootPlaces<'_>,
) -> Result<String, RenderError> {
    render(
        "boot.sh",
        context! {
            environment => cluster.environment.as_str(),
            node => node.name.as_str(),
            bucket => places.bucket,
            region => places.region,
            volume => places.volume,
            tool => node_tool(cluster)?.print,
        },
    )
}

/// The node tool of an environment.
#[derive(Debug, Clone)]
pub struct NodeTool {
    /// The script.
    pub text: String,
    /// Its SHA-256, by which machines know it.
    pub print: String,
}

/// Renders the tool that operates a node on its machine; it is the same for every node.
pub fn node_tool(cluster: &Cluster) -> Result<NodeTool, RenderError> {
    let stop = cluster.lame_duck.duration.duration() + BEYOND_LAME_DUCK.duration();
    let text = render(
        "natsops-node.sh",
        context! {
            environment => cluster.environment.as_str(),
            stop_seconds => stop.as_secs(),
            log_bytes => LOG_BYTES,
        },
    )?;
    Ok(NodeTool { print: HEXLOWER.encode(&Sha256::digest(&text)), text })
}
