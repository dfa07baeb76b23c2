//! Errors at the edge: what happened, what is safe, and the one command to run next.

use anstream::eprintln;

use super::{exit, paint};
use crate::artifacts::{BundleError, IssueError, NscError};
use crate::environment::{LoadError, RevisionError};
use crate::lease::LeaseError;
use crate::ops::OpsError;
use crate::provider::ProviderError;
use crate::provider::aws::{CloudClass, CloudError};
use crate::secrets::{AuditError, BackupError, IdentityError, StoreError};
use crate::shell::ShellError;

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// What happened, and on which thing.
    pub what: String,
    /// What has not been harmed.
    pub safe: Option<String>,
    /// The command to run next.
    pub next: Option<String>,
}

impl Failure {
    /// A failure with its exit code.
    pub fn new(code: u8, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), safe: None, next: None }
    }

    /// Adds what has not been harmed.
    #[must_use]
    pub fn safe(mut self, safe: impl Into<String>) -> Self {
        self.safe = Some(safe.into());
        self
    }

    /// Adds the command to run next, unless there is one already.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next.get_or_insert_with(|| next.into());
        self
    }

    /// Shows it on stderr: in words, or as JSON.
    pub fn show(&self, json: bool) {
        if json {
            let Self { code, what, safe, next } = self;
            let value = serde_json::json!({
                "format": 1, "error": { "code": code, "what": what, "safe": safe, "next": next },
            });
            eprintln!("{value}");
            return;
        }
        eprintln!("{} {}", paint::error("error:"), self.what);
        if let Some(safe) = &self.safe {
            eprintln!("{} {safe}", paint::bold(" safe:"));
        }
        if let Some(next) = &self.next {
            eprintln!("{} {next}", paint::bold(" next:"));
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let code = match error.kind() {
            std::io::ErrorKind::PermissionDenied => exit::PERMISSION,
            std::io::ErrorKind::StorageFull => exit::CAPACITY,
            _ => exit::FAILED,
        };
        Self::new(code, error.to_string())
    }
}

impl From<&CloudError> for Failure {
    fn from(error: &CloudError) -> Self {
        let what = error.to_string();
        let failure = |code| Self::new(code, what.clone());
        match error.class {
            CloudClass::Credentials => failure(exit::PERMISSION)
                .safe(match error.call {
                    // The first call of every command.
                    "GetCallerIdentity" => "what is there is untouched",
                    _ => "what was done stays, and the same command goes on from there",
                })
                .next("aws sts get-caller-identity, to see who you are; then aws sso login, or set AWS_PROFILE"),
            CloudClass::Permission => failure(exit::PERMISSION)
                .safe("what was done stays, and is found by the next apply"),
            CloudClass::Quota | CloudClass::Capacity => failure(exit::CAPACITY)
                .safe("what was done stays, and is found by the next apply"),
            CloudClass::Late => failure(exit::LATE).safe("AWS goes on with it; the next apply finds it"),
            CloudClass::Held => failure(exit::LEASE)
                .safe("nothing was changed by this command")
                .next("wait for the other command to end, then run this one again"),
            CloudClass::World => failure(exit::FAILED).safe("what is in the way was not touched"),
            CloudClass::Ended | CloudClass::Unanswered | CloudClass::Other => {
                failure(exit::FAILED).safe("the same command may be run again; nothing is made twice")
            }
        }
    }
}

impl From<CloudError> for Failure {
    fn from(error: CloudError) -> Self {
        (&error).into()
    }
}

