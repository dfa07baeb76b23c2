//! Lints about the ways in which services connect.

use super::super::catalog::{Catalog, Entry};
use crate::environment::Diagnostics;
use crate::environment::spec::{EnvironmentSpec, ServiceSpec};
use crate::model::{ConnectionKind, ServiceName};

pub fn check(environment: &EnvironmentSpec, catalog: &Catalog<'_>, problems: &mut Diagnostics) {
    for service in &catalog.services {
        let kinds = &service.spec.connections;
        if kinds.iter().any(|kind| is_possible(environment, service, *kind)) {
            continue;
        }
        let account = &service.spec.account;
        let message = match kinds.contains(&ConnectionKind::Leafnode) {
            true => format!("`{}` can't sign in: {account} has no leafnodes", service.name),
            false => format!("`{}` can't sign in: no server listens for it", service.name),
        };
        let path = format!("services.{}.connections", service.name);
        problems.push(
            service
                .document
                .lint("service-unreachable", &path, message)
                .help("write `[standard]`, or leave `connections` out, which is the same"),
        );
    }
}

/// Whether a server would let a service in by a connection of this kind.
fn is_possible(
    environment: &EnvironmentSpec,
    service: &Entry<'_, ServiceName, ServiceSpec>,
    kind: ConnectionKind,
) -> bool {
    match kind {
        ConnectionKind::Standard => true,
        ConnectionKind::Leafnode => {
            environment.leafnodes.values().any(|edge| edge.account == service.spec.account)
        }
        // No server is configured to listen for these.
        ConnectionKind::Websocket | ConnectionKind::Mqtt => false,
    }
}
