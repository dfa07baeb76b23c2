//! Another machine for a node. Its number is noted on the interface first: from then on the client token is a new one, and
//! a run that dies anywhere is continued.

use super::{AwsProvider, interface, termination, volume};
use crate::plan::Kind;
use crate::provider::{Machinery, ProviderError, Replacement};

impl Machinery for AwsProvider<'_> {
    fn replacement(&self, node: &str) -> Option<Replacement> {
        self.known.replacement(node)
    }

    fn has_former(&self, node: &str, next: Replacement) -> bool {
        self.known.machine(node).is_some_and(|generation| generation < next.generation)
    }

    fn has_former_disk(&self, node: &str, next: Replacement) -> bool {
        next.empty_disk
            && self.known.get(Kind::Volume, node).is_some()
            && self.known.aside(node, next.generation).is_none()
    }

    async fn begin(&self, node: &str, empty_disk: bool) -> Result<Replacement, ProviderError> {
        let next = Replacement { generation: self.known.generation(node) + 1, empty_disk };
        interface::note_generation(self, node, next.generation, Some(next)).await?;
        Ok(next)
    }

    async fn stop(&self, node: &str, told: &(dyn Fn(&str) + Sync)) -> Result<(), ProviderError> {
        Ok(termination::stop(self, node, told).await?)
    }

    async fn terminate(
        &self,
        node: &str,
        told: &(dyn Fn(&str) + Sync),
    ) -> Result<(), ProviderError> {
        termination::delete(self, node, told).await?;
        self.known.forget(Kind::Instance, node);
        Ok(())
    }

    async fn set_disk_aside(&self, node: &str, next: Replacement) -> Result<(), ProviderError> {
        Ok(volume::set_aside(self, node, next.generation).await?)
    }

    async fn end(&self, node: &str) -> Result<(), ProviderError> {
        Ok(interface::forget_replacement(self, node).await?)
    }
}
