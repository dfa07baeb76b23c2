//! Ways through a server's door: with everything that it asks for, or without some of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::model::{NodeName, Redis, RedisNode};
use crate::secrets::Secret;

/// How long a server may take to let somebody in, or to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long a bus has to hang up on a message in the clear. One that does not encrypt waits for the rest of it for ever.
const SILENCE: Duration = TIMEOUT;

/// An open connection; clones share it.
pub type Connection = redis::aio::MultiplexedConnection;

/// What somebody shows at the door.
#[derive(Clone, Default)]
pub struct Pass {
    /// The certificate and whom it trusts; none speaks in the clear.
    pub tls: Option<Arc<ClientConfig>>,
    /// A user with its password.
    pub user: Option<(String, Secret<String>)>,
}

/// Why a server did not do it.
#[derive(Debug, thiserror::Error)]
pub enum RedisFailure {
    /// Nobody is there, or nobody answers.
    #[error("{0} does not answer: {1}")]
    Silent(SocketAddr, String),
    /// It is there, and does not let this one in.
    #[error("{0} lets nobody in: {1}")]
    Shut(SocketAddr, String),
    /// It refuses a command, or answers in a way that makes no sense.
    #[error("{0}")]
    Refused(String),
}

impl From<RedisError> for RedisFailure {
    fn from(error: RedisError) -> Self {
        Self::Refused(error.to_string())
    }
}

/// Opens a connection, and sees whether the server really talks: with TLS 1.3, a refusal follows the handshake.
pub async fn enter(address: SocketAddr, pass: &Pass) -> Result<Connection, RedisFailure> {
    let late =
        |_| RedisFailure::Silent(address, format!("no answer within {} s", TIMEOUT.as_secs()));
    tokio::time::timeout(TIMEOUT, open(address, pass)).await.map_err(late)?
}

async fn open(address: SocketAddr, pass: &Pass) -> Result<Connection, RedisFailure> {
    let silent = |error: std::io::Error| RedisFailure::Silent(address, error.to_string());
    let shut = |error: &dyn std::fmt::Display| RedisFailure::Shut(address, error.to_string());
    let stream = TcpStream::connect(address).await.map_err(silent)?;
    stream.set_nodelay(true).map_err(silent)?;
    let mut info = RedisConnectionInfo::default().set_skip_set_lib_name();
    if let Some((user, password)) = &pass.user {
        info = info.set_username(user).set_password(password.expose());
    }
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(TIMEOUT));
    let mut connection = match &pass.tls {
        None => start(&info, stream, config).await,
        Some(tls) => {
            let name = ServerName::from(address.ip());
            let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
            start(&info, stream.map_err(|error| shut(&error))?, config).await
        }
    }
    .map_err(|error| shut(&error))?;
    redis::cmd("PING").exec_async(&mut connection).await.map_err(|error| shut(&error))?;
    Ok(connection)
}

async fn start<S>(
    info: &RedisConnectionInfo,
    stream: S,
    config: AsyncConnectionConfig,
) -> Result<Connection, RedisError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    // The driver carries what is asked and answered; it ends with the last clone of the connection.
    let (connection, driver) = Connection::new_with_config(info, stream, config).await?;
    tokio::spawn(driver);
    Ok(connection)
}

/// Begins a message of the bus in the clear, and tells whether the server waits for the rest of it.
///
/// A bus that encrypts takes it for a broken handshake, and hangs up.
pub async fn bus_answers_in_clear(node: &RedisNode) -> Result<bool, RedisFailure> {
    let address = SocketAddr::from((node.address, Redis::BUS_PORT));
    let silent = |error: std::io::Error| RedisFailure::Silent(address, error.to_string());
    let mut stream = TcpStream::connect(address).await.map_err(silent)?;
    let mut message = b"RCmb".to_vec();
    message.extend(4096_u32.to_be_bytes());
    stream.write_all(&message).await.map_err(silent)?;
    let mut answer = [0; 64];
    Ok(tokio::time::timeout(SILENCE, stream.read(&mut answer)).await.is_err())
}

/// Connections of natsops itself, each made when it is first needed, and made again when it breaks.
pub struct Session {
    pass: Pass,
    /// What it shows where that is refused.
    other: Option<Pass>,
    links: Mutex<BTreeMap<NodeName, Connection>>,
}

impl Session {
    /// A session with natsops' own pass.
    pub fn new(pass: Pass) -> Self {
        Self { pass, other: None, links: Mutex::new(BTreeMap::new()) }
    }

    /// The same, with another pass for where the first is refused: a node may not know natsops' new password yet.
    #[must_use]
    pub fn or(self, other: Option<Pass>) -> Self {
        Self { other, ..self }
    }

    /// What it shows at the door.
    pub fn pass(&self) -> &Pass {
        &self.pass
    }

    /// The connection to a node.
    pub async fn link(&self, node: &RedisNode) -> Result<Connection, RedisFailure> {
        if let Some(connection) = self.links().get(&node.name) {
            return Ok(connection.clone());
        }
        let address = SocketAddr::from((node.address, Redis::PORT));
        let connection = match (enter(address, &self.pass).await, &self.other) {
            (Err(RedisFailure::Shut(..)), Some(other)) => enter(address, other).await?,
            (entered, _) => entered?,
        };
        self.links().insert(node.name.clone(), connection.clone());
        Ok(connection)
    }

    /// Gives up the connection to a node.
    pub fn forget(&self, node: &RedisNode) {
        self.links().remove(&node.name);
    }

    fn links(&self) -> std::sync::MutexGuard<'_, BTreeMap<NodeName, Connection>> {
        // A panic elsewhere leaves whole connections.
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
