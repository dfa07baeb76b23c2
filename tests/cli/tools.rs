//! A tool with a way into the cluster, and what is left of that when it has ended.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;

use jiff::Timestamp;
use natsops::artifacts::{Newer, issue};
use natsops::secrets::{Index, OsEntropy, SealedDirectory, SecretStore as _, ensure_identity};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::support::Project;

/// A project whose keys exist; no server runs.
fn issued() -> Project {
    let project = Project::new();
    std::fs::create_dir_all(project.identity().parent().unwrap()).unwrap();
    ensure_identity(&project.identity()).unwrap();
    let folder = project.path().join(".natsops/local/secrets");
    let store = SealedDirectory::new(folder, project.identity(), &[]);
    let (cluster, now) = (crate::plans::cluster(project.path()), Timestamp::now());
    let change = issue(&cluster, &Index::default(), &store, &OsEntropy, now, &Newer::new());
    store.commit(0, change.unwrap()).unwrap();
    project
}

/// Ctrl-C goes to everything in the foreground. natsops ends after its tool, as the tool did, and no key is left.
#[test]
fn a_tool_that_a_signal_ends_leaves_no_creds_behind() {
    let project = issued();
    let ended = |tool: &str, send: fn(Pid, Signal) -> rustix::io::Result<()>, signal: Signal| {
        let mut command = project.command(&["nats", "local", "--", "sh", "-c", tool]);
        let mut natsops = command.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(natsops.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let creds = Path::new(line.trim());
        assert!(creds.is_file(), "{line}");
        send(Pid::from_child(&natsops), signal).unwrap();
        let status = natsops.wait().unwrap();
        assert!(!creds.parent().unwrap().exists(), "{creds:?} is still there");
        status.code()
    };
    let plain = "echo \"$NATS_CREDS\"; exec sleep 60";
    assert_eq!(ended(plain, kill_process_group, Signal::INT), Some(130));
    // A tool that still works for a while has its files as long.
    let slow = "trap 'sleep 1; test -f \"$NATS_CREDS\" && exit 7' INT; echo \"$NATS_CREDS\"; while :; do sleep 0.1; done";
    assert_eq!(ended(slow, kill_process_group, Signal::INT), Some(7));
    // Who ends natsops alone ends its tool with it.
    assert_eq!(ended(plain, kill_process, Signal::TERM), Some(143));
}
