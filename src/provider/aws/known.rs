//! What AWS calls our things: ids that answers gave, kept for as long as the command runs.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::{CloudClass, CloudError};
use super::network::Network;
use crate::plan::{Kind, RecordId};

/// Ids by thing, and the network.
#[derive(Debug, Default)]
pub struct Known(Mutex<Content>);

#[derive(Debug, Default)]
struct Content {
    ids: BTreeMap<RecordId, String>,
    network: Option<Network>,
    generations: BTreeMap<String, u32>,
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

    /// The generation of a node, from 1.
    pub fn generation(&self, node: &str) -> u32 {
        self.lock().generations.get(node).copied().unwrap_or(1)
    }
}
