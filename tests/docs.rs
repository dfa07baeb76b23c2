//! The documents, walked as a reader would: every `console` block is run, and must say what it shows.
//!
//! `...` stands for any lines. Times, addresses, node numbers, process ids, generations, dates and keys differ from run to run,
//! so they are made alike on both sides before they are compared.

use std::path::Path;
use std::process::Command;

use regex_lite::Regex;

use crate::support::{Cluster, Project, holds_no_secret, nats_server, package};

/// A command of a document, with what it is shown to say.
struct Step {
    line: usize,
    command: String,
    expected: Vec<String>,
}

/// The commands of a document's `console` blocks, in their order.
fn steps(document: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (number, line) in document.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if !inside {
            continue;
        } else if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { line: number + 1, command: command.to_owned(), expected: vec![] });
        } else if let (Some(more), Some(step)) = (line.strip_prefix("> "), steps.last_mut()) {
            step.command = format!("{}\n{more}", step.command);
        } else if let Some(step) = steps.last_mut() {
            step.expected.push(line.to_owned());
        }
    }
    steps
}

/// What differs from run to run, and what stands for it.
const DIFFERENT: [(&str, &str); 8] = [
    (r"nats-\d\*?", "nats-N"),
    (r"127\.\d+\.\d+\.\d+", "127.x.y.z"),
    (r"\b\d+(\.\d+)? ?(ms|s|KiB|MiB)\b", "FIGURE"),
    (r"process \d+", "process N"),
    // One more where servers left out a part of the claims, which are then signed once more.
    (r"generation \d+ to \d+", "generation N to N"),
    (r"\b\d{4}-\d\d-\d\d\b", "DATE"),
    (r"\b([OAU][A-Z2-7]{11}|[0-9a-f]{12})\b", "KEY"),
    (r"\s+", " "),
];

/// Replaces what differs from run to run.
fn alike(line: &str) -> String {
    DIFFERENT.iter().fold(line.trim().to_owned(), |line, (pattern, word)| {
        Regex::new(pattern).unwrap().replace_all(&line, *word).into_owned()
    })
}

/// Whether what was said is what is shown, where `...` stands for any lines.
fn matches(expected: &[String], said: &[String]) -> bool {
    match expected.split_first() {
        None => said.is_empty(),
        Some((first, rest)) if first == "..." => {
            (0..=said.len()).any(|skipped| matches(rest, &said[skipped..]))
        }
        Some((first, rest)) => {
            said.first().is_some_and(|line| line == first) && matches(rest, &said[1..])
        }
    }
}

/// Walks a document in a project of its own.
fn walk(document: &Path, cluster: &Cluster) {
    let text = std::fs::read_to_string(package().join(document)).unwrap();
    let steps = steps(&text);
    assert!(steps.len() > 5, "{} shows nothing", document.display());
    let program = Path::new(env!("CARGO_BIN_EXE_natsops")).parent().unwrap();
    let python = package().join(".tools/python/bin");
    assert!(python.join("python3").exists(), "a client in Python is needed: run `.ci/tools tests`");
    let server = nats_server();
    let path = [program, server.parent().unwrap(), &python, "/usr/bin".as_ref(), "/bin".as_ref()];
    let mut untrue = Vec::new();
    for step in steps {
        let project = &cluster.project;
        let output = Command::new("bash")
            .args(["-c", &format!("exec 2>&1\n{}", step.command)])
            .current_dir(project.path())
            .env_clear()
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("HOME", project.path().join("home"))
            .env("NATSOPS_AGE_IDENTITY", project.identity())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        holds_no_secret(&said);
        let found: Vec<String> = said.lines().map(alike).collect();
        let wanted: Vec<String> = step.expected.iter().map(|line| alike(line)).collect();
        if !matches(&wanted, &found) {
            let (document, shown) = (document.display(), step.expected.join("\n"));
            let Step { line, command, .. } = step;
            untrue.push(format!(
                "{document}:{line}: `{command}` says\n{said}\nand is shown to say\n{shown}"
            ));
        }
    }
    assert!(untrue.is_empty(), "{}", untrue.join("\n\n"));
}

#[test]
fn readme_is_true() {
    // The reader has run `make local`, whose last step this is.
    let cluster = Cluster::with_cache();
    walk(Path::new("README.md"), &cluster);
}

#[test]
fn operations_are_true() {
    let cluster = Cluster::idle_with_cache();
    walk(Path::new("docs/operations.md"), &cluster);
}

