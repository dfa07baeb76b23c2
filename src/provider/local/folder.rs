//! A node's folder: its files, its log and its data.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::Program;
use crate::artifacts::{Bundle, Content};
use crate::secrets::{private_folder, replace, write_private};

/// How much of a log's end is shown.
const LAST_WORDS: u64 = 4096;

/// The folder of one node.
pub struct NodeFolder {
    path: PathBuf,
    program: Program,
}

impl NodeFolder {
    /// The folder of a node of the cluster at `path`, which need not exist.
    pub fn new(path: PathBuf) -> Self {
        Self { path, program: Program::NATS }
    }

    /// The folder of a node of the cache at `path`, which need not exist.
    pub fn redis(path: PathBuf) -> Self {
        Self { path, program: Program::REDIS }
    }

    /// What runs here.
    pub fn program(&self) -> Program {
        self.program
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is there.
    pub fn exists(&self) -> bool {
        self.path.is_dir()
    }

    /// Whether a server has ever stored something here.
    pub fn has_data(&self) -> bool {
        self.path.join("data/jetstream").is_dir()
    }

    /// The configuration file.
    pub fn config(&self) -> Option<String> {
        std::fs::read_to_string(self.path.join(self.program.config)).ok()
    }

    /// The log file.
    pub fn log(&self) -> PathBuf {
        self.path.join(self.program.log)
    }

    /// Where the process that was started is noted.
    pub fn process_note(&self) -> PathBuf {
        self.path.join("process.json")
    }

    /// Writes a node's files. The configuration comes last and in one step, because it names the others.
    pub fn write(&self, bundle: &Bundle) -> std::io::Result<()> {
        for folder in ["tls", "log", "data"] {
            private_folder(&self.path.join(folder))?;
        }
        for file in &bundle.files {
            let path = self.path.join(&file.path);
            match &file.content {
                Content::Secret(secret) => write_private(&path, secret.expose().as_bytes())?,
                Content::Public(text) if file.path == self.program.config => {
                    replace(&path, text.as_bytes())?;
                }
                Content::Public(text) => fs_err::write(&path, text)?,
            }
        }
        Ok(())
    }

    /// How long the log is now.
    pub fn log_length(&self) -> u64 {
        std::fs::metadata(self.log()).map_or(0, |metadata| metadata.len())
    }

    /// What the log says since it was `from` long, at most its end.
    pub fn last_words(&self, from: u64) -> String {
        let read = || -> std::io::Result<String> {
            let mut file = std::fs::File::open(self.log())?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(from.max(length.saturating_sub(LAST_WORDS))))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
        };
        match read() {
            Ok(text) if !text.is_empty() => text,
            _ => "it wrote nothing".to_owned(),
        }
    }
}
