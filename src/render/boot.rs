//! `boot.sh`, a machine's user data, from `templates/boot.sh.j2`. It holds no secret: the machine's role opens its bundle.

use minijinja::context;

use super::templates::{RenderError, render};
use crate::model::{Cluster, Node, Period};

/// A server that leaves needs its lame duck, and a little to close its files.
const BEYOND_LAME_DUCK: Period = Period::seconds(30);

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
    let stop = cluster.lame_duck.duration.duration() + BEYOND_LAME_DUCK.duration();
    render(
        "boot.sh",
        context! {
            environment => cluster.environment.as_str(),
            node => node.name.as_str(),
            bucket => places.bucket,
            region => places.region,
            volume => places.volume,
            stop_seconds => stop.as_secs(),
        },
    )
}
