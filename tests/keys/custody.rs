//! Keys leave the store and come back: the operator's identity, a backup; and the log tells of all of it.

use std::path::PathBuf;
use std::process::Command;

use natsops::secrets::{KeyName, SecretStore as _, ensure_identity, read_identity};
use serde_json::Value;

use crate::cluster::Keys;
use crate::support::{Cluster, Project, holds_no_secret};

fn entries(project: &Project) -> Vec<Value> {
    let shown = project.run(&["keys", "audit", "local", "--json"]).expect(0).json();
    shown["entries"].as_array().unwrap().clone()
}

/// The files of the sealed key of a name.
fn sealed(project: &Project, stem: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(project.path().join(".natsops/local/secrets/sealed")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(stem)).collect()
}

/// A colleague's identity, and who they are to those who seal something for them.
fn colleague(project: &Project) -> (PathBuf, String) {
    let path = project.path().join("home/colleague.age");
    ensure_identity(&path).unwrap();
    let recipient = read_identity(&path).unwrap().to_public().to_string();
    (path, recipient)
}

#[test]
fn every_day_goes_on_without_the_operators_identity_and_it_comes_back() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let name = KeyName::operator();
    let before = Keys::of(project);
    let public = before.index.public(&name).unwrap().to_owned();
    let (colleague, recipient) = colleague(project);
    let refused = project.run(&["keys", "offline", "local", "--out", "key.age"]).expect(5);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    let out = ["--out", "key.age", "--recipient", recipient.as_str()];
    let offline = [&["keys", "offline", "local", "--yes", "--reason", "yearly audit"][..], &out];
    project.run(&offline.concat()).expect(0);
    assert_eq!(sealed(project, "operator.identity."), Vec::<PathBuf>::new());
    let keys = Keys::of(project);
    assert_eq!(keys.index.public(&name), Some(public.as_str()));
    let error = keys.store.open(&name).err().unwrap().to_string();
    assert!(error.contains("offline"), "{error}");
    let listed = project.run(&["keys", "list", "local"]).expect(0).stdout;
    let identity = listed.lines().find(|line| line.starts_with("operator/identity")).unwrap();
    assert!(identity.contains(" offline "), "{identity}");
    // A second time there is nothing to take.
    let again = ["keys", "offline", "local", "--yes", "--out", "again.age"];
    let said = project.run(&again).expect(4).stderr;
    assert!(said.contains("keys online") && !project.path().join("again.age").exists(), "{said}");

    // A day's work: a plan, a changed account, a rotation, checks.
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
    project.edit("catalog/commerce.yaml", "limits: {payload: 32 KiB}", "limits: {payload: 48 KiB}");
    project.run(&["apply", "local", "--yes"]).expect(0);
    project.run(&["keys", "rotate", "local", "user", "wallet", "--yes", "--now"]).expect(0);
    project.run(&["doctor", "local"]).expect(0);

    // Another key does not come back in its place; nor does anything that is no key.
    let store = |file: &str, seed: &str| {
        let own = read_identity(&project.identity()).unwrap();
        let path = project.path().join(file);
        natsops::secrets::seal_file(&path, seed.as_bytes(), &own, &[]).unwrap();
    };
    store("other.age", keys.store.open(&KeyName::operator_signing(1)).unwrap().expose());
    store("words.age", "no key at all");
    for file in ["other.age", "words.age"] {
        let said = project.run(&["keys", "online", "local", file]).expect(5).stderr;
        assert!(said.contains("does not hold the key"), "{said}");
    }
    // The colleague can open the file too, and nobody needs natsops for it.
    let mut command = project.command(&["keys", "online", "local", "key.age"]);
    let as_colleague = command.env("NATSOPS_AGE_IDENTITY", &colleague).output().unwrap();
    let said = String::from_utf8(as_colleague.stderr).unwrap();
    assert!(as_colleague.status.success(), "{said}");
    let keys = Keys::of(project);
    assert_eq!(keys.index.public(&name), Some(public.as_str()));
    assert_eq!(keys.index.keys[&name].created, before.index.keys[&name].created);

    let entries = entries(project);
    let taken = entries.iter().find(|entry| entry["what"] == "keys offline").unwrap();
    assert_eq!(taken["offline"][0], "operator/identity");
    assert_eq!(taken["why"], "yearly audit");
    assert_eq!(entries.last().unwrap()["what"], "keys online");
    project.run(&["keys", "audit", "local", "--verify"]).expect(0);
}

