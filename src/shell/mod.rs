//! The node shell port: named operations on the machine of a node, for where nobody can sign in.
//!
//! What is run is chosen from a list and never a text of somebody's, and nothing secret is in it. Each run has an id that
//! follows from what is wanted and from what the server was before, so that a run whose answer got lost, or whose caller
//! died, is found and followed by the next rather than repeated.

mod operation;
mod run;

use std::future::Future;

pub use operation::{Operation, Take};
pub use run::{RunId, ShellError, ShellOutput};

use crate::model::NodeName;

/// Runs operations on machines of nodes.
pub trait NodeShell: Sync {
    /// Fails for what makes no sense where these nodes live.
    fn is_sensible(&self, operation: &Operation) -> Result<(), ShellError> {
        let _ = operation;
        Ok(())
    }

    /// Has a machine do it, and waits for its end. What was ordered under the same id before is not ordered again, unless
    /// it failed.
    fn execute(
        &self,
        node: &NodeName,
        operation: &Operation,
        run: &RunId,
    ) -> impl Future<Output = Result<ShellOutput, ShellError>> + Send;

    /// The same; an end that is none in success is an error.
    fn run(
        &self,
        node: &NodeName,
        operation: &Operation,
        run: &RunId,
    ) -> impl Future<Output = Result<ShellOutput, ShellError>> + Send {
        async move { self.execute(node, operation, run).await?.checked(node, operation) }
    }
}
