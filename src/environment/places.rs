//! Where the things of an environment and its catalog stand, for answers that point at the file.

use serde::Serialize;

use super::Source;
use super::tree::{Tree, Value};

/// The files with the places of everything in them.
#[derive(Debug, Default)]
pub struct Places {
    files: Vec<(Source, Tree)>,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The file, as the user would type it.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl Places {
    pub(super) fn new(files: Vec<(Source, Tree)>) -> Self {
        Self { files }
    }

    /// The line of a dotted path such as `services.llm-gateway.calls[1]`; None when no file defines its thing.
    pub fn line(&self, path: &str) -> Option<Line> {
        let mut steps = path.split('.');
        let (part, name) = (steps.next()?, steps.next()?);
        let (source, tree) = self.files.iter().find(|(_, tree)| defines(tree, part, name))?;
        let span = if steps.next().is_some() { tree.locate(path) } else { tree.locate_key(path) };
        Some(Line { file: source.path.clone(), line: source.position(span.start).line })
    }
}

fn defines(tree: &Tree, part: &str, name: &str) -> bool {
    fn entry<'t>(tree: &'t Tree, wanted: &str) -> Option<&'t Tree> {
        let Value::Map(entries) = &tree.value else {
            return None;
        };
        entries.iter().find(|(key, _)| key.name == wanted).map(|(_, value)| value)
    }
    entry(tree, part).and_then(|part| entry(part, name)).is_some()
}
