//! Starting, changing and rolling a cluster, against a plain loop over the same configurations.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use natsops::nats::{Health, Jsz, Monitor};
use rustix::process::{Pid, Signal, kill_process};

use super::project::{Project, median, package, print};

const STARTS: usize = 7;
const ROLLS: usize = 3;

/// From the first start of a process to five nodes fully healthy, with empty disks.
pub fn start() {
    let project = Project::new();
    project.run(&["apply", "local", "--yes", "--json"]);
    let (mut ours, mut floor, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        project.run(&["destroy", "local", "--yes"]);
        empty_disks(&project);
        let begin = Instant::now();
        let servers: Vec<Server> = (1..=5).map(|n| Server::start(&project, n)).collect();
        wait_whole(&project);
        floor.push(begin.elapsed());
        drop(servers);
        empty_disks(&project);
        let (applied, elapsed) = project.run(&["apply", "local", "--yes", "--json"]);
        ours.push(Duration::from_secs_f64(applied["phases"]["nodes"].as_f64().unwrap()));
        whole.push(elapsed);
    }
    print("start of five nodes", median(ours), median(floor), STARTS);
    println!("whole apply: {:.1?} (median of {STARTS})", median(whole));
}

/// A one-line edit of a stream on a healthy cluster.
pub fn edit() {
    let project = Project::new();
    project.run(&["apply", "local", "--yes", "--json"]);
    let (mut plans, mut applies) = (Vec::new(), Vec::new());
    for day in 3..3 + STARTS {
        let was = format!("max_age: {}d\n    max_bytes: 80 GB", day - 1);
        project.edit("catalog/game.yaml", &was, &format!("max_age: {day}d\n    max_bytes: 80 GB"));
        plans.push(project.run(&["plan", "local", "--json"]).1);
        applies.push(project.run(&["apply", "local", "--yes", "--json"]).1);
    }
    let (plan, apply) = (median(plans), median(applies));
    println!("one-line edit of a stream: plan {plan:.0?}, apply {apply:.0?} (medians of {STARTS})");
}

/// A rolling restart of five nodes, against a loop that stops, starts and waits in the same way.
pub fn roll() {
    let project = Project::new();
    project.run(&["apply", "local", "--yes", "--json"]);
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    let mut sizes = (1..).map(|step| format!("max_memory: {} MiB", 256 - step));
    let mut size = "max_memory: 256 MiB".to_owned();
    for _ in 0..ROLLS {
        let next = sizes.next().unwrap();
        project.edit("local.yaml", &size, &next);
        size = next;
        let (applied, _) = project.run(&["apply", "local", "--yes", "--json"]);
        ours.push(Duration::from_secs_f64(applied["phases"]["nodes"].as_f64().unwrap()));
        floor.push(plain_roll(&project));
        // The loop's servers are children of this process: natsops starts its own again.
        project.run(&["destroy", "local", "--yes"]);
        project.run(&["apply", "local", "--yes", "--json"]);
    }
    print("rolling restart of five nodes", median(ours), median(floor), ROLLS);
}

fn plain_roll(project: &Project) -> Duration {
    // Not counted: the servers become this process's own, so that their end can be waited for.
    project.run(&["destroy", "local", "--yes"]);
    let mut servers: Vec<Server> = (1..=5).map(|n| Server::start(project, n)).collect();
    wait_whole(project);
    let begin = Instant::now();
    for number in 1..=5 {
        servers[usize::from(number) - 1].leave();
        servers[usize::from(number) - 1] = Server::start(project, number);
        wait_whole(project);
    }
    begin.elapsed()
}

struct Server(Child);

impl Server {
    fn start(project: &Project, number: u8) -> Self {
        let child = Command::new(package().join(".tools/bin/nats-server"))
            .args(["-c", "nats.conf"])
            .current_dir(project.node(number))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    /// Lame duck, until it is gone.
    fn leave(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process(pid, Signal::USR2).unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn empty_disks(project: &Project) {
    for number in 1..=5 {
        std::fs::remove_dir_all(project.node(number).join("data")).unwrap();
        std::fs::create_dir(project.node(number).join("data")).unwrap();
    }
}

/// Waits for what the gate of natsops waits for: every node healthy, the meta group whole, every replica current.
fn wait_whole(project: &Project) {
    let monitors: Vec<Monitor> = (1..=5).map(|number| monitor(project, number)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        while !is_whole(&monitors).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
}

async fn is_whole(monitors: &[Monitor]) -> bool {
    let mut pages: Vec<Jsz> = Vec::new();
    for monitor in monitors {
        let healthy = matches!(monitor.health().await, Ok(Health::Good));
        match monitor.jetstream().await {
            Ok(page) if healthy => pages.push(page),
            _ => return false,
        }
    }
    let metas = pages.iter().filter_map(|page| page.meta_cluster.as_ref());
    let whole = |meta: &natsops::nats::Meta| {
        meta.leader().is_some()
            && meta.replicas.len() == 4
            && meta.replicas.iter().all(|peer| peer.is_whole())
    };
    let streams = pages.iter().flat_map(Jsz::led_streams);
    metas.into_iter().any(whole) && streams.into_iter().all(|stream| stream.behind.is_empty())
}

/// A node's monitoring.
pub fn monitor(project: &Project, number: u8) -> Monitor {
    Monitor::new(listed(project, number, "http"))
}

/// Where a node lets clients in.
pub fn address(project: &Project, number: u8) -> SocketAddr {
    listed(project, number, "listen")
}

/// An address from a node's configuration.
fn listed(project: &Project, number: u8, key: &str) -> SocketAddr {
    let conf = std::fs::read_to_string(project.node(number).join("nats.conf")).unwrap();
    let line =
        conf.lines().find_map(|line| line.strip_prefix(&format!("{key}: \"")).map(str::to_owned));
    line.unwrap().trim_end_matches('"').parse().unwrap()
}
