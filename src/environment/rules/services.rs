//! Rules of a service's own connections: where from, and of which kind.

use super::Document;
use crate::environment::spec::CatalogSpec;
use crate::environment::{Diagnostic, Diagnostics};

pub fn check(catalog: &[Document<CatalogSpec>], problems: &mut Diagnostics) {
    for document in catalog {
        for (name, spec) in &document.spec.services {
            let at = |key: &str| document.at(&format!("services.{name}.{key}"));
            for (index, network) in spec.networks.iter().enumerate() {
                if network.parse::<ipnet::IpNet>().is_err() {
                    let message = format!("`{network}` is not a network");
                    problems.push(
                        Diagnostic::error("malformed", at(&format!("networks[{index}]")), message)
                            .help("write a CIDR block, for example `10.0.0.0/16`"),
                    );
                }
            }
            // To a server an empty list is every kind, so it must not look like none.
            if spec.connections.is_empty() {
                let message = format!("`{name}` may connect in no way");
                problems.push(
                    Diagnostic::error("no-connections", at("connections"), message)
                        .help("leave it out for ordinary connections, or name the kinds"),
                );
            }
        }
    }
}