#[test]
fn a_backup_brings_the_same_cluster_back_where_every_key_was_lost() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let before = Keys::of(project).index;
    let (_, recipient) = colleague(project);
    let out = ["--backup", "keys.age", "--recipient", recipient.as_str()];
    let export = [&["keys", "export", "local", "--yes", "--reason", "before a move"][..], &out];
    let said = project.run(&export.concat()).expect(0).stdout;
    assert!(said.contains("sealed"), "{said}");
    let said = project.run(&export.concat()).expect(5).stderr;
    assert!(said.contains("exists already"), "{said}");
    let text = std::fs::read(project.path().join("keys.age")).unwrap();
    holds_no_secret(&String::from_utf8_lossy(&text));
    let import = ["keys", "import", "local", "--backup", "keys.age"];
    let said = project.run(&import).expect(5).stderr;
    assert!(said.contains("there are keys already"), "{said}");

    // The machine is lost, but for the data of the nodes.
    std::fs::remove_dir_all(project.path().join(".natsops/local/secrets")).unwrap();
    let mut stranger = project.command(&import);
    let other = project.path().join("home/other.age");
    ensure_identity(&other).unwrap();
    let output = stranger.env("NATSOPS_AGE_IDENTITY", &other).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("not sealed for your identity"), "{said}");
    project.run(&import).expect(0);
    let keys = Keys::of(project);
    assert_eq!((&keys.index.keys, &keys.index.documents), (&before.keys, &before.documents));
    for name in before.keys.keys() {
        assert!(keys.store.open(name).is_ok(), "{name}");
    }
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
    project.run(&["doctor", "local"]).expect(0);
    let what: Vec<String> =
        entries(project).iter().map(|entry| entry["what"].as_str().unwrap().to_owned()).collect();
    assert_eq!(what[what.len() - 2..], ["keys export", "keys import"]);
    project.run(&["keys", "audit", "local", "--verify"]).expect(0);
}

#[test]
fn the_log_tells_who_did_what_and_what_was_altered() {
    let cluster = Cluster::idle();
    let project = &cluster.project;
    let said = project.run(&["keys", "audit", "local"]).expect(0).stdout;
    assert!(said.contains("there is no log yet"), "{said}");
    let mut command = project.command(&["apply", "local", "--yes", "--reason", "the first one"]);
    assert!(command.env("USER", "ada").output().unwrap().status.success());
    let rotate = ["keys", "rotate", "local", "user", "wallet", "--yes", "--reason", "a leak in CI"];
    project.run(&rotate).expect(0);
    let entries = entries(project);
    let (first, last) = (&entries[0], entries.last().unwrap());
    assert_eq!((&first["what"], &first["why"]), (&"apply".into(), &"the first one".into()));
    assert!(first["who"].as_str().unwrap().starts_with("ada on "), "{first}");
    assert_eq!(first["keys"].as_object().unwrap().len(), Keys::of(project).index.keys.len() - 1);
    assert_eq!(
        (&last["what"], &last["why"]),
        (&"keys rotate user wallet".into(), &"a leak in CI".into())
    );
    let made = &entries[entries.len() - 2];
    assert!(made["keys"].get("user/wallet").is_some(), "{made}");
    // Then its overlap began.
    assert_eq!(last["told"], serde_json::json!(["user/wallet"]));
    let table = project.run(&["keys", "audit", "local", "--last", "1"]).expect(0).stdout;
    assert!(table.contains("a leak in CI") && !table.contains("the first one"), "{table}");
    let verified = project.run(&["keys", "audit", "local", "--verify"]).expect(0).stdout;
    let newest = verified.lines().find_map(|line| line.strip_prefix("newest: ")).unwrap();
    let contains = ["keys", "audit", "local", "--verify", "--contains", newest];
    project.run(&contains).expect(0);
    project.run(&["keys", "audit", "local", "--verify", "--contains", "0123"]).expect(8);

    // Somebody rewrites the past.
    let folder = project.path().join(".natsops/local/secrets/audit");
    let name = format!("{:08}-{}.json", 1, first["hash"].as_str().unwrap());
    let path = folder.join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("ada on", "eve on")).unwrap();
    let said = project.run(&["keys", "audit", "local", "--verify"]).expect(8).stderr;
    assert!(said.contains("generation 1 was altered"), "{said}");
    std::fs::write(&path, text).unwrap();
    // Or gives a service another key past the log.
    let path = project.path().join(".natsops/local/secrets/index.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let keys = Keys::of(project).index;
    let wallet = keys.public(&KeyName::user(&"wallet".parse().unwrap())).unwrap();
    let chat = keys.public(&KeyName::user(&"chat".parse().unwrap())).unwrap();
    std::fs::write(&path, text.replace(wallet, chat)).unwrap();
    let said = project.run(&["keys", "audit", "local", "--verify"]).expect(8).stderr;
    assert!(said.contains("for user/wallet"), "{said}");
    std::fs::write(&path, text).unwrap();
    project.run(&contains).expect(0);
    // Whoever reads the log finds no seed in it, and nobody else may read it.
    let listed = Command::new("grep").args(["-rlE", "S[OAU][A-Z2-7]{56}"]).arg(&folder).output();
    assert!(listed.unwrap().stdout.is_empty());
}
