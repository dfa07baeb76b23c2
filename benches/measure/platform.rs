//! A first apply on AWS against the longest chain of what waits for each other, on an emulator whose clock is scaled.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::process::run;
use super::project::{Project, package, print};

/// Real seconds for a second of AWS. The emulator answers some eighty calls a second, whatever the scale: with a smaller
/// one, its own time would be measured.
const SCALE: f64 = 0.25;

/// The longest chain in seconds of AWS, as the emulator has it (`tests/aws/emulator/clock.py`): the users of the cache
/// become active, and then the cache becomes available.
const CHAIN: f64 = 20.0 + 600.0;

/// From nothing to a second look that finds nothing to do.
pub fn apply() {
    let project = Project::new();
    let emulator = Emulator::start(&project);
    let mut command = emulator.command(&project, &["apply", "prod", "--yes", "--json"]);
    let begin = Instant::now();
    let output = command.output().unwrap();
    let elapsed = begin.elapsed();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let plan = project.command(&["plan", "prod", "--offline"]).output().unwrap();
    let said = String::from_utf8_lossy(&plan.stdout).into_owned();
    let chain = said.lines().find(|line| line.contains("takes:")).unwrap_or_default();
    println!("first apply on AWS, at {SCALE} of its time:{chain}");
    print("first apply on AWS", elapsed, Duration::from_secs_f64(CHAIN * SCALE), 1);
    in_sync(&project, &emulator);
}

/// A plan of what is as it should be: its calls, and what it costs.
fn in_sync(project: &Project, emulator: &Emulator) {
    let path = project.path().join("plan.json");
    let mut command = emulator.command(project, &["plan", "prod", "--json"]);
    let cost = run(command.stdout(std::fs::File::create(&path).unwrap()).stderr(Stdio::null()));
    let plan: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    println!(
        "plan in sync: {} calls in {:.1?}, {} MiB at most",
        plan["forecast"]["api_calls"], cost.time, cost.memory
    );
}

/// The emulator of the tests; it ends with its standard input.
struct Emulator {
    port: u16,
    process: Child,
}

impl Emulator {
    fn start(project: &Project) -> Self {
        let ready = project.path().join("port");
        let python = package().join(".tools/python/bin/python3");
        let mut process = Command::new(python)
            .arg(package().join("tests/aws/emulator"))
            .args(["--scale", &SCALE.to_string(), "--ready"])
            .arg(&ready)
            .stdin(Stdio::piped())
            .spawn()
            .expect("the emulator is needed: run `.ci/tools tests`");
        let port = loop {
            if let Ok(port) = std::fs::read_to_string(&ready) {
                break port.trim().parse().unwrap();
            }
            assert!(process.try_wait().unwrap().is_none(), "the emulator does not start");
            std::thread::sleep(Duration::from_millis(50));
        };
        let seed = format!(
            "import urllib.request as r; r.urlopen(r.Request('http://127.0.0.1:{port}/_emulator/seed', method='POST'))"
        );
        assert!(Command::new("python3").args(["-c", &seed]).status().unwrap().success());
        Self { port, process }
    }

    /// The program, as it is run against AWS.
    fn command(&self, project: &Project, arguments: &[&str]) -> Command {
        let mut command = project.command(arguments);
        command
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port))
            .envs([("AWS_ACCESS_KEY_ID", "example"), ("AWS_SECRET_ACCESS_KEY", "example")])
            .env("NATSOPS_WAIT_SCALE", SCALE.to_string());
        command
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }
}
