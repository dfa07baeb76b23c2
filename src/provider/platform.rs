//! The platform port: what nodes stand on where machines have to be made first.

use std::collections::BTreeMap;
use std::future::Future;

use super::ProviderError;
use crate::plan::{Action, Kind, Record};
use crate::secrets::{Index, Secret};

/// Makes what nodes stand on: looks at it and performs actions on it, each of which may be repeated without harm.
pub trait Platform: Sync {
    /// Everything that should be there. Pure.
    fn desired(&self, index: &Index) -> Vec<Record>;

    /// Looks at everything, and changes nothing. `deep` also reads what costs a call for each thing.
    fn observe(&self, deep: bool) -> impl Future<Output = Result<Seen, ProviderError>>;

    /// Whether what everything is to stand on is as it must be, by the last look: who only reads or removes needs it less.
    fn fits(&self) -> Result<(), ProviderError>;

    /// Makes the place where keys and the lease lie, bare as yet, unless it is there.
    fn anchor(&self) -> impl Future<Output = Result<(), ProviderError>>;

    /// Performs one action of a plan.
    fn perform(
        &self,
        action: &Action,
        means: &Means<'_>,
    ) -> impl Future<Output = Result<(), ProviderError>>;

    /// What the last apply made each thing, as digests by thing; nothing where that was never noted. Nothing depends on
    /// it: it only tells a change of the files from one by hand.
    fn applied(&self) -> impl Future<Output = Result<Applied, ProviderError>>;

    /// Notes what this apply has made each thing.
    fn note(&self, applied: &Applied) -> impl Future<Output = Result<(), ProviderError>>;

    /// Kinds that are removed only when that is asked for by name.
    fn kept(&self) -> &'static [Kind];
}

/// Digests of what things were made, by thing.
pub type Applied = BTreeMap<String, String>;

/// What a look found.
#[derive(Debug, Default)]
pub struct Seen {
    /// The things.
    pub records: Vec<Record>,
    /// Whether a mark on them forbids to destroy them.
    pub protected: bool,
}

/// What an action may need besides the plan.
pub struct Means<'a> {
    /// The public index.
    pub index: &'a Index,
    /// The secret side.
    pub supply: &'a dyn Supply,
    /// The name of the cache's last snapshot; none where it is refused.
    pub snapshot: Option<String>,
    /// Hears what is waited for.
    pub told: &'a (dyn Fn(&str) + Sync),
}

/// Gives the secret side of what is handed to the platform, when it is needed. Errors are words that name what is
/// missing.
pub trait Supply: Sync {
    /// A piece of a service's credentials, by its name; `cache` is where the cache is reached.
    fn piece(
        &self,
        index: &Index,
        service: &str,
        piece: &str,
        cache: &str,
    ) -> Result<Secret<String>, String>;

    /// The archive of a node, which holds its private key.
    fn archive(&self, index: &Index, node: &str) -> Result<Secret<Vec<u8>>, String>;

    /// The server's program, of the version that the cluster runs.
    fn server(&self) -> Result<Vec<u8>, String>;

    /// The passwords that a user of the cache is let in with: that of now, and while it is replaced, the one before.
    fn passwords(&self, index: &Index, user: &str) -> Result<Vec<Secret<String>>, String>;
}
