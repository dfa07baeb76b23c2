//! Starts the emulator of AWS, and asks it what tests want to know.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::package;

/// How long it may take until it serves: it reads the models of nine services first.
const PATIENCE: Duration = Duration::from_secs(60);

/// Real seconds for a second of AWS: ten minutes of ElastiCache are over in 0.6 s.
const SCALE: f64 = 0.001;

/// The Python that has the emulator's packages; without it a test fails and says how to get it.
pub fn python() -> PathBuf {
    let python = package().join(".tools/python/bin/python3");
    let asked = Command::new(&python).args(["-c", "import moto, boto3"]).output();
    let ready = asked.is_ok_and(|output| output.status.success());
    assert!(ready, "moto and boto3 are needed: run `.ci/tools tests`");
    python
}

/// A call that reached the emulator.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Call {
    /// The service, by botocore's name.
    pub service: String,
    pub operation: String,
    /// The status of the answer; 0 where it was lost.
    pub status: Option<u16>,
}

/// A running emulator. It ends with this value, and with the test however that ends: its standard input closes.
pub struct Emulator {
    pub port: u16,
    process: Child,
    folder: tempfile::TempDir,
}

impl Emulator {
    /// Starts one, whose time runs a thousand times as fast as AWS's.
    pub fn start() -> Self {
        Self::scaled(SCALE)
    }

    /// Starts one that machines of other networks reach as well.
    pub fn open() -> Self {
        Self::on("0.0.0.0", SCALE)
    }

    /// Starts one, with so many real seconds for a second of AWS.
    pub fn scaled(scale: f64) -> Self {
        Self::on("127.0.0.1", scale)
    }

    fn on(address: &str, scale: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("port");
        let mut process = Command::new(python())
            .arg(package().join("tests/aws/emulator"))
            .arg("--ready")
            .arg(&ready)
            .args(["--scale", &scale.to_string(), "--address", address])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let begin = Instant::now();
        let port = loop {
            if let Ok(port) = std::fs::read_to_string(&ready) {
                break port.trim().parse().unwrap();
            }
            let ended = process.try_wait().unwrap();
            assert!(ended.is_none() && begin.elapsed() < PATIENCE, "the emulator does not start");
            std::thread::sleep(Duration::from_millis(20));
        };
        Self { port, process, folder }
    }

    /// What a command needs in its environment to take this for AWS.
    pub fn variables(&self) -> [(&'static str, String); 7] {
        [
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE00".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "example".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            // boto3 knows this one alone.
            ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
            // Things take a thousandth of their time here, so looking for them every second would be late.
            ("NATSOPS_WAIT_SCALE", "0.01".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }

    /// Makes the network that is there before natsops comes, and tells its ids.
    pub fn seed(&self) -> Value {
        self.post("seed", &json!(null))
    }

    /// Every call since the start, or since `reset-calls`.
    pub fn calls(&self) -> Vec<Call> {
        serde_json::from_value(self.get("calls")).unwrap()
    }

    /// Requests that break the service's model.
    pub fn breaches(&self) -> Vec<String> {
        serde_json::from_value(self.get("breaches")).unwrap()
    }

    /// Fails if a request broke the model, or if the emulator itself did not know what to do.
    #[track_caller]
    pub fn trusted(&self) {
        assert_eq!(self.breaches(), [""; 0]);
        assert_eq!(self.get("defects"), json!([]));
    }

    /// Everything that exists, ids by kind.
    pub fn inventory(&self) -> Value {
        self.get("inventory")
    }

    /// Orders faults: see `faults.py` for what a rule may hold.
    pub fn faults(&self, rules: &Value) {
        self.post("faults", rules);
    }

    /// Reads the environment back with boto3, and compares it with what was written down.
    #[track_caller]
    pub fn read(&self, expected: &Value) -> Value {
        let file = self.folder.path().join("expected.json");
        std::fs::write(&file, expected.to_string()).unwrap();
        let output = Command::new(python())
            .arg(package().join("tests/aws/reader.py"))
            .arg(self.port.to_string())
            .arg(file)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Asks the control.
    #[track_caller]
    pub fn get(&self, name: &str) -> Value {
        self.ask("GET", name, "")
    }

    /// Orders something of the control.
    #[track_caller]
    pub fn post(&self, name: &str, body: &Value) -> Value {
        self.ask("POST", name, &body.to_string())
    }

    #[track_caller]
    fn ask(&self, method: &str, name: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} /_emulator/{name} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, content) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{method} {name}: {answer}");
        serde_json::from_str(content).unwrap()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Its standard input closes, and with that it ends.
        drop(self.process.stdin.take());
        if let Err(error) = self.process.wait() {
            eprintln!("the emulator does not end: {error}");
        }
    }
}
