//! A project of its own for a measurement: the shipped environments, the real program, its own state and identity.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The folder of this package.
pub fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A project that is destroyed, with its cluster, when the measurement ends.
pub struct Project(tempfile::TempDir);

impl Project {
    /// The shipped environments without the cache, which has a floor of its own in redis-server.
    pub fn new() -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        let target = project.0.path().join("environments/catalog");
        std::fs::create_dir_all(&target).unwrap();
        for folder in ["environments", "environments/catalog"] {
            for entry in std::fs::read_dir(package().join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    let name = path.file_name().unwrap();
                    std::fs::copy(&path, project.0.path().join(folder).join(name)).unwrap();
                }
            }
        }
        project.edit("local.yaml", "redis: {shards: 3, replicas_per_shard: 1}\n", "");
        project
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn node(&self, number: u8) -> PathBuf {
        self.path().join(format!(".natsops/local/nodes/nats-{number}"))
    }

    /// Replaces a text, which must be there.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path().join("environments").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_natsops"));
        let tools = package().join(".tools/bin");
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::join_paths([tools, "/usr/bin".into(), "/bin".into()]).unwrap())
            .env("HOME", self.path().join("home"))
            .env("NATSOPS_AGE_IDENTITY", self.path().join("identity.age"))
            .stdin(Stdio::null());
        command
    }

    /// Runs the program, and gives its result and how long it took.
    pub fn run(&self, arguments: &[&str]) -> (Value, Duration) {
        let begin = Instant::now();
        let output = self.command(arguments).output().unwrap();
        let elapsed = begin.elapsed();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (serde_json::from_slice(&output.stdout).unwrap_or(Value::Null), elapsed)
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let mut command = self.command(&["destroy", "local", "--yes"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    }
}

/// The middle one.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// One line: a figure, its floor, and the ratio.
pub fn print(what: &str, ours: Duration, floor: Duration, runs: usize) {
    let ratio = ours.as_secs_f64() / floor.as_secs_f64();
    println!("{what}: natsops {ours:.0?}, floor {floor:.0?}, ratio {ratio:.2} (medians of {runs})");
}
