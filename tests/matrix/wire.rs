//! A connection with the files that `natsops creds export` writes, in the words of the protocol.
//!
//! Ordinary clients tell of a refusal in a callback, some time later. Here each try is followed by a sign of life, so
//! that a refusal is known to be the answer to it.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::deed::Deed;

/// The files of a service's client.
#[derive(Clone)]
pub struct Files(pub PathBuf);

/// A connection that has signed in.
pub struct Wire {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
    files: Files,
    url: usize,
}

impl Files {
    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }

    /// Host and port of an exported address.
    fn address(&self, url: usize) -> (String, u16) {
        let urls = self.text("urls");
        let urls: Vec<&str> = urls.trim().split(',').collect();
        let address = urls[url % urls.len()].rsplit('/').next().unwrap();
        let (host, port) = address.rsplit_once(':').unwrap();
        (host.to_owned(), port.parse().unwrap())
    }

    fn tls(&self) -> Arc<ClientConfig> {
        let read = |name: &str| CertificateDer::pem_file_iter(self.0.join(name)).unwrap();
        let mut roots = RootCertStore::empty();
        read("ca.pem").for_each(|certificate| roots.add(certificate.unwrap()).unwrap());
        let chain = read("client.pem").map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(self.0.join("client.key")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_root_certificates(roots).with_client_auth_cert(chain, key).unwrap())
    }

    /// The words with which the holder of the creds signs in.
    fn sign_in(&self, nonce: &str) -> String {
        let creds = self.text("user.creds");
        let block = |mark: &str| -> String {
            let begin = format!("-----BEGIN {mark}-----");
            let rest = creds.split_once(begin.as_str()).unwrap().1;
            rest.split_once("-----").unwrap().0.trim().to_owned()
        };
        let key = nkeys::KeyPair::from_seed(&block("USER NKEY SEED")).unwrap();
        let signature = BASE64URL_NOPAD.encode(&key.sign(nonce.as_bytes()).unwrap());
        let options = serde_json::json!({
            "verbose": false, "pedantic": false, "headers": true, "no_responders": true, "protocol": 1,
            "lang": "matrix", "version": "1", "jwt": block("NATS USER JWT"), "sig": signature,
        });
        format!("CONNECT {options}\r\n")
    }
}

impl Wire {
    /// Connects to one of the exported addresses, and signs in.
    pub fn connect(folder: &Path, url: usize) -> Self {
        Self::open(Files(folder.to_owned()), url)
    }

    fn open(files: Files, url: usize) -> Self {
        let (host, port) = files.address(url);
        let mut tcp = TcpStream::connect((host.as_str(), port)).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let greeting = greeting(&mut tcp);
        let greeting: serde_json::Value =
            serde_json::from_str(greeting.strip_prefix("INFO ").unwrap()).unwrap();
        let name = ServerName::try_from(host).unwrap();
        let tls = ClientConnection::new(files.tls(), name).unwrap();
        let mut wire =
            Self { stream: BufReader::new(StreamOwned::new(tls, tcp)), files: files.clone(), url };
        wire.say(&files.sign_in(greeting["nonce"].as_str().unwrap()));
        assert_eq!(wire.refusal(), None, "signing in");
        wire
    }

    /// Tries something. The refusal, if there is one, names what was refused.
    pub fn attempt(&mut self, deed: &Deed) -> Option<String> {
        let (words, subject) = match deed {
            Deed::Publish { subject, bytes: 0 } => (format!("PUB {subject} 0\r\n\r\n"), subject),
            Deed::Publish { subject, bytes } => return self.attempt_size(subject, *bytes),
            Deed::Subscribe { subject, queue } => {
                let queue = queue.as_deref().unwrap_or_default();
                (format!("SUB {subject} {queue} 1\r\nUNSUB 1\r\n"), subject)
            }
            Deed::Reply { .. } => panic!("a reply takes two"),
        };
        self.say(&words);
        let refusal = self.refusal();
        if let Some(refusal) = &refusal {
            let named = format!("\"{subject}\"");
            assert!(refusal.starts_with("Permissions Violation"), "{deed}: {refusal}");
            assert!(refusal.contains(&named), "{deed}: {refusal}");
        }
        refusal
    }

    /// A server hangs up on whoever sends too much, so this takes a connection of its own.
    fn attempt_size(&self, subject: &str, bytes: usize) -> Option<String> {
        let mut wire = Self::open(self.files.clone(), self.url);
        wire.say(&format!("PUB {subject} {bytes}\r\n{}\r\n", "x".repeat(bytes)));
        wire.listen().unwrap_or_else(|error| Some(format!("the server hung up: {error}")))
    }

    /// Subscribes under a number, to stay.
    pub fn subscribe(&mut self, subject: &str, queue: Option<&str>, number: usize) {
        self.say(&format!("SUB {subject} {} {number}\r\n", queue.unwrap_or_default()));
        assert_eq!(self.refusal(), None, "subscribe {subject}");
    }

    /// Ends a subscription.
    pub fn unsubscribe(&mut self, number: usize) {
        self.say(&format!("UNSUB {number}\r\n"));
        assert_eq!(self.refusal(), None);
    }

    /// Publishes with a reply subject.
    pub fn ask(&mut self, subject: &str, reply: &str) {
        self.say(&format!("PUB {subject} {reply} 0\r\n\r\n"));
        assert_eq!(self.refusal(), None, "publish {subject}");
    }

    /// Waits until a message has arrived that wants its answer there.
    pub fn await_message(&mut self, reply: &str) {
        loop {
            let line = self.line().unwrap();
            if let Some(size) = message(&line) {
                self.skip(size);
            }
            if line.split(' ').any(|word| word == reply) {
                return;
            }
        }
    }

    fn say(&mut self, words: &str) {
        // A server that hangs up in the middle has said why: that is read next.
        let stream = self.stream.get_mut();
        drop(stream.write_all(words.as_bytes()).and_then(|()| stream.write_all(b"PING\r\n")));
    }

    fn refusal(&mut self) -> Option<String> {
        self.listen().unwrap()
    }

    /// Everything up to the sign of life, of which the first refusal is given.
    fn listen(&mut self) -> io::Result<Option<String>> {
        let mut refusal = None;
        loop {
            let line = self.line()?;
            if let Some(error) = line.strip_prefix("-ERR ") {
                refusal = refusal.or(Some(error.trim_matches('\'').to_owned()));
            } else if let Some(size) = message(&line) {
                self.skip(size);
            } else if line == "PONG" {
                return Ok(refusal);
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    fn skip(&mut self, size: usize) {
        self.stream.read_exact(&mut vec![0; size + 2]).unwrap();
    }
}

/// The size of a message that a line announces.
fn message(line: &str) -> Option<usize> {
    let announced = line.starts_with("MSG ") || line.starts_with("HMSG ");
    announced.then(|| line.rsplit(' ').next().unwrap().parse().unwrap())
}

/// The first line, byte by byte: what follows it is encrypted.
fn greeting(tcp: &mut TcpStream) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while byte != *b"\n" {
        tcp.read_exact(&mut byte).unwrap();
        line.extend(byte);
    }
    String::from_utf8(line).unwrap()
}
