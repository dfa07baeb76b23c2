//! A network of three zones and a place to look at them from: network namespaces that go with the test.
//!
//! The hub is where natsops, the emulator and clients are. A switch in it joins the zones, each by one cable; to pull that
//! is to cut the zone off. Nothing of the machine's own network is touched.

use std::os::fd::AsFd as _;
use std::process::Command;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The network; it is gone with this value.
pub struct Network {
    name: String,
    zones: Vec<&'static str>,
}

/// Runs `ip`, which must succeed.
#[track_caller]
fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.expect("ip is needed: run `.ci/tools tests`");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Removes what a run has left that was killed.
fn sweep() {
    let names = Command::new("ip").args(["netns", "list"]).output();
    let names = names.expect("ip is needed: run `.ci/tools tests`").stdout;
    for name in String::from_utf8_lossy(&names).split_whitespace() {
        let process = name.strip_prefix("natsops-zones-").and_then(|rest| rest.split('-').next());
        if process.is_some_and(|process| !std::fs::exists(format!("/proc/{process}")).unwrap()) {
            ip(&format!("netns del {name}"));
        }
    }
}

impl Network {
    /// Makes it; each zone has these addresses. Needs root.
    pub fn new(zones: &[(&'static str, &[&str])]) -> Self {
        sweep();
        let name = format!("natsops-zones-{}", std::process::id());
        let network = Self { name, zones: zones.iter().map(|(zone, _)| *zone).collect() };
        let hub = network.space("hub");
        ip(&format!("netns add {hub}"));
        ip(&format!("-n {hub} link set lo up"));
        ip(&format!("-n {hub} link add switch type bridge"));
        ip(&format!("-n {hub} addr add 10.0.0.2/16 dev switch"));
        ip(&format!("-n {hub} link set switch up"));
        for (zone, addresses) in zones {
            let space = network.space(zone);
            ip(&format!("netns add {space}"));
            ip(&format!("-n {space} link set lo up"));
            ip(&format!("-n {hub} link add to-{zone} type veth peer name eth0 netns {space}"));
            ip(&format!("-n {hub} link set to-{zone} master switch"));
            ip(&format!("-n {hub} link set to-{zone} up"));
            for address in *addresses {
                ip(&format!("-n {space} addr add {address}/16 dev eth0"));
            }
            ip(&format!("-n {space} link set eth0 up"));
        }
        network
    }

    /// The name of a namespace.
    pub fn space(&self, zone: &str) -> String {
        format!("{}-{zone}", self.name)
    }

    /// Moves the calling thread, and whatever it will start, into the hub.
    pub fn enter(&self) {
        let space = std::fs::File::open(format!("/run/netns/{}", self.space("hub"))).unwrap();
        move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    }

    /// Pulls a zone's cable, or plugs it in again.
    pub fn cable(&self, zone: &str, plugged: bool) {
        let state = if plugged { "up" } else { "down" };
        ip(&format!("-n {} link set to-{zone} {state}", self.space("hub")));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for zone in self.zones.iter().chain(&["hub"]) {
            Command::new("ip").args(["netns", "del", &self.space(zone)]).status().ok();
        }
    }
}
