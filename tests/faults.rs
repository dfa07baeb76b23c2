//! What goes wrong in the middle: the program dies, two run at once, keys can't be opened. The next run converges.

use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

use crate::support::{Cluster, changes};

/// Moments at which the program dies, in milliseconds: within keys, starts, claims, streams and checks.
const DEATHS: [u64; 7] = [30, 150, 400, 800, 1300, 2000, 3500];

#[test]
fn an_apply_that_dies_at_any_moment_is_continued_by_the_next() {
    let cluster = Cluster::idle();
    let project = &cluster.project;
    for moment in DEATHS {
        let mut command = project.command(&["apply", "local", "--yes"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(moment));
        child.kill().unwrap();
        child.wait().unwrap();
        if moment == 800 {
            // Once, everything is thrown away in between, so that later deaths meet a first apply again.
            let flags = ["destroy", "local", "--yes", "--delete-data", "--delete-keys"];
            project.run(&flags).expect(0);
        }
    }
    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
    assert_eq!(cluster.failing_checks(), Vec::<String>::new());
}

#[test]
fn a_rolling_restart_that_dies_is_continued_by_the_next() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    project.edit("local.yaml", "max_memory: 256 MiB", "max_memory: 200 MiB");
    let mut command = project.command(&["apply", "local", "--yes"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    child.kill().unwrap();
    child.wait().unwrap();
    let changes_left = changes(&cluster.plan());
    let left = changes_left.iter().filter(|change| change.contains(" node ")).count();
    assert!((1..=5).contains(&left), "{left} of 5 nodes are left to do: {changes_left:?}");
    project.run(&["apply", "local", "--yes"]).expect(0);
    assert_eq!(changes(&cluster.plan()), Vec::<String>::new());
}

#[test]
fn an_interrupted_apply_finishes_what_is_in_flight() {
    let cluster = Cluster::idle();
    let mut command = cluster.project.command(&["apply", "local", "--yes"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(900));
    crate::support::signal(i32::try_from(child.id()).unwrap(), rustix::process::Signal::INT);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("nothing else was started"), "{said}");
    cluster.project.run(&["apply", "local", "--yes"]).expect(0);
}

#[test]
fn a_second_apply_is_refused_and_a_dead_holder_is_not_waited_for() {
    let cluster = Cluster::idle();
    let mut command = cluster.project.command(&["apply", "local", "--yes"]);
    let mut first = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let refused = cluster.project.run(&["apply", "local", "--yes"]).expect(6);
    assert!(refused.stderr.contains("`natsops apply local`"), "{}", refused.stderr);
    first.kill().unwrap();
    first.wait().unwrap();
    cluster.project.run(&["apply", "local", "--yes"]).expect(0);
}

#[test]
fn keys_that_can_not_be_opened_stop_an_apply_before_it_begins() {
    let cluster = Cluster::applied();
    let identity = cluster.project.identity();
    let kept = std::fs::read(&identity).unwrap();
    std::fs::remove_file(&identity).unwrap();
    let refused = cluster.project.run(&["apply", "local", "--yes"]).expect(4);
    assert!(refused.stderr.contains("no age identity"), "{}", refused.stderr);
    assert!(!identity.exists(), "a new identity would open nothing");
    // A plan needs no key: what it can't see it says so.
    let plan = cluster.plan();
    assert_eq!(changes(&plan), Vec::<String>::new());
    let unseen = plan["plan"]["not_observed"].as_array().unwrap();
    let unseen: Vec<&str> = unseen.iter().map(|unseen| unseen["kind"].as_str().unwrap()).collect();
    assert_eq!(unseen, ["claims", "stream", "bucket", "consumer"]);
    std::fs::write(&identity, kept).unwrap();
    cluster.project.run(&["apply", "local", "--yes"]).expect(0);
}

#[test]
fn an_address_that_somebody_else_has_is_named() {
    let cluster = Cluster::idle();
    let out = ["render", "local", "--out", "out", "--stand-in-keys"];
    cluster.project.run(&out).expect(0);
    let conf = std::fs::read_to_string(cluster.project.path().join("out/nodes/nats-1/nats.conf"));
    let conf = conf.unwrap();
    let address = conf.lines().find_map(|line| line.strip_prefix("listen: \"")?.strip_suffix('"'));
    let _squatter = std::net::TcpListener::bind(address.unwrap()).unwrap();
    let failed = cluster.project.run(&["apply", "local", "--yes"]);
    assert_ne!(failed.code, 0);
    assert!(failed.stderr.contains(address.unwrap()), "{}", failed.stderr);
}

#[test]
fn a_missing_server_program_is_told_with_the_way_to_get_it() {
    let cluster = Cluster::idle();
    let mut command = cluster.project.command(&["apply", "local", "--yes"]);
    let output = command.env("PATH", "/usr/bin:/bin").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("nats-server 2.15.1 is needed") && said.contains("make tools"), "{said}");
}

#[test]
fn whoever_is_asked_may_leave_without_an_answer() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let keyboard = std::fs::File::open(name).unwrap();
    let cluster = Cluster::idle();
    let mut command = cluster.project.command(&["apply", "local"]);
    let mut child = command.stdin(keyboard).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = Vec::new();
    let mut stderr = child.stderr.take().unwrap();
    while !said.ends_with(b"to go on: ") {
        let mut byte = [0];
        stderr.read_exact(&mut byte).unwrap();
        said.extend(byte);
    }
    // The question is out before its answer is listened for.
    std::thread::sleep(Duration::from_millis(300));
    crate::support::signal(i32::try_from(child.id()).unwrap(), rustix::process::Signal::INT);
    stderr.read_to_end(&mut said).unwrap();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("error: stopped\n safe: nothing was changed\n"), "{said}");
    assert_eq!(cluster.project.run(&["status", "local"]).code, 8);
}
