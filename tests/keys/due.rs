//! Whatever is due is replaced, and whatever is under way goes on.

use crate::cluster::Keys;
use crate::support::Cluster;

#[test]
fn what_is_due_is_replaced_and_what_waits_goes_on() {
    let cluster = Cluster::with_cache();
    let project = &cluster.project;
    let due = |more: &[&str]| {
        let arguments = [&["keys", "rotate", "local", "--all-due"], more].concat();
        project.run(&arguments).expect(0)
    };
    let said = due(&["--dry-run"]);
    assert!(said.stderr.contains("nothing is due") && said.stdout.is_empty(), "{}", said.stderr);

    // A rotation that waits for the end of its overlap, and passwords that are too old.
    project.run(&["keys", "rotate", "local", "user", "wallet", "--yes"]).expect(0);
    let path = project.path().join("environments/local.yaml");
    let file = std::fs::read_to_string(&path).unwrap();
    let old = format!("{file}\nidentity:\n  rotation: {{cache_user: 1s}}\n");
    std::fs::write(&path, old).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let before = Keys::of(project).index;
    let said = due(&["--dry-run"]);
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(lines[0], "natsops keys rotate local user wallet");
    let told = project.run(&["keys", "rotate", "local", "--all-due", "--dry-run", "--json"]);
    let told = told.expect(0).json();
    assert_eq!(serde_json::json!(lines), told["commands"]);
    for user in ["store", "natsops", "replication"] {
        let line = format!("natsops keys rotate local redis {user}");
        assert!(lines.contains(&line.as_str()), "{lines:?}");
    }
    assert!(!said.stderr.contains("not replaced by any rotation"), "{}", said.stderr);
    assert_eq!(Keys::of(project).index, before, "a look has changed something");

    due(&["--yes", "--overlap", "0s"]);
    std::fs::write(&path, &file).unwrap();
    let after = Keys::of(project).index;
    let replaced = |name: &str| {
        let public = |index: &natsops::secrets::Index| {
            let found = index.keys.iter().find(|(known, _)| known.as_str() == name);
            found.map(|(_, entry)| entry.public.clone())
        };
        (public(&before), public(&after))
    };
    let (old, new) = replaced("redis/user/store");
    assert!(old.is_some() && new.is_some() && old != new);
    let (waiting, gone) = replaced("retiring/user/wallet");
    assert!(waiting.is_some() && gone.is_none());
    let said = due(&["--yes"]);
    assert!(said.stderr.contains("nothing is due"), "{}", said.stderr);
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
}
