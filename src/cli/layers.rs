//! The layers of an environment on AWS, and what of a plan belongs to each.

use std::collections::{BTreeMap, BTreeSet};

use super::plan_view::{Entry, entries};
use crate::forecast::Forecast;
use crate::plan::{Action, ActionKind, Kind, Plan, RecordId};

/// A plan with all that is told beside it.
pub struct Shown<'a> {
    /// The environment.
    pub environment: &'a str,
    /// The plan.
    pub plan: &'a Plan,
    /// What somebody has changed by hand since the last apply.
    pub by_hand: &'a BTreeSet<RecordId>,
    /// What it will take and cost, where that can be told.
    pub forecast: Option<&'a Forecast>,
}

/// A part of an environment that people think of as one, in the order of coming to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// What holds and seals everything else.
    Storage,
    /// Who may talk to whom.
    Network,
    /// Which machine may do what.
    Access,
    /// The distributed cache.
    Cache,
    /// The machines and their data.
    Nodes,
    /// The way in.
    LoadBalancer,
    /// The names of the way in.
    Names,
    /// Keys and papers.
    Credentials,
    /// What the servers hold.
    Nats,
}

impl Layer {
    /// The layer of a kind.
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::S3Bucket | Kind::EncryptionKey => Self::Storage,
            Kind::SecurityGroup | Kind::SecurityRule => Self::Network,
            Kind::Role => Self::Access,
            Kind::CacheSubnetGroup
            | Kind::CacheUser
            | Kind::CacheUserGroup
            | Kind::ReplicationGroup
            | Kind::RedisNode
            | Kind::RedisCluster => Self::Cache,
            Kind::NetworkInterface | Kind::Volume | Kind::Instance | Kind::BundleObject => {
                Self::Nodes
            }
            Kind::TargetGroup | Kind::LoadBalancer | Kind::Listener => Self::LoadBalancer,
            Kind::Zone | Kind::DnsRecord => Self::Names,
            Kind::Parameter | Kind::Key | Kind::Certificate | Kind::Jwt => Self::Credentials,
            Kind::Node | Kind::Claims | Kind::Stream | Kind::Bucket | Kind::Consumer => Self::Nats,
        }
    }

    /// What stands above it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Storage => "storage and keys",
            Self::Network => "network",
            Self::Access => "access",
            Self::Cache => "cache",
            Self::Nodes => "nodes",
            Self::LoadBalancer => "load balancer",
            Self::Names => "names",
            Self::Credentials => "credentials",
            Self::Nats => "NATS",
        }
    }
}

/// What stands under one heading.
#[derive(Default)]
pub struct Group<'a> {
    /// The actions, by kind.
    actions: BTreeMap<Kind, Vec<&'a Action>>,
    /// What could not be looked at, by the reason.
    pub unseen: BTreeMap<&'a str, Vec<Kind>>,
    /// What nobody asks for.
    pub unmanaged: Vec<&'a RecordId>,
}

impl<'a> Group<'a> {
    /// Its entries; many things that only come to be are counted, unless `all` are listed.
    pub fn entries(&self, all: bool) -> Vec<Entry<'a>> {
        let kinds = self.actions.values();
        kinds.flat_map(|actions| entries(actions.clone(), all)).collect()
    }

    fn add(&mut self, action: &'a Action) {
        self.actions.entry(action.id.kind).or_default().push(action);
    }
}

/// The words of kinds, in a row.
pub fn words(kinds: &[Kind]) -> String {
    kinds.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(", ")
}

/// The heading of what was changed by hand.
pub const BY_HAND: &str = "Changed by hand since the last apply";

impl<'a> Shown<'a> {
    /// What was changed by hand and is changed back; where it agrees with the files by now, there is nothing to do.
    pub fn drift(&self) -> Option<Group<'a>> {
        let mut group = Group::default();
        let changed = self.changes(false).filter(|action| self.by_hand.contains(&action.id));
        changed.for_each(|action| group.add(action));
        (!group.actions.is_empty()).then_some(group)
    }

    /// The layers that have something to show. With `all`, what stays as it is stands there too.
    pub fn layers(&self, all: bool) -> BTreeMap<Layer, Group<'a>> {
        let mut layers: BTreeMap<Layer, Group<'a>> = BTreeMap::new();
        let by_hand = |action: &&Action| {
            self.by_hand.contains(&action.id) && action.action != ActionKind::Keep
        };
        for action in self.changes(all).filter(|action| !by_hand(action)) {
            layers.entry(Layer::of(action.id.kind)).or_default().add(action);
        }
        for unseen in &self.plan.not_observed {
            let group = layers.entry(Layer::of(unseen.kind)).or_default();
            group.unseen.entry(unseen.reason.as_str()).or_default().push(unseen.kind);
        }
        for id in &self.plan.unmanaged {
            layers.entry(Layer::of(id.kind)).or_default().unmanaged.push(id);
        }
        layers
    }

    fn changes(&self, all: bool) -> impl Iterator<Item = &'a Action> {
        let shown = move |action: &&Action| {
            all || action.action != ActionKind::Keep || action.blocked.is_some()
        };
        self.plan.actions.iter().filter(shown)
    }
}
