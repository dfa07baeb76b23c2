//! What needs no cluster: validate, plan and render of the production environment, time and memory of the whole process.

use std::process::Stdio;

use super::process::run;
use super::project::{Project, median};

const RUNS: usize = 21;

pub fn measure() {
    let project = Project::new();
    for arguments in [
        &["validate", "prod"][..],
        &["plan", "prod", "--offline"],
        &["render", "prod", "--out", "out", "--stand-in-keys"],
    ] {
        let mut command = project.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let costs: Vec<_> = (0..RUNS).map(|_| run(&mut command)).collect();
        let memory = costs.iter().map(|cost| cost.memory).max().unwrap();
        let time = median(costs.iter().map(|cost| cost.time).collect());
        println!("{}: {time:.1?} (median of {RUNS}), {memory} MiB at most", arguments.join(" "));
    }
}
