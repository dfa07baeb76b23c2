//! The signing keys of an account with a thousand users are replaced on a running cluster.

use std::time::Duration;

use super::crowd;
use super::project::Project;

const USERS: usize = 1000;

/// From the command to its end: with an overlap, and then what ends it.
pub fn measure() {
    let project = Project::new();
    crowd::of_users(&project, USERS);
    // While both keys of each user's role are listed, the claims are longer than the usual 1 MiB.
    project.edit("local.yaml", "  lame_duck:", "  limits: {max_payload: 4 MiB}\n  lame_duck:");
    project.run(&["apply", "local", "--yes", "--json"]);
    let rotate = ["keys", "rotate", "local", "signing-key", "CROWD", "--yes", "--json"];
    let (_, begun) = project.run(&rotate);
    let (ended, end) = project.run(&[&rotate[..], &["--overlap", "0s"]].concat());
    assert_eq!(ended["rotation"]["done"], true, "{ended}");
    let whole: Duration = begun + end;
    println!(
        "signing keys of an account with {USERS} users: {whole:.1?}; {begun:.1?} until all have new creds, {end:.1?} to end the overlap"
    );
}