impl From<ShellError> for Failure {
    fn from(error: ShellError) -> Self {
        let what = error.to_string();
        let failure = |code| Self::new(code, what.clone());
        match error {
            ShellError::NoMachine { .. } => failure(exit::FAILED)
                .safe("nothing was sent")
                .next("natsops plan ENV, to see what has become of it"),
            ShellError::Offline { machine, .. } => failure(exit::FAILED)
                .safe("nothing was run; a machine is online a minute or two after it has booted")
                .next(format!(
                    "aws ssm describe-instance-information --filters Key=InstanceIds,Values={machine}; an agent needs the \
                     endpoints ssm and ssmmessages, and the role of its node"
                )),
            ShellError::Busy { .. } => failure(exit::LEASE)
                .safe("nothing was changed by this command")
                .next("wait for the other command to end, then run this one again"),
            ShellError::Failed { .. } => {
                failure(exit::FAILED).safe("the machine tells its last failure in its status")
            }
            ShellError::Ended { .. } => failure(exit::LATE)
                .safe("the same command may be run again; what is on its way is not begun twice"),
            ShellError::Lost { .. } => failure(exit::LATE)
                .safe("it was not sent again; the same command looks first whether it was taken"),
            ShellError::Senseless { next, .. } => {
                failure(exit::USAGE).safe("nothing was changed").next(next)
            }
            ShellError::Remote(error) => match error.downcast_ref::<CloudError>() {
                Some(error) if error.class == CloudClass::Permission => {
                    let failure = Self::from(error);
                    failure.next("natsops policy ENV operate, to see which rights that takes")
                }
                Some(error) => error.into(),
                None => failure(exit::FAILED),
            },
            ShellError::Io(error) => error.into(),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let what = error.to_string();
        match error {
            LoadError::Unknown { known, near, .. } if !known.is_empty() => {
                let near = near.map(|near| format!("; {near}")).unwrap_or_default();
                Self::new(exit::USAGE, format!("{what}{near}"))
                    .next(format!("natsops validate {}", known.join(" | ")))
            }
            LoadError::Unknown { .. } => Self::new(exit::USAGE, what)
                .next("change to the project's folder, or name it with --project DIR"),
            LoadError::Unreadable(error) => error.into(),
            LoadError::TooLarge(_) => Self::new(exit::INVALID, what),
        }
    }
}

impl From<RevisionError> for Failure {
    fn from(error: RevisionError) -> Self {
        let what = error.to_string();
        let failure = |code| Self::new(code, what.clone()).safe("nothing was changed");
        match error {
            RevisionError::NoGit => failure(exit::FAILED).next("apt-get install git"),
            RevisionError::NoRepository(_) => {
                failure(exit::USAGE).next("keep the project in git, or name it with --project DIR")
            }
            RevisionError::Unknown(_) => {
                failure(exit::USAGE).next("git fetch, then name a branch, a tag or a commit")
            }
            RevisionError::Failed { .. } => failure(exit::FAILED),
            RevisionError::Io(error) => error.into(),
        }
    }
}

impl From<LeaseError> for Failure {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Held { .. } => Self::new(exit::LEASE, error.to_string())
                .safe("nothing was changed by this command")
                .next("wait for the other command to end, then run this one again"),
            LeaseError::Io(error) => error.into(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let what = error.to_string();
        match error {
            StoreError::Moved { .. } => Self::new(exit::LEASE, what)
                .safe("nothing was changed; nothing was lost")
                .next("run the same command again"),
            StoreError::Sealed { .. } => Self::new(exit::PERMISSION, what)
                .safe("the sealed keys are untouched")
                .next("set NATSOPS_AGE_IDENTITY to the identity that they were sealed for"),
            StoreError::Offline(_) => {
                Self::new(exit::PERMISSION, what).safe("nothing was changed").next(
                    "natsops keys online ENV FILE, with the file that natsops keys offline wrote",
                )
            }
            StoreError::Filled(_) => Self::new(exit::REFUSED, what).safe("nothing was changed"),
            StoreError::Identity(error) => error.into(),
            StoreError::Remote(error) => match error.downcast_ref::<CloudError>() {
                Some(error) => error.into(),
                None => Self::new(exit::FAILED, what),
            },
            StoreError::Io(error) => error.into(),
            StoreError::Missing(_) | StoreError::Damaged { .. } => Self::new(exit::FAILED, what),
        }
    }
}

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Store(error) => error.into(),
            other => Self::new(exit::UNHEALTHY, other.to_string())
                .safe("nothing was changed; the keys can still be opened")
                .next("find out who could write the store, and compare with a backup of it"),
        }
    }
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Store(error) => error.into(),
            BackupError::Log(error) => error.into(),
            other => Self::new(exit::INVALID, other.to_string()).safe("nothing was changed"),
        }
    }
}

impl From<NscError> for Failure {
    fn from(error: NscError) -> Self {
        Self::new(exit::INVALID, error.to_string()).safe("nothing was changed")
    }
}

impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Io(error) => error.into(),
            other => Self::new(exit::PERMISSION, other.to_string()),
        }
    }
}

impl From<IssueError> for Failure {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Store(error) => error.into(),
            other => Self::new(exit::FAILED, other.to_string()),
        }
    }
}

impl From<BundleError> for Failure {
    fn from(error: BundleError) -> Self {
        Self::new(exit::BUG, error.to_string())
    }
}

impl From<OpsError> for Failure {
    fn from(error: OpsError) -> Self {
        let what = error.to_string();
        match error {
            OpsError::Store(error) => error.into(),
            OpsError::Issue(error) => error.into(),
            OpsError::Bundle(_) | OpsError::Cycle(_) => Self::new(exit::BUG, what),
            OpsError::Provider(ProviderError::Late { .. }) => Self::new(exit::LATE, what),
            OpsError::Provider(ProviderError::Cloud(error)) => error.into(),
            OpsError::Provider(ProviderError::Shell(error)) => error.into(),
            OpsError::Provider(ProviderError::Refused { .. }) => {
                Self::new(exit::BUG, what).safe("no server was stopped for this configuration")
            }
            OpsError::Unhealthy { .. } => Self::new(exit::UNHEALTHY, what)
                .safe("no further node was touched; data and keys are as they were"),
            OpsError::Checks(_) => Self::new(exit::UNHEALTHY, what)
                .safe("everything planned was done; the checks only looked"),
            OpsError::Unproven(_) => Self::new(exit::UNHEALTHY, what)
                .safe("what was done stands; the next run goes on from there"),
            OpsError::UnderWay { next, .. } => {
                Self::new(exit::REFUSED, what).safe("nothing was changed").next(next)
            }
            OpsError::Unready(_) => Self::new(exit::REFUSED, what).safe("nothing was changed"),
            OpsError::WouldInterrupt { .. } => Self::new(exit::REFUSED, what)
                .safe("this node and those after it were not touched")
                .next("the same command with --allow-interruption, to have it all the same"),
            OpsError::Control { .. } | OpsError::NotReloaded { .. } => {
                Self::new(exit::FAILED, what).safe("the server goes on with what it had read")
            }
            // Several failed: the first one says what can be done about it.
            OpsError::Actions { first, .. } => Self { what, ..Self::from(*first) },
            OpsError::Interrupted => Self::new(exit::INTERRUPTED, what)
                .safe("what was in flight was finished, and nothing else was started"),
            OpsError::Left => Self::new(exit::INTERRUPTED, what).safe(
                "AWS goes on with what it was asked for; of what was left, the rest was not asked for, and the next apply \
                 does it",
            ),
            OpsError::Provider(_)
            | OpsError::Connection(_)
            | OpsError::Claims(_)
            | OpsError::Stream(_)
            | OpsError::Monitor(_)
            | OpsError::Tls(_)
            | OpsError::Redis(_) => Self::new(exit::FAILED, what),
        }
    }
}
