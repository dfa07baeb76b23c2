//! Pictures of a cluster: its messaging contract, and where it runs. Pure, over the model.
//!
//! 1. `layout` and `panel` place the contract, `topology` places nodes and what is around them, on a [`Drawing`].
//! 2. `svg` writes a drawing. `mermaid` needs no places, and writes text from the model.

mod contract;
mod drawing;
mod legend;
mod mermaid;
mod panel;
mod svg;
mod topology;
mod wiring;

pub use drawing::{Drawing, Line, Rect, Role, Shape, Text};
pub use svg::svg;

use crate::model::Cluster;

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Services by account, with subjects and streams.
    Contract,
    /// Zones, nodes, the load balancer and the cache.
    Topology,
}

/// Places everything of a view.
pub fn draw(cluster: &Cluster, view: View) -> Drawing {
    match view {
        View::Contract => contract::draw(cluster),
        View::Topology => topology::draw(cluster),
    }
}

/// A view as text for Mermaid.
pub fn mermaid(cluster: &Cluster, view: View) -> String {
    match view {
        View::Contract => mermaid::contract(cluster),
        View::Topology => mermaid::topology(cluster),
    }
}

/// So many leafnodes, as words that follow the services.
fn leafnodes(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => ", 1 leafnode".to_owned(),
        more => format!(", {more} leafnodes"),
    }
}

#[cfg(test)]
mod tests;
