//! One writer per environment.
//!
//! The lease of a local environment is a lock that the system takes back when its holder dies, however it dies.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use crate::secrets::private_folder;

/// The right to change an environment, for as long as it is held.
#[derive(Debug)]
pub struct Lease {
    _lock: File,
}

/// Why there is no lease.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else has it.
    #[error("{holder} is changing this environment")]
    Held {
        /// What the holder wrote of itself.
        holder: String,
    },
    /// The disk or its rights.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What a holder says of itself.
pub fn holder(purpose: &str, engineer: Option<&str>) -> String {
    let engineer = engineer.map(|name| format!(" of {name}")).unwrap_or_default();
    format!("`natsops {purpose}`{engineer} (process {})", std::process::id())
}

/// Takes the lease of the environment whose state is in `state`, for the command that `purpose` names and the
/// engineer who runs it, where that is known.
pub fn take(state: &Path, purpose: &str, engineer: Option<&str>) -> Result<Lease, LeaseError> {
    private_folder(state)?;
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(state.join("lease"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder)?;
            let holder = match holder.trim() {
                "" => "another process".to_owned(),
                holder => holder.to_owned(),
            };
            return Err(LeaseError::Held { holder });
        }
        Err(std::fs::TryLockError::Error(error)) => return Err(error.into()),
    }
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", holder(purpose, engineer))?;
    Ok(Lease { _lock: file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_told_who_the_first_is() {
        let state = tempfile::tempdir().unwrap();
        let first = take(state.path(), "apply local", Some("ada")).unwrap();
        let refused = take(state.path(), "destroy local", None).unwrap_err();
        assert!(refused.to_string().contains("`natsops apply local` of ada (process "));
        drop(first);
        assert!(take(state.path(), "destroy local", None).is_ok());
    }
}
