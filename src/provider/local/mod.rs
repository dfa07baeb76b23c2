//! Nodes as processes of this machine, each with a loopback address and a folder of its own.

mod address;
mod edge;
mod folder;
mod process;
mod program;
mod redis;
mod shell;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use address::network;
pub use edge::LocalEdge;
pub use folder::NodeFolder;
use jiff::Timestamp;
pub use process::NodeProcess;
pub use program::Program;
pub use redis::{RedisSource, RedisSupply};
pub use shell::LocalShell;

use super::{CONFIG_FILE, DATA, PROCESS, Provider, ProviderError, SETTING, on_change};
use crate::artifacts::{Bundle, lint_bundle};
use crate::model::{Cluster, Node, NodeName};
use crate::plan::{Action, ActionKind, Effect, Kind, OnChange, Record, RecordId};
use crate::render::ConfigTree;

/// How long a server may take from its start to its first answer.
const START: Duration = Duration::from_secs(60);

/// How long the ports of a process outlive it at most.
const LINGERING: Duration = Duration::from_secs(1);

/// What a server needs beyond its lame duck period to be gone.
const STOP_MARGIN: Duration = Duration::from_secs(10);

/// Puts a node's folder together when it is needed, since that opens a key.
pub type BundleSource<'a> = dyn Fn(&Node) -> Result<Bundle, String> + Send + Sync + 'a;

/// Provides nodes as local processes.
pub struct LocalProvider<'a> {
    cluster: &'a Cluster,
    /// The folder that holds the nodes' folders.
    state: PathBuf,
    /// The nats-server program.
    server: PathBuf,
    bundles: Box<BundleSource<'a>>,
    redis: RedisSupply<'a>,
}

impl<'a> LocalProvider<'a> {
    /// A provider whose nodes live under `state` and run `server`.
    pub fn new(
        cluster: &'a Cluster,
        state: PathBuf,
        server: PathBuf,
        bundles: Box<BundleSource<'a>>,
        redis: RedisSupply<'a>,
    ) -> Self {
        Self { cluster, state, server, bundles, redis }
    }

    fn folder(&self, node: &NodeName) -> NodeFolder {
        NodeFolder::new(self.state.join(node.as_str()))
    }

    /// The folder of the leafnode servers that checks start.
    fn edges(&self) -> PathBuf {
        self.state.with_file_name("edges")
    }

