//! A single nats-server of a test's own, and the few words of its protocol, without TLS, that a test speaks.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use super::nats_server;

static STARTED: AtomicU8 = AtomicU8::new(1);

/// A server that stops with the test.
pub struct PlainServer {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl PlainServer {
    /// Starts a server with further lines of configuration, on a loopback address of its own.
    pub fn start(config: &str) -> Self {
        let id = std::process::id();
        let host = format!(
            "127.{}.{}.{}",
            200 + (id >> 8) % 50,
            id % 255,
            STARTED.fetch_add(1, Ordering::Relaxed)
        );
        Self::start_at(&format!("{host}:4222"), config)
    }

    /// The same at an address and port.
    pub fn start_at(address: &str, config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.conf");
        std::fs::write(&path, format!("listen: \"{address}\"\n{config}")).unwrap();
        let child = Command::new(nats_server())
            .arg("-c")
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, address: address.to_owned(), _folder: folder };
        let begin = Instant::now();
        while TcpStream::connect(&server.address).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(10), "the server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    /// Signs in, as a user if there is one.
    pub fn connect(&self, user: Option<&str>) -> PlainClient {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let sign_in = user.map(|user| format!(r#","user":"{user}","pass":"{user}""#));
        let mut client = PlainClient { reader: BufReader::new(stream) };
        let greeting = client.line();
        assert!(greeting.starts_with("INFO "), "{greeting}");
        // As ordinary clients do: a pedantic connection is told more, and refused no more.
        let options =
            format!("\"verbose\":false,\"pedantic\":false{}", sign_in.unwrap_or_default());
        client.write(&format!("CONNECT {{{options}}}\r\n"));
        assert_eq!(client.until_pong(), Vec::<String>::new());
        client
    }
}

impl Drop for PlainServer {
    fn drop(&mut self) {
        // One that has ended already needs no signal.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A connection.
pub struct PlainClient {
    reader: BufReader<TcpStream>,
}

impl PlainClient {
    /// Sends words of the protocol as they are.
    pub fn write(&mut self, words: &str) {
        self.reader.get_mut().write_all(words.as_bytes()).unwrap();
    }

    /// Asks for a sign of life, and gives every line that came before it.
    pub fn until_pong(&mut self) -> Vec<String> {
        self.write("PING\r\n");
        let mut lines = Vec::new();
        loop {
            match self.line() {
                line if line == "PONG" => return lines,
                line if line == "PING" => self.write("PONG\r\n"),
                line if line.starts_with("INFO ") => {}
                line => lines.push(line),
            }
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the server closed the connection");
        line.trim_end().to_owned()
    }
}
