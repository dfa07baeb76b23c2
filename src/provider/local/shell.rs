//! The node shell of this machine: a node is a process, and its log a file.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{NodeFolder, NodeProcess, STOP_MARGIN, stop};
use crate::model::{Cluster, NodeName};
use crate::render::ConfigTree;
use crate::shell::{NodeShell, Operation, RunId, ShellError, ShellOutput};

/// How long a server may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(5);

/// Operates nodes that are processes of this machine.
pub struct LocalShell<'a> {
    cluster: &'a Cluster,
    /// The folder that holds the nodes' folders.
    state: PathBuf,
}

impl<'a> LocalShell<'a> {
    /// The shell of a cluster whose nodes live under `state`.
    pub fn new(cluster: &'a Cluster, state: PathBuf) -> Self {
        Self { cluster, state }
    }

    /// What `natsops-node status` tells, as far as it makes sense here.
    async fn status(&self, node: &NodeName, folder: &NodeFolder) -> Result<String, ShellError> {
        let process = NodeProcess::find(folder)?;
        let config = folder.config().and_then(|text| ConfigTree::parse(&text).ok());
        let disk = rustix::fs::statvfs(folder.path()).ok();
        let used = disk.map(|disk| 100 - 100 * disk.f_bavail / disk.f_blocks.max(1));
        let value = serde_json::json!({
            "node": node,
            "generation": config.map(|tree| tree.digest()),
            "service": if process.is_some() { "active" } else { "inactive" },
            "pid": process.map_or(0, |process| process.pid()),
            "health": self.health(node).await,
            "disk_used_percent": used,
        });
        Ok(value.to_string())
    }

    /// The words of `/healthz`; none where nobody answers.
    async fn health(&self, node: &NodeName) -> Option<String> {
        let node = self.cluster.nodes.iter().find(|known| known.name == *node)?;
        let address = SocketAddr::from((node.address, self.cluster.ports.monitor));
        let asked = async {
            let mut stream = TcpStream::connect(address).await.ok()?;
            stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            Some(answer.split_once("\r\n\r\n")?.1.trim().to_owned())
        };
        tokio::time::timeout(PATIENCE, asked).await.ok().flatten()
    }
}

impl NodeShell for LocalShell<'_> {
    /// Generations are a matter of machines: here the folder of a node is written from the files each time.
    fn is_sensible(&self, operation: &Operation) -> Result<(), ShellError> {
        let environment = &self.cluster.environment;
        let (reason, next) = match operation {
            Operation::Apply { .. } | Operation::Boot => (
                "a node of this machine takes what is meant from an apply",
                format!("natsops apply {environment}"),
            ),
            Operation::Rollback(_) => (
                "a node of this machine keeps no generation before",
                format!("bring the files back to what they were, then natsops apply {environment}"),
            ),
            Operation::Drain | Operation::Status | Operation::Logs(_) => return Ok(()),
        };
        Err(ShellError::Senseless { reason: reason.to_owned(), next })
    }

    async fn execute(
        &self,
        node: &NodeName,
        operation: &Operation,
        _: &RunId,
    ) -> Result<ShellOutput, ShellError> {
        let folder = NodeFolder::new(self.state.join(node.as_str()));
        if !folder.exists() {
            return Err(ShellError::NoMachine { node: node.to_string() });
        }
        let stdout = match operation {
            Operation::Status => self.status(node, &folder).await?,
            Operation::Logs(lines) => {
                let text = fs_err::read(folder.log())?;
                let text = String::from_utf8_lossy(&text);
                let all: Vec<&str> = text.lines().collect();
                all[all.len().saturating_sub(*lines)..].join("\n")
            }
            Operation::Drain => {
                let patience = self.cluster.lame_duck.duration.duration() + STOP_MARGIN;
                stop(&folder, patience)
                    .await
                    .map_err(|error| ShellError::Remote(Box::new(error)))?;
                String::new()
            }
            Operation::Apply { .. } | Operation::Boot | Operation::Rollback(_) => {
                self.is_sensible(operation)?;
                String::new()
            }
        };
        Ok(ShellOutput { stdout, ..ShellOutput::default() })
    }
}
