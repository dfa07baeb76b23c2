//! A client that says exactly what it is told to, and hears exactly what the server answers.
//!
//! Ordinary clients refuse to speak plaintext to a TLS server and hide refusals in callbacks. Proving that a server
//! refuses needs somebody less polite: this one speaks the text protocol over any stream, pipelined, one flush a question.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::secrets::Ticket;

/// How long the way to a server may take; a machine that is gone does not even refuse.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a server may think about a question. Under load, a handshake was seen to take more than five seconds.
const TIMEOUT: Duration = Duration::from_secs(20);

/// More than any answer that a probe provokes.
const LARGEST_ANSWER: usize = 4 << 20;

/// Whether the conversation is encrypted.
#[derive(Clone)]
pub enum Tls {
    /// In the clear, whatever the server asks.
    Never,
    /// With this configuration.
    With(Arc<ClientConfig>),
}

/// An open conversation.
pub struct Probe {
    stream: Box<dyn Duplex>,
    nonce: String,
}

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// What a server said to a question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its refusals, in order, without `-ERR` and quotation marks.
    pub errors: Vec<String>,
    /// The payloads of messages that it delivered.
    pub messages: Vec<String>,
}

/// Why a conversation ended.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Nobody listens.
    #[error("{0} does not answer: {1}")]
    Silent(SocketAddr, std::io::Error),
    /// The server closed the connection, or would not shake hands.
    #[error("the server closed the connection: {0}")]
    Closed(String),
    /// The server refused, and closed the connection.
    #[error("{0}")]
    Refused(String),
    /// The server knows the user, whose account has as many connections as it may have: it counts them last, when all else
    /// is right (seen on 2.15.1).
    #[error("{0}")]
    Full(String),
    /// The server has not looked who comes: it has as many connections as it may have, or does not speak TLS.
    #[error("{0}")]
    Busy(String),
    /// Nothing came back.
    #[error("the server did not answer within {} s", TIMEOUT.as_secs())]
    Late,
}

impl ProbeError {
    /// What the end of a handshake means. A server that is full says so in the clear, where its part of it should come.
    fn handshake(error: &std::io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(rustls::Error::InvalidMessage(_)) => Self::Busy(error.to_string()),
            _ => Self::Closed(error.to_string()),
        }
    }

    /// What a server's refusal means.
    fn refusal(words: &str) -> Self {
        match words.to_ascii_lowercase().as_str() {
            "maximum account active connections exceeded" => Self::Full(words.to_owned()),
            "maximum connections exceeded" => Self::Busy(words.to_owned()),
            _ => Self::Refused(words.to_owned()),
        }
    }
}

impl Probe {
    /// Opens a conversation: reads the server's greeting, and encrypts if told to.
    pub async fn open(address: SocketAddr, tls: &Tls) -> Result<Self, ProbeError> {
        within(async {
            let mut stream = connect(address).await?;
            let greeting = read_line(&mut stream).await?;
            if let Some(error) = greeting.strip_prefix("-ERR ") {
                return Err(ProbeError::refusal(error.trim_matches('\'')));
            }
            let nonce = greeting
                .strip_prefix("INFO ")
                .and_then(|json| serde_json::from_str::<serde_json::Value>(json).ok())
                .and_then(|info| info["nonce"].as_str().map(str::to_owned))
                .unwrap_or_default();
            let stream: Box<dyn Duplex> = match tls {
                Tls::Never => Box::new(stream),
                Tls::With(config) => {
                    let connector = TlsConnector::from(Arc::clone(config));
                    let name = ServerName::from(address.ip());
                    let stream = connector.connect(name, stream).await;
                    Box::new(stream.map_err(|error| ProbeError::handshake(&error))?)
                }
            };
            Ok(Self { stream, nonce })
        })
        .await
    }

    /// Speaks first, in the clear, and tells whether the server answers in the clear.
    ///
    /// A route that encrypts says nothing before the handshake, and hangs up on whoever starts otherwise.
    pub async fn answers_in_clear(address: SocketAddr) -> Result<bool, ProbeError> {
        within(async {
            let mut stream = connect(address).await?;
            let introduction = b"CONNECT {\"verbose\":false}\r\nPING\r\n";
            stream
                .write_all(introduction)
                .await
                .map_err(|error| ProbeError::Closed(error.to_string()))?;
            Ok(read_line(&mut stream).await.is_ok_and(|line| line.starts_with("INFO ")))
        })
        .await
    }

    /// Signs in, with a user or as nobody.
    pub async fn sign_in(&mut self, user: Option<&Ticket>) -> Result<(), ProbeError> {
        let mut options = serde_json::json!({
            "verbose": false, "pedantic": false, "headers": true, "no_responders": true,
            "lang": "rust", "version": env!("CARGO_PKG_VERSION"), "name": "natsops probe", "protocol": 1,
        });
        self.introduce(&mut options, user).await
    }

