//! What a shell and a reader get: completions, manual pages, and every command's help.
//!
//! `NATSOPS_BLESS=1 cargo test shell` rewrites docs/commands.md, which is reviewed like code.

use std::path::Path;
use std::process::Command;

use crate::support::{Project, package};

/// Asks the program what could stand at the end of a command line, as the shells' scripts do.
fn candidates(project: &Project, words: &[&str]) -> Vec<String> {
    let mut arguments = vec!["--", "natsops"];
    arguments.extend(words);
    let output = project
        .command(&arguments)
        .env("NATSOPS_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.starts_with("--")).map(str::to_owned).collect()
}

#[test]
fn environments_services_and_nodes_are_completed() {
    let project = Project::new();
    for command in
        ["validate", "lint", "render", "plan", "apply", "status", "doctor", "logs", "destroy"]
    {
        assert_eq!(candidates(&project, &[command, ""]), ["local", "prod"], "{command}");
        assert_eq!(candidates(&project, &[command, "lo"]), ["local"], "{command}");
    }
    assert_eq!(candidates(&project, &["creds", "export", "p"]), ["prod"]);
    assert_eq!(candidates(&project, &["keys", "list", "l"]), ["local"]);
    let what = [
        "user",
        "signing-key",
        "operator-key",
        "node-certificates",
        "client-certificates",
        "ca",
        "redis",
        "kms",
    ];
    assert_eq!(candidates(&project, &["keys", "rotate", "local", ""]), what);
    assert_eq!(candidates(&project, &["keys", "rotate", "local", "user", "wal"]), ["wallet"]);
    assert_eq!(candidates(&project, &["creds", "export", "local", "qu"]), ["quest-generator"]);
    assert_eq!(candidates(&project, &["creds", "export", "local", ""]).len(), 22);
    assert_eq!(candidates(&project, &["logs", "local", "nats-"]).len(), 5);
    assert_eq!(candidates(&project, &["node", "drain", "prod", "nats-"]).len(), 5);
    let operations = ["status", "drain", "rollback", "apply", "boot"];
    assert_eq!(candidates(&project, &["node", "run", "prod", "nats-1", ""]), operations);
    assert_eq!(candidates(&project, &["lint", "--explain", "uneven"]), ["uneven-zones"]);
    assert!(candidates(&project, &["ap"]).contains(&"apply".to_owned()));
}

#[test]
fn candidates_follow_the_files_and_no_error_is_shown() {
    let project = Project::new();
    let other = project.path().join("environments/other.yaml");
    std::fs::copy(project.path().join("environments/local.yaml"), other).unwrap();
    assert_eq!(candidates(&project, &["plan", ""]), ["local", "other", "prod"]);
    // `other` names itself `local`, so it is invalid and has no services.
    assert_eq!(candidates(&project, &["creds", "export", "other", ""]), Vec::<String>::new());
    project.edit("local.yaml", "name: nats-5", "name: nats-9");
    assert!(candidates(&project, &["logs", "local", ""]).contains(&"nats-9".to_owned()));
    // Elsewhere there is no project, unless one is named.
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::remove_dir_all(project.path().join("environments/catalog")).unwrap();
    let folder = project.path().to_str().unwrap();
    assert_eq!(
        candidates(&project, &["--project", elsewhere.path().to_str().unwrap(), "plan", ""]),
        Vec::<String>::new()
    );
    assert_eq!(candidates(&project, &["--project", folder, "plan", "l"]), ["local"]);
}

#[test]
fn bash_completes_with_the_script() {
    let project = Project::new();
    let program = Path::new(env!("CARGO_BIN_EXE_natsops")).parent().unwrap();
    let ask = |words: &str| {
        let script = format!(
            r#"source <(natsops completions bash)
            function=$(complete -p natsops | sed 's/.* -F \([^ ]*\) .*/\1/')
            COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_TYPE=9
            "$function" natsops "${{COMP_WORDS[COMP_CWORD]}}"
            printf '%s\n' "${{COMPREPLY[@]}}""#
        );
        let output = Command::new("bash")
            .args(["--norc", "-c", &script])
            .current_dir(project.path())
            .env_clear()
            .env(
                "PATH",
                std::env::join_paths([program, "/usr/bin".as_ref(), "/bin".as_ref()]).unwrap(),
            )
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        said.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ask("natsops plan l"), ["local"]);
    assert_eq!(ask("natsops creds export local llm"), ["llm-gateway"]);
    assert_eq!(ask("natsops logs prod nats-3"), ["nats-3"]);
}

#[test]
fn each_shell_has_a_script_that_names_the_program() {
    let project = Project::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = project.run(&["completions", shell]).expect(0).stdout;
        assert!(
            script.contains("NATSOPS_COMPLETE") && script.contains(env!("CARGO_BIN_EXE_natsops")),
            "{script}"
        );
    }
    project.run(&["completions", "tcsh"]).expect(64);
}

/// Every command, the program itself first, each with its help.
fn helps(project: &Project) -> Vec<(String, String)> {
    let mut all = vec![];
    let mut open = vec![vec![]];
    while let Some(words) = open.pop() {
        let mut arguments = words.clone();
        arguments.push("--help".to_owned());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let help = project.run(&arguments).expect(0).stdout;
        let listed = help.split("Commands:\n").nth(1).unwrap_or_default();
        let lines = listed.lines().take_while(|line| line.starts_with("  "));
        // A description that is too long goes on below, further to the right.
        let names = lines.filter(|line| !line.starts_with("   "));
        let names = names.filter_map(|line| line.split_whitespace().next());
        let inner = names
            .filter(|name| *name != "help")
            .map(|name| [words.clone(), vec![name.to_owned()]].concat());
        open.extend(inner.collect::<Vec<_>>().into_iter().rev());
        all.push((
            ["natsops".to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" "),
            help,
        ));
    }
    all
}

#[test]
fn the_list_of_commands_is_what_they_say() {
    let project = Project::new();
    let mut text = "# Commands\n\nThe help of every command, as `--help` prints it.\n".to_owned();
    for (command, help) in helps(&project) {
        let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
        text.push_str(&format!("\n## {command}\n\n```text\n{}\n```\n", lines.join("\n")));
    }
    let path = package().join("docs/commands.md");
    if std::env::var_os("NATSOPS_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let shipped = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(shipped == text, "docs/commands.md differs; NATSOPS_BLESS=1 rewrites it:\n{text}");
}

#[test]
fn every_command_has_a_manual_page() {
    let project = Project::new();
    let written = project.run(&["man", "--out", "man", "--json"]).expect(0).json();
    let helps = helps(&project);
    assert_eq!(written["files"].as_array().unwrap().len(), helps.len());
    for (command, help) in helps {
        let name = command.replace(' ', "-");
        let page = std::fs::read_to_string(project.path().join(format!("man/{name}.1"))).unwrap();
        let plain = page.replace('\\', "").replace("*(Aq", "'");
        assert!(plain.contains(&format!(".TH {name} 1")), "{page}");
        assert!(plain.contains(&format!("fB{command}fR")), "{page}");
        let about = help.lines().next().unwrap();
        assert!(plain.contains(about), "{about}:\n{page}");
        for option in
            help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 3)
        {
            let option: String =
                option.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            assert!(plain.contains(&option), "{command}: {option}\n{page}");
        }
    }
}
