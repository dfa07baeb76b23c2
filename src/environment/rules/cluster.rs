//! Rules of the environment file.

use std::collections::BTreeMap;

use semver::Version;

use super::Document;
use crate::environment::spec::{EnvironmentSpec, ProviderSpec};
use crate::environment::{Diagnostic, Diagnostics};
use crate::model::{ByteSize, Period};

/// Below these, servers have published pre-authentication crashes and permission bypasses
/// (nats-io/advisories, 2026).
const OLDEST: [Version; 2] = [Version::new(2, 12, 12), Version::new(2, 14, 3)];

/// The server refuses less (server/opts.go).
const SHORTEST_LAME_DUCK: Period = Period::seconds(30);

/// The server takes no larger message (server/opts.go warns above 8 MB; 64 MB is its maximum).
const LARGEST_PAYLOAD: ByteSize = ByteSize::new(64 << 20);

pub fn check(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    name(environment, problems);
    version(environment, problems);
    nodes(environment, problems);
    ports(environment, problems);
    storage(environment, problems);
    limits(environment, problems);
    recipients(environment, problems);
}

fn name(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    let path = &problems.sources[environment.file].path;
    let file = std::path::Path::new(path)
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let name = environment.spec.name.as_str();
    if name != file {
        problems.push(
            Diagnostic::error(
                "name-mismatch",
                environment.at("name"),
                format!("the file is called `{file}` and names itself `{name}`"),
            )
            .help("give both the same name, since commands find the file by it"),
        );
    }
}

fn version(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    let text = &environment.spec.nats.version;
    let at = environment.at("nats.version");
    let Ok(version) = Version::parse(text) else {
        let problem = Diagnostic::error("malformed", at, format!("`{text}` is not a version"));
        problems.push(problem.help("write all three numbers, for example `2.15.1`"));
        return;
    };
    let good = OLDEST.iter().any(|oldest| {
        version >= *oldest && (version.minor == oldest.minor || oldest == &OLDEST[1])
    });
    if !good {
        let problem = Diagnostic::error(
            "insecure-version",
            at,
            format!("nats-server {version} has published security holes"),
        );
        problems.push(problem.help("use 2.14.3 or newer, or 2.12.12 or newer of 2.12"));
    }
}

fn nodes(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    let nodes = &environment.spec.nats.nodes;
    if nodes.is_empty() || nodes.len() > 200 {
        let problem = Diagnostic::error(
            "node-count",
            environment.key("nats.nodes"),
            format!("{} nodes", nodes.len()),
        );
        problems.push(problem.help("a cluster has 1 to 200 nodes; 3 or 5 are usual"));
    }
    let mut seen = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        let path = format!("nats.nodes[{index}].name");
        if let Some(first) = seen.insert(&node.name, path.clone()) {
            problems.push(
                Diagnostic::error(
                    "duplicate-node",
                    environment.at(&path),
                    format!("two nodes are called `{}`", node.name),
                )
                .other(environment.at(&first), "the other one"),
            );
        }
    }
}

fn ports(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    let ports = &environment.spec.nats.ports;
    let all = [
        ("client", ports.client),
        ("cluster", ports.cluster),
        ("leafnode", ports.leafnode),
        ("monitor", ports.monitor),
    ];
    for (index, (name, port)) in all.iter().enumerate() {
        if let Some((other, _)) = all[..index].iter().find(|(_, earlier)| earlier == port) {
            problems.push(
                Diagnostic::error(
                    "port-collision",
                    environment.at(&format!("nats.ports.{name}")),
                    format!("port {port} is also the {other} port"),
                )
                .help("each listener of a node needs a port of its own"),
            );
        }
    }
}

fn storage(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    let (volume, path) = match &environment.spec.provider {
        ProviderSpec::Local(local) => (local.volume, "provider.local.volume"),
        ProviderSpec::Aws(aws) => (aws.volume.size, "provider.aws.volume.size"),
    };
    let max_file = environment.spec.nats.jetstream.max_file;
    if max_file > volume {
        problems.push(
            Diagnostic::error(
                "storage-beyond-volume",
                environment.at("nats.jetstream.max_file"),
                format!("max_file is {max_file}, the volume has {volume}"),
            )
            .label("more than the volume")
            .other(environment.at(path), "the volume")
            .help("leave 10 to 15 % of the volume to the file system and to compaction"),
        );
    }
}

fn limits(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    let nats = &environment.spec.nats;
    if nats.limits.max_payload > nats.limits.max_pending
        || nats.limits.max_payload > LARGEST_PAYLOAD
    {
        let bound = nats.limits.max_pending.min(LARGEST_PAYLOAD);
        problems.push(
            Diagnostic::error(
                "payload-too-large",
                environment.at("nats.limits.max_payload"),
                format!("max_payload is {}, at most {bound} works", nats.limits.max_payload),
            )
            .help("the server refuses more than max_pending, and more than 64 MiB"),
        );
    }
    if nats.lame_duck.duration < SHORTEST_LAME_DUCK {
        problems.push(Diagnostic::error(
            "lame-duck-too-short",
            environment.at("nats.lame_duck.duration"),
            format!(
                "a lame duck of {} is refused by the server, at least {SHORTEST_LAME_DUCK} works",
                nats.lame_duck.duration
            ),
        ));
    }
    if nats.lame_duck.grace >= nats.lame_duck.duration {
        problems.push(Diagnostic::error(
            "lame-duck-grace",
            environment.at("nats.lame_duck.grace"),
            format!(
                "the grace of {} leaves nothing of the duration of {}",
                nats.lame_duck.grace, nats.lame_duck.duration
            ),
        ));
    }
}

fn recipients(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    for (index, recipient) in environment.spec.identity.recipients.iter().enumerate() {
        if let Err(reason) = recipient.parse::<age::x25519::Recipient>() {
            let problem = Diagnostic::error(
                "malformed",
                environment.at(&format!("identity.recipients[{index}]")),
                format!("`{recipient}` is not an age recipient: {reason}"),
            );
            problems.push(problem.help("write a public key as `age1…`"));
        }
    }
}
