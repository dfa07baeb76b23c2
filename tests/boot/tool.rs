//! The node tool on a machine, run as Systems Manager would run it.

use std::process::Command;

use serde_json::Value;

use super::cluster::{NODE, Prod};
use super::machine::Machine;
use super::shell::Shell;
use crate::aws::emulator::python;

/// Puts an object of the node, from a file.
const PUT: &str = "
import boto3, sys
s3 = boto3.client('s3')
[bucket] = [b['Name'] for b in s3.list_buckets()['Buckets']]
s3.upload_file(sys.argv[2], bucket, f'nodes/{sys.argv[1]}')
";

/// Every command of the tool, on the machine's running server.
pub fn operate(prod: &mut Prod, machine: &Machine) {
    let mut shell = Shell::of(machine);
    let first = generation(prod);
    let status = status(&mut shell);
    assert_eq!(status["node"], NODE);
    assert_eq!(status["generation"], first);
    assert_eq!(status["previous"], Value::Null);
    assert_eq!(status["service"], "active");
    assert_eq!(status["health"], r#"{"status":"ok"}"#);
    assert_eq!(status["failure"], Value::Null);
    shipped_as_meant(&mut shell, status["pid"].as_u64().unwrap());
    let (code, lines) = shell.run("natsops-node logs 3");
    assert_eq!((code, lines.lines().count()), (0, 3), "{lines}");

    edit(prod, "max_payload: 1 MiB", "max_payload: 2 MiB");
    let second = generation(prod);
    assert_ne!(first, second);
    tampered(prod, &mut shell, &second);
    alone_and_only_what_is_there(&mut shell, &second);
    change(&mut shell, [&first, &second], status["pid"].as_u64().unwrap());
    // The tool says how long a lame duck may take, so this gives another tool as well.
    edit(prod, "lame_duck: {duration: 2m", "lame_duck: {duration: 3m");
    drain(prod, &mut shell);
}

/// Changes the environment, and with that what the bucket holds.
fn edit(prod: &mut Prod, from: &str, to: &str) {
    prod.project.edit("prod.yaml", from, to);
    // What the servers run is the machine's own affair here.
    prod.natsops(&["apply", "prod", "--yes", "--reach", "never"]).expect(0);
    prod.look();
}

/// The generation that the bucket holds.
fn generation(prod: &Prod) -> String {
    let current = prod.bucket.current(NODE);
    let print = current[0].trim_start_matches("bundle-").trim_end_matches(".tar");
    format!("{print}-{}", current[1].trim_start_matches("nats-server-"))
}

fn status(shell: &mut Shell) -> Value {
    let (code, said) = shell.run("natsops-node status --json");
    assert_eq!(code, 0, "{said}");
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// The disk, the files and the unit are as they should be.
fn shipped_as_meant(shell: &mut Shell, pid: u64) {
    let (_, mount) = shell.run("findmnt -no FSTYPE,OPTIONS /var/lib/nats; grep ^UUID= /etc/fstab");
    assert!(mount.starts_with("xfs") && mount.contains("noatime"), "{mount}");
    assert!(mount.contains("\nUUID="), "{mount}");
    let files = "cd /var/lib/nats; stat -c '%U:%G %a' . tls/*.key current/nats.conf current/server/ data log";
    let (_, modes) = shell.run(&files.replace("server/", "server"));
    let wanted = [
        "root:nats 750",
        "root:nats 640",
        "root:nats 640",
        "root:root 777",
        "nats:nats 700",
        "nats:nats 700",
    ];
    assert_eq!(modes.lines().collect::<Vec<_>>(), wanted);
    let asked = "systemctl show nats --property=User,KillSignal,LimitNOFILE,TimeoutStopUSec,Restart,NoNewPrivileges";
    let (_, unit) = shell.run(&format!("{asked} | sort"));
    let wanted = "KillSignal=12\nLimitNOFILE=1048576\nNoNewPrivileges=yes\nRestart=on-failure\nTimeoutStopUSec=2min 30s\nUser=nats";
    assert_eq!(unit, wanted);
    let limit = format!(
        "tr '\\0' '\\n' </proc/{pid}/environ | sed -n 's/^GOMEMLIMIT=//p'; awk '/^MemTotal/ {{ print $2 * 1024 }}' /proc/meminfo"
    );
    let (_, memory) = shell.run(&limit);
    let memory: Vec<f64> = memory.lines().map(|line| line.parse().unwrap()).collect();
    assert!((0.79..0.9).contains(&(memory[0] / memory[1])), "{memory:?}");
    let (code, why) = shell
        .run("touch /var/lib/nats/x /usr/x && systemd-analyze security nats --no-pager | tail -1");
    assert_eq!(code, 0, "{why}");
    println!("unit: {why}");
}

/// What is not what the bucket says that it is changes nothing.
fn tampered(prod: &Prod, shell: &mut Shell, second: &str) {
    let name = format!("{NODE}/{}", prod.bucket.current(NODE)[0]);
    let good = prod.bucket.folder.join("nodes").join(&name);
    let bad = prod.bucket.folder.join("bad");
    std::fs::write(&bad, [std::fs::read(&good).unwrap(), vec![0; 512]].concat()).unwrap();
    let put = |file: &std::path::Path| {
        let mut command = Command::new(python());
        command.args(["-c", PUT, &name]).arg(file).envs(prod.aws.variables());
        assert!(command.status().unwrap().success());
    };
    put(&bad);
    let (code, said) = shell.run(&format!("natsops-node apply {second} --reload"));
    assert!(code == 1 && said.contains("is not what the bucket says that it is"), "{said}");
    let after = status(shell);
    assert_ne!(after["generation"], second);
    assert!(
        after["failure"].as_str().unwrap().starts_with("apply: check and install: "),
        "{after}"
    );
    put(&good);
}

/// A generation that the bucket does not hold, and a second command beside one that runs.
fn alone_and_only_what_is_there(shell: &mut Shell, second: &str) {
    let (code, said) = shell.run("natsops-node rollback --reload");
    assert!(code == 1 && said.contains("there is no generation before"), "{said}");
    let busy = format!("flock /run/natsops/lock natsops-node apply {second} --reload");
    let (code, said) = shell.run(&busy);
    assert!(code == 75 && said.contains("another command runs"), "{said}");
    for wrong in
        ["", "apply", "apply x", "apply ../x --reload", "logs x", "rollback", "status --yaml"]
    {
        let (code, said) = shell.run(&format!("natsops-node {wrong}"));
        assert!(code == 64 && said.starts_with("usage: "), "{wrong}: {said}");
    }
}

/// A reload, and back: the process stays, and what it runs changes.
fn change(shell: &mut Shell, [first, second]: [&str; 2], pid: u64) {
    let payload = "curl -s http://10.0.3.13:8222/varz | sed -n 's/.*\"max_payload\": \\([0-9]*\\).*/\\1/p' | head -1";
    let orders = [
        (format!("natsops-node apply {second} --reload"), second, first, "2097152"),
        ("natsops-node rollback --reload".to_owned(), first, second, "1048576"),
        ("natsops-node rollback --reload".to_owned(), second, first, "2097152"),
    ];
    for (order, current, previous, bytes) in orders {
        let (code, said) = shell.run(&order);
        println!("{order}:\n  {}", said.replace('\n', "\n  "));
        assert_eq!(code, 0, "{said}");
        let after = status(shell);
        assert_eq!((&after["generation"], &after["previous"]), (&current.into(), &previous.into()));
        assert_eq!((&after["pid"], &after["failure"]), (&pid.into(), &Value::Null));
        // The server reads its file a moment after the signal.
        let (_, limit) = shell.run(&format!("sleep 2; {payload}"));
        assert_eq!(limit, bytes, "after {order}");
    }
}

/// The server leaves by lame duck and stays away; a restart brings it back, as the bucket has it now.
fn drain(prod: &Prod, shell: &mut Shell) {
    let (code, said) = shell.run("natsops-node drain");
    assert_eq!(code, 0, "{said}");
    let after = status(shell);
    assert_eq!((&after["service"], &after["pid"]), (&"inactive".into(), &0.into()), "{after}");
    let (_, log) = shell.run("natsops-node logs 40");
    assert!(log.contains("Entering lame duck mode"), "{log}");

    let third = generation(prod);
    let (code, said) = shell.run(&format!("natsops-node apply {third} --restart"));
    println!("the node tool is another one:\n  {}", said.replace('\n', "\n  "));
    assert!(code == 0 && said.contains("fetch the node tool"), "{said}");
    let (_, stop) = shell.run("systemctl show nats --property=TimeoutStopUSec --value");
    assert_eq!(stop, "3min 30s");
    let (code, said) = shell.run("until curl -fsS http://10.0.3.13:8222/healthz; do sleep 1; done");
    assert_eq!(code, 0, "{said}");
    let after = status(shell);
    assert_eq!((&after["generation"], &after["service"]), (&third.into(), &"active".into()));
    assert!(prod.bucket.current(NODE)[2].ends_with(after["tool"].as_str().unwrap()), "{after}");
}
