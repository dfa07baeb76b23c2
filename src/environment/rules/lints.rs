//! Lints: what is allowed, and what an expert would object to. `lint_table` holds what there is to say about each.

mod connections;
mod contract;
mod durability;
mod identity;
mod machine;
mod network;
mod placement;
mod version;

use super::Document;
use super::catalog::Catalog;
use crate::environment::Diagnostics;
use crate::environment::spec::{CatalogSpec, EnvironmentSpec};

/// Finds everything. Runs only on an environment without errors.
pub fn check(
    environment: &Document<EnvironmentSpec>,
    documents: &[Document<CatalogSpec>],
    problems: &mut Diagnostics,
) {
    let catalog = Catalog::new(documents);
    placement::check(environment, &catalog, problems);
    version::check(environment, problems);
    machine::check(environment, problems);
    network::check(environment, &catalog, problems);
    identity::check(environment, problems);
    durability::check(&catalog, problems);
    contract::check(&environment.spec, &catalog, problems);
    connections::check(&environment.spec, &catalog, problems);
}
