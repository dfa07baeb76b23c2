//! What can be done on a machine: the commands of `natsops-node`, and no others.

use std::fmt;

/// An operation of `natsops-node`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Install what the bucket holds, which must be this generation, and have the server take it.
    Apply {
        /// The bundle's print and the server's version, as `natsops-node` names a generation.
        generation: String,
        /// How the server takes it.
        take: Take,
    },
    /// Do what a boot does: find the disk, install what the bucket holds, and start the server.
    Boot,
    /// Go back to the generation before.
    Rollback(Take),
    /// Stop the server by lame duck, and wait for it.
    Drain,
    /// Tell what runs.
    Status,
    /// The last lines of the server's log.
    Logs(usize),
}

/// How a server takes a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// It reads its configuration again while it runs.
    Reload,
    /// It stops by lame duck and starts again.
    Restart,
}

impl Take {
    fn word(self) -> &'static str {
        match self {
            Self::Reload => "--reload",
            Self::Restart => "--restart",
        }
    }
}

impl Operation {
    /// The words that a machine is given. None of them needs quotes in a shell.
    pub fn words(&self) -> Vec<String> {
        let words = match self {
            Self::Apply { generation, take } => vec!["apply", generation, take.word()],
            Self::Boot => vec!["boot"],
            Self::Rollback(take) => vec!["rollback", take.word()],
            Self::Drain => vec!["drain"],
            Self::Status => vec!["status", "--json"],
            Self::Logs(lines) => return vec!["logs".to_owned(), lines.to_string()],
        };
        words.into_iter().map(str::to_owned).collect()
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Apply { .. } => "apply",
            Self::Boot => "boot",
            Self::Rollback(_) => "rollback",
            Self::Drain => "drain",
            Self::Status => "status",
            Self::Logs(_) => "logs",
        }
    }

    /// Whether it changes anything, so that it must not be done twice and not beside another that does.
    pub fn changes(&self) -> bool {
        !matches!(self, Self::Status | Self::Logs(_))
    }

    /// Whether the server leaves, for a moment or for longer.
    pub fn stops(&self) -> bool {
        matches!(
            self,
            Self::Apply { take: Take::Restart, .. }
                | Self::Boot
                | Self::Rollback(Take::Restart)
                | Self::Drain
        )
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "natsops-node {}", self.words().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_node_tool_and_need_no_quotes() {
        let generation = "0123456789abcdef-2.15.1".to_owned();
        let all = [
            (
                Operation::Apply { generation, take: Take::Restart },
                "apply 0123456789abcdef-2.15.1 --restart",
            ),
            (Operation::Boot, "boot"),
            (Operation::Rollback(Take::Reload), "rollback --reload"),
            (Operation::Drain, "drain"),
            (Operation::Status, "status --json"),
            (Operation::Logs(50), "logs 50"),
        ];
        for (operation, words) in all {
            assert_eq!(operation.words().join(" "), words);
            let plain = |c: char| c.is_ascii_alphanumeric() || " .+-".contains(c);
            assert!(words.chars().all(plain), "{words}");
        }
    }

    #[test]
    fn what_only_looks_changes_nothing_and_what_reloads_goes_on() {
        assert!(!Operation::Status.changes() && !Operation::Logs(1).changes());
        for operation in [Operation::Drain, Operation::Boot] {
            assert!(operation.changes() && operation.stops());
        }
        assert!(Operation::Rollback(Take::Reload).changes());
        assert!(!Operation::Rollback(Take::Reload).stops());
    }
}
