//! JSON Schemas: those that are shipped are those that are printed, and what is real fits them.
//!
//! `NATSOPS_BLESS=1 cargo test schemas` rewrites the shipped ones.

use jsonschema::Validator;
use serde_json::Value;

use crate::support::{Cluster, Project, package};

fn schema(project: &Project, kind: &str) -> Value {
    project.run(&["schema", kind]).expect(0).json()
}

pub fn validator(project: &Project, kind: &str) -> Validator {
    let schema = schema(project, kind);
    jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{kind}: {error}"));
    jsonschema::validator_for(&schema).unwrap()
}

/// A YAML file of a project, as JSON.
fn read(project: &Project, file: &str) -> Value {
    let text = std::fs::read_to_string(project.path().join("environments").join(file)).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

#[track_caller]
pub fn fits(validator: &Validator, value: &Value) {
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
}

/// The shipped files, with the kind of each.
fn shipped() -> Vec<(String, &'static str)> {
    let mut files = Vec::new();
    for (folder, kind) in [("", "environment"), ("catalog/", "catalog")] {
        for entry in std::fs::read_dir(package().join("environments").join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".yaml") || name.ends_with(".yml") {
                files.push((format!("{folder}{name}"), kind));
            }
        }
    }
    files
}

#[test]
fn shipped_schemas_are_those_that_are_printed() {
    let project = Project::new();
    for kind in ["environment", "catalog"] {
        let path = package().join(format!("schemas/{kind}.json"));
        let printed = project.run(&["schema", kind]).expect(0).stdout;
        if std::env::var_os("NATSOPS_BLESS").is_some() {
            std::fs::write(&path, &printed).unwrap();
        }
        let shipped = std::fs::read_to_string(&path).unwrap();
        assert!(shipped == printed, "{} differs from natsops schema {kind}", path.display());
    }
}

#[test]
fn every_shipped_file_names_its_schema_and_fits_it() {
    let project = Project::new();
    for (file, kind) in shipped() {
        let path = package().join("environments").join(&file);
        let text = std::fs::read_to_string(&path).unwrap();
        let named = text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=");
        let named = path.parent().unwrap().join(named.unwrap());
        assert!(named.ends_with(format!("schemas/{kind}.json")) && named.exists(), "{file}");
        fits(&validator(&project, kind), &read(&project, &file));
    }
}

#[test]
fn an_editor_refuses_what_validate_refuses() {
    for (file, from, to) in [
        ("local.yaml", "max_memory:", "max_memroy:"),
        ("local.yaml", "volume: 10 GB", "volume: 10 gb"),
        ("local.yaml", "max_file: 8 GB", "max_file: 8000000000"),
        ("local.yaml", "monitor: 8222", "monitor: 82222"),
        ("local.yaml", "duration: 30s", "duration: 3m 30"),
        ("local.yaml", "zone: zone-a", "zone: ZONE_A"),
        ("local.yaml", "name: local", "name:"),
        ("local.yaml", "lint: old-patch", "lint: old-pach"),
        ("local.yaml", "    volume: 10 GB", "    volume: 10 GB\n  aws: {}"),
        ("catalog/game.yaml", "subject: svc.ai.llm.v1.infer", "subject: svc.ai.LLM.v1.infer"),
        ("catalog/game.yaml", "    retention: limits", "    retention: forever"),
        ("catalog/game.yaml", "  llm-gateway:", "  llm_gateway:"),
        ("catalog/game.yaml", "replicas: 3", "replicas: 7"),
        ("catalog/game.yaml", "discard: old", "discard:"),
    ] {
        let project = Project::new();
        let kind = if file.contains('/') { "catalog" } else { "environment" };
        let validator = validator(&project, kind);
        assert!(validator.is_valid(&read(&project, file)));
        project.edit(file, from, to);
        assert!(!validator.is_valid(&read(&project, file)), "{file}: {to}");
        project.run(&["validate", "local"]).expect(3);
    }
}

#[test]
fn plans_and_states_fit_their_schemas() {
    let cluster = Cluster::idle();
    let project = &cluster.project;
    let (plans, states) = (validator(project, "plan"), validator(project, "status"));
    let look = || {
        let plan = project.run(&["plan", "local", "--json"]).expect(0).json();
        fits(&plans, &plan);
        let state = project.run(&["status", "local", "--json"]).json();
        fits(&states, &state);
        (plan, state)
    };
    let (plan, state) = look();
    assert!(!plan["empty"].as_bool().unwrap() && state["status"]["streams"].is_null());
    project.run(&["apply", "local", "--yes"]).expect(0);
    let (plan, state) = look();
    assert!(plan["empty"].as_bool().unwrap() && state["status"]["streams"].is_array());
    project.edit("local.yaml", "max_memory: 256 MiB", "max_memory: 512 MiB");
    project.kill("nats-2");
    let (mut plan, mut state) = look();

    // What does not fit is noticed.
    plan["plan"]["actions"][0]["action"] = "invent".into();
    assert!(!plans.is_valid(&plan));
    state["format"] = 2.into();
    assert!(!states.is_valid(&state));
}

#[test]
fn rotations_fit_their_schema() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let rotations = validator(project, "rotation");
    let rotate = |more: &[&str]| {
        let arguments = [&["keys", "rotate", "local"], more, &["--json"]].concat();
        let shown = project.run(&arguments).expect(0).json();
        fits(&rotations, &shown);
        shown
    };
    let mut left = rotate(&["ca"]);
    let begun = rotate(&["user", "wallet", "--yes"]);
    assert!(begun["rotation"]["until"].is_string() && left["name"].is_null());
    let mut ended = rotate(&["user", "wallet", "--yes", "--overlap", "0s"]);
    left["left"] = "nothing".into();
    ended["rotation"]["done"] = "soon".into();
    assert!(!rotations.is_valid(&left) && !rotations.is_valid(&ended));
}
