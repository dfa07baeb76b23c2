//! What the load has seen: which messages were acknowledged and delivered, which requests were answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counted all the time, by everybody.
#[derive(Default)]
pub struct Counts {
    /// Set while nodes restart: then it is not for their creds that connections are closed.
    pub nodes_restart: AtomicBool,
    pub requests: AtomicU64,
    pub answered: AtomicU64,
    /// Values that were written to the cache and read from there.
    pub cached: AtomicU64,
    /// What was tried again and again in vain: requests without an answer, values that the cache did not keep.
    pub failed: AtomicU64,
    pub closed: AtomicU64,
    acknowledged: Mutex<BTreeMap<&'static str, BTreeSet<String>>>,
    delivered: Mutex<BTreeSet<String>>,
}

/// Some of the figures at a moment.
#[derive(Clone, Copy, Default)]
pub struct Snapshot {
    pub acknowledged: u64,
    pub answered: u64,
    pub cached: u64,
    pub failed: u64,
    pub closed: u64,
}

impl Counts {
    pub fn closed_by_server(&self) {
        if !self.nodes_restart.load(Ordering::Relaxed) {
            self.closed.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn acknowledge(&self, stream: &'static str, id: String) {
        let mut streams = self.acknowledged.lock().unwrap();
        assert!(streams.entry(stream).or_default().insert(id), "an id was used twice");
    }

    /// A message is its id.
    pub fn delivered(&self, payload: &[u8]) {
        let id = String::from_utf8(payload.to_vec()).unwrap();
        self.delivered.lock().unwrap().insert(id);
    }

    /// The ids that were acknowledged, by stream.
    pub fn acknowledged(&self) -> BTreeMap<&'static str, BTreeSet<String>> {
        self.acknowledged.lock().unwrap().clone()
    }

    /// How many acknowledged messages no consumer has had yet.
    pub fn undelivered(&self) -> usize {
        let (streams, delivered) =
            (self.acknowledged.lock().unwrap(), self.delivered.lock().unwrap());
        streams.values().flatten().filter(|id| !delivered.contains(*id)).count()
    }

    pub fn snapshot(&self) -> Snapshot {
        let all: usize = self.acknowledged.lock().unwrap().values().map(BTreeSet::len).sum();
        Snapshot {
            acknowledged: all as u64,
            answered: self.answered.load(Ordering::Relaxed),
            cached: self.cached.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            closed: self.closed.load(Ordering::Relaxed),
        }
    }
}
