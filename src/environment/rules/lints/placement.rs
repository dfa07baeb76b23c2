//! Lints about nodes and zones: what the loss of one costs.

use std::collections::BTreeMap;

use super::super::Document;
use super::super::catalog::Catalog;
use super::super::storage::kept;
use crate::environment::spec::{EnvironmentSpec, NodeSpec};
use crate::environment::{Diagnostic, Diagnostics};
use crate::model::{ByteSize, ZoneName};

/// The nodes of an environment, by zone.
struct Layout<'a> {
    environment: &'a Document<EnvironmentSpec>,
    zones: BTreeMap<&'a ZoneName, Vec<(usize, &'a NodeSpec)>>,
    nodes: usize,
}

pub fn check(
    environment: &Document<EnvironmentSpec>,
    catalog: &Catalog<'_>,
    problems: &mut Diagnostics,
) {
    let nodes = &environment.spec.nats.nodes;
    let mut zones: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        zones.entry(&node.zone).or_default().push((index, node));
    }
    let layout = Layout { environment, zones, nodes: nodes.len() };
    problems.items.extend(layout.even_nodes());
    problems.items.extend(layout.zone_and_quorum());
    problems.items.extend(layout.uneven_zones(catalog));
}

/// How many of so many nodes must agree.
fn quorum(nodes: usize) -> usize {
    nodes / 2 + 1
}

impl Layout<'_> {
    fn smallest(&self) -> usize {
        self.zones.values().map(Vec::len).min().unwrap_or(0)
    }

    fn largest(&self) -> usize {
        self.zones.values().map(Vec::len).max().unwrap_or(0)
    }

    /// An even number is right where it makes the zones equal, since the smallest zone bounds the storage.
    fn even_nodes(&self) -> Option<Diagnostic> {
        let equal = self.zones.len() > 2 && self.smallest() == self.largest();
        if !self.nodes.is_multiple_of(2) || equal {
            return None;
        }
        let (nodes, fewer) = (self.nodes, self.nodes - 1);
        let message = format!(
            "{nodes} nodes need a quorum of {} and survive the loss of {}, as {fewer} do",
            quorum(nodes),
            nodes - quorum(nodes)
        );
        let lint = self.environment.lint("even-nodes", "nats.nodes", message);
        Some(lint.help(format!("use {fewer} nodes, or {}", nodes + 1)))
    }

    /// The meta group places streams and consumers; without its quorum nothing is created or moved.
    fn zone_and_quorum(&self) -> Option<Diagnostic> {
        let (zone, members) = self.zones.iter().max_by_key(|(_, members)| members.len())?;
        let (left, needed) = (self.nodes - members.len(), quorum(self.nodes));
        if left >= needed {
            return None;
        }
        let path = format!("nats.nodes[{}].zone", members.first()?.0);
        let message = format!(
            "without zone `{zone}` {left} of {} nodes are left, and the meta group needs {needed}",
            self.nodes
        );
        let lint = self.environment.lint("zone-breaks-quorum", &path, message);
        Some(lint.help(format!(
            "spread the nodes over three zones or more, with at most {} in each",
            self.nodes - needed
        )))
    }

    /// With a copy per zone, the zone with the fewest nodes holds one of everything.
    fn uneven_zones(&self, catalog: &Catalog<'_>) -> Option<Diagnostic> {
        let zones = self.zones.len();
        let jetstream = &self.environment.spec.nats.jetstream;
        let all = kept(catalog);
        let copied = all.iter().filter(|kept| usize::from(kept.replicas) >= zones);
        let sizes: Vec<u64> = copied
            .map(|kept| kept.max_bytes.min(jetstream.max_stream.unwrap_or(kept.max_bytes)))
            .map(ByteSize::bytes)
            .collect();
        if zones < 2 || self.smallest() == self.largest() || sizes.is_empty() {
            return None;
        }
        let (zone, members) = self.zones.iter().find(|(_, m)| m.len() == self.smallest())?;
        let path = format!("nats.nodes[{}].zone", members.first()?.0);
        let message = format!(
            "zone `{zone}` has {} of {} nodes and a copy of all {} streams with {zones} replicas: \
             {} of them fit, not {}",
            members.len(),
            self.nodes,
            sizes.len(),
            shown(self.storage(self.smallest())),
            shown(self.share()),
        );
        Some(self.environment.lint("uneven-zones", &path, message).help(self.costs(&sizes)))
    }

    /// What so many nodes store.
    fn storage(&self, nodes: usize) -> u64 {
        let disk = self.environment.spec.nats.jetstream.max_file.bytes();
        disk.saturating_mul(u64::try_from(nodes).unwrap_or(u64::MAX))
    }

    /// What would fit if every zone had its share of all disks.
    fn share(&self) -> u64 {
        self.storage(self.nodes) / self.zones.len().max(1) as u64
    }

    /// What an uneven layout costs, and what each way out would bring.
    fn costs(&self, sizes: &[u64]) -> String {
        let (zones, streams) = (self.zones.len(), sizes.len());
        let reserved = sizes.iter().fold(0_u64, |sum, size| sum.saturating_add(*size));
        let mut lines = vec![format!(
            "all disks together hold {} x {} / {zones} = {}, and that zone bounds it: {} are reserved of {}",
            self.nodes,
            shown(self.storage(1)),
            shown(self.share()),
            shown(reserved),
            shown(self.storage(self.smallest())),
        )];
        if self.smallest() == 1 {
            let half = streams.div_ceil(2);
            lines.push(format!("its only node leads about half of them, here {half} of {streams}"));
        }
        lines.push(format!(
            "without that zone all {streams} run on {} of {zones} copies, and no other zone may take the last",
            zones - 1
        ));
        lines.push(format!(
            "choose {}, or {}, or a volume of {} for each of its nodes",
            self.option(self.largest()),
            self.option(self.smallest()),
            shown(self.share() / self.smallest().max(1) as u64)
        ));
        lines.join("\n")
    }

    /// An even layout with its figures.
    fn option(&self, each: usize) -> String {
        let (zones, nodes) = (self.zones.len(), each * self.zones.len());
        let layout = vec![each.to_string(); zones].join("/");
        let fits = shown(self.storage(each));
        format!("{nodes} nodes as {layout} ({fits} fit, quorum {})", quorum(nodes))
    }
}

/// The size itself where that is short, and a rounded one where it is not.
fn shown(bytes: u64) -> String {
    let size = ByteSize::new(bytes);
    let exact = size.to_string();
    if exact.len() <= "425 GB".len() { exact } else { size.rounded() }
}
