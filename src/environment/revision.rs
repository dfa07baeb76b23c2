//! The environments of a project as a revision of git has them.
//!
//! Git is asked for objects and changes nothing: no checkout, no hook, no filter. A revision is handed over behind
//! `--end-of-options`, so that it is never taken for an option, and no shell is involved.

use std::ffi::OsStr;
use std::path::{Component, Path};
use std::process::{Command, Output};

/// `environments/` of a revision, in a folder that goes with this value.
#[derive(Debug)]
pub struct Snapshot {
    folder: tempfile::TempDir,
    commit: String,
}

/// Why a revision can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// Git is not installed.
    #[error("git is needed to read a revision, and it is not on PATH")]
    NoGit,
    /// The project is not kept in git.
    #[error("{0} is not in a git repository")]
    NoRepository(String),
    /// There is no such revision.
    #[error("there is no revision `{0}` here")]
    Unknown(String),
    /// Git failed in another way.
    #[error("git {what} failed: {reason}")]
    Failed {
        /// What it was asked for.
        what: String,
        /// What it said.
        reason: String,
    },
    /// The copy can't be written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl Snapshot {
    /// Reads a revision of the repository that a project lies in.
    pub fn of(project: &Path, revision: &str) -> Result<Self, RevisionError> {
        if !git(project, &["rev-parse", "--git-dir"])?.status.success() {
            return Err(RevisionError::NoRepository(project.display().to_string()));
        }
        let wanted = format!("{revision}^{{commit}}");
        let found =
            git(project, &["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted])?;
        let commit = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        if !found.status.success() || commit.is_empty() {
            return Err(RevisionError::Unknown(revision.to_owned()));
        }
        let snapshot = Self { folder: tempfile::tempdir()?, commit };
        let listed =
            asked(project, &["ls-tree", "-r", "-z", &snapshot.commit, "--", "environments"])?;
        for entry in listed.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
            snapshot.copy(project, &String::from_utf8_lossy(entry))?;
        }
        Ok(snapshot)
    }

    /// The folder that holds `environments/`.
    pub fn project(&self) -> &Path {
        self.folder.path()
    }

    /// The commit that the revision stands for.
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// Copies one entry of a listing, `MODE blob OBJECT<tab>PATH`, if it is a YAML file.
    fn copy(&self, project: &Path, entry: &str) -> Result<(), RevisionError> {
        let Some((head, path)) = entry.split_once('\t') else {
            return Ok(());
        };
        let path = Path::new(path);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        let yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        let mut words = head.split(' ');
        let file = words.next().is_some_and(|mode| mode.starts_with("100"));
        let Some(object) = words.nth(1).filter(|_| file && inside && yaml) else {
            return Ok(());
        };
        let content = asked(project, &["cat-file", "blob", object])?;
        let target = self.folder.path().join(path);
        if let Some(parent) = target.parent() {
            fs_err::create_dir_all(parent)?;
        }
        Ok(fs_err::write(target, content)?)
    }
}

fn git(project: &Path, arguments: &[&str]) -> Result<Output, RevisionError> {
    let output = Command::new("git")
        .arg("-C")
        .arg(project)
        .args(arguments.iter().map(OsStr::new))
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .output();
    output.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => RevisionError::NoGit,
        _ => RevisionError::Io(error),
    })
}

/// What git says when it must not fail.
fn asked(project: &Path, arguments: &[&str]) -> Result<Vec<u8>, RevisionError> {
    let output = git(project, arguments)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(RevisionError::Failed {
        what: arguments.first().copied().unwrap_or_default().to_owned(),
        reason: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
