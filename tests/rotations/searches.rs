//! Searches for secrets where none may be: in arguments of processes, and in files outside of the store.

use std::collections::BTreeSet;
use std::path::Path;

use natsops::secrets::{KeyKind, SecretStore as _};

use crate::cluster::Keys;
use crate::support::Project;

/// Every seed that there has been.
pub struct Search {
    seeds: BTreeSet<String>,
}

impl Search {
    pub fn of(project: &Project) -> Self {
        let mut search = Self { seeds: BTreeSet::new() };
        search.learn(project);
        assert!(search.seeds.len() > 50, "there are only {} seeds", search.seeds.len());
        search
    }

    /// Takes the seeds that are in the store now.
    pub fn learn(&mut self, project: &Project) {
        let keys = Keys::of(project);
        let nkeys = keys.index.keys.iter().filter(|(_, entry)| {
            matches!(entry.kind, KeyKind::Operator | KeyKind::Account | KeyKind::User)
        });
        for (name, _) in nkeys {
            self.seeds.insert(keys.store.open(name).unwrap().expose().to_owned());
        }
    }

    /// No process of this machine has a seed among its arguments.
    pub fn arguments(&self) {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            // One that has just ended has none.
            let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let arguments = String::from_utf8_lossy(&arguments);
            assert!(!self.holds(&arguments), "a process has a seed among its arguments");
        }
    }

    /// No file of the project holds a seed, but for those of the store, and creds that were exported.
    pub fn files(&self, project: &Project) {
        let mut searched = 0;
        self.folder(project.path(), &mut searched);
        assert!(searched > 50, "only {searched} files were searched");
        println!("{searched} files hold none of {} seeds", self.seeds.len());
    }

    fn folder(&self, folder: &Path, searched: &mut usize) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                if !name.starts_with("creds-") && name != "sealed" {
                    self.folder(&path, searched);
                }
                continue;
            }
            // Servers remove files while they are looked at.
            let text = std::fs::read(&path).unwrap_or_default();
            assert!(
                !self.holds(&String::from_utf8_lossy(&text)),
                "{} holds a seed",
                path.display()
            );
            *searched += 1;
        }
    }

    /// Whether one of the words of a text is a seed.
    fn holds(&self, text: &str) -> bool {
        let is_base32 = |c: char| c.is_ascii_uppercase() || ('2'..='7').contains(&c);
        text.split(|c: char| !is_base32(c)).any(|word| self.seeds.contains(word))
    }
}
