//! What AWS calls our things: ids that answers gave, kept for as long as the command runs.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::{CloudClass, CloudError};
use super::network::Network;
use crate::plan::{Kind, RecordId};
use crate::provider::Replacement;

/// Ids by thing, and the network.
#[derive(Debug, Default)]
pub struct Known(Mutex<Content>);

#[derive(Debug, Default)]
struct Content {
    ids: BTreeMap<RecordId, String>,
    network: Option<Network>,
    generations: BTreeMap<String, u32>,
    machines: BTreeMap<String, u32>,
    replacements: BTreeMap<String, Replacement>,
    aside: BTreeMap<String, (String, u32)>,
    protected: bool,
}

impl Known {
    // A panic elsewhere leaves the maps usable.
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an id.
    pub fn keep(&self, kind: Kind, name: &str, id: impl Into<String>) {
        self.lock().ids.insert(RecordId::new(kind, name), id.into());
    }

    /// An id, where it is known.
    pub fn get(&self, kind: Kind, name: &str) -> Option<String> {
        self.lock().ids.get(&RecordId::new(kind, name)).cloned()
    }

    /// An id that must be known by now, since the plan makes what is needed first.
    pub fn id(&self, kind: Kind, name: &str) -> Result<String, CloudError> {
        self.get(kind, name).ok_or_else(|| {
            let message = format!("the {} {name} is not there", kind.word());
            CloudError::found("look", CloudClass::World, message)
        })
    }

    /// Forgets an id: what it named is not its node's any more.
    pub fn forget(&self, kind: Kind, name: &str) {
        self.lock().ids.remove(&RecordId::new(kind, name));
    }

    /// The name of a thing, by its id.
    pub fn name_of(&self, kind: Kind, id: &str) -> Option<String> {
        let content = self.lock();
        let mut ids = content.ids.iter();
        ids.find(|(record, known)| record.kind == kind && *known == id)
            .map(|(record, _)| record.name.clone())
    }

    /// Keeps that a mark forbids to destroy.
    pub fn keep_protected(&self) {
        self.lock().protected = true;
    }

    /// Whether a mark forbids to destroy.
    pub fn is_protected(&self) -> bool {
        self.lock().protected
    }

    /// Keeps the network.
    pub fn keep_network(&self, network: Network) {
        self.lock().network = Some(network);
    }

    /// The network, which is looked up before anything else.
    pub fn network(&self) -> Result<Network, CloudError> {
        self.lock().network.clone().ok_or_else(|| {
            CloudError::found("look", CloudClass::World, "the network has not been looked up")
        })
    }

    /// Keeps the generation of a node: how many machines it has had.
    pub fn keep_generation(&self, node: &str, generation: u32) {
        self.lock().generations.insert(node.to_owned(), generation);
    }

    /// Keeps the generation that a node's machine says of itself.
    pub fn keep_machine(&self, node: &str, generation: u32) {
        self.lock().machines.insert(node.to_owned(), generation);
    }

    /// Forgets every machine, before they are looked at.
    pub fn forget_machines(&self) {
        self.lock().machines.clear();
    }

    /// The generation that a node's machine says of itself, where one lives.
    pub fn machine(&self, node: &str) -> Option<u32> {
        self.lock().machines.get(node).copied()
    }

    /// Keeps what is noted of a node's next machine; with nothing, that it is there.
    pub fn keep_replacement(&self, node: &str, replacement: Option<Replacement>) {
        let mut content = self.lock();
        match replacement {
            Some(replacement) => content.replacements.insert(node.to_owned(), replacement),
            None => content.replacements.remove(node),
        };
    }

    /// What is noted of a node's next machine.
    pub fn replacement(&self, node: &str) -> Option<Replacement> {
        self.lock().replacements.get(node).copied()
    }

    /// Keeps a volume that a node has been without since a generation.
    pub fn keep_aside(&self, volume: &str, node: &str, generation: u32) {
        self.lock().aside.insert(volume.to_owned(), (node.to_owned(), generation));
    }

    /// Whether a volume was set aside.
    pub fn is_aside(&self, volume: &str) -> bool {
        self.lock().aside.contains_key(volume)
    }

    /// The volume that was set aside for this generation of a node.
    pub fn aside(&self, node: &str, generation: u32) -> Option<String> {
        let content = self.lock();
        let mut aside = content.aside.iter();
        let found = aside.find(|(_, (of, since))| of == node && *since == generation);
        found.map(|(volume, _)| volume.clone())
    }

    /// The generation of a node, from 1.
    pub fn generation(&self, node: &str) -> u32 {
        self.lock().generations.get(node).copied().unwrap_or(1)
    }
}
