//! Rules of an environment on AWS: what its calls would refuse later, and what names need.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::Document;
use crate::environment::spec::{AwsSpec, EnvironmentSpec, ProviderSpec};
use crate::environment::{Diagnostic, Diagnostics};
use crate::model::ByteSize;

/// The sizes of a gp3 volume (EC2's CreateVolume).
const LARGEST_VOLUME: ByteSize = ByteSize::new(64 << 40);

/// The largest value of a standard parameter of SSM, in bytes.
const LARGEST_PARAMETER: usize = 4096;

/// MiB per second of a gp3 volume (EC2's CreateVolume).
const THROUGHPUT: std::ops::RangeInclusive<u64> = 125..=2000;

pub fn check(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    let ProviderSpec::Aws(aws) = &environment.spec.provider else {
        no_addresses(environment, problems);
        return;
    };
    name(environment, problems);
    forms(environment, aws, problems);
    zones(environment, aws, problems);
    volume(environment, aws, problems);
    addresses(environment, problems);
    dns(environment, aws, problems);
    networks(environment, aws, problems);
    cache(environment, problems);
}

fn name(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    let name = environment.spec.name.as_str();
    if name.contains("--") {
        let message = format!("`{name}` does not fit into the names of the cache");
        let problem = Diagnostic::error("double-hyphen", environment.at("name"), message);
        problems.push(problem.help("ElastiCache refuses two hyphens in a row"));
    }
}

/// What an identifier looks like: what it begins with, and how many hexadecimal digits follow.
fn identifier(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let (Some(last), true) = (parts.last(), parts.len() >= 3) else {
        return false;
    };
    let number = last.len() == 1 && last.bytes().all(|b| b.is_ascii_digit());
    number && parts[..parts.len() - 1].iter().all(|p| p.bytes().all(|b| b.is_ascii_lowercase()))
}

fn forms(environment: &Document<EnvironmentSpec>, aws: &AwsSpec, problems: &mut Diagnostics) {
    let mut wrong = |path: &str, text: &str, what: &str, help: &str| {
        let at = environment.at(&format!("provider.aws.{path}"));
        let problem = Diagnostic::error("malformed", at, format!("`{text}` is not {what}"));
        problems.push(problem.help(help));
    };
    if aws.account.len() != 12 || !aws.account.bytes().all(|b| b.is_ascii_digit()) {
        let help = "write its twelve digits in quotes: `\"123456789012\"`";
        wrong("account", &aws.account, "an account", help);
    }
    if !is_region(&aws.region) {
        wrong("region", &aws.region, "a region", "write its code, such as `us-east-1`");
    }
    if !identifier(&aws.image, "ami-") {
        let help = "write the id of an image, such as `ami-0a1b2c3d4e5f60718`; the newest Amazon Linux 2023 is the \
                    parameter /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64 of SSM";
        wrong("image", &aws.image, "a machine image", help);
    }
    if aws.vpc.trim().is_empty() {
        let help = "write its id, such as `vpc-0a1b2c3d4e5f60718`, or its Name tag";
        wrong("vpc", &aws.vpc, "a network", help);
    }
    for (index, subnet) in aws.subnets.iter().enumerate() {
        if !identifier(subnet, "subnet-") {
            let help = "write an id, such as `subnet-0a1b2c3d4e5f60718`";
            wrong(&format!("subnets[{index}]"), subnet, "a subnet", help);
        }
    }
    if !is_alias(&aws.volume.kms_key) {
        let help = "write `alias/` and a name of letters, digits, `/`, `_` and `-`, such as `alias/natsops-prod`";
        wrong("volume.kms_key", &aws.volume.kms_key, "the alias of a key", help);
    }
    if !is_machine_type(&aws.instance_type) {
        let help = "write a family and a size, such as `m6i.large`";
        wrong("instance_type", &aws.instance_type, "a type of machine", help);
    }
}

/// An alias of KMS (CreateAlias).
fn is_alias(text: &str) -> bool {
    let name = text.strip_prefix("alias/");
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-');
    name.is_some_and(|name| (1..=250).contains(&name.len()) && name.bytes().all(fits))
}

/// A family and a size, such as `m6i.large` or `u-6tb1.metal`.
fn is_machine_type(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let word = |word: &str| !word.is_empty() && word.bytes().all(fits);
    text.split_once('.').is_some_and(|(family, size)| word(family) && word(size))
}

