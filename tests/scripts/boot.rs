//! A boot that does not succeed is seen, and is done again.

use std::process::{Command, Stdio};

use super::{Tool, executable, user_data};
use crate::support::Project;

/// A boot whose steps are over, but for the last.
const STARTED: &str = r#"
device() { echo disk; }
for step in prepare_disk prepare_user prepare_folders look renew download install_generation switch write_unit take prune; do
  eval "$step() { :; }"
done
generation=g-2.15.1 step='' command=boot
mkdir -p "$home/current"
echo 'http: "127.0.0.1:9"' >"$home/current/nats.conf"
"#;

#[test]
fn a_server_that_ends_again_and_again_is_no_boot() {
    let tool = Tool::new();
    std::fs::create_dir_all(tool.path("home/log")).unwrap();
    std::fs::write(tool.path("home/log/nats.log"), "[FTL] no disk\n").unwrap();
    // systemd starts it again each time, so it never counts as failed.
    tool.program("systemctl", "#!/bin/sh\ncase $* in *NRestarts*) echo 7 ;; *) exit 1 ;; esac\n");
    let said = tool.run(&format!("{STARTED}\nboot")).expect(1).stdout;
    let words = "boot: healthy: the server ends again and again, 7 times in 1 s: [FTL] no disk";
    assert!(said.ends_with(&format!("natsops: nats-1: failed: {words}\n")), "{said}");
    assert!(!said.contains(": up "), "{said}");
    assert_eq!(tool.read("state/failed"), format!("{words}\n"));
    assert!(!tool.path("state/booted").exists());
}

#[test]
fn a_server_that_finds_no_cluster_is_no_boot_either() {
    let tool = Tool::new();
    tool.program("systemctl", "#!/bin/sh\ncase $* in *NRestarts*) echo 0 ;; *) exit 1 ;; esac\n");
    let said = tool.run(&format!("{STARTED}\nboot")).expect(1).stdout;
    let words = "failed: boot: healthy: the server runs, and is not healthy after 1 s: ";
    assert!(said.contains(words) && !said.contains(": up "), "{said}");
    assert!(!tool.path("state/booted").exists());
    // A boot that succeeds after all takes the failure back, and is not done again.
    let healthy = r#"healthz() { echo '{"status":"ok"}'; }"#;
    let said = tool.run(&format!("{STARTED}\n{healthy}\nboot")).expect(0).stdout;
    assert!(said.contains(": up ") && tool.path("state/booted").exists(), "{said}");
    // Each step has a time, that of waiting as well.
    assert!(said.contains("healthy ") && !said.contains("healthy -"), "{said}");
    assert!(!tool.path("state/failed").exists());
}

/// AWS attaches a volume to a machine that runs already. What has not come is told, so that nobody waits for nothing.
#[test]
fn a_volume_that_comes_late_is_waited_for_and_one_that_does_not_come_is_told() {
    let tool = Tool::new();
    tool.program("systemctl", "#!/bin/sh\nexit 1\n");
    let late = r#"
device() { echo >>asked; [ "$(wc -l <asked)" -lt 3 ] || echo disk; }
healthz() { echo '{"status":"ok"}'; }
patience=60"#;
    let said = tool.run(&format!("{STARTED}\n{late}\nboot")).expect(0).stdout;
    let waits = "natsops: nats-1: volume vol-0123456789abcdef0 is not attached yet\n";
    assert!(said.starts_with(waits) && said.contains(": up "), "{said}");
    let said = tool.run(&format!("{STARTED}\ndevice() {{ :; }}\nboot")).expect(1).stdout;
    let words = "failed: boot: wait for volume vol-0123456789abcdef0: it has not come in 1 s\n";
    assert!(said.starts_with(waits) && said.ends_with(words), "{said}");
}

/// It is made beside the file system, and is missed no less for that.
#[test]
fn a_user_that_can_not_be_made_is_no_boot() {
    let tool = Tool::new();
    let said = tool.run(&format!("{STARTED}\nprepare_user() {{ false; }}\nboot")).expect(1).stdout;
    assert!(
        said.ends_with("failed: boot: prepare folders: the user root can't be made\n"),
        "{said}"
    );
}

