//! Rules that need more than one value: each finds all of its breaches, and points at them.
//!
//! Errors make the environment unusable. Lints are warnings, and a file may accept them.

mod acceptance;
mod aws;
mod bounds;
mod buckets;
mod cache;
mod catalog;
mod cluster;
mod consumers;
mod leafnodes;
mod lints;
mod services;
mod sharing;
mod storage;

use super::spec::{CatalogSpec, EnvironmentSpec};
use super::tree::Tree;
use super::{Diagnostic, Diagnostics, Place};

/// A file that has been read into its spec type.
pub struct Document<T> {
    /// The index of its source.
    pub file: usize,
    /// Where everything stands.
    pub tree: Tree,
    /// What it says.
    pub spec: T,
}

impl<T> Document<T> {
    /// The place of a value, by its dotted path.
    fn at(&self, path: &str) -> Place {
        (self.file, self.tree.locate(path))
    }

    /// A lint about a value, by its dotted path.
    fn lint(&self, id: &'static str, path: &str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::lint(id, self.at(path), path, message)
    }

    /// The place of a key, by its dotted path.
    fn key(&self, path: &str) -> Place {
        (self.file, self.tree.locate_key(path))
    }
}

/// Checks what entries of a catalog say for themselves, without those that they name.
pub fn check_alone(document: &Document<CatalogSpec>, problems: &mut Diagnostics) {
    let documents = std::slice::from_ref(document);
    catalog::check_alone(documents, problems);
    services::check(documents, problems);
}

/// Checks what a leafnode says by itself.
pub fn check_leafnode(
    document: &Document<EnvironmentSpec>,
    name: &str,
    problems: &mut Diagnostics,
) {
    leafnodes::check_alone(document, name, problems);
}

/// Checks everything that the schema can't.
pub fn check(
    environment: &Document<EnvironmentSpec>,
    catalog: &[Document<CatalogSpec>],
    problems: &mut Diagnostics,
) {
    cluster::check(environment, problems);
    aws::check(environment, problems);
    catalog::check(environment, catalog, problems);
    sharing::check(catalog, problems);
    leafnodes::check(environment, catalog, problems);
    services::check(catalog, problems);
    cache::check(environment, catalog, problems);
    // The figures of an environment that can't be would mislead.
    if !problems.has_errors() {
        lints::check(environment, catalog, problems);
    }
    acceptance::settle(environment, catalog, problems);
}
