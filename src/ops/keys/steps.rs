//! The steps of a rotation, in their order.

use serde::Serialize;

use super::Wish;
use crate::artifacts::Stage;

/// Something that is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A new key is made, and the account's scoped key signs for it.
    Issue,
    /// Every node lets the new key in.
    VerifyNew,
    /// The old key is let in until the overlap is over.
    Wait,
    /// The account's claims say that the old key is void.
    Revoke,
    /// Every server takes these claims, and closes the old key's connections.
    Push,
    /// Every node refuses the old key.
    VerifyOld,
    /// The store forgets the old key.
    Forget,
}

impl Step {
    /// What it does, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Issue => "make a new key; the service's signing key signs for it",
            Self::VerifyNew => "sign in with the new key on every node",
            Self::Wait => "let the old key in as well, until the overlap is over",
            Self::Revoke => "revoke the old key in the account's claims",
            Self::Push => "push the claims to every server, which closes the old key's connections",
            Self::VerifyOld => "prove that every node refuses the old key",
            Self::Forget => "forget the old key; its revocation stays",
        }
    }

    /// Its name as a phase.
    pub fn name(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::VerifyNew => "verify-new",
            Self::Wait => "wait",
            Self::Revoke => "revoke",
            Self::Push => "push",
            Self::VerifyOld => "verify-old",
            Self::Forget => "forget",
        }
    }
}

/// What is left to do from a stage on.
pub fn steps(stage: &Stage, wish: Wish) -> Vec<Step> {
    use Step::{Forget, Issue, Push, Revoke, VerifyNew, VerifyOld, Wait};
    match (stage, wish.leaked) {
        (Stage::Settled, true) => vec![Revoke, Push, VerifyOld, Issue, VerifyNew, Forget],
        (Stage::Settled, false) => vec![Issue, VerifyNew, Wait, Revoke, Push, VerifyOld, Forget],
        (Stage::Overlapping(_), true) => vec![Revoke, Push, VerifyOld, VerifyNew, Forget],
        (Stage::Overlapping(_), false) => vec![VerifyNew, Wait, Revoke, Push, VerifyOld, Forget],
        (Stage::Bare, _) => vec![Push, VerifyOld, Issue, VerifyNew, Forget],
        (Stage::Succeeded, _) => vec![Push, VerifyOld, VerifyNew, Forget],
    }
}
