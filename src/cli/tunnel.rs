//! A way to a node's client port from outside of its network: a session of Systems Manager, for as long as a tool runs.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anstream::eprintln;

use super::cloud::Cloud;
use super::context::block_on;
use super::failure::Failure;
use super::{exit, paint};
use crate::model::Cluster;
use crate::provider::aws::{Plugin, Purpose, Session};

/// How long a session may take until it leads to a server.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a server may take to greet.
const GREETING: Duration = Duration::from_secs(2);
/// How often is looked.
const PAUSE: Duration = Duration::from_millis(200);

/// A port of this machine that leads to a node.
pub struct Tunnel {
    cloud: Cloud,
    session: Session,
    plugin: Child,
    port: u16,
}

impl Tunnel {
    /// Opens it, to the first node whose machine runs and can be asked.
    pub fn open(cloud: Cloud) -> Result<Self, Failure> {
        let program = plugin(&cloud)?;
        let port = free_port()?;
        let (node, session) = begin(&cloud, port)?;
        let mut command = program.join(&session);
        // What it says is no output of the tool; and Ctrl-C is for the tool alone.
        command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
        let plugin = match command.spawn() {
            Ok(plugin) => plugin,
            Err(error) => {
                end(&cloud, &session)?;
                return Err(error.into());
            }
        };
        let mut tunnel = Self { cloud, session, plugin, port };
        if let Err(failure) = tunnel.wait() {
            tunnel.close();
            return Err(failure);
        }
        eprintln!("{} through a session of Systems Manager to {node}", paint::bold("way in:"));
        Ok(tunnel)
    }

    /// Where clients connect. The certificate of every node holds this name.
    pub fn url(&self) -> String {
        format!("tls://localhost:{}", self.port)
    }

    /// Waits until a server greets at the other end.
    fn wait(&mut self) -> Result<(), Failure> {
        let begin = Instant::now();
        while !greets(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))) {
            let ended = self.plugin.try_wait()?;
            if ended.is_some() || begin.elapsed() > PATIENCE {
                let what = match ended {
                    Some(status) => format!("session-manager-plugin ended: {status}"),
                    None => format!(
                        "no server greets through the session within {} s",
                        PATIENCE.as_secs()
                    ),
                };
                let environment = &self.cloud.cluster.environment;
                return Err(Failure::new(exit::FAILED, what)
                    .safe("nothing was changed")
                    .next(format!("natsops status {environment}")));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Ends the session. One that can't be ended is told, and ends by itself when nobody uses it.
    pub fn close(mut self) {
        if let Err(failure) = end(&self.cloud, &self.session) {
            eprintln!("{} session {}: {}", paint::change("left:"), self.session.id, failure.what);
        }
        // It may have ended with its session.
        self.plugin.kill().ok();
        self.plugin.wait().ok();
    }
}

/// AWS's plugin, or what to do without it.
fn plugin(cloud: &Cloud) -> Result<Plugin, Failure> {
    let environment = &cloud.cluster.environment;
    Plugin::find().map_err(|reason| {
        let what = format!("the servers of {environment} can't be reached from here, and {reason}");
        Failure::new(exit::FAILED, what).safe("nothing was changed").next(
            "install AWS's session-manager-plugin; or run it where the ports 4222 and 8222 are open, as \
             monitoring.allow permits",
        )
    })
}

/// A port that is free now. Whoever takes it in the meantime does not greet as a server with our authority.
fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Begins a session with the first machine that can.
fn begin(cloud: &Cloud, local: u16) -> Result<(String, Session), Failure> {
    let (nodes, remote) = (&cloud.cluster.nodes, cloud.cluster.ports.client);
    block_on(async |_| {
        let platform = cloud.provider().await?;
        let mut refusal = None;
        for (node, machine) in platform.machines(&[]).await? {
            let known = nodes.iter().find(|known| known.name.as_str() == node);
            let Some(known) = known.filter(|_| machine.state == "running") else {
                continue;
            };
            let purpose = Purpose::Port { local, host: known.address, remote };
            match platform.begin_session(&machine, purpose).await {
                Ok(session) => return Ok((node, session)),
                Err(error) if error.is("TargetNotConnected") => refusal = Some(error),
                Err(error) => return Err(permitted(cloud, error.into())),
            }
        }
        let environment = &cloud.cluster.environment;
        let why = refusal.map(|error| format!(": {error}")).unwrap_or_default();
        let what = format!("no machine of {environment} can be reached by a session{why}");
        let next = format!("natsops status {environment}");
        Err(Failure::new(exit::FAILED, what).safe("nothing was changed").next(next))
    })
}

/// The same failure; whoever lacks a right learns which policy has it.
pub fn permitted(cloud: &Cloud, failure: Failure) -> Failure {
    match failure.code {
        exit::PERMISSION => {
            failure.next(format!("natsops policy {} operate", cloud.cluster.environment))
        }
        _ => failure,
    }
}

/// Ends a session.
pub fn end(cloud: &Cloud, session: &Session) -> Result<(), Failure> {
    block_on(async |_| Ok(cloud.provider().await?.end_session(session).await?))
}

/// Whether a server greets at the client port of any node. An open door is not enough: some networks answer for every
/// address.
pub fn is_direct(cluster: &Cluster) -> bool {
    let doors = cluster.nodes.iter();
    let doors: Vec<_> =
        doors.map(|node| SocketAddr::from((node.address, cluster.ports.client))).collect();
    std::thread::scope(|scope| {
        let greeted = doors.into_iter().map(|door| scope.spawn(move || greets(door)));
        let greeted: Vec<_> = greeted.collect();
        greeted.into_iter().any(|greeted| greeted.join().unwrap_or(false))
    })
}

/// Whether a server of NATS speaks there.
fn greets(door: SocketAddr) -> bool {
    let Ok(stream) = TcpStream::connect_timeout(&door, GREETING) else {
        return false;
    };
    let mut line = String::new();
    stream.set_read_timeout(Some(GREETING)).is_ok()
        && BufReader::new(stream).read_line(&mut line).is_ok()
        && line.starts_with("INFO ")
}
