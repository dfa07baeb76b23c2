//! One run of an operation: its id, what came out of it, and why nothing did.

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::Operation;
use crate::model::{EnvironmentName, NodeName};

/// What `natsops-node` exits with when another of its commands runs.
const BUSY: i32 = 75;

/// What makes a run of an operation the same run, whoever asks for it and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunId {
    text: String,
    outlives_its_end: bool,
}

impl RunId {
    /// The id of an operation on a node. `before` tells the state of its server from every other, such as its id of this
    /// start: once that has changed, the same wish is another run. Where nobody can say it, and of what only looks, a run
    /// is the same for as long as it goes on.
    pub fn new(
        environment: &EnvironmentName,
        node: &NodeName,
        operation: &Operation,
        before: Option<&str>,
    ) -> Self {
        let before = before.filter(|_| operation.changes());
        let words = operation.to_string();
        let parts = [environment.as_str(), node.as_str(), &words, before.unwrap_or_default()];
        let print = HEXLOWER.encode(&Sha256::digest(parts.join("\n")));
        // Whoever lists the commands of an account sees whose it is.
        let text = format!("natsops {environment} {node} {} {}", operation.name(), &print[..32]);
        Self { text, outlives_its_end: before.is_some() }
    }

    /// The id, 100 characters at most.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a run that has ended well is still this one, and not to be repeated.
    pub fn outlives_its_end(&self) -> bool {
        self.outlives_its_end
    }
}

/// What an operation said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShellOutput {
    /// Its exit code.
    pub code: i32,
    /// Its result.
    pub stdout: String,
    /// Its complaints.
    pub stderr: String,
    /// Whether the way back has cut something off.
    pub cut: bool,
}

impl ShellOutput {
    /// The same, unless it did not succeed.
    pub fn checked(self, node: &NodeName, operation: &Operation) -> Result<Self, ShellError> {
        let (node, code) = (node.to_string(), self.code);
        match code {
            0 => Ok(self),
            BUSY => Err(ShellError::Busy { node }),
            _ => {
                let (operation, words) = (operation.to_string(), self.last_words());
                Err(ShellError::Failed { node, operation, code, words })
            }
        }
    }

    /// Why it failed, in the tool's own words: the line that says so, or else the last one.
    fn last_words(&self) -> String {
        let failed = self.stdout.lines().rev().find_map(|line| line.split_once(": failed: "));
        let last = |text: &str| text.lines().rev().find(|line| !line.is_empty()).map(str::to_owned);
        failed
            .map(|(_, words)| words.to_owned())
            .or_else(|| last(&self.stderr))
            .or_else(|| last(&self.stdout))
            .unwrap_or_else(|| "it said nothing".to_owned())
    }
}

/// Why an operation was not done, or nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// Nothing is there that runs the node.
    #[error("{node} is not there yet, or its machine is stopped")]
    NoMachine {
        /// The node.
        node: String,
    },
    /// The machine does not listen.
    #[error("the machine of {node}, {machine}, is not online in Systems Manager: {reason}")]
    Offline {
        /// The node.
        node: String,
        /// Its machine.
        machine: String,
        /// What that was seen by.
        reason: String,
    },
    /// The machine does something else.
    #[error("another command runs on {node}")]
    Busy {
        /// The node.
        node: String,
    },
    /// It was run and did not succeed.
    #[error("`{operation}` failed on {node} with exit code {code}: {words}")]
    Failed {
        /// The node.
        node: String,
        /// What was run.
        operation: String,
        /// Its exit code.
        code: i32,
        /// The tool's words.
        words: String,
    },
    /// It was ended before it was done.
    #[error("`{operation}` on {node} did not end by itself: {reason}")]
    Ended {
        /// The node.
        node: String,
        /// What was run.
        operation: String,
        /// By whom, or after how long.
        reason: String,
    },
    /// The order was sent, and neither an answer came nor is it listed.
    #[error("nobody knows whether {node} was told `{operation}`: {reason}")]
    Lost {
        /// The node.
        node: String,
        /// What was to be run.
        operation: String,
        /// What happened instead of an answer.
        reason: String,
    },
    /// Where the node lives, it makes no sense.
    #[error("{reason}")]
    Senseless {
        /// Why.
        reason: String,
        /// What to do instead.
        next: String,
    },
    /// The way to the machine.
    #[error(transparent)]
    Remote(Box<dyn std::error::Error + Send + Sync>),
    /// The disk or its rights.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::Take;

    fn id(node: &str, operation: &Operation, before: &str) -> RunId {
        RunId::new(&"prod".parse().unwrap(), &node.parse().unwrap(), operation, Some(before))
    }

    #[test]
    fn a_run_is_the_same_until_the_server_is_another() {
        let restart = Operation::Rollback(Take::Restart);
        let first = id("nats-1", &restart, "NABC");
        assert_eq!(first, id("nats-1", &restart, "NABC"));
        for other in [
            id("nats-2", &restart, "NABC"),
            id("nats-1", &Operation::Rollback(Take::Reload), "NABC"),
            id("nats-1", &restart, "NXYZ"),
        ] {
            assert_ne!(first, other);
        }
        assert!(first.outlives_its_end());
        // A look is another one as soon as it has ended, whatever the server is.
        let look = id("nats-1", &Operation::Status, "NABC");
        assert_eq!(look, id("nats-1", &Operation::Status, "NXYZ"));
        assert!(!look.outlives_its_end());
    }

    #[test]
    fn the_longest_id_fits_into_a_comment() {
        let environment = "abcdefghijklmnop".parse().unwrap();
        let node = "n".repeat(16).parse().unwrap();
        let id = RunId::new(&environment, &node, &Operation::Rollback(Take::Reload), None);
        assert!(id.as_str().len() <= 100, "{id}");
    }

    #[test]
    fn a_failure_is_told_in_the_words_of_the_tool() {
        let node = "nats-1".parse().unwrap();
        let of = |code: i32, stdout: &str, stderr: &str| {
            let output =
                ShellOutput { code, stdout: stdout.into(), stderr: stderr.into(), cut: false };
            output.checked(&node, &Operation::Drain)
        };
        assert!(of(0, "", "").is_ok());
        assert!(matches!(of(75, "", "another command runs"), Err(ShellError::Busy { .. })));
        let said = "natsops: nats-1: drain 5 ms\nnatsops: nats-1: failed: drain: it hangs\n";
        let failed = of(1, said, "").unwrap_err().to_string();
        assert!(failed.ends_with("on nats-1 with exit code 1: drain: it hangs"), "{failed}");
        let failed = of(64, "", "usage: natsops-node\n").unwrap_err().to_string();
        assert!(failed.ends_with("usage: natsops-node"), "{failed}");
    }
}