fn zones(environment: &Document<EnvironmentSpec>, aws: &AwsSpec, problems: &mut Diagnostics) {
    for (index, node) in environment.spec.nats.nodes.iter().enumerate() {
        let zone = node.zone.as_str();
        let letter = zone.strip_prefix(aws.region.as_str());
        if !letter.is_some_and(|l| l.len() == 1 && l.bytes().all(|b| b.is_ascii_lowercase())) {
            let at = environment.at(&format!("nats.nodes[{index}].zone"));
            let message = format!("`{zone}` is no zone of {}", aws.region);
            let problem = Diagnostic::error("zone-elsewhere", at, message);
            problems
                .push(problem.help(format!("write the region and a letter: `{}a`", aws.region)));
        }
    }
}

fn volume(environment: &Document<EnvironmentSpec>, aws: &AwsSpec, problems: &mut Diagnostics) {
    let size = aws.volume.size;
    let gib = 1 << 30;
    if !size.bytes().is_multiple_of(gib) || size > LARGEST_VOLUME || size.bytes() == 0 {
        let at = environment.at("provider.aws.volume.size");
        let message = format!("no volume has {size}");
        let up = ByteSize::new(size.bytes().div_ceil(gib).max(1).saturating_mul(gib));
        let problem = Diagnostic::error("volume-size", at, message);
        problems.push(problem.help(format!(
            "EC2 counts in whole GiB, up to {LARGEST_VOLUME}: `{}`",
            up.min(LARGEST_VOLUME)
        )));
    }
    let rate = aws.volume.throughput.bytes_per_second();
    if !rate.is_multiple_of(1 << 20) || !THROUGHPUT.contains(&(rate >> 20)) {
        let at = environment.at("provider.aws.volume.throughput");
        let message = format!("no volume has {}", aws.volume.throughput);
        let problem = Diagnostic::error("volume-throughput", at, message);
        problems.push(problem.help("gp3 has 125 to 2000 MiB/s, in whole MiB/s"));
    }
    operations(environment, aws, problems);
}

/// What else EC2's CreateVolume asks of a gp3 volume.
fn operations(environment: &Document<EnvironmentSpec>, aws: &AwsSpec, problems: &mut Diagnostics) {
    let (iops, size) = (u64::from(aws.volume.iops), aws.volume.size);
    let most = (size.bytes() >> 30).saturating_mul(500).max(3000);
    if iops > most {
        let at = environment.at("provider.aws.volume.iops");
        let message = format!("no volume of {size} has {iops} operations per second");
        let problem = Diagnostic::error("volume-iops", at, message);
        problems.push(problem.help(format!("gp3 has 500 for each GiB: {most} at most")));
    }
    let rate = aws.volume.throughput.bytes_per_second() >> 20;
    let needed = rate.saturating_mul(4);
    if THROUGHPUT.contains(&rate) && needed > iops {
        let at = environment.at("provider.aws.volume.throughput");
        let message =
            format!("no volume with {iops} operations per second has {}", aws.volume.throughput);
        let problem = Diagnostic::error("volume-throughput", at, message);
        problems.push(problem.help(format!(
            "gp3 has 1 MiB/s for each 4 of them: `iops: {needed}`, or `throughput: {} MiB/s`",
            iops / 4
        )));
    }
}

fn no_addresses(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    for (index, node) in environment.spec.nats.nodes.iter().enumerate() {
        if node.address.is_some() {
            let at = environment.at(&format!("nats.nodes[{index}].address"));
            let message = format!("{} has an address, and this machine gives it one", node.name);
            problems.push(
                Diagnostic::error("address-given", at, message).help("leave it out: it is for AWS"),
            );
        }
    }
}

fn addresses(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    let mut seen: BTreeMap<Ipv4Addr, String> = BTreeMap::new();
    for (index, node) in environment.spec.nats.nodes.iter().enumerate() {
        let path = format!("nats.nodes[{index}].address");
        let Some(text) = &node.address else {
            let at = environment.at(&format!("nats.nodes[{index}].name"));
            let message = format!("{} has no address", node.name);
            let problem = Diagnostic::error("address-missing", at, message);
            problems.push(problem.help(
                "on AWS, write `address:` with a free private address of its zone's subnet, such as `10.0.1.11`",
            ));
            continue;
        };
        let Some(address) = text.parse::<Ipv4Addr>().ok().filter(Ipv4Addr::is_private) else {
            let message = format!("`{text}` is not a private address");
            let problem = Diagnostic::error("malformed", environment.at(&path), message);
            problems.push(problem.help("write four numbers, such as `10.0.1.11`"));
            continue;
        };
        if let Some(first) = seen.insert(address, path.clone()) {
            let message = format!("{address} is also another node's");
            problems.push(
                Diagnostic::error("duplicate-address", environment.at(&path), message)
                    .other(environment.at(&first), "the other one"),
            );
        }
    }
}

