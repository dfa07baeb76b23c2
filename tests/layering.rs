//! The shape of the source: who may use whom, how large files get, what every file begins with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::support::package;

/// What each module may use. Whatever is not listed here is not a module.
const ARROWS: [(&str, &[&str]); 20] = [
    ("model", &[]),
    ("environment", &["model"]),
    ("contract", &["model"]),
    ("graph", &["model", "contract"]),
    ("secrets", &["model", "pki"]),
    ("jwt", &["model", "secrets"]),
    ("pki", &["model", "secrets"]),
    ("render", &["model", "secrets", "pki"]),
    ("plan", &["model"]),
    ("forecast", &["model", "plan"]),
    ("policy", &["model"]),
    ("artifacts", &["model", "secrets", "jwt", "pki", "plan", "render"]),
    ("lease", &["secrets"]),
    ("shell", &["model"]),
    ("provider", &["model", "plan", "artifacts", "policy", "render", "secrets", "shell"]),
    ("nats", &["model", "plan", "jwt", "pki", "secrets"]),
    ("redis", &["model", "secrets"]),
    ("ops", &["model", "plan", "artifacts", "pki", "secrets", "nats", "redis", "provider"]),
    (
        "cli",
        &[
            "artifacts",
            "contract",
            "environment",
            "forecast",
            "graph",
            "lease",
            "model",
            "nats",
            "ops",
            "plan",
            "policy",
            "provider",
            "render",
            "secrets",
            "shell",
        ],
    ),
    ("lib", &[]),
];

/// Libraries that stay in one place.
const AT_HOME: [(&str, &[&str]); 18] = [
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("async_nats", &["nats"]),
    ("serde_yaml", &["environment"]),
    ("minijinja", &["render"]),
    ("rcgen", &["pki"]),
    ("indicatif", &["cli"]),
    ("aws_config", &["provider"]),
    ("aws_sdk_ec2", &["provider"]),
    ("aws_sdk_elasticache", &["provider"]),
    ("aws_sdk_elasticloadbalancingv2", &["provider"]),
    ("aws_sdk_iam", &["provider"]),
    ("aws_sdk_kms", &["provider"]),
    ("aws_sdk_route53", &["provider"]),
    ("aws_sdk_s3", &["provider"]),
    ("aws_sdk_ssm", &["provider"]),
    ("aws_sdk_sts", &["provider"]),
];

fn sources() -> Vec<PathBuf> {
    files(&package().join("src"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The module of a source file: the first folder, or the file itself.
fn module(path: &Path) -> String {
    let inside = path.strip_prefix(package().join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The part of a file that is no test: tests may use what they like.
fn without_tests(path: &Path) -> String {
    if path.file_name().is_some_and(|name| name == "tests.rs") {
        return String::new();
    }
    let text = std::fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]").next().unwrap().to_owned()
}

#[test]
fn modules_use_only_what_they_may() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.into();
    let mut wrong = Vec::new();
    for path in sources() {
        let module = module(&path);
        if module == "main" {
            continue;
        }
        let allowed =
            arrows.get(module.as_str()).unwrap_or_else(|| panic!("{module} is not listed"));
        let text = without_tests(&path);
        let used: BTreeSet<&str> = text
            .match_indices("crate::")
            .filter_map(|(at, _)| {
                text[at + 7..].split(|c: char| !c.is_alphanumeric() && c != '_').next()
            })
            .collect();
        for used in used {
            if used != module && arrows.contains_key(used) && !allowed.contains(&used) {
                wrong.push(format!("{} uses {used}", path.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn libraries_stay_at_home() {
    for path in sources() {
        let (module, text) = (module(&path), without_tests(&path));
        for (library, homes) in AT_HOME {
            let used = text.contains(&format!("{library}::"));
            assert!(!used || homes.contains(&module.as_str()), "{} uses {library}", path.display());
        }
    }
}

#[test]
fn ops_never_name_an_adapter() {
    for path in sources().iter().filter(|path| module(path) == "ops") {
        let text = without_tests(path);
        for adapter in ["provider::local", "provider::aws", "SealedDirectory", "StandIn"] {
            assert!(!text.contains(adapter), "{} names {adapter}", path.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is_and_stays_small() {
    for path in sources().into_iter().chain(files(&package().join("tests"))) {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{} has no first sentence", path.display());
        assert!(text.lines().count() <= 600, "{} is too long", path.display());
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        for vague in ["util", "utils", "helper", "helpers", "common", "misc", "manager"] {
            assert_ne!(name, vague, "{} says nothing", path.display());
        }
    }
}

#[test]
fn every_suite_is_run() {
    let suites = std::fs::read_to_string(package().join(".ci/suites")).unwrap();
    let main = std::fs::read_to_string(package().join("tests/main.rs")).unwrap();
    let modules = main.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    for module in modules.filter(|module| *module != "support") {
        assert!(suites.contains(&format!(" {module}")), "{module} is never run");
    }
}
