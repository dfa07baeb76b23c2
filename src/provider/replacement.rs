//! Machines that make way for new ones, under the same address and mostly with the same data.

use std::fmt;
use std::future::Future;

use super::{Platform, ProviderError};

/// What is noted of a node's next machine, beside the things that outlive machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replacement {
    /// Which machine of the node it is, from 1. One of an earlier generation must go.
    pub generation: u32,
    /// Whether it begins with an empty disk.
    pub empty_disk: bool,
}

const EMPTY_DISK: &str = "empty-disk";

impl Replacement {
    /// Reads what was written down; nothing where that is no such note.
    pub fn read(text: &str) -> Option<Self> {
        let (generation, rest) = text.split_once(' ').unwrap_or((text, ""));
        Some(Self { generation: generation.parse().ok()?, empty_disk: rest == EMPTY_DISK })
    }
}

impl fmt::Display for Replacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = if self.empty_disk { format!(" {EMPTY_DISK}") } else { String::new() };
        write!(f, "{}{rest}", self.generation)
    }
}

/// A platform that can give up a node's machine for another. Every step may be repeated, and a look tells how far an
/// interrupted run has come.
pub trait Machinery: Platform {
    /// What is noted of a node's next machine, by the last look.
    fn replacement(&self, node: &str) -> Option<Replacement>;

    /// Whether the node has, by the last look, a machine that must go.
    fn has_former(&self, node: &str, next: Replacement) -> bool;

    /// Whether the node has, by the last look, a disk that must go.
    fn has_former_disk(&self, node: &str, next: Replacement) -> bool;

    /// Notes that a node gets another machine, and of which generation it will be.
    fn begin(
        &self,
        node: &str,
        empty_disk: bool,
    ) -> impl Future<Output = Result<Replacement, ProviderError>>;

    /// Stops a node's machine in the way that lets its clients leave first.
    fn stop(
        &self,
        node: &str,
        told: &(dyn Fn(&str) + Sync),
    ) -> impl Future<Output = Result<(), ProviderError>>;

    /// Gives a node's machine up, and waits until address and data are free.
    fn terminate(
        &self,
        node: &str,
        told: &(dyn Fn(&str) + Sync),
    ) -> impl Future<Output = Result<(), ProviderError>>;

    /// Takes a node's disk away from it, and keeps it.
    fn set_disk_aside(
        &self,
        node: &str,
        next: Replacement,
    ) -> impl Future<Output = Result<(), ProviderError>>;

    /// Notes that the node has its new machine.
    fn end(&self, node: &str) -> impl Future<Output = Result<(), ProviderError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written() {
        for empty_disk in [false, true] {
            let note = Replacement { generation: 12, empty_disk };
            assert_eq!(Replacement::read(&note.to_string()), Some(note));
        }
        assert_eq!(Replacement::read("soon"), None);
    }
}
