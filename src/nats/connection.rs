//! Connections of natsops itself: mTLS with a certificate and a user that live for one run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_nats::ConnectOptions;
use rustls::ClientConfig;

use crate::model::OWN_ROLE;
use crate::pki::client_config;
use crate::secrets::{Secret, Ticket};

/// How long a server may take to let us in.
const CONNECT: Duration = Duration::from_secs(3);

/// How long a server may take to answer a request.
pub const REQUEST: Duration = Duration::from_secs(5);

/// What it takes to reach the cluster as natsops.
pub struct Access {
    /// The client ports, every node's.
    pub servers: Vec<SocketAddr>,
    /// The trusted authorities, as PEM.
    pub authority: String,
    /// The certificate of this run.
    pub certificate: Ticket,
}

/// A connection.
pub type Connection = async_nats::Client;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// Our own certificate or key is not usable.
    #[error("can't use the certificate: {0}")]
    Certificate(String),
    /// No server let us in.
    #[error("no server lets natsops in: {0}")]
    Refused(String),
}

impl Access {
    /// The TLS side of a connection, with the certificate of this run.
    pub fn tls(&self) -> Result<ClientConfig, ConnectionError> {
        tls(&self.authority, Some((&self.certificate.public, &self.certificate.secret)))
    }

    /// Connects as a user.
    pub async fn connect(&self, user: &Ticket) -> Result<Connection, ConnectionError> {
        let refused = |reason: String| ConnectionError::Refused(reason);
        let seed = user.secret.clone();
        let key = Arc::new(
            nkeys::KeyPair::from_seed(seed.expose()).map_err(|error| refused(error.to_string()))?,
        );
        let options = ConnectOptions::with_jwt(user.public.clone(), move |nonce| {
            let key = Arc::clone(&key);
            async move { key.sign(&nonce).map_err(async_nats::AuthError::new) }
        })
        .name("natsops")
        .custom_inbox_prefix(format!("_INBOX.{}", OWN_ROLE))
        .connection_timeout(CONNECT)
        .request_timeout(Some(REQUEST))
        .require_tls(true)
        .tls_client_config(self.tls()?);
        let urls: Vec<String> =
            self.servers.iter().map(|server| format!("tls://{server}")).collect();
        options.connect(urls).await.map_err(|error| refused(error.to_string()))
    }
}

/// A TLS client with the authorities and, perhaps, a certificate.
pub fn tls(
    authority: &str,
    certificate: Option<(&str, &Secret<String>)>,
) -> Result<ClientConfig, ConnectionError> {
    client_config(authority, certificate)
        .map_err(|error| ConnectionError::Certificate(error.to_string()))
}
