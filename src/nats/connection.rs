//! Connections of natsops itself: mTLS with a certificate and a user that live for one run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{ConnectError, ConnectErrorKind, ConnectOptions};
use rustls::ClientConfig;

use crate::model::OWN_ROLE;
use crate::pki::client_config;
use crate::secrets::{Secret, Ticket};

/// How long a server may take to let us in. Where none does in time, all are asked again with more: servers that are at work
/// take seconds for a handshake, and one that is gone should not hold up what the others can answer.
const CONNECT: [Duration; 3] =
    [Duration::from_secs(3), Duration::from_secs(6), Duration::from_secs(12)];

/// How long a server may take to answer a request.
pub const REQUEST: Duration = Duration::from_secs(10);

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

    /// Connects as a user, to any server that lets it in.
    pub async fn connect(&self, user: &Ticket) -> Result<Connection, ConnectionError> {
        let options = self.options(user)?;
        let mut outcome = self.knock(&options, CONNECT[0]).await;
        for limit in &CONNECT[1..] {
            if !outcome.as_ref().is_err_and(|error| error.kind() == ConnectErrorKind::TimedOut) {
                break;
            }
            outcome = self.knock(&options, *limit).await;
        }
        outcome.map_err(|error| ConnectionError::Refused(error.to_string()))
    }

    /// Asks every server, each within its time.
    ///
    /// A server that has not read claims yet refuses whom the others let in, and the client takes the refusal of one for
    /// that of all. So each is asked first once.
    async fn knock(
        &self,
        options: &ConnectOptions,
        limit: Duration,
    ) -> Result<Connection, ConnectError> {
        let options = options.clone().connection_timeout(limit);
        let mut servers: Vec<String> =
            self.servers.iter().map(|server| format!("tls://{server}")).collect();
        let mut outcome = options.clone().connect(&servers).await;
        for _ in 0..servers.len() {
            if !outcome.as_ref().is_err_and(is_refusal) {
                break;
            }
            outcome = options.clone().retain_servers_order().connect(&servers).await;
            servers.rotate_left(1);
        }
        outcome
    }

    fn options(&self, user: &Ticket) -> Result<ConnectOptions, ConnectionError> {
        let key = nkeys::KeyPair::from_seed(user.secret.expose())
            .map_err(|error| ConnectionError::Refused(error.to_string()))?;
        let key = Arc::new(key);
        let sign = move |nonce: Vec<u8>| {
            let key = Arc::clone(&key);
            async move { key.sign(&nonce).map_err(async_nats::AuthError::new) }
        };
        Ok(ConnectOptions::with_jwt(user.public.clone(), sign)
            .name("natsops")
            .custom_inbox_prefix(format!("_INBOX.{OWN_ROLE}"))
            .request_timeout(Some(REQUEST))
            .require_tls(true)
            .tls_client_config(self.tls()?))
    }
}

/// Whether one server refuses a user, which says nothing about the others.
fn is_refusal(error: &ConnectError) -> bool {
    use ConnectErrorKind::{Authentication, AuthorizationViolation};
    matches!(error.kind(), AuthorizationViolation | Authentication)
}

/// A TLS client with the authorities and, perhaps, a certificate.
pub fn tls(
    authority: &str,
    certificate: Option<(&str, &Secret<String>)>,
) -> Result<ClientConfig, ConnectionError> {
    client_config(authority, certificate)
        .map_err(|error| ConnectionError::Certificate(error.to_string()))
}