/// The content of a document's blocks in a language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let begin = format!("```{language}\n");
    let blocks = document.split(&begin).skip(1);
    blocks.map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

/// The scripts of a workflow's steps.
fn scripts(workflow: &serde_json::Value) -> Vec<&str> {
    let jobs = workflow["jobs"].as_object().unwrap().values();
    let steps = jobs.flat_map(|job| job["steps"].as_array().unwrap());
    steps.filter_map(|step| step["run"].as_str()).collect()
}

#[test]
fn the_workflow_for_pull_requests_is_one() {
    let text = std::fs::read_to_string(package().join("docs/operations.md")).unwrap();
    let workflow = blocks(&text, "yaml").into_iter().find(|block| block.contains("\njobs:"));
    let workflow: serde_json::Value = serde_yaml::from_str(&workflow.unwrap()).unwrap();
    // It reads, signs in without a stored secret, and comments; nothing more.
    let permissions = serde_json::json!({
        "contents": "read", "id-token": "write", "pull-requests": "write",
    });
    assert_eq!(workflow["permissions"], permissions);
    let project = Project::new();
    let (mut commands, mut plans) = (0, false);
    for script in scripts(&workflow) {
        // A script that the shell refuses would only fail on a pull request.
        let script = script.replace("${{ github.event.number }}", "1");
        let checked = Command::new("bash").args(["-n", "-c", &script]).status().unwrap();
        assert!(checked.success(), "{script}");
        for line in script.lines().filter_map(|line| line.trim().strip_prefix("natsops ")) {
            let words: Vec<&str> =
                line.split_whitespace().take_while(|word| *word != ">").collect();
            let plan = words == ["plan", "prod", "--markdown", "--detailed-exitcode"];
            // There is no account to ask here. Everything is new then.
            let (offline, code) = if plan { (&["--offline"][..], 2) } else { (&[][..], 0) };
            project.run(&[&words, offline].concat()).expect(code);
            commands += 1;
            plans |= plan;
        }
    }
    assert!(commands == 3 && plans);
    // The program is there before it is called, and a comment is written anew when nothing changes any more.
    let scripts = scripts(&workflow);
    let first = scripts.iter().position(|script| script.contains("natsops validate")).unwrap();
    assert!(scripts[..first].iter().any(|script| script.contains("cargo install")), "{scripts:?}");
    let steps = workflow["jobs"]["plan"]["steps"].as_array().unwrap().iter();
    let comments =
        steps.filter(|step| step["run"].as_str().is_some_and(|run| run.contains("gh pr comment")));
    let when: Vec<&str> = comments.map(|step| step["if"].as_str().unwrap()).collect();
    assert_eq!(when, ["steps.plan.outputs.code == '2'", "steps.plan.outputs.code == '0'"]);
}

#[test]
fn the_trust_of_the_workflow_is_a_policy() {
    let text = std::fs::read_to_string(package().join("docs/operations.md")).unwrap();
    let trust =
        blocks(&text, "json").into_iter().find(|block| block.contains("AssumeRoleWithWebIdentity"));
    let trust: serde_json::Value = serde_json::from_str(&trust.unwrap()).unwrap();
    let condition = &trust["Statement"][0]["Condition"]["StringEquals"];
    let subject = &condition["token.actions.githubusercontent.com:sub"];
    assert_eq!(subject, "repo:OWNER/REPOSITORY:pull_request");
}

#[test]
fn links_lead_somewhere() {
    let documents =
        ["README.md", "docs/architecture.md", "docs/environment.md", "docs/operations.md"];
    for document in documents {
        let path = package().join(document);
        let text = std::fs::read_to_string(&path).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            let external = target.starts_with("http") || file.is_empty();
            assert!(external || path.parent().unwrap().join(file).exists(), "{document}: {target}");
        }
    }
}

#[test]
fn three_dots_stand_for_any_lines_and_figures_are_alike() {
    let lines = |text: &str| text.lines().map(alike).collect::<Vec<_>>();
    assert!(matches(&lines("a\n...\nd"), &lines("a\nb\nc\nd")));
    assert!(!matches(&lines("a\n...\nd"), &lines("a\nb")));
    assert_eq!(alike("  done update node nats-2 46 ms"), alike("  done update node nats-3 1.2 s"));
    assert_ne!(alike("exit code 8"), alike("exit code 5"));
}
