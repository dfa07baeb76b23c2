//! A project of its own for each test: its environments, its state, its identity, and the real program.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

pub mod generated;
pub mod plain_server;

/// One cluster at a time: five servers on two cores are enough.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The folder of this package.
pub fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The nats-server that the tests use; without it a test fails and says how to get it.
pub fn nats_server() -> PathBuf {
    let fetched = package().join(".tools/bin/nats-server");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let program = std::iter::once(fetched)
        .chain(std::env::split_paths(&path).map(|folder| folder.join("nats-server")))
        .find(|program| program.is_file());
    program.expect("nats-server is needed: run `make tools`")
}

/// What a command said, and how it ended.
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// What a finished command said. It is searched for secrets.
    #[track_caller]
    pub fn of(output: &std::process::Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let code = output.status.code().unwrap_or(-1);
        let output = Self { code, stdout: text(&output.stdout), stderr: text(&output.stderr) };
        holds_no_secret(&output.stdout);
        holds_no_secret(&output.stderr);
        output
    }

    /// The result as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}:\n{}\n{}", self.stdout, self.stderr))
    }

    /// Fails unless the exit code is this one.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n{}\n{}", self.stdout, self.stderr);
        self
    }
}

/// A project folder that goes with the test.
pub struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// A copy of the shipped environments.
    pub fn new() -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        copy(&package().join("environments"), &project.path().join("environments"));
        project
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn identity(&self) -> PathBuf {
        self.path().join("home/identity.age")
    }

    pub fn node(&self, name: &str) -> PathBuf {
        self.path().join(".natsops/local/nodes").join(name)
    }

    /// The program, hermetic: its own home, its own identity, nobody's terminal.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_natsops"));
        let tools = nats_server().parent().unwrap().to_owned();
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::join_paths([tools, "/usr/bin".into(), "/bin".into()]).unwrap())
            .env("HOME", self.path().join("home"))
            .env("NATSOPS_AGE_IDENTITY", self.identity())
            // No test asks a network for credentials.
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program. Whatever it says is searched for secrets.
    pub fn run(&self, arguments: &[&str]) -> Output {
        Output::of(&self.command(arguments).output().unwrap())
    }

    /// Replaces a text in a file of `environments/`, which must be there.
    #[track_caller]
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path().join("environments").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no `{from}`");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    /// The number of the first line of a file of `environments/` that holds a text.
    #[track_caller]
    pub fn line(&self, file: &str, text: &str) -> usize {
        let all = std::fs::read_to_string(self.path().join("environments").join(file)).unwrap();
        let found = all.lines().position(|line| line.contains(text));
        1 + found.unwrap_or_else(|| panic!("{file} has no `{text}`"))
    }

    /// The pid of a node's process, from its note.
    pub fn pid(&self, node: &str) -> i32 {
        let note = std::fs::read(self.node(node).join("process.json")).unwrap();
        let note: Value = serde_json::from_slice(&note).unwrap();
        i32::try_from(note["pid"].as_i64().unwrap()).unwrap()
    }

    /// Kills a node as a power cut would.
    pub fn kill(&self, node: &str) {
        signal(self.pid(node), rustix::process::Signal::KILL);
    }
}

/// Fails when a text holds the secret part of any key.
#[track_caller]
pub fn holds_no_secret(text: &str) {
    let is_base32 = |c: char| c.is_ascii_uppercase() || ('2'..='7').contains(&c);
    let seeds = text.split(|c: char| !is_base32(c)).filter(|word| {
        word.len() == 58 && ["SO", "SA", "SU", "SN", "SX"].iter().any(|p| word.starts_with(p))
    });
    assert_eq!(seeds.count(), 0, "a seed was shown");
    let passwords = text.match_indices("natsops_").filter(|(at, mark)| {
        let rest = text[at + mark.len()..].chars();
        rest.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).count() == 43
    });
    assert_eq!(passwords.count(), 0, "a password was shown");
    for secret in ["AGE-SECRET-KEY-", "PRIVATE KEY-----"] {
        assert!(!text.contains(secret), "{secret} was shown");
    }
}

pub fn signal(pid: i32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// A project whose cluster runs. It is stopped, with all that it stored, when the test ends, however it ends.
pub struct Cluster {
    pub project: Project,
    _turn: MutexGuard<'static, ()>,
}

impl Cluster {
    /// A project as it is shipped, whose turn it is, where nothing runs yet.
    pub fn idle_with_cache() -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        Self { project: Project::new(), _turn: turn }
    }

    /// The same without the cache, which has suites of its own: six servers less to start in every other test.
    pub fn idle() -> Self {
        let cluster = Self::idle_with_cache();
        cluster.project.edit("local.yaml", "redis: {shards: 3, replicas_per_shard: 1}\n", "");
        cluster
    }

    /// A project whose cluster has been applied, without the cache.
    pub fn applied() -> Self {
        Self::idle().apply()
    }

    /// A project as it is shipped, whose cluster and cache have been applied.
    pub fn with_cache() -> Self {
        Self::idle_with_cache().apply()
    }

    fn apply(self) -> Self {
        self.project.run(&["apply", "local", "--yes"]).expect(0);
        self
    }

    /// The plan, as JSON.
    #[track_caller]
    pub fn plan(&self) -> Value {
        self.project.run(&["plan", "local", "--json"]).expect(0).json()
    }

    /// The names of the checks that fail.
    pub fn failing_checks(&self) -> Vec<String> {
        let report = self.project.run(&["doctor", "local", "--json"]).json();
        let checks = report["checks"].as_array().unwrap().iter();
        checks
            .filter(|check| check["passed"] == false)
            .map(|check| check["check"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Not through `run`: a second panic while one unwinds would hide the first.
        let mut command = self.project.command(&["destroy", "local", "--yes"]);
        let output = command.output().unwrap();
        if !output.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

/// The actions of a plan that change something, as `create stream GAME/GAME_AI`.
pub fn changes(plan: &Value) -> Vec<String> {
    let actions = plan["plan"]["actions"].as_array().unwrap().iter();
    actions
        .filter(|action| action["action"] != "keep")
        .map(|action| {
            let word = |key: &str| action[key].as_str().unwrap().to_owned();
            format!("{} {} {}", word("action"), word("kind"), word("name"))
        })
        .collect()
}

/// A small generator of numbers, so that a failing seed can be given again.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// A number below `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides.max(1) as u64).unwrap()
    }
}
