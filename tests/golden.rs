//! Rendered trees: the same bytes for the same input, and every configuration accepted by the server itself.
//!
//! `NATSOPS_BLESS=1 cargo test golden` rewrites the expected files, which are reviewed like code.

use std::path::Path;
use std::process::Command;

use natsops::render::ConfigTree;

use crate::support::{Project, nats_server, package};

fn render(project: &Project, environment: &str, out: &str) -> Vec<(String, Vec<u8>)> {
    let arguments = ["render", environment, "--out", out, "--stand-in-keys", "--json"];
    let json = project.run(&arguments).expect(0).json();
    let files = json["files"].as_array().unwrap().iter();
    files
        .map(|file| {
            let file = file.as_str().unwrap().to_owned();
            let content = std::fs::read(project.path().join(out).join(&file)).unwrap();
            (file, content)
        })
        .collect()
}

/// Local addresses follow from the state folder, which is another for each test; so the test names one.
fn project() -> Project {
    Project::new()
}

#[test]
fn the_same_input_and_keys_give_the_same_bytes() {
    let project = project();
    for (environment, files) in [("local", 56), ("prod", 20)] {
        let (one, two) =
            (render(&project, environment, "one"), render(&project, environment, "two"));
        assert_eq!(one.len(), files);
        assert!(one == two, "{environment} differs");
    }
}

#[test]
fn the_server_accepts_every_configuration_and_computes_our_digest() {
    let project = project();
    for environment in ["local", "prod"] {
        render(&project, environment, environment);
        for node in 1..=5 {
            let folder = project.path().join(environment).join(format!("nodes/nats-{node}"));
            let output = Command::new(nats_server())
                .args(["-t", "-c", "nats.conf"])
                .current_dir(&folder)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{environment} nats-{node}: {said}");
            let config = std::fs::read_to_string(folder.join("nats.conf")).unwrap();
            let digest = ConfigTree::parse(&config).unwrap().digest();
            assert!(said.contains(&digest), "{said} is not {digest}");
        }
    }
}

#[test]
fn prod_is_rendered_as_it_was_reviewed() {
    let project = project();
    for (file, content) in render(&project, "prod", "prod") {
        if file.ends_with("nats.conf") {
            compare(&package().join("tests/golden/prod").join(file), &content);
        }
    }
}

#[test]
fn keys_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = project();
    let files = render(&project, "prod", "prod");
    for (file, _) in files.iter().filter(|(file, _)| file.ends_with(".key")) {
        let mode = std::fs::metadata(project.path().join("prod").join(file)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o077, 0, "{file}");
    }
}

fn compare(expected: &Path, content: &[u8]) {
    if std::env::var_os("NATSOPS_BLESS").is_some() {
        std::fs::create_dir_all(expected.parent().unwrap()).unwrap();
        std::fs::write(expected, content).unwrap();
    }
    let found = std::fs::read(expected).unwrap_or_default();
    assert!(
        found == content,
        "{} differs:\n{}",
        expected.display(),
        String::from_utf8_lossy(content)
    );
}
