//! The provider port: where nodes come from.

mod machine;
mod node_record;
mod platform;
mod redis_record;
mod replacement;
mod settings;

pub mod aws;
pub mod local;

use std::future::Future;
use std::net::SocketAddr;

pub use machine::MachineSeen;
pub use node_record::{CONFIG_DIGEST, CONFIG_FILE, DATA, PROCESS, SETTING, VERSION, desired_node};
pub use platform::{Applied, Means, Platform, Seen, Supply};
pub use replacement::{Machinery, Replacement};
pub use settings::on_change;

use crate::artifacts::Bundle;
use crate::plan::{Action, Record};
use crate::shell::ShellError;
pub use redis_record::{USER, USERS_FILE, desired_redis, seen_redis};

/// Provides nodes: looks at them and performs actions on them, each of which may be repeated without harm.
pub trait Provider {
    /// A leafnode server that runs for a moment.
    type Edge: Edge;

    /// The nodes that exist, as far as their machines can be looked at.
    fn observe(&self) -> impl Future<Output = Result<Vec<Record>, ProviderError>> + Send;

    /// The nodes of the cache that exist, as far as their machines can be looked at.
    fn observe_cache(&self) -> impl Future<Output = Result<Vec<Record>, ProviderError>> + Send;

    /// Whether nothing of this environment has ever been made, so that there is nothing to lose.
    fn is_pristine(&self) -> bool;

    /// Performs one action of a plan.
    fn perform(&self, action: &Action) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Has a server that runs take what is meant, by a reload or a restart as the action says.
    ///
    /// `before` tells its state of now from every other, so that what was ordered of it is not ordered twice; it is empty
    /// where nobody can say it.
    fn take(
        &self,
        action: &Action,
        before: &str,
    ) -> impl Future<Output = Result<(), ProviderError>> + Send {
        // Where a process of this machine is told, nothing is on its way that could be told twice.
        let _ = before;
        self.perform(action)
    }

    /// Starts a leafnode server from its folder, to try the cluster as an edge would.
    ///
    /// What an interrupted run has left running is stopped first.
    fn start_edge(
        &self,
        bundle: &Bundle,
    ) -> impl Future<Output = Result<Self::Edge, ProviderError>> + Send;
}

/// A leafnode server beside the cluster. It is stopped, and its folder removed, when this goes, however it goes.
pub trait Edge {
    /// Where its clients connect.
    fn clients(&self) -> SocketAddr;
}

/// Why a node could not be made, changed or looked at.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// A tool that must be there is not.
    #[error("{0}")]
    Tool(String),
    /// The server, or a look at what it would run, refuses the configuration that we rendered.
    #[error("the configuration of {node} is refused: {reason}")]
    Refused {
        /// The node.
        node: String,
        /// The server's words.
        reason: String,
    },
    /// The process ended at once.
    #[error("{node} stopped right after its start; its last words: {reason}")]
    Died {
        /// The node.
        node: String,
        /// The end of its log.
        reason: String,
    },
    /// Somebody else has the address.
    #[error("{node} can't have {address}: {reason}")]
    Taken {
        /// The node.
        node: String,
        /// The address and port.
        address: String,
        /// The system's words.
        reason: String,
    },
    /// It took too long.
    #[error("{what} took longer than {seconds} s")]
    Late {
        /// What was waited for.
        what: String,
        /// For how long.
        seconds: u64,
    },
    /// The files of a node can't be put together.
    #[error("{0}")]
    Bundle(String),
    /// AWS.
    #[error(transparent)]
    Cloud(#[from] aws::CloudError),
    /// A machine that was told something.
    #[error(transparent)]
    Shell(#[from] ShellError),
    /// The disk or its rights.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