    fn node(&self, action: &Action) -> Result<&'a Node, ProviderError> {
        let node = self.cluster.nodes.iter().find(|node| node.name.as_str() == action.id.name);
        node.ok_or_else(|| ProviderError::Bundle(format!("{} is not a node", action.id)))
    }

    fn look(&self, node: &Node) -> Result<Option<Record>, ProviderError> {
        let folder = self.folder(&node.name);
        if !folder.exists() {
            return Ok(None);
        }
        let process = NodeProcess::find(&folder)?;
        let state = if process.is_some() { "running" } else { "stopped" };
        let data = if folder.has_data() { "present" } else { "empty" };
        let mut record = Record::new(RecordId::new(Kind::Node, &node.name))
            .field(PROCESS, state, OnChange::Restart)
            .field(DATA, data, OnChange::Restart);
        let config = folder.config().and_then(|text| ConfigTree::parse(&text).ok());
        record = match config {
            Some(tree) => {
                let settings: BTreeMap<String, String> = tree.settings();
                settings.into_iter().fold(
                    record.field(CONFIG_FILE, tree.digest(), OnChange::InPlace).complete(),
                    |record, (name, value)| {
                        record.field(&format!("{SETTING}{name}"), value, on_change(&name))
                    },
                )
            }
            None => record.field(CONFIG_FILE, "missing or not ours", OnChange::InPlace),
        };
        Ok(Some(record))
    }

    fn write(&self, node: &Node) -> Result<NodeFolder, ProviderError> {
        let folder = self.folder(&node.name);
        let bundle = (self.bundles)(node).map_err(ProviderError::Bundle)?;
        flawless(node, &bundle)?;
        folder.write(&bundle)?;
        Ok(folder)
    }

    /// The server's own opinion of a configuration, before anything is stopped for it.
    async fn check(&self, node: &Node, folder: &NodeFolder) -> Result<(), ProviderError> {
        let output = tokio::process::Command::new(&self.server)
            .args(["-t", "-c", "nats.conf"])
            .current_dir(folder.path())
            .output()
            .await?;
        if output.status.success() {
            return Ok(());
        }
        Err(ProviderError::Refused {
            node: node.name.to_string(),
            reason: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    async fn start(&self, node: &Node, folder: &NodeFolder) -> Result<(), ProviderError> {
        let ports = &self.cluster.ports;
        let all = [ports.client, ports.cluster, ports.leafnode, ports.monitor];
        addresses_are_free(&node.name, node.address, &all).await?;
        let log = folder.log_length();
        let process = NodeProcess::start(&self.server, folder)?;
        let monitor = SocketAddr::from((node.address, ports.monitor));
        wait_for_door(&node.name, folder, (&process, log), monitor).await
    }

    /// How long a server may take to leave.
    fn patience(&self) -> Duration {
        self.cluster.lame_duck.duration.duration() + STOP_MARGIN
    }
}

/// Asks a server to leave in order, so that clients and leaders can move on; force only when it does not go within `patience`.
async fn stop(folder: &NodeFolder, patience: Duration) -> Result<(), ProviderError> {
    let Some(process) = NodeProcess::find(folder)? else {
        return Ok(());
    };
    process.farewell()?;
    if process.gone_within(patience).await {
        return Ok(());
    }
    process.kill()?;
    if process.gone_within(STOP_MARGIN).await {
        return Ok(());
    }
    Err(ProviderError::Late {
        what: format!("the end of process {}", process.pid()),
        seconds: STOP_MARGIN.as_secs(),
    })
}

/// Waits until a server that was just started answers at `door`.
async fn wait_for_door(
    node: &NodeName,
    folder: &NodeFolder,
    (process, log): (&NodeProcess, u64),
    door: SocketAddr,
) -> Result<(), ProviderError> {
    let begin = Instant::now();
    while tokio::net::TcpStream::connect(door).await.is_err() {
        if !process.is_alive() {
            let reason = folder.last_words(log);
            return Err(ProviderError::Died { node: node.to_string(), reason });
        }
        if begin.elapsed() > START {
            return Err(ProviderError::Late {
                what: format!("the start of {node}"),
                seconds: START.as_secs(),
            });
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Another program on the same address would answer in the server's place.
///
/// A process that has just ended may hold its ports for a moment longer, while its last threads go.
async fn addresses_are_free(
    node: &NodeName,
    address: Ipv4Addr,
    ports: &[u16],
) -> Result<(), ProviderError> {
    let begin = Instant::now();
    for port in ports {
        let address = SocketAddr::from((address, *port));
        while let Err(error) = std::net::TcpListener::bind(address) {
            if begin.elapsed() > LINGERING {
                let (node, address) = (node.to_string(), address.to_string());
                return Err(ProviderError::Taken { node, address, reason: error.to_string() });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}

/// Refuses what a server would accept and then run otherwise than it says.
fn flawless(node: &Node, bundle: &Bundle) -> Result<(), ProviderError> {
    let refused = |reason: String| ProviderError::Refused { node: node.name.to_string(), reason };
    let findings =
        lint_bundle(bundle, Timestamp::now()).map_err(|error| refused(error.to_string()))?;
    findings.first().map_or(Ok(()), |finding| Err(refused(finding.to_string())))
}

impl Provider for LocalProvider<'_> {
    type Edge = LocalEdge;

    async fn start_edge(&self, bundle: &Bundle) -> Result<LocalEdge, ProviderError> {
        LocalEdge::start(&self.edges(), &self.server, bundle).await
    }

    async fn observe(&self) -> Result<Vec<Record>, ProviderError> {
        let looked = self.cluster.nodes.iter().map(|node| self.look(node));
        Ok(looked.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    fn is_pristine(&self) -> bool {
        !self.cluster.nodes.iter().any(|node| self.folder(&node.name).has_data())
    }

    async fn observe_cache(&self) -> Result<Vec<Record>, ProviderError> {
        self.observe_redis()
    }

    async fn perform(&self, action: &Action) -> Result<(), ProviderError> {
        if action.id.kind == Kind::RedisNode {
            return self.perform_redis(action).await;
        }
        let node = self.node(action)?;
        if action.action == ActionKind::Delete {
            LocalEdge::clear(&self.edges())?;
            return stop(&self.folder(&node.name), self.patience()).await;
        }
        let folder = self.write(node)?;
        match action.effect {
            Effect::Start | Effect::RollingRestart => {
                self.check(node, &folder).await?;
                stop(&folder, self.patience()).await?;
                self.start(node, &folder).await
            }
            Effect::Reload => self.check(node, &folder).await,
            _ => Ok(()),
        }
    }
}
