//! Named checks, each printed with its figure: the proof at the end of an apply, and `doctor`.
//!
//! A check looks at the running cluster as a client, a stranger or an operator would, never at our own files.

mod borders;
mod cache;
mod doors;
mod grants;
mod grouped;
mod health;
mod leafnodes;
mod neighbours;
mod replicas;
mod route;

use std::time::{Duration, Instant};

use serde::Serialize;

use super::execute::StopSign;
use super::gate::{self, NodeHealth, SILENT};
use super::{Event, OpsError, Site, quorum};
use crate::model::Node;
use crate::nats::Access;
use crate::provider::Provider;
use crate::secrets::Index;

/// The outcome of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The check's name.
    pub check: &'static str,
    /// Whether it passed.
    pub passed: bool,
    /// What was found, with its figure.
    pub finding: String,
    /// Where to look when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look: Option<String>,
    /// The way back, step by step, where there is more than one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
}

/// The outcomes of all checks.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// One for each check, in their order.
    pub checks: Vec<Outcome>,
}

impl Report {
    /// The checks that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = self.checks.iter().filter(|outcome| !outcome.passed);
        failed.map(|outcome| outcome.check).collect()
    }
}

/// What a check found: the figure, or what is wrong and where to look.
type Finding = Result<String, (String, String)>;

/// What every check may use.
struct Scene<'s, 'a, P> {
    site: &'s Site<'a, P>,
    index: &'s Index,
    access: Access,
    nodes: Vec<NodeHealth>,
}

impl<'a, P> Scene<'_, 'a, P> {
    /// Every node, with the reason why its doors can't be tried, if there is one.
    fn doors(&self) -> impl Iterator<Item = (&'a Node, Option<String>)> {
        self.site.cluster.nodes.iter().zip(&self.nodes).map(|(node, health)| {
            let gone = health.varz.is_none().then(|| health.problem.clone());
            (node, gone.map(|problem| problem.unwrap_or_else(|| SILENT.to_owned())))
        })
    }
}

/// Runs every check, and tells each outcome. Fails when one of them did.
pub async fn run<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    stop: &StopSign,
) -> Result<Report, OpsError> {
    let report = examine(site, index, stop).await?;
    let failed = report.failed();
    if failed.is_empty() {
        return Ok(report);
    }
    let (count, all) = (failed.len(), report.checks.len());
    Err(OpsError::Checks(format!("{count} of {all} checks failed: {}", failed.join(", "))))
}

/// How long a node that answers may be unwell, as under load, before that counts.
const MOMENT: Duration = Duration::from_secs(5);

/// How often is looked.
const PAUSE: Duration = Duration::from_millis(200);

/// The nodes, looked at again for a moment while one that answers is unwell. A silent one is not waited for.
async fn settled<P: Provider>(site: &Site<'_, P>) -> Vec<NodeHealth> {
    let begin = Instant::now();
    loop {
        let nodes = gate::look(site).await;
        let unwell = nodes.iter().any(|node| node.problem.is_some() && node.varz.is_some());
        if !unwell || begin.elapsed() > MOMENT {
            return nodes;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Runs every check, and tells each outcome.
pub async fn examine<P: Provider>(
    site: &Site<'_, P>,
    index: &Index,
    stop: &StopSign,
) -> Result<Report, OpsError> {
    let scene = Scene { site, index, access: site.access(index)?, nodes: settled(site).await };
    let mut report = Report::default();
    let (lost, environment) = (quorum::lost(&scene.nodes), site.cluster.environment.as_str());
    let mut add = |check: &'static str, finding: Finding| {
        let passed = finding.is_ok();
        let (finding, look) = match finding {
            Ok(finding) => (finding, None),
            Err((finding, look)) => (finding, Some(look)),
        };
        let steps = match (check, lost) {
            ("meta-group", Some(lost)) => quorum::drill(environment, lost),
            _ => Vec::new(),
        };
        let outcome = Outcome { check, passed, finding, look, steps };
        site.reporter.event(&Event::Check(&outcome));
        report.checks.push(outcome);
    };
    add("nodes-healthy", health::nodes(&scene));
    add("meta-group", health::meta(&scene));
    add("routes-encrypted", doors::plain_route(&scene).await);
    add("clients-encrypted", doors::plain_client(&scene).await);
    add("client-certificate", doors::no_certificate(&scene).await);
    add("client-creds", doors::no_creds(&scene).await);
    add("leafnode-doors", leafnodes::doors(&scene).await);
    stop.heed()?;
    add("leafnode-passes", leafnodes::passes(&scene).await);
    add("grants", grants::grants(&scene).await);
    add("borders", borders::borders(&scene).await);
    add("stream-replicas", replicas::replicas(&scene).await);
    cache::run(&scene, add).await;
    Ok(report)
}