/// Longer than anything else may take.
#[test]
fn a_server_that_restores_its_streams_is_waited_for() {
    let tool = Tool::new();
    tool.program("systemctl", "#!/bin/sh\ncase $* in *NRestarts*) echo 0 ;; *) exit 1 ;; esac\n");
    // It takes four times as long as the tests let the tool be patient.
    let slow = r#"
begin=$(date +%s)
healthz() {
  if [ $(($(date +%s) - begin)) -lt 4 ]; then
    echo '{"status":"error","error":"failed to be ready for connections after 1ms: server, route"}'
  else
    echo '{"status":"ok"}'
  fi
}"#;
    let said = tool.run(&format!("{STARTED}\n{slow}\nboot")).expect(0).stdout;
    assert!(said.contains(": up "), "{said}");
    // For as long as that may take, and no longer.
    let said = tool.run(&format!("{STARTED}\n{slow}\nrestore=0\nboot")).expect(1).stdout;
    assert!(said.contains("not healthy after 1 s: "), "{said}");
}

/// A boot that is done again finds what the one before has started; only another generation restarts it.
#[test]
fn a_boot_that_is_done_again_leaves_the_server_that_runs() {
    let tool = Tool::new();
    tool.program("systemctl", "#!/bin/sh\nexit 0\n");
    let healthy = r#"healthz() { echo '{"status":"ok"}'; }; take() { echo taken; }"#;
    let point = "rm -rf \"$home/current\"; mkdir -p \"$home/generations/$generation\"\n\
        ln -s \"generations/$generation\" \"$home/current\"\n\
        echo 'http: \"127.0.0.1:9\"' >\"$home/current/nats.conf\"";
    let boot = |steps: &str| {
        let said = tool.run(&format!("{STARTED}\n{healthy}\n{steps}\nboot")).expect(0).stdout;
        said.contains("taken")
    };
    assert!(!boot(point));
    assert!(boot(&format!("{point}\ngeneration=g-2.15.2")));
}

/// A power cut at the first thing that takes time: what brings the boot back at the next start is there already. Systemd
/// does it again where it fails, too: whatever was missing may have come.
#[test]
fn a_first_boot_that_is_interrupted_is_done_again() {
    let project = Project::new();
    let folder = project.path();
    std::fs::write(folder.join("user-data"), user_data(&project)).unwrap();
    // The script writes there alone, and finds nothing of this machine.
    let places = ["etc", "var/lib", "var/log", "usr/local/bin"];
    for place in places {
        std::fs::create_dir_all(folder.join("machine").join(place)).unwrap();
    }
    std::fs::create_dir(folder.join("bin")).unwrap();
    executable(&folder.join("bin/aws"), "#!/bin/sh\nkill -KILL \"$PPID\"\n");
    let asked = "/var/lib/natsops/asked";
    executable(&folder.join("bin/systemctl"), &format!("#!/bin/sh\necho \"$*\" >>{asked}\n"));
    let machine = |script: &str| {
        let mounts = places.map(|place| format!("mount --bind machine/{place} /{place}; "));
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &format!("{}exec dash {script}", mounts.concat())]);
        command.current_dir(folder).stdin(Stdio::null());
        command.env("PATH", format!("{}:/usr/bin:/bin", folder.join("bin").display()));
        command.status().unwrap()
    };
    assert!(machine("user-data").success());
    let read = |place: &str| std::fs::read_to_string(folder.join("machine").join(place)).unwrap();
    let unit = read("etc/systemd/system/natsops-boot.service");
    for line in ["ConditionPathExists=!/var/lib/natsops/booted", "Restart=on-failure"] {
        assert!(unit.contains(&format!("\n{line}\n")), "{unit}");
    }
    assert_eq!(read(&asked[1..]), "daemon-reload\nstart --no-block natsops-boot.service\n");
    let wanted = "etc/systemd/system/multi-user.target.wants/natsops-boot.service";
    assert_eq!(read(wanted), unit);
    assert_eq!(read("etc/natsops/boot"), user_data(&project));

    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/bin/sh ")).unwrap();
    assert!(!machine(start).success());
    // What the unit starts goes on: here the tool has come meanwhile.
    executable(
        &folder.join("machine/usr/local/bin/natsops-node"),
        "#!/bin/sh\necho \"$*\" >/var/lib/natsops/told\n",
    );
    assert!(machine(start).success());
    assert_eq!(read("var/lib/natsops/told"), "boot\n");
}