fn is_dns_name(text: &str) -> bool {
    let label = |label: &str| {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(good)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}

fn dns(environment: &Document<EnvironmentSpec>, aws: &AwsSpec, problems: &mut Diagnostics) {
    let zone = &aws.dns_zone;
    if !is_dns_name(zone) {
        let at = environment.at("provider.aws.dns_zone");
        let problem =
            Diagnostic::error("malformed", at, format!("`{zone}` is not the name of a DNS zone"));
        problems.push(problem.help("write two labels or more, such as `prod.internal`"));
        return;
    }
    let names = &environment.spec.identity.names;
    if names.is_empty() {
        let at = environment.at("provider.aws.dns_zone");
        let message = "clients have no name under which they reach the cluster";
        let problem = Diagnostic::error("no-client-name", at, message);
        problems.push(problem.help(format!("add `identity: {{names: [nats.{zone}]}}`")));
    }
    // Each name makes a URL of the list that services are given as one parameter.
    let urls: usize = names.iter().map(|name| "tls://:65535,".len() + name.len()).sum();
    if urls > LARGEST_PARAMETER {
        let at = environment.key("identity.names");
        let message = format!("the addresses of clients take {urls} bytes");
        let problem = Diagnostic::error("parameter-too-large", at, message);
        problems.push(problem.help(format!(
            "a standard parameter of SSM holds {LARGEST_PARAMETER}: use fewer or shorter names"
        )));
    }
    let paths = names.iter().enumerate();
    let paths = paths.map(|(index, name)| (name, format!("identity.names[{index}]")));
    unrepeated(environment, paths, problems);
    for (index, name) in names.iter().enumerate() {
        let inside = name.strip_suffix(zone.as_str()).and_then(|rest| rest.strip_suffix('.'));
        if !is_dns_name(name) || inside.is_none_or(str::is_empty) {
            let at = environment.at(&format!("identity.names[{index}]"));
            let message = format!("`{name}` is no name in the zone `{zone}`");
            let problem = Diagnostic::error("name-outside-zone", at, message);
            problems.push(problem.help(format!("write a name that ends in `.{zone}`")));
        }
    }
}

fn networks(environment: &Document<EnvironmentSpec>, aws: &AwsSpec, problems: &mut Diagnostics) {
    let mut networks = Vec::new();
    for (index, network) in aws.monitoring.allow.iter().enumerate() {
        let path = format!("provider.aws.monitoring.allow[{index}]");
        match network.parse::<ipnet::Ipv4Net>() {
            // AWS knows a network by its first address, whichever of it is written.
            Ok(network) => networks.push((network.trunc(), path)),
            Err(_) => {
                let message = format!("`{network}` is not a network");
                let problem = Diagnostic::error("malformed", environment.at(&path), message);
                problems.push(problem.help("write a CIDR block, for example `10.0.0.0/16`"));
            }
        }
    }
    unrepeated(environment, networks, problems);
}

/// Refuses what a list has twice: AWS has it once, so that a plan would always want the second.
fn unrepeated<T: Ord + std::fmt::Display>(
    environment: &Document<EnvironmentSpec>,
    entries: impl IntoIterator<Item = (T, String)>,
    problems: &mut Diagnostics,
) {
    let mut seen: BTreeMap<T, String> = BTreeMap::new();
    for (entry, path) in entries {
        if let Some(first) = seen.get(&entry) {
            let problem = Diagnostic::error(
                "repeated",
                environment.at(&path),
                format!("`{entry}` stands here already"),
            );
            problems.push(problem.other(environment.at(first), "first here").help("take one out"));
        } else {
            seen.insert(entry, path);
        }
    }
}

fn cache(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    let Some(redis) = &environment.spec.redis else {
        return;
    };
    if let Some(node_type) = &redis.node_type {
        if !node_type.strip_prefix("cache.").is_some_and(is_machine_type) {
            let at = environment.at("redis.node_type");
            let message = format!("`{node_type}` is not a node type of ElastiCache");
            let problem = Diagnostic::error("malformed", at, message);
            problems.push(problem.help("write `cache.`, a family and a size: `cache.r6g.large`"));
        }
    } else {
        let problem = Diagnostic::error(
            "cache-node-type",
            environment.key("redis"),
            "the cache on AWS has no node type",
        );
        problems.push(problem.help("add `node_type: cache.r6g.large`"));
    }
    // ElastiCache moves to a replica by itself only where there is one, and demands that in cluster mode.
    if redis.replicas_per_shard == 0 {
        let at = environment.at("redis.replicas_per_shard");
        let problem = Diagnostic::error(
            "cache-without-replica",
            at,
            "a shard without a replica fails for good",
        );
        problems.push(problem.help("use 1 to 5: ElastiCache's cluster mode demands failover"));
    }
}
