//! What the commands of the tool refuse, and that each may stop anywhere and be run again.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::Tool;
use crate::support::nats_server;

/// Notes what it is asked, and answers as systemd does once it has read all units.
const SYSTEMCTL: &str = "#!/bin/sh\necho \"$*\" >>asked\necho no\n";

#[test]
fn nothing_is_applied_without_the_volume() {
    let tool = Tool::new();
    for order in ["apply b-2.15.1 --restart", "rollback --restart"] {
        let said = tool.run(&format!("command=order\n{order}")).expect(1).stdout;
        let words = "volume vol-0123456789abcdef0 is not mounted at ";
        assert!(said.contains(words), "{said}");
        assert!(said.contains("natsops node run prod nats-1 boot"), "{said}");
        assert!(tool.read("state/failed").contains(words));
        assert!(!tool.path("home/generations").exists(), "{order}");
    }
    // What is mounted is enough.
    tool.run("home=/proc\non_its_volume").expect(0);
}

#[test]
fn a_unit_that_was_half_written_is_completed() {
    let tool = Tool::new();
    tool.program("systemctl", SYSTEMCTL);
    let write = || tool.run("work=$state; mkdir -p \"$work\"; write_unit; work=''").expect(0);
    write();
    let unit = tool.read("units/nats.service");
    let home = tool.path("home").canonicalize().unwrap();
    assert!(unit.contains(&format!("\nAssertPathIsMountPoint={}\n", home.display())), "{unit}");
    assert_eq!(tool.read("units/wanted/nats.service"), unit);
    assert!(!tool.read("asked").contains("daemon-reload"));

    // It stopped before the unit was wanted.
    std::fs::remove_file(tool.path("units/wanted/nats.service")).unwrap();
    write();
    assert_eq!(tool.read("units/wanted/nats.service"), unit);
    // It stopped before systemd read it.
    tool.program("systemctl", &SYSTEMCTL.replace("no\n", "yes\n"));
    write();
    assert!(tool.read("asked").ends_with("daemon-reload\n"), "{}", tool.read("asked"));
}

/// The lock goes with the command, whatever it had begun beside.
#[test]
fn a_download_that_fails_leaves_nothing_that_holds_the_lock() {
    let tool = Tool::new();
    tool.program(
        "aws",
        "#!/bin/sh\ncase $* in *bundle-*) echo 'no such key' >&2; exit 1 ;; esac\nexec sleep 3\n",
    );
    let steps = "exec 9>lock; flock -n 9\nwork=$home/incoming; mkdir \"$work\"\n\
        bundle=bundle-b.tar server=nats-server-2.15.1 generation=b-2.15.1\n\
        is_named() { return 1; }\ndownload";
    let said = tool.run(steps).expect(1).stdout;
    assert!(said.contains("bundle-b.tar can't be fetched from the bucket: no such key"), "{said}");
    let lock = Command::new("flock").arg("-n").arg(tool.path("lock")).arg("true").status();
    assert!(lock.unwrap().success(), "something still holds the lock");
}

/// The unit has systemd tell the tool how the server ended.
#[test]
fn a_server_that_ends_by_itself_is_told_and_one_that_was_stopped_is_not() {
    let tool = Tool::new();
    tool.program("systemctl", SYSTEMCTL);
    tool.run("work=$state; mkdir -p \"$work\"; write_unit; work=''").expect(0);
    let unit = tool.read("units/nats.service");
    for line in ["/natsops-node ended\n", "\nDeviceAllow=/dev/console w\n"] {
        assert!(unit.contains(line), "{unit}");
    }
    std::fs::write(tool.path("home/log/nats.log"), "[INF] ready\n[FTL] no disk\n").unwrap();
    let ended = |result: &str| tool.run(&format!("{result}\nended")).expect(0).stdout;
    let said = ended("SERVICE_RESULT=exit-code EXIT_CODE=exited EXIT_STATUS=1");
    let (before, after) = said.split_once(" at ").unwrap();
    assert_eq!(before, "natsops: nats-1: failed: the server has ended (exited 1)");
    assert!(after.ends_with(": [FTL] no disk\n"), "{said}");
    assert_eq!(ended("SERVICE_RESULT=success EXIT_CODE=exited EXIT_STATUS=0"), "");
}

#[test]
fn a_configuration_that_the_server_refuses_is_told_in_its_own_words() {
    let tool = Tool::new();
    let bundle = tool.path("bundle");
    for (file, text) in
        [("nats.conf", "max_connexions: 3\n"), ("tls/a.key", ""), ("data/jwt/A.jwt", "")]
    {
        std::fs::create_dir_all(bundle.join(file).parent().unwrap()).unwrap();
        std::fs::write(bundle.join(file), text).unwrap();
    }
    std::fs::create_dir_all(tool.path("home/servers")).unwrap();
    symlink(nats_server(), tool.path("home/servers/nats-server-2.15.1")).unwrap();
    let steps = "work=$home/incoming; mkdir -p \"$work\" \"$home/tls\" \"$home/generations\" \"$home/data/jwt\"\n\
        tar -cf \"$work/bundle-b.tar\" -C bundle .\n\
        is_named() { return 0; }\n\
        bundle=bundle-b.tar server=nats-server-2.15.1 generation=b-2.15.1\ninstall_generation";
    let said = tool.run(steps).expect(1).stdout;
    assert!(said.contains("failed: "), "{said}");
    assert!(said.contains("unknown field \"max_connexions\""), "{said}");
    assert!(tool.read("state/failed").contains("max_connexions"));
}
