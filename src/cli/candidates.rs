//! What could stand where the cursor is: environments, services, nodes, lints.
//!
//! Nothing here may fail loudly: a shell that completes shows no errors, it only has fewer candidates.

use std::path::PathBuf;

use clap_complete::{ArgValueCandidates, CompletionCandidate};

use super::context::find_project;
use crate::environment::{Addresses, LINTS, list, load};
use crate::model::{Client, Cluster};
use crate::render::CONFIG_LINTS;

/// The environments of the project.
pub fn environments() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let names = project().and_then(|project| list(&project).ok()).unwrap_or_default();
        names.into_iter().map(CompletionCandidate::new).collect()
    })
}

/// The services of the environment that the command line names.
pub fn services() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let cluster = cluster();
        let services = cluster.iter().flat_map(|cluster| cluster.services.values());
        services.map(|service| candidate(service.name.as_str(), &service.description)).collect()
    })
}

/// Its services and leafnodes.
pub fn clients() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let cluster = cluster();
        let clients = cluster.iter().flat_map(Client::all);
        clients.map(|client| candidate(client.name(), client.description())).collect()
    })
}

/// The nodes of the environment that the command line names.
pub fn nodes() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let cluster = cluster();
        let nodes = cluster.iter().flat_map(|cluster| &cluster.nodes);
        nodes.map(|node| candidate(node.name.as_str(), node.zone.as_str())).collect()
    })
}

/// The lints.
pub fn lints() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let lints = LINTS.iter().chain(&CONFIG_LINTS);
        lints.map(|lint| candidate(lint.id, lint.about)).collect()
    })
}

fn candidate(name: &str, help: &str) -> CompletionCandidate {
    CompletionCandidate::new(name).help(Some(help.to_owned().into()))
}

/// The command line so far: the shells' scripts give it behind `--`.
fn words() -> Vec<String> {
    let words = std::env::args_os().skip_while(|word| word != "--").skip(1);
    words.map(|word| word.to_string_lossy().into_owned()).collect()
}

fn project() -> Option<PathBuf> {
    let words = words();
    let option = words.iter().enumerate().find_map(|(index, word)| match word.as_str() {
        "--project" => words.get(index + 1).cloned(),
        word => word.strip_prefix("--project=").map(str::to_owned),
    });
    let named = option.map(PathBuf::from);
    let set = || std::env::var_os("NATSOPS_PROJECT").map(PathBuf::from);
    named.or_else(set).or_else(|| find_project().ok())
}

/// The cluster of the first word that is an environment, if that is valid.
fn cluster() -> Option<Cluster> {
    let project = project()?;
    let known = list(&project).ok()?;
    let environment = words().into_iter().skip(1).find(|word| known.contains(word))?;
    // Addresses are not shown, so any will do.
    let addresses = Addresses { local_network: [127, 0, 0] };
    load(&project, &environment, &addresses).ok()?.cluster
}
