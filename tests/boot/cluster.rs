//! Prod, applied to the emulator: one of its nodes is to be a machine, the others are servers from their own bundles, at
//! their own addresses.

use std::process::{Command, Stdio};

use natsops::nats::Connection;
use serde_json::json;

use super::keys::Bucket;
use super::network::{Ended, Network, run};
use crate::aws::emulator::Emulator;
use crate::support::{Output, Project};

/// The node that is a machine. It is alone in its zone, so every stream of three replicas has one on it.
pub const NODE: &str = "nats-3";
pub const ADDRESS: &str = "10.0.3.13";
pub const ZONE: &str = "us-east-1c";

/// The other nodes.
const OTHERS: [(&str, &str); 4] = [
    ("nats-1", "10.0.1.11"),
    ("nats-2", "10.0.2.12"),
    ("nats-4", "10.0.1.14"),
    ("nats-5", "10.0.2.15"),
];

/// An environment that has been applied, and its servers.
pub struct Prod {
    pub project: Project,
    pub aws: Emulator,
    pub bucket: Bucket,
    /// What the machine of the node is given.
    pub user_data: String,
    _servers: Vec<Ended>,
}

impl Prod {
    /// Applies it and starts the servers of all nodes but one.
    pub fn applied() -> Self {
        Network::loopback(&OTHERS.map(|(_, address)| address));
        let (project, aws) = (Project::new(), Emulator::start());
        aws.seed();
        natsops(&project, &aws, &["apply", "prod", "--yes", "--reach", "never"]).expect(0);
        let read = aws.read(&json!({"environment": "prod", "resources": {}}));
        let machine = &read["resources"]["instance"][format!("natsops-prod-{NODE}")];
        let user_data =
            data_encoding::BASE64.decode(machine["user_data"].as_str().unwrap().as_bytes());
        let user_data = String::from_utf8(user_data.unwrap()).unwrap();
        let bucket = Bucket::download(&aws, &project.path().join("bucket"));
        let servers = OTHERS.map(|(node, _)| server(&bucket, node)).into();
        Self { project, aws, bucket, user_data, _servers: servers }
    }

    /// Runs the program against the emulator.
    pub fn natsops(&self, arguments: &[&str]) -> Output {
        natsops(&self.project, &self.aws, arguments)
    }

    /// Looks into the bucket anew.
    pub fn look(&mut self) {
        self.bucket = Bucket::download(&self.aws, &self.bucket.folder);
    }

    /// The id of the node's volume, which its user data names.
    pub fn volume(&self) -> String {
        let line = self.user_data.lines().find_map(|line| line.strip_prefix("volume="));
        line.unwrap().to_owned()
    }

    /// A service's connection to the machine, with exported files only.
    pub async fn service(&self, name: &str) -> Connection {
        let out = format!("creds-{name}");
        self.natsops(&["creds", "export", "prod", name, "--out", &out]).expect(0);
        let folder = self.project.path().join(out);
        async_nats::ConnectOptions::with_credentials_file(folder.join("user.creds"))
            .await
            .unwrap()
            .add_root_certificates(folder.join("ca.pem"))
            .add_client_certificate(folder.join("client.pem"), folder.join("client.key"))
            .custom_inbox_prefix(format!("_INBOX.{name}"))
            .require_tls(true)
            .connect(format!("tls://{ADDRESS}:4222"))
            .await
            .unwrap()
    }
}

fn natsops(project: &Project, aws: &Emulator, arguments: &[&str]) -> Output {
    let mut command = project.command(arguments);
    Output::of(&command.envs(aws.variables()).output().unwrap())
}

/// Starts a node's server from its bundle.
fn server(bucket: &Bucket, node: &str) -> Ended {
    let folder = bucket.folder.join(format!("nodes/{node}"));
    let current = bucket.current(node);
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    run("tar", &["-xf", &path(&current[0]), "-C", folder.to_str().unwrap()]);
    std::fs::create_dir(folder.join("log")).unwrap();
    run("chmod", &["0755", &path(&current[1])]);
    let server = Command::new(path(&current[1]))
        .args(["-c", "nats.conf"])
        .current_dir(&folder)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    Ended(server)
}
