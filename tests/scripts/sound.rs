//! Every shell script of the project is sound: shellcheck has nothing to say, and dash reads what is for any shell.

use std::path::{Path, PathBuf};
use std::process::Command;

use natsops::render::node_tool;

use super::{prod, user_data};
use crate::support::{Project, package};

/// shellcheck has nothing to say, and dash, the smallest shell that a machine may have, reads it.
#[track_caller]
fn is_sound(file: &Path) {
    let script = std::fs::read_to_string(file).unwrap();
    let mut checks = vec![("shellcheck", &[][..])];
    if script.starts_with("#!/bin/sh\n") {
        checks.push(("dash", &["-n"]));
    }
    for (program, arguments) in checks {
        let checked = Command::new(program).args(arguments).arg(file).output();
        let checked =
            checked.unwrap_or_else(|_| panic!("{program} is needed: run `.ci/tools tests`"));
        let said = [checked.stdout, checked.stderr].concat();
        assert!(checked.status.success(), "{program}: {}", String::from_utf8_lossy(&said));
    }
}

/// All files below a folder that a shell runs. What is hidden is not the project's own, but for `.ci`.
fn scripts(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_symlink() || name == "target" || (name.starts_with('.') && name != ".ci") {
            continue;
        }
        if path.is_dir() {
            found.extend(scripts(&path));
        } else {
            let text = std::fs::read(&path).unwrap();
            let first = text.split(|byte| *byte == b'\n').next().unwrap();
            let shells = [&b"#!/bin/sh"[..], b"#!/usr/bin/env bash"];
            if shells.contains(&first) && path.extension().is_none_or(|end| end != "j2") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn every_script_of_the_project_is_sound() {
    let found = scripts(package());
    let names: Vec<_> = found.iter().map(|path| path.strip_prefix(package()).unwrap()).collect();
    for known in [".ci/suites", ".ci/tools", "tests/boot/root.sh", "tests/zones/machine.sh"] {
        assert!(names.contains(&Path::new(known)), "{names:?}");
    }
    found.iter().for_each(|script| is_sound(script));
}

#[test]
fn what_is_rendered_for_a_machine_is_sound() {
    let project = Project::new();
    for script in [user_data(&project), node_tool(&prod(&project)).unwrap().text] {
        assert!(script.starts_with("#!/bin/sh\n"), "{script}");
        let file = project.path().join("script.sh");
        std::fs::write(&file, script).unwrap();
        is_sound(&file);
    }
}
