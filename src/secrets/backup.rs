//! Everything that a store holds, as one archive. It is a tar file, so that it can be read without natsops.

use std::io::Read as _;

use super::{Contents, Index, KeyName, Secret, SecretStore, StoreError, history};

const ENVIRONMENT: &str = "environment";
const INDEX: &str = "index.json";
const SECRETS: &str = "secrets/";
const LOG: &str = "audit/";

/// Why an archive can't be read back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log, which goes along.
    #[error(transparent)]
    Log(#[from] super::AuditError),
    /// It is something else.
    #[error("it is no backup of natsops: {0}")]
    Damaged(String),
    /// A secret is missing.
    #[error("the backup lacks the secret of {0}")]
    Lacking(KeyName),
}

impl From<std::io::Error> for BackupError {
    fn from(error: std::io::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// Reads everything that a store holds. Keys that are offline stay so.
pub fn contents(store: &dyn SecretStore) -> Result<Contents, BackupError> {
    let index = store.index()?;
    let mut secrets = Vec::new();
    for (name, _) in index.keys.iter().filter(|(_, entry)| !entry.offline) {
        secrets.push((name.clone(), store.open(name)?));
    }
    let mut entries = Vec::new();
    for (hash, entry) in history(store, &index)? {
        let name = super::audit::entry_name(entry.generation, &hash);
        entries.extend(store.entry(&name)?.map(|text| (name, text)));
    }
    Ok(Contents { index, secrets, entries })
}

/// The archive of an environment's keys.
pub fn pack(environment: &str, contents: &Contents) -> Result<Secret<Vec<u8>>, BackupError> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |path: &str, text: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        tar.append_data(&mut header, path, text)
    };
    add(ENVIRONMENT, environment.as_bytes())?;
    let index = serde_json::to_vec_pretty(&contents.index).map_err(std::io::Error::from)?;
    add(INDEX, &index)?;
    for (name, secret) in &contents.secrets {
        add(&format!("{SECRETS}{name}"), secret.expose().as_bytes())?;
    }
    for (name, text) in &contents.entries {
        add(&format!("{LOG}{name}"), text)?;
    }
    Ok(Secret::new(tar.into_inner()?))
}

/// The environment and the contents of an archive.
pub fn unpack(archive: &[u8]) -> Result<(String, Contents), BackupError> {
    let mut files = Vec::new();
    for file in tar::Archive::new(archive).entries()? {
        let mut file = file?;
        let path = file.path()?.to_string_lossy().into_owned();
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        files.push((path, Secret::new(text)));
    }
    let mut files = std::collections::BTreeMap::from_iter(files);
    let mut take =
        |path: &str| files.remove(path).ok_or(BackupError::Damaged(format!("{path} is missing")));
    let text = |file: Secret<Vec<u8>>| {
        let text = std::str::from_utf8(file.expose()).map(str::to_owned);
        text.map_err(|error| BackupError::Damaged(error.to_string()))
    };
    let environment = text(take(ENVIRONMENT)?)?;
    let index = Index::read(take(INDEX)?.expose()).map_err(BackupError::Damaged)?;
    let mut secrets = Vec::new();
    for (name, _) in index.keys.iter().filter(|(_, entry)| !entry.offline) {
        let secret =
            take(&format!("{SECRETS}{name}")).map_err(|_| BackupError::Lacking(name.clone()))?;
        secrets.push((name.clone(), Secret::new(text(secret)?)));
    }
    let entries = files.iter().filter_map(|(path, text)| {
        Some((path.strip_prefix(LOG)?.to_owned(), text.expose().clone()))
    });
    let entries = entries.filter(|(name, _)| !name.contains('/')).collect();
    Ok((environment, Contents { index, secrets, entries }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::{Author, Change, Entropy as _, SealedDirectory, StandIn, ensure_identity};

    fn store(folder: &std::path::Path) -> SealedDirectory {
        ensure_identity(&folder.join("identity")).unwrap();
        SealedDirectory::new(folder.join("secrets"), folder.join("identity"), &[])
            .signed_by(Author { what: "test".to_owned(), ..Author::default() })
    }

    fn filled(folder: &std::path::Path) -> SealedDirectory {
        let store = store(folder);
        let names = [KeyName::operator(), KeyName::operator_signing(1), KeyName::authority()];
        let make = |name: &KeyName| StandIn::new("t").make(name, jiff::Timestamp::UNIX_EPOCH);
        let keys = names.iter().map(|name| (name.clone(), make(name))).collect();
        store.commit(0, Change { keys, ..Change::default() }).unwrap();
        store
            .commit(1, Change { offline: vec![KeyName::operator()], ..Change::default() })
            .unwrap();
        store
    }

    #[test]
    fn what_a_store_held_is_restored_into_an_empty_one_and_into_no_other() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (from, to) = (filled(from.path()), store(to.path()));
        let archive = pack("prod", &contents(&from).unwrap()).unwrap();
        let (environment, read) = unpack(archive.expose()).unwrap();
        assert_eq!(environment, "prod");
        to.restore(&read).unwrap();
        assert_eq!(to.index().unwrap(), from.index().unwrap());
        let name = KeyName::authority();
        assert!(to.open(&name).unwrap().expose() == from.open(&name).unwrap().expose());
        assert!(matches!(to.open(&KeyName::operator()), Err(StoreError::Offline(_))));
        assert_eq!(history(&to, &to.index().unwrap()).unwrap().len(), 2);
        assert!(matches!(to.restore(&read), Err(StoreError::Filled(2))));
    }

    #[test]
    fn an_archive_that_lacks_something_is_refused() {
        let from = tempfile::tempdir().unwrap();
        let mut held = contents(&filled(from.path())).unwrap();
        held.secrets.pop();
        let archive = pack("prod", &held).unwrap();
        assert!(matches!(unpack(archive.expose()), Err(BackupError::Lacking(_))));
        assert!(unpack(b"no archive at all").is_err());
        assert!(unpack(b"").is_err());
    }
}
