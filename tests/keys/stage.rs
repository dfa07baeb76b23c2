//! Rotations that die: after a commit of theirs, or at any moment.

use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use natsops::artifacts::{IssueError, Newer, Scribe};
use natsops::environment::{Addresses, load};
use natsops::model::Cluster as Model;
use natsops::provider::local::network;
use natsops::secrets::{Change, Index, OsEntropy, SecretStore as _};
use serde_json::Value;

use crate::cluster::Keys;
use crate::support::Project;

/// What the project's `local` means.
pub fn model(project: &Project) -> Model {
    let local_network = network(&project.path().join(".natsops/local"));
    load(project.path(), "local", &Addresses { local_network }).unwrap().cluster.unwrap()
}

/// Writes what a step writes, and does nothing else: as if the program had died straight after it.
pub fn commit(
    project: &Project,
    step: impl FnOnce(&Scribe<'_>, &Index) -> Result<Change, IssueError>,
) {
    commit_at(Timestamp::now(), project, step);
}

/// The same at another time, as a clock somewhere else shows it.
pub fn commit_at(
    now: Timestamp,
    project: &Project,
    step: impl FnOnce(&Scribe<'_>, &Index) -> Result<Change, IssueError>,
) {
    let (keys, model) = (Keys::of(project), model(project));
    let (store, newer) = (&keys.store, &Newer::new());
    let scribe = Scribe { cluster: &model, store, entropy: &OsEntropy, now, newer, only: None };
    let change = step(&scribe, &keys.index).unwrap();
    store.commit(keys.index.generation, change).unwrap();
}

/// Kills a rotation so many milliseconds after its start, whatever it is doing.
pub fn kill_after(project: &Project, moment: u64, what: &[&str]) {
    let mut command = project.command(&[&["keys", "rotate", "local"], what].concat());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(moment));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Rotates, and gives what it tells.
#[track_caller]
pub fn rotate(project: &Project, what: &[&str]) -> Value {
    let arguments = [&["keys", "rotate", "local"], what, &["--yes", "--json"]].concat();
    project.run(&arguments).expect(0).json()["rotation"].clone()
}

/// The steps that are left.
#[track_caller]
pub fn left(project: &Project, what: &[&str]) -> Value {
    let arguments = [&["keys", "rotate", "local"], what, &["--dry-run", "--json"]].concat();
    project.run(&arguments).expect(0).json()["left"].clone()
}

/// What a refused rotation says.
#[track_caller]
pub fn refused(project: &Project, what: &[&str], code: i32) -> String {
    let arguments = [&["keys", "rotate", "local"], what, &["--yes"]].concat();
    project.run(&arguments).expect(code).stderr
}

/// Nothing is left for an apply to do.
#[track_caller]
pub fn nothing_to_do(project: &Project) {
    project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
}
