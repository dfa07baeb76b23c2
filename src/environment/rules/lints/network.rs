//! Lints about who reaches the cluster, and about what the way there does to connections.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::super::Document;
use super::super::catalog::Catalog;
use crate::environment::spec::{AwsSpec, EnvironmentSpec, ProviderSpec};
use crate::environment::{Diagnostic, Diagnostics};
use crate::model::{ByteSize, Period};

/// A network load balancer forgets a TCP connection that was silent for so long.
const IDLE: Period = Period::seconds(350);

/// It keeps sending to a node that leaves for so long.
const DRAIN: Period = Period::seconds(300);

/// The server itself warns above this.
const LARGE_PAYLOAD: ByteSize = ByteSize::new(8 << 20);

/// Each client that must leave signs in elsewhere, which costs a TLS handshake and signatures on both sides.
const CLIENTS_PER_SECOND: u64 = 50;

/// Networks that the internet does not route.
const PRIVATE: [Ipv4Net; 5] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10),
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
];

pub fn check(
    environment: &Document<EnvironmentSpec>,
    catalog: &Catalog<'_>,
    problems: &mut Diagnostics,
) {
    problems.items.extend(payload(environment));
    problems.items.extend(lame_duck(environment, catalog));
    if let ProviderSpec::Aws(aws) = &environment.spec.provider {
        problems.items.extend(ping(environment));
        problems.items.extend(drain(environment));
        problems.items.extend(exposed(environment, aws));
        problems.items.extend(key(environment, aws));
        monitoring(environment, aws, problems);
    }
}

fn payload(environment: &Document<EnvironmentSpec>) -> Option<Diagnostic> {
    let payload = environment.spec.nats.limits.max_payload;
    if payload <= LARGE_PAYLOAD {
        return None;
    }
    let message = format!("max_payload is {payload}; the server warns above {LARGE_PAYLOAD}");
    let lint = environment.lint("large-payload", "nats.limits.max_payload", message);
    Some(
        lint.help(
            "send a reference to what is large: one such message blocks a connection's others",
        ),
    )
}

/// The grace shortens the time over which the clients are spread.
fn lame_duck(environment: &Document<EnvironmentSpec>, catalog: &Catalog<'_>) -> Option<Diagnostic> {
    let nats = &environment.spec.nats;
    let accounts = catalog.accounts.iter();
    let clients: u64 = accounts.map(|account| u64::from(account.spec.limits.connections)).sum();
    let clients =
        (clients / nats.nodes.len().max(1) as u64).min(nats.limits.max_connections.into());
    let lame_duck = &nats.lame_duck;
    let spread = lame_duck.duration.duration().saturating_sub(lame_duck.grace.duration()).as_secs();
    let rate = clients / spread.max(1);
    if rate <= CLIENTS_PER_SECOND {
        return None;
    }
    let message = format!(
        "{clients} clients of a node have {spread}s to leave: {rate} sign in elsewhere each second"
    );
    let lint = environment.lint("lame-duck-hurries", "nats.lame_duck.duration", message);
    let enough = clients.div_ceil(CLIENTS_PER_SECOND);
    let enough = Period::seconds(enough + lame_duck.grace.duration().as_secs());
    Some(lint.help(format!("use a duration of {enough} or more")))
}

fn ping(environment: &Document<EnvironmentSpec>) -> Option<Diagnostic> {
    let interval = environment.spec.nats.limits.ping_interval;
    if interval.duration() < IDLE.duration() / 2 {
        return None;
    }
    let message = format!(
        "a ping every {interval} may come after the load balancer has dropped the connection ({IDLE})"
    );
    let lint = environment.lint("slow-ping", "nats.limits.ping_interval", message);
    Some(lint.help("use less than half of it, such as 2m: one lost ping must not end a connection"))
}

fn drain(environment: &Document<EnvironmentSpec>) -> Option<Diagnostic> {
    let duration = environment.spec.nats.lame_duck.duration;
    if duration <= DRAIN {
        return None;
    }
    let message = format!(
        "a lame duck of {duration} outlives the {DRAIN} after which the load balancer lets go of a node"
    );
    let lint = environment.lint("lame-duck-beyond-drain", "nats.lame_duck.duration", message);
    Some(lint.help(format!("use at most {DRAIN}: clients that are left then are cut off at once")))
}

fn exposed(environment: &Document<EnvironmentSpec>, aws: &AwsSpec) -> Option<Diagnostic> {
    if aws.load_balancer.internal {
        return None;
    }
    let message = "the load balancer is reachable from the internet";
    let lint =
        environment.lint("exposed-load-balancer", "provider.aws.load_balancer.internal", message);
    Some(lint.help("set it to true: what strangers can't reach, they can't try"))
}

fn key(environment: &Document<EnvironmentSpec>, aws: &AwsSpec) -> Option<Diagnostic> {
    let key = &aws.volume.kms_key;
    if !key.starts_with("alias/aws/") {
        return None;
    }
    let message = format!("`{key}` belongs to AWS, not to you");
    let lint = environment.lint("aws-managed-key", "provider.aws.volume.kms_key", message);
    Some(lint.help(
        "name a key of your own: only that can be disabled, limited to roles, or audited by itself",
    ))
}

fn monitoring(environment: &Document<EnvironmentSpec>, aws: &AwsSpec, problems: &mut Diagnostics) {
    for (index, text) in aws.monitoring.allow.iter().enumerate() {
        let Ok(network) = text.parse::<Ipv4Net>() else {
            continue;
        };
        if PRIVATE.iter().any(|private| private.contains(&network)) {
            continue;
        }
        let path = format!("provider.aws.monitoring.allow[{index}]");
        let message = format!(
            "`{network}` holds addresses of the internet, and monitoring asks nobody who they are"
        );
        let lint = environment.lint("exposed-monitoring", &path, message);
        problems.push(lint.help("name the private networks of those who scrape it"));
    }
}
