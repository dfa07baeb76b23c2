//! What the scripts of a machine do, step by step, under the smallest shell that a machine may have. Whole machines boot in
//! `boot`; here each step meets what a machine rarely does.

mod boot;
mod commands;
mod disk;
mod sound;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use natsops::environment::{Addresses, load};
use natsops::model::Cluster;
use natsops::render::{BootPlaces, boot_script, node_tool};

use crate::support::{Output, Project};

/// Where the tool reads what its machine is; what stands before the last of its parts are functions alone.
const CONFIG: &str = ". /etc/natsops/node.conf\n";
const ORDERS: &str = "\n[ \"$#\" -eq 0 ] || shift\ncase $command in\n";

/// The places of the tool, moved into the folder of a test, and its commands without a pause.
const MOVED: &str = r#"
bucket=b node=nats-1 region=r volume=vol-0123456789abcdef0
home=$PWD/home state=$PWD/state unit=$PWD/units/nats.service wanted=$PWD/units/wanted self=$PWD/natsops-node
failure=$state/failed booted=$state/booted user=root patience=1
mkdir -p "$home/log" "$state" "$wanted"
sleep() { :; }
trap finish EXIT
"#;

/// The node tool's functions, in a folder with programs that stand for what a test does not have.
struct Tool {
    project: Project,
    functions: String,
}

impl Tool {
    fn new() -> Self {
        let project = Project::new();
        let text = node_tool(&prod(&project)).unwrap().text;
        let (functions, _) = text.split_once(ORDERS).unwrap();
        let (before, after) = functions.split_once(CONFIG).unwrap();
        let functions = format!("{before}{after}");
        std::fs::create_dir(project.path().join("bin")).unwrap();
        Self { project, functions }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.project.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// A program that is found before every other of its name.
    fn program(&self, name: &str, script: &str) {
        executable(&self.path("bin").join(name), script);
    }

    /// Runs `steps` as a command of the tool.
    fn run(&self, steps: &str) -> Output {
        let script = format!("{}{MOVED}{steps}\n", self.functions);
        std::fs::write(self.path("steps"), script).unwrap();
        dash(self.project.path(), "steps", &[])
    }
}

/// The cluster of production.
fn prod(project: &Project) -> Cluster {
    let loaded = load(project.path(), "prod", &Addresses { local_network: [127, 64, 0] }).unwrap();
    loaded.cluster.unwrap_or_else(|| panic!("{}", loaded.diagnostics.text()))
}

/// The user data of a node.
fn user_data(project: &Project) -> String {
    let cluster = prod(project);
    let places = BootPlaces { bucket: "b", region: "us-east-1", volume: "vol-0123456789abcdef0" };
    boot_script(&cluster, &cluster.nodes[0], &places).unwrap()
}

fn executable(path: &Path, script: &str) {
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

/// Runs a script by dash, with the programs of the folder.
fn dash(folder: &Path, script: &str, arguments: &[&str]) -> Output {
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", folder.join("bin").display());
    let mut command = Command::new("dash");
    command.arg(script).args(arguments).current_dir(folder).env("PATH", path);
    Output::of(&command.stdin(Stdio::null()).output().unwrap())
}
