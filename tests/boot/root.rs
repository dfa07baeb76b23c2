//! The image that machines start from. It takes a minute or two to build and is kept for the next run.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::support::package;

static ONE_BUILD: Mutex<()> = Mutex::new(());

/// A built image: a root file system, its kernel and initrd, and an authority that it trusts.
pub struct Root {
    folder: PathBuf,
}

impl Root {
    /// The image of `root.sh` as it is now; it is built when there is none.
    pub fn ready() -> Self {
        let _turn = ONE_BUILD.lock().unwrap_or_else(PoisonError::into_inner);
        let script = package().join("tests/boot/root.sh");
        let print = Sha256::digest(std::fs::read(&script).unwrap());
        let print = data_encoding::HEXLOWER.encode(&print)[..12].to_owned();
        let images = package().join(".tools/boot");
        let root = Self { folder: images.join(&print) };
        if !root.file("root.ext4").is_file() {
            let built = Command::new("sh").arg(script).arg(&root.folder).output().unwrap();
            let said = String::from_utf8_lossy(&built.stderr);
            assert!(built.status.success(), "the image can't be built:\n{said}");
        }
        for entry in std::fs::read_dir(images).unwrap() {
            // Images of other scripts are of no use any more.
            let path = entry.unwrap().path();
            if path != root.folder {
                std::fs::remove_dir_all(path).unwrap();
            }
        }
        root
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}