    /// Signs in as a leafnode server, with a user or as nobody.
    ///
    /// It names no language: to a leafnode port, whoever does is a client at the wrong door, creds or not.
    pub async fn sign_in_as_leafnode(&mut self, user: Option<&Ticket>) -> Result<(), ProbeError> {
        let mut options = serde_json::json!({
            "verbose": false, "pedantic": false, "headers": true, "tls_required": true,
            "version": env!("CARGO_PKG_VERSION"), "name": "natsops-probe", "server_id": "natsops-probe",
        });
        self.introduce(&mut options, user).await
    }

    async fn introduce(
        &mut self,
        options: &mut serde_json::Value,
        user: Option<&Ticket>,
    ) -> Result<(), ProbeError> {
        if let Some(user) = user {
            let refused = |error: nkeys::error::Error| ProbeError::Refused(error.to_string());
            let key = nkeys::KeyPair::from_seed(user.secret.expose()).map_err(refused)?;
            let signature = key.sign(self.nonce.as_bytes()).map_err(refused)?;
            options["jwt"] = user.public.as_str().into();
            options["sig"] = BASE64URL_NOPAD.encode(&signature).into();
        }
        let answer = self.ask(&format!("CONNECT {options}\r\n")).await?;
        match answer.errors.first() {
            Some(error) => Err(ProbeError::refusal(error)),
            None => Ok(()),
        }
    }

    /// Says something, and collects everything up to the server's sign that it has dealt with all of it.
    pub async fn ask(&mut self, words: &str) -> Result<Answer, ProbeError> {
        within(async {
            let text = format!("{words}PING\r\n");
            let closed = |error: std::io::Error| ProbeError::Closed(error.to_string());
            self.stream.write_all(text.as_bytes()).await.map_err(closed)?;
            self.stream.flush().await.map_err(closed)?;
            self.listen().await
        })
        .await
    }

    async fn listen(&mut self) -> Result<Answer, ProbeError> {
        let mut answer = Answer::default();
        let mut read = 0;
        loop {
            let line = match read_line(&mut self.stream).await {
                Ok(line) => line,
                // The reason, where there was one, says more than the end of the connection.
                Err(error) => {
                    let said = answer.errors.first();
                    return Err(said.map_or(error, |said| ProbeError::refusal(said)));
                }
            };
            read += line.len();
            if read > LARGEST_ANSWER {
                return Err(ProbeError::Closed("it says too much".to_owned()));
            }
            if line == "PONG" {
                return Ok(answer);
            } else if let Some(error) = line.strip_prefix("-ERR ") {
                answer.errors.push(error.trim_matches('\'').to_owned());
            } else if line.starts_with("MSG ") || line.starts_with("HMSG ") {
                let size = line.rsplit(' ').next().and_then(|size| size.parse::<usize>().ok());
                let size = size.filter(|size| *size <= LARGEST_ANSWER).unwrap_or(0);
                let mut payload = vec![0; size + 2];
                let closed = |error: std::io::Error| ProbeError::Closed(error.to_string());
                self.stream.read_exact(&mut payload).await.map_err(closed)?;
                payload.truncate(size);
                answer.messages.push(String::from_utf8_lossy(&payload).into_owned());
            }
        }
    }
}

/// Opens a connection, within its time.
pub(super) async fn connect(address: SocketAddr) -> Result<TcpStream, ProbeError> {
    let silent = |error| ProbeError::Silent(address, error);
    match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
        Ok(outcome) => outcome.map_err(silent),
        Err(_) => Err(silent(std::io::ErrorKind::TimedOut.into())),
    }
}

pub(super) async fn within<T>(
    work: impl Future<Output = Result<T, ProbeError>>,
) -> Result<T, ProbeError> {
    match tokio::time::timeout(TIMEOUT, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ProbeError::Late),
    }
}

/// One line, without its end. Byte by byte, since what follows a greeting may be a TLS record.
pub(super) async fn read_line(stream: &mut (impl AsyncRead + Unpin)) -> Result<String, ProbeError> {
    let mut line = Vec::new();
    loop {
        match stream.read_u8().await {
            Ok(b'\n') => break,
            Ok(byte) if line.len() < LARGEST_ANSWER => line.push(byte),
            Ok(_) => return Err(ProbeError::Closed("a line has no end".to_owned())),
            Err(error) => return Err(ProbeError::Closed(error.to_string())),
        }
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_account_is_no_refusal_of_its_user_and_a_full_server_says_nothing_of_anybody() {
        let full = "maximum account active connections exceeded";
        assert!(matches!(ProbeError::refusal(full), ProbeError::Full(_)));
        let busy = "maximum connections exceeded";
        assert!(matches!(ProbeError::refusal(busy), ProbeError::Busy(_)));
        let refused = "Authorization Violation";
        assert!(matches!(ProbeError::refusal(refused), ProbeError::Refused(_)));
    }
}
