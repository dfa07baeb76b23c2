//! TLS handshakes: which certificate a port presents, and whether a route lets a peer in.

use std::net::SocketAddr;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::ProbeError;
use super::probe::{connect, read_line, within};

/// Who speaks first at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// The server, in the clear: ports of clients and of leafnodes.
    Server,
    /// Nobody; it begins with the handshake: routes, and the ports of the cache.
    None,
}

/// The fingerprint of the certificate that a port presents: the SHA-256 of its DER form, in hex.
///
/// The handshake must succeed, so the certificate is also known to be one that the client trusts.
pub async fn presented(
    address: SocketAddr,
    greeting: Greeting,
    tls: &Arc<ClientConfig>,
) -> Result<String, ProbeError> {
    within(async {
        let stream = shake_hands(address, greeting, tls).await?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let own = chain.first();
        let own = own.ok_or_else(|| ProbeError::Closed("it shows no certificate".to_owned()))?;
        Ok(HEXLOWER.encode(&Sha256::digest(own)))
    })
    .await
}

/// Whether a route lets a peer in: with TLS 1.3, a refusal follows the handshake, and only then the server speaks.
pub async fn enter_route(address: SocketAddr, tls: &Arc<ClientConfig>) -> Result<(), ProbeError> {
    within(async {
        let mut stream = shake_hands(address, Greeting::None, tls).await?;
        match read_line(&mut stream).await?.starts_with("INFO ") {
            true => Ok(()),
            false => Err(ProbeError::Closed("it does not introduce itself".to_owned())),
        }
    })
    .await
}

async fn shake_hands(
    address: SocketAddr,
    greeting: Greeting,
    tls: &Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, ProbeError> {
    let mut stream = connect(address).await?;
    if greeting == Greeting::Server {
        read_line(&mut stream).await?;
    }
    let name = ServerName::from(address.ip());
    let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
    stream.map_err(|error| ProbeError::Closed(error.to_string()))
}
