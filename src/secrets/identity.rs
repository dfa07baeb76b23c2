//! The engineer's own age identity, which opens what was sealed for them. It lies outside the project.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use age::secrecy::ExposeSecret as _;
use age::x25519;

use super::Secret;

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is no file.
    #[error("there is no age identity at {0}")]
    Missing(PathBuf),
    /// The file holds none.
    #[error("{0} holds no age identity (a line that starts with AGE-SECRET-KEY-1)")]
    Malformed(PathBuf),
    /// There is no home folder to keep it in.
    #[error("there is no home folder to keep an age identity in; set NATSOPS_AGE_IDENTITY")]
    NoHome,
    /// The disk or its rights.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Where the identity lies: `NATSOPS_AGE_IDENTITY`, or a file in the user's configuration folder.
pub fn identity_path() -> Result<PathBuf, IdentityError> {
    if let Some(path) = std::env::var_os("NATSOPS_AGE_IDENTITY").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    use etcetera::BaseStrategy as _;
    let strategy = etcetera::choose_base_strategy().map_err(|_| IdentityError::NoHome)?;
    Ok(strategy.config_dir().join("natsops").join("identity.age"))
}

/// Reads the identity at `path`.
pub fn read_identity(path: &Path) -> Result<x25519::Identity, IdentityError> {
    let text = match fs_err::read_to_string(path) {
        Ok(text) => Secret::new(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(IdentityError::Missing(path.to_owned()));
        }
        Err(error) => return Err(error.into()),
    };
    text.expose()
        .lines()
        .find_map(|line| x25519::Identity::from_str(line.trim()).ok())
        .ok_or_else(|| IdentityError::Malformed(path.to_owned()))
}

/// Makes an identity at `path` where there is none. Tells whether it did.
pub fn ensure_identity(path: &Path) -> Result<bool, IdentityError> {
    match read_identity(path) {
        Ok(_) => Ok(false),
        Err(IdentityError::Missing(_)) => make(path).map(|()| true),
        Err(error) => Err(error),
    }
}

fn make(path: &Path) -> Result<(), IdentityError> {
    let identity = x25519::Identity::generate();
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder)?;
    }
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "# Opens the keys that natsops has sealed for you. Keep a copy elsewhere.")?;
    writeln!(file, "# public key: {}", identity.to_public())?;
    writeln!(file, "{}", identity.to_string().expose_secret())?;
    file.sync_all()?;
    Ok(())
}
