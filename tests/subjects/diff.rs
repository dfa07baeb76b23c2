//! `subjects diff` against a real git repository.

use std::process::Command;

use crate::support::Project;

fn git(project: &Project, arguments: &[&str]) {
    let output = Command::new("git")
        .arg("-C")
        .arg(project.path())
        .args([
            "-c",
            "user.name=test",
            "-c",
            "user.email=test@example.org",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(arguments)
        .env("HOME", project.path())
        .output()
        .expect("git is needed: apt-get install git");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The shipped environments, committed.
pub fn committed() -> Project {
    let project = Project::new();
    git(&project, &["init", "--quiet"]);
    git(&project, &["add", "environments"]);
    git(&project, &["commit", "--quiet", "-m", "first"]);
    project
}

fn diff(project: &Project, further: &[&str]) -> crate::support::Output {
    let mut arguments = vec!["subjects", "diff", "local", "--from", "HEAD"];
    arguments.extend(further);
    project.run(&arguments)
}

const RENAMED: (&str, &str) = (
    "- {subject: svc.quest.v1.generate, queue: q.quest}",
    "- {subject: svc.quest.v2.generate, queue: q.quest}",
);

fn rename(project: &Project) {
    project.edit("catalog/game.yaml", RENAMED.0, RENAMED.1);
    project.edit("catalog/game.yaml", "      - svc.quest.v1.generate\n", "");
}

#[test]
fn no_change_is_no_difference() {
    let project = committed();
    // A comment and another file are no change of the contract.
    project.edit("catalog/game.yaml", "accounts:", "# Another word.\naccounts:");
    let output = diff(&project, &[]).expect(0);
    assert!(output.stdout.starts_with("0 changes since "), "{}", output.stdout);
}

#[test]
fn what_breaks_is_told_with_those_who_feel_it_and_refused() {
    let project = committed();
    rename(&project);
    let output = diff(&project, &[]).expect(5);
    for words in [
        "breaking GAME/quest-generator: nobody serves `svc.quest.v1.generate` any more; felt by npc-dialogue",
        "breaking GAME/npc-dialogue: may no longer call `svc.quest.v1.generate`",
        "adds GAME/quest-generator: serves `svc.quest.v2.generate`",
        "3 changes since",
    ] {
        assert!(output.stdout.contains(words), "{words}:\n{}", output.stdout);
    }
    assert!(output.stderr.contains("--accept-breaking REASON"), "{}", output.stderr);
    let json = diff(&project, &["--json"]).expect(5).json();
    assert_eq!(json["breaking"], 2);
    assert_eq!(json["changes"][0]["effect"], "breaking");
}

#[test]
fn a_reason_lets_it_pass_and_is_shown() {
    let project = committed();
    rename(&project);
    let output = diff(&project, &["--accept-breaking", "nobody calls it since March"]).expect(0);
    assert!(output.stderr.contains("nobody calls it since March"), "{}", output.stderr);
    diff(&project, &["--accept-breaking", ""]).expect(64);
}

#[test]
fn versions_side_by_side_break_nobody() {
    let project = committed();
    let both = format!("{}\n      {}", RENAMED.0, RENAMED.1);
    project.edit("catalog/game.yaml", RENAMED.0, &both);
    let output = diff(&project, &[]).expect(0);
    assert!(output.stdout.contains("1 change since"), "{}", output.stdout);
}

#[test]
fn a_revision_that_is_not_there_is_told() {
    let project = committed();
    let from = |revision: &str| project.run(&["subjects", "diff", "local", "--from", revision]);
    let output = from("no-such-branch").expect(64);
    assert!(output.stderr.contains("there is no revision `no-such-branch`"), "{}", output.stderr);
    // What looks like an option is a revision that does not exist, and nothing else.
    from("--output=stolen").expect(64);
    assert!(!project.path().join("stolen").exists());
    let output = Project::new().run(&["subjects", "diff", "local", "--from", "HEAD"]).expect(64);
    assert!(output.stderr.contains("is not in a git repository"), "{}", output.stderr);
}

#[test]
fn git_that_is_not_installed_is_told() {
    let project = committed();
    let mut command = project.command(&["subjects", "diff", "local", "--from", "HEAD"]);
    let output = command.env("PATH", "/nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("apt-get install git"));
}

#[test]
fn an_environment_that_is_new_or_was_invalid_is_told() {
    let project = committed();
    let local = std::fs::read_to_string(project.path().join("environments/local.yaml")).unwrap();
    let staging = local.replace("name: local", "name: staging");
    std::fs::write(project.path().join("environments/staging.yaml"), staging).unwrap();
    let output = project.run(&["subjects", "diff", "staging", "--from", "HEAD"]).expect(0);
    assert!(output.stderr.contains("there is no environment `staging`"), "{}", output.stderr);
    let project = Project::new();
    project.edit("catalog/game.yaml", "    account: GAME\n", "    account: GAMES\n");
    git(&project, &["init", "--quiet"]);
    git(&project, &["add", "environments"]);
    git(&project, &["commit", "--quiet", "-m", "broken"]);
    project.edit("catalog/game.yaml", "    account: GAMES\n", "    account: GAME\n");
    let output = diff(&project, &[]).expect(3);
    assert!(output.stderr.contains("is not valid at HEAD"), "{}", output.stderr);
}
