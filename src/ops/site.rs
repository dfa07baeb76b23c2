//! An environment at work: its cluster, its keys, its provider.

use std::net::SocketAddr;

use jiff::Timestamp;

use super::Reporter;
use crate::artifacts::{BundleError, IssueError, short_lived_client, short_lived_user, trusted};
use crate::model::{Cluster, Node};
use crate::nats::{
    Access, ClaimsError, ConnectionError, ControlError, Monitor, MonitorError, StreamError,
};
use crate::pki::TlsError;
use crate::plan::{Cycle, Permits};
use crate::provider::{Provider, ProviderError};
use crate::redis::RedisFailure;
use crate::secrets::{Entropy, Index, SecretStore, StoreError, Ticket};

/// Everything that a workflow needs of an environment.
pub struct Site<'a, P> {
    /// What is meant.
    pub cluster: &'a Cluster,
    /// Where the keys are.
    pub store: &'a (dyn SecretStore + Sync),
    /// Where new keys come from.
    pub entropy: &'a (dyn Entropy + Sync),
    /// Where nodes come from.
    pub provider: P,
    /// Who is told.
    pub reporter: &'a dyn Reporter,
    /// What the user allows by name.
    pub allowed: Allowed,
}

/// What is not done unless the user allows it by name.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    /// Streams that may be removed, or made anew without their messages.
    pub permits: Permits,
    /// Whether a node may restart although something stops meanwhile.
    pub interruption: bool,
}

/// Why a workflow stopped.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    /// The keys.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A signature.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// A node's files.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A node.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// A connection.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// An account's claims.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// A stream.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// A server that was told something.
    #[error("{node}: {error}")]
    Control {
        /// The server's node.
        node: String,
        /// Why it did not do it.
        error: ControlError,
    },
    /// A server that took a reload and runs something else all the same.
    #[error("{node} was reloaded, and {problem}")]
    NotReloaded {
        /// The node.
        node: String,
        /// What is not as it should be.
        problem: String,
    },
    /// A server that leaves, for a moment or for longer, would stop something that runs.
    #[error("{node} can't leave without an interruption: {what}")]
    WouldInterrupt {
        /// The node.
        node: String,
        /// What would stop.
        what: String,
    },
    /// A server's figures.
    #[error(transparent)]
    Monitor(#[from] MonitorError),
    /// A certificate of natsops' own.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A server of the cache.
    #[error(transparent)]
    Redis(#[from] RedisFailure),
    /// A bug of ours.
    #[error(transparent)]
    Cycle(#[from] Cycle),
    /// Some actions failed; each has been reported.
    #[error("{failed} of {all} actions failed: {first}")]
    Actions {
        /// How many failed.
        failed: usize,
        /// How many there were.
        all: usize,
        /// The first failure.
        first: Box<OpsError>,
    },
    /// A health gate did not pass in time.
    #[error("the cluster did not become healthy within {seconds} s: {missing}")]
    Unhealthy {
        /// How long it was waited for.
        seconds: u64,
        /// What was missing.
        missing: String,
    },
    /// A step of a rotation could not be proven.
    #[error("{0}")]
    Unproven(String),
    /// Something else of the same users is being replaced.
    #[error("{what} is being replaced already; end that first")]
    UnderWay {
        /// What is being replaced.
        what: String,
        /// The command that ends it.
        next: String,
    },
    /// Something must be done first.
    #[error("{0}")]
    Unready(String),
    /// Checks failed; each has been reported.
    #[error("{0}")]
    Checks(String),
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// The user asked to stop, and what was in flight was left to itself.
    #[error("interrupted")]
    Left,
}

impl<P: Provider> Site<'_, P> {
    /// The time that everything of this moment is stamped with.
    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// The monitoring port of a node.
    pub fn monitor(&self, node: &Node) -> Monitor {
        Monitor::new(SocketAddr::from((node.address, self.cluster.ports.monitor)))
    }

    /// What it takes to reach the cluster for the length of this run.
    pub fn access(&self, index: &Index) -> Result<Access, OpsError> {
        let authority = trusted(index)
            .ok_or_else(|| IssueError::Missing("certificate authority".to_owned()))?;
        let nodes = self.cluster.nodes.iter();
        Ok(Access {
            servers: nodes
                .map(|node| SocketAddr::from((node.address, self.cluster.ports.client)))
                .collect(),
            authority,
            certificate: short_lived_client(index, self.store, self.entropy, self.now())?,
        })
    }

    /// A user of natsops' own role in an account, for the length of this run.
    pub fn own_user(&self, account: &str, index: &Index) -> Result<Ticket, OpsError> {
        Ok(short_lived_user(account, index, self.store, self.entropy, self.now())?)
    }
}
