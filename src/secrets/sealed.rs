//! The local store: a folder of files sealed with age, beside a public index.
//!
//! A commit writes the sealed files under names that nobody has read yet, then replaces the index in one rename.
//! Whoever dies in between leaves files that no index names, and nothing else.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use age::x25519;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use jiff::Timestamp;

use super::store::Draft;
use super::{
    Author, Change, Contents, Index, KeyName, Secret, SecretStore, StoreError, file, read_identity,
};

/// Keys sealed for the engineer at work and for every recipient of the environment.
pub struct SealedDirectory {
    folder: PathBuf,
    identity_file: PathBuf,
    recipients: Vec<x25519::Recipient>,
    author: Author,
    identity: OnceLock<x25519::Identity>,
    /// The index as it was last read: whoever opens a thousand keys reads it once.
    read: Mutex<Option<(Stamp, Arc<Index>)>>,
}

/// What tells one index file from the next: each commit makes a new file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: u64,
    size: u64,
    written: (i64, i64),
}

impl SealedDirectory {
    /// The store in `folder`; nothing is read or written yet.
    ///
    /// `recipients` must be well-formed age recipients, which validation has seen to; others are left out.
    pub fn new(folder: PathBuf, identity_file: PathBuf, recipients: &[String]) -> Self {
        Self {
            folder,
            identity_file,
            recipients: recipients.iter().filter_map(|text| text.parse().ok()).collect(),
            author: Author::default(),
            identity: OnceLock::new(),
            read: Mutex::new(None),
        }
    }

    /// The same store; its log says that `author` made what is committed.
    #[must_use]
    pub fn signed_by(self, author: Author) -> Self {
        Self { author, ..self }
    }

    fn identity(&self) -> Result<&x25519::Identity, StoreError> {
        if let Some(identity) = self.identity.get() {
            return Ok(identity);
        }
        let identity = read_identity(&self.identity_file)?;
        Ok(self.identity.get_or_init(|| identity))
    }

    /// The index, read only when its file is another than the last time.
    fn last_index(&self) -> Result<Arc<Index>, StoreError> {
        let path = self.index_path();
        let mut file = match fs_err::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Arc::default());
            }
            Err(error) => return Err(error.into()),
        };
        let about = file.metadata()?;
        let written = (about.mtime(), about.mtime_nsec());
        let stamp = Stamp { file: about.ino(), size: about.len(), written };
        // Whoever panicked meanwhile left what was there before, or something whole.
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, index)) = read.as_ref()
            && *known == stamp
        {
            return Ok(Arc::clone(index));
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let index = Index::read(&text).map_err(|reason| StoreError::Damaged { path, reason })?;
        let index = Arc::new(index);
        *read = Some((stamp, Arc::clone(&index)));
        Ok(index)
    }

    fn index_path(&self) -> PathBuf {
        self.folder.join("index.json")
    }

    fn sealed_path(&self, name: &KeyName, version: u32) -> PathBuf {
        let file = format!("{}.v{version}.age", name.file_stem());
        self.folder.join("sealed").join(file)
    }

    fn seal(&self, secret: &Secret<String>) -> Result<Vec<u8>, StoreError> {
        let own = self.identity()?.to_public();
        Ok(file::seal(secret.expose().as_bytes(), &own, &self.recipients)?)
    }

    fn write(&self, lock: &File, draft: Draft) -> Result<Index, StoreError> {
        let Draft { index, secrets, entry, needless } = draft;
        for (name, version, secret) in secrets {
            write_private(&self.sealed_path(&name, version), &self.seal(&secret)?)?;
        }
        let (name, text) = entry;
        write_private(&self.folder.join("audit").join(name), &text)?;
        self.replace_index(lock, &index)?;
        for (name, last) in needless {
            for version in 1..=last {
                remove(&self.sealed_path(&name, version))?;
            }
        }
        Ok(index)
    }

    fn replace_index(&self, lock: &File, index: &Index) -> Result<(), StoreError> {
        // One flush for all other files: the index may name them only when they are on the disk.
        rustix::fs::syncfs(lock).map_err(std::io::Error::from)?;
        let mut text = serde_json::to_vec_pretty(index).map_err(std::io::Error::from)?;
        text.push(b'\n');
        Ok(replace(&self.index_path(), &text)?)
    }

    /// One commit at a time; the lock goes with the process.
    fn lock(&self) -> Result<File, StoreError> {
        private_folder(&self.folder.join("sealed"))?;
        private_folder(&self.folder.join("audit"))?;
        let file = File::create(self.folder.join(".lock"))?;
        file.lock()?;
        Ok(file)
    }
}

impl SecretStore for SealedDirectory {
    fn index(&self) -> Result<Index, StoreError> {
        Ok(self.last_index()?.as_ref().clone())
    }

