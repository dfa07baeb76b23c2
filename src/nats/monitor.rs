//! The monitoring port of a server: read-only, over HTTP, without authentication.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use super::pages::{
    AccountInForce, AccountPage, AccountsPage, ClientConnection, ConnectionsPage, Jsz, Varz,
};

/// How long the way to a server may take; a machine that is gone does not even refuse.
const CONNECT: Duration = Duration::from_secs(2);

/// How long a healthy server takes at most to answer on a local network, with much to spare.
const TIMEOUT: Duration = Duration::from_secs(5);

/// More than any answer that is read here.
const LARGEST_ANSWER: usize = 16 << 20;

/// A server's monitoring port.
#[derive(Debug, Clone, Copy)]
pub struct Monitor {
    address: SocketAddr,
}

/// Why a server did not tell.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// Nobody listens, or nobody answers.
    #[error("{address} does not answer: {reason}")]
    Silent {
        /// The port.
        address: SocketAddr,
        /// What happened instead.
        reason: String,
    },
    /// The answer is not what this version of the server says.
    #[error("{address}{path} answers something else: {reason}")]
    Strange {
        /// The port.
        address: SocketAddr,
        /// The page.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What `/healthz` tells: everything that the server checks of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// All of it is well.
    Good,
    /// Something is not, in the server's words.
    Bad(String),
}

#[derive(Deserialize)]
struct HealthPage {
    #[serde(default)]
    status: String,
    #[serde(default)]
    error: String,
}

/// The server writes streams as `KEY > STREAM`. The account's key tells a reader nothing, and stream names are unique.
fn without_account_keys(words: &str) -> String {
    let is_key = |text: &str| {
        text.len() == 56
            && text.starts_with('A')
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let mut kept = String::new();
    let mut rest = words;
    while let Some((before, after)) = rest.split_once(" > ") {
        let start = before.rfind(|char: char| !char.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
        kept.push_str(if is_key(&before[start..]) { &before[..start] } else { before });
        if !is_key(&before[start..]) {
            kept.push_str(" > ");
        }
        rest = after;
    }
    kept + rest
}

impl Monitor {
    /// The monitoring port at `address`.
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// General figures.
    pub async fn varz(&self) -> Result<Varz, MonitorError> {
        self.page("/varz").await
    }

    /// The meta group, and the streams that this server leads.
    pub async fn jetstream(&self) -> Result<Jsz, MonitorError> {
        self.page("/jsz?accounts=true&streams=true&stream-leader-only=true&limit=65536").await
    }

    /// The full health check: listener, JetStream, meta group, every stream and consumer of this server.
    pub async fn health(&self) -> Result<Health, MonitorError> {
        let page: HealthPage = self.page("/healthz").await?;
        Ok(if page.status == "ok" {
            Health::Good
        } else if page.error.is_empty() {
            Health::Bad(page.status)
        } else {
            Health::Bad(without_account_keys(&page.error))
        })
    }

    /// The client connections, with their users and subscriptions.
    pub async fn connections(&self) -> Result<Vec<ClientConnection>, MonitorError> {
        let page: ConnectionsPage = self.page("/connz?auth=true&subs=detail&limit=65536").await?;
        Ok(page.connections)
    }

    /// The client connections, with their users and certificates.
    pub async fn clients(&self) -> Result<Vec<ClientConnection>, MonitorError> {
        let page: ConnectionsPage = self.page("/connz?auth=true&limit=65536").await?;
        Ok(page.connections)
    }

    /// The accounts that the server has had to do with, by public key.
    pub async fn accounts(&self) -> Result<Vec<String>, MonitorError> {
        let page: AccountsPage = self.page("/accountz").await?;
        Ok(page.accounts)
    }

    /// What the server has made of the claims of an account that it has had to do with.
    pub async fn account(&self, key: &str) -> Result<AccountInForce, MonitorError> {
        let page: AccountPage = self.page(&format!("/accountz?acc={key}")).await?;
        Ok(page.account_detail)
    }

    async fn page<T: DeserializeOwned>(&self, path: &str) -> Result<T, MonitorError> {
        let silent = |reason: String| MonitorError::Silent { address: self.address, reason };
        let body = tokio::time::timeout(TIMEOUT, self.get(path))
            .await
            .map_err(|_| silent(format!("no answer within {} s", TIMEOUT.as_secs())))?
            .map_err(|error| silent(error.to_string()))?;
        serde_json::from_slice(&body).map_err(|error| MonitorError::Strange {
            address: self.address,
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    async fn get(&self, path: &str) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
        let stream = tokio::time::timeout(CONNECT, TcpStream::connect(self.address)).await??;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection);
        let request = hyper::Request::get(path)
            .header(hyper::header::HOST, self.address.to_string())
            .header(hyper::header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())?;
        let answer = sender.send_request(request).await?;
        let body = Limited::new(answer.into_body(), LARGEST_ANSWER).collect().await?.to_bytes();
        driver.abort();
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::without_account_keys;

    #[test]
    fn a_stream_is_named_without_its_accounts_key() {
        let key = format!("A{}", "B2".repeat(28)).split_at(56).0.to_owned();
        let words = format!("JetStream stream '{key} > GAME_AI' is not current");
        assert_eq!(without_account_keys(&words), "JetStream stream 'GAME_AI' is not current");
        for words in ["1 > 0", "", "a > b > c", " > "] {
            assert_eq!(without_account_keys(words), words);
        }
    }
}
