//! A leafnode server of a check: started in a folder of its own, and gone with it.
//!
//! Each run holds a lock in its folder. A folder whose lock is free belongs to a run that has died: what still runs in
//! it is stopped, and the folder removed, before the next one starts.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{NodeFolder, NodeProcess};
use crate::artifacts::Bundle;
use crate::provider::{Edge, ProviderError};
use crate::secrets::private_folder;

/// How long a server may take from its start to its first answer.
const START: Duration = Duration::from_secs(60);

/// How long a server may take to be gone when it is killed.
const END: Duration = Duration::from_secs(2);

const PAUSE: Duration = Duration::from_millis(5);

/// The lock of a run in its folder, and that of a moment in the folder of all runs.
const LOCK: &str = "lock";

/// A leafnode server of this machine.
pub struct LocalEdge {
    folder: PathBuf,
    process: Option<NodeProcess>,
    clients: SocketAddr,
    /// Held as long as the server may run.
    _lock: File,
}

impl LocalEdge {
    /// Starts one under `edges`, the folder of all of them.
    pub async fn start(
        edges: &Path,
        server: &Path,
        bundle: &Bundle,
    ) -> Result<Self, ProviderError> {
        if !server.is_file() {
            let what = "there is no nats-server of the cluster's version to start a leafnode with";
            return Err(ProviderError::Tool(what.to_owned()));
        }
        let (path, lock) = make_folder(edges)?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut edge = Self { folder: path, process: None, clients: nowhere, _lock: lock };
        let folder = NodeFolder::new(edge.folder.clone());
        folder.write(bundle)?;
        let process = NodeProcess::start(server, &folder)?;
        edge.process = Some(process);
        edge.clients = edge.address(&folder).await?;
        Ok(edge)
    }

    /// Stops and removes what dead runs have left.
    pub fn clear(edges: &Path) -> std::io::Result<()> {
        if !edges.is_dir() {
            return Ok(());
        }
        let _moment = moment(edges)?;
        sweep(edges)
    }

    /// Waits until the server has told its port.
    async fn address(&self, folder: &NodeFolder) -> Result<SocketAddr, ProviderError> {
        let begin = Instant::now();
        loop {
            if let Some(address) = told_port(&self.folder) {
                return Ok(address);
            }
            let alive = self.process.as_ref().is_some_and(NodeProcess::is_alive);
            let node = "the leafnode server of the check".to_owned();
            if !alive {
                return Err(ProviderError::Died { node, reason: folder.last_words(0) });
            }
            if begin.elapsed() > START {
                let what = format!("the start of {node}");
                return Err(ProviderError::Late { what, seconds: START.as_secs() });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Edge for LocalEdge {
    fn clients(&self) -> SocketAddr {
        self.clients
    }
}

impl Drop for LocalEdge {
    fn drop(&mut self) {
        // What can't be removed now is removed by the next run, which finds the lock free.
        remove(&self.folder, self.process.as_ref()).ok();
    }
}

/// What a server writes of its ports when it listens.
#[derive(Deserialize)]
struct Ports {
    nats: Vec<String>,
}

fn told_port(folder: &Path) -> Option<SocketAddr> {
    let mut files = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let file = files.find(|path| path.extension().is_some_and(|end| end == "ports"))?;
    let ports: Ports = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    ports.nats.first()?.strip_prefix("nats://")?.parse().ok()
}

/// Removes what dead runs have left, and makes a folder that is locked for this one.
fn make_folder(edges: &Path) -> std::io::Result<(PathBuf, File)> {
    private_folder(edges)?;
    let _moment = moment(edges)?;
    sweep(edges)?;
    let path = tempfile::Builder::new().prefix("check-").tempdir_in(edges)?.keep();
    let lock = File::create(path.join(LOCK))?;
    lock.lock()?;
    Ok((path, lock))
}

/// While this is held, nobody else makes or removes a folder, so that none is taken for a dead run's before it is locked.
fn moment(edges: &Path) -> std::io::Result<File> {
    let moment = File::create(edges.join(LOCK))?;
    moment.lock()?;
    Ok(moment)
}

fn sweep(edges: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(edges)? {
        let path = entry?.path();
        let dead = path.is_dir()
            && File::open(path.join(LOCK)).map_or(true, |lock| lock.try_lock().is_ok());
        if dead {
            let process = NodeProcess::find(&NodeFolder::new(path.clone()))?;
            remove(&path, process.as_ref())?;
        }
    }
    Ok(())
}

/// Ends a server and removes its folder. It stores nothing and serves nobody, so that force harms nothing.
fn remove(folder: &Path, process: Option<&NodeProcess>) -> std::io::Result<()> {
    if let Some(process) = process {
        process.kill()?;
        let begin = Instant::now();
        while process.is_alive() && begin.elapsed() < END {
            std::thread::sleep(PAUSE);
        }
    }
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_run_has_left_is_removed_and_what_a_live_one_holds_is_not() {
        let edges = tempfile::tempdir().unwrap();
        let (dead, lock) = make_folder(edges.path()).unwrap();
        drop(lock);
        let (live, _lock) = make_folder(edges.path()).unwrap();
        assert!(!dead.exists());
        let (_, _other) = make_folder(edges.path()).unwrap();
        assert!(live.exists());
    }

    #[test]
    fn a_port_is_known_when_the_server_has_written_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(told_port(folder.path()), None);
        let file = folder.path().join("nats-server_1.ports");
        std::fs::write(&file, "{\"nats\": [\"nats://127.0").unwrap();
        assert_eq!(told_port(folder.path()), None);
        std::fs::write(&file, "{\"nats\": [\"nats://127.0.0.1:4321\"]}").unwrap();
        assert_eq!(told_port(folder.path()), Some("127.0.0.1:4321".parse().unwrap()));
    }
}