    fn open(&self, name: &KeyName) -> Result<Secret<String>, StoreError> {
        let index = self.last_index()?;
        let entry = index.keys.get(name).ok_or_else(|| StoreError::Missing(name.clone()))?;
        if entry.offline {
            return Err(StoreError::Offline(name.clone()));
        }
        let path = self.sealed_path(name, entry.version);
        let sealed = fs_err::read(&path)?;
        let opened = age::decrypt(self.identity()?, &sealed).map_err(|error| match error {
            age::DecryptError::NoMatchingKeys | age::DecryptError::DecryptionFailed => {
                StoreError::Sealed { path: path.clone(), identity: self.identity_file.clone() }
            }
            other => StoreError::Damaged { path: path.clone(), reason: other.to_string() },
        })?;
        String::from_utf8(opened)
            .map(Secret::new)
            .map_err(|_| StoreError::Damaged { path, reason: "it does not hold text".to_owned() })
    }

    fn commit(&self, seen: u64, change: Change) -> Result<Index, StoreError> {
        let lock = self.lock()?;
        let index = self.index()?;
        if index.generation != seen {
            return Err(StoreError::Moved { seen, found: index.generation });
        }
        let draft = change.draft(index, &self.author, Timestamp::now());
        self.write(&lock, draft)
    }

    fn entry(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match fs_err::read(self.folder.join("audit").join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn restore(&self, contents: &Contents) -> Result<(), StoreError> {
        let lock = self.lock()?;
        let found = self.index()?;
        if !found.is_empty() {
            return Err(StoreError::Filled(found.generation));
        }
        let Contents { index, secrets, entries } = contents;
        for (name, secret) in secrets {
            let version = index.keys.get(name).map_or(1, |entry| entry.version);
            write_private(&self.sealed_path(name, version), &self.seal(secret)?)?;
        }
        for (name, text) in entries {
            write_private(&self.folder.join("audit").join(name), text)?;
        }
        self.replace_index(&lock, index)
    }

    fn delete_everything(&self) -> Result<(), StoreError> {
        match fs_err::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Makes a folder that only its owner can enter.
pub(crate) fn private_folder(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file that only its owner can read, from its first byte on.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    // A leftover of a process that died may have the name; its mode is not to be inherited.
    remove(path)?;
    create_private(path)?.write_all(content)
}

/// Makes a file that only its owner can read; there must be none.
pub(super) fn create_private(path: &Path) -> std::io::Result<File> {
    fs_err::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(Into::into)
}

/// Removes a file; one that is gone already is no failure.
fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Replaces a file in one step that survives a power cut.
pub(crate) fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::{Entropy as _, StandIn, ensure_identity};
    use std::os::unix::fs::PermissionsExt as _;

    fn store(folder: &Path) -> SealedDirectory {
        ensure_identity(&folder.join("identity")).unwrap();
        SealedDirectory::new(folder.join("secrets"), folder.join("identity"), &[])
    }

    fn one_key(name: &KeyName) -> Change {
        let key = StandIn::new("test").make(name, Timestamp::UNIX_EPOCH);
        Change { keys: vec![(name.clone(), key)], ..Change::default() }
    }

    #[test]
    fn what_was_sealed_is_opened_again_and_is_nowhere_in_clear() {
        let folder = tempfile::tempdir().unwrap();
        let (store, name) = (store(folder.path()), KeyName::operator());
        let change = one_key(&name);
        let seed = change.keys[0].1.secret.expose().clone();
        store.commit(0, change).unwrap();
        assert!(*store.open(&name).unwrap().expose() == seed);
        for entry in walk(folder.path()) {
            let text = String::from_utf8_lossy(&std::fs::read(&entry).unwrap()).into_owned();
            assert!(!text.contains(&seed), "{}", entry.display());
        }
    }

    #[test]
    fn secrets_are_readable_by_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path()).commit(0, one_key(&KeyName::operator())).unwrap();
        for path in walk(&folder.path().join("secrets/sealed")) {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let identity = std::fs::metadata(folder.path().join("identity")).unwrap();
        assert_eq!(identity.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_commit_on_an_older_generation_is_refused_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        store.commit(0, one_key(&KeyName::operator())).unwrap();
        let before = store.index().unwrap();
        let refused = store.commit(0, one_key(&KeyName::authority()));
        assert!(matches!(refused, Err(StoreError::Moved { seen: 0, found: 1 })));
        assert_eq!(store.index().unwrap(), before);
    }

    #[test]
    fn another_identity_opens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let name = KeyName::operator();
        store(folder.path()).commit(0, one_key(&name)).unwrap();
        ensure_identity(&folder.path().join("other")).unwrap();
        let other =
            SealedDirectory::new(folder.path().join("secrets"), folder.path().join("other"), &[]);
        assert!(matches!(other.open(&name), Err(StoreError::Sealed { .. })));
    }

    #[test]
    fn a_recipient_of_the_environment_opens_it_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("colleague");
        ensure_identity(&path).unwrap();
        let recipient = read_identity(&path).unwrap().to_public().to_string();
        ensure_identity(&folder.path().join("mine")).unwrap();
        let secrets = folder.path().join("secrets");
        let mine = SealedDirectory::new(secrets.clone(), folder.path().join("mine"), &[recipient]);
        mine.commit(0, one_key(&KeyName::operator())).unwrap();
        let theirs = SealedDirectory::new(secrets, path, &[]);
        assert!(theirs.open(&KeyName::operator()).is_ok());
    }

    fn walk(folder: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(walk(&path));
            } else {
                found.push(path);
            }
        }
        found
    }
}
