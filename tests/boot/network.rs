//! A network of its own for one test, and everything in it: it goes with its last process, and those go with the test.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::{Value, json};

use super::root::Root;
use crate::aws::emulator::{Emulator, python};

/// Says that a test is already inside.
const INSIDE: &str = "NATSOPS_BOOT_INSIDE";

/// Where the bucket's door is.
const DOOR: &str = "10.0.0.2";

/// Runs a test in namespaces of its own. It is this very program that runs once more, inside: a kill, a panic or its
/// end takes every process of it along, and with them tap and addresses. They need root, as a container's tests have.
pub fn alone(test: &str, body: impl FnOnce(&Root)) {
    let is_root = rustix::process::geteuid().is_root();
    assert!(is_root, "only root builds an image and makes network devices");
    let root = Root::ready();
    if std::env::var_os(INSIDE).is_some() {
        return body(&root);
    }
    let ended: ExitStatus = Command::new("setpriv")
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "--net",
            "--pid",
            "--mount-proc",
            "--fork",
            "--kill-child=KILL",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--include-ignored"])
        .env(INSIDE, "1")
        .status()
        .expect("setpriv and unshare are part of util-linux");
    assert!(ended.success(), "{test} failed inside its network: see above");
}

/// What a machine is on the network and to the metadata service.
pub struct Place<'a> {
    pub node: &'a str,
    pub address: &'a str,
    pub zone: &'a str,
    pub mac: &'a str,
    pub user_data: &'a str,
}

/// The subnet of one machine, with the names and services that it reaches.
pub struct Network {
    _names: Ended,
    cloud: Option<Ended>,
}

/// A process that is killed when this goes.
pub struct Ended(pub Child);

impl Drop for Ended {
    fn drop(&mut self) {
        if self.0.kill().and_then(|()| self.0.wait().map(drop)).is_err() {
            eprintln!("process {} does not end", self.0.id());
        }
    }
}

/// Runs a program that must succeed.
#[track_caller]
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}: run `.ci/tools tests`"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    said
}

impl Network {
    /// The loopback, where the emulator and the other nodes live, and the addresses of `others`.
    pub fn loopback(others: &[&str]) {
        run("ip", &["link", "set", "lo", "up"]);
        for address in others.iter().chain(&["169.254.169.254", DOOR]) {
            run("ip", &["address", "add", &format!("{address}/32"), "dev", "lo"]);
        }
    }

    /// A subnet with one place in it, whose first address is the router, as on AWS.
    pub fn of(place: &Place<'_>) -> Self {
        run("ip", &["tuntap", "add", "tap0", "mode", "tap"]);
        let router = router(place.address);
        run("ip", &["address", "add", &format!("{router}/24"), "dev", "tap0"]);
        run("ip", &["link", "set", "tap0", "up"]);
        let names = Command::new("dnsmasq")
            .args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"])
            .args(["--user=root", "--pid-file=", "--leasefile-ro", "--interface=tap0"])
            .arg(format!("--dhcp-range={router},static"))
            .arg(format!("--dhcp-host={},{}", place.mac, place.address))
            .arg(format!("--address=/amazonaws.com/{DOOR}"))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("dnsmasq is needed: run `.ci/tools tests`");
        Self { _names: Ended(names), cloud: None }
    }

    /// Starts the metadata service and the bucket's door, or starts them again for another instance.
    pub fn serve(
        &mut self,
        folder: &Path,
        root: &Root,
        aws: &Emulator,
        machine: (&str, &Place<'_>),
    ) {
        self.cloud = None;
        let file = folder.join("cloud.json");
        std::fs::write(&file, config(folder, root, aws, machine).to_string()).unwrap();
        let mut cloud = Command::new(python())
            .arg(crate::support::package().join("tests/boot/cloud.py"))
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(cloud.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.cloud = Some(Ended(cloud));
        assert_eq!(line, "ready\n", "the metadata service does not start");
    }
}

fn router(address: &str) -> String {
    format!("{}.1", address.rsplit_once('.').unwrap().0)
}

fn config(
    folder: &Path,
    root: &Root,
    aws: &Emulator,
    (instance, place): (&str, &Place<'_>),
) -> Value {
    let (certificate, key) = door_certificate(folder, root);
    json!({
        "machines": {place.address: {
            "instance": instance,
            "mac": place.mac,
            "region": "us-east-1",
            "zone": place.zone,
            "cidr": format!("{}.0/24", place.address.rsplit_once('.').unwrap().0),
            "role": format!("natsops-prod-{}", place.node),
            "node": place.node,
            "user_data": place.user_data,
        }},
        "emulator": aws.port,
        "door": DOOR,
        "certificate": certificate,
        "key": key,
    })
}

/// The certificate of the door, signed by the authority that the image trusts.
fn door_certificate(folder: &Path, root: &Root) -> (String, String) {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (key, request, certificate) = (path("door.key"), path("door.csr"), path("door.pem"));
    let names = path("door.names");
    let region = "s3.us-east-1.amazonaws.com";
    std::fs::write(&names, format!("subjectAltName=DNS:*.{region},DNS:{region}\n")).unwrap();
    let new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    run("openssl", &[&new[..], &["-subj", "/CN=s3", "-keyout", &key, "-out", &request]].concat());
    let (authority, signer) = (root.file("ca.pem"), root.file("ca.key"));
    let by = ["-CA", authority.to_str().unwrap(), "-CAkey", signer.to_str().unwrap()];
    let sign = ["x509", "-req", "-days", "2", "-in", &request, "-out", &certificate];
    run(
        "openssl",
        &[&sign[..], &by, &["-CAcreateserial", "-CAserial", &path("serial"), "-extfile", &names]]
            .concat(),
    );
    (certificate, key)
}
