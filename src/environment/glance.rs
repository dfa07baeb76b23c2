//! One service of a large catalog, without reading the rest of it.
//!
//! What a service may do follows from its own entry alone, so that a question about it need not wait until
//! thousands of others are understood. The entry is cut out by its indentation, on the lines where it stands.
//! Whatever is unusual about it (an alias, two definitions, a problem) is left to [`load`](super::load).

use std::path::Path;

use super::load::{find, read, understand, yaml_files};
use super::spec::{CatalogSpec, EnvironmentSpec};
use super::{Diagnostics, LoadError, Places, Source, decide};
use crate::model::Service;

/// A catalog below this size is read whole in an instant, with everything that is wrong with it.
const SMALL: usize = 96 << 10;

/// The service of a name with its places. None where the whole catalog must be read to tell.
pub fn glance(
    project: &Path,
    environment: &str,
    service: &str,
) -> Result<Option<(Service, Places)>, LoadError> {
    let path = find(project, environment)?;
    let mut problems = Diagnostics::default();
    let Some(document) = read::<EnvironmentSpec>(project, &path, &mut problems)? else {
        return Ok(None);
    };
    let folder = project.join("environments").join(&document.spec.catalog);
    let mut files = Vec::new();
    for path in yaml_files(&folder)? {
        let shown = path.strip_prefix(project).unwrap_or(&path).display().to_string();
        files.push(Source { path: shown, text: fs_err::read_to_string(&path)? });
    }
    if files.iter().map(|file| file.text.len()).sum::<usize>() < SMALL {
        return Ok(None);
    }
    Ok(only(files, service))
}

/// The service, if exactly one file defines it in the ordinary way.
fn only(files: Vec<Source>, service: &str) -> Option<(Service, Places)> {
    let mut entries = files
        .into_iter()
        .filter_map(|file| entry(&file.text, service).map(|text| Source { path: file.path, text }));
    let source = entries.next().filter(|_| entries.next().is_none())?;
    let mut problems = Diagnostics { sources: vec![source.clone()], ..Diagnostics::default() };
    let document = understand::<CatalogSpec>(0, &mut problems)?;
    let (name, spec) = document.spec.services.into_iter().next()?;
    let places = Places::new(vec![(source, document.tree)]);
    (name.as_str() == service).then(|| (decide::service(name, spec), places))
}

/// The lines of one service, each where it was, all others empty.
fn entry(text: &str, service: &str) -> Option<String> {
    let key = format!("{service}:");
    let mut kept = String::new();
    let (mut inside_services, mut inside_entry, mut depth, mut found) = (false, false, None, 0);
    for line in text.lines() {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let words = line[indent..].trim_end();
        let blank = words.is_empty() || words.starts_with('#');
        if !blank && indent == 0 {
            (inside_services, inside_entry, depth) = (words == "services:", false, None);
        } else if !blank && inside_services && indent <= *depth.get_or_insert(indent) {
            inside_entry = words == key;
            found += usize::from(inside_entry);
        }
        if inside_entry || (inside_services && indent == 0 && !blank) {
            kept.push_str(line);
        }
        kept.push('\n');
    }
    (found == 1).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
accounts:
  a: {x: 1}
services:
  # About a.
  a:
    calls:
      - x # one

  b:
    calls: [y]
    description: >
      a:
streams:
  a: {}
";

    #[test]
    fn an_entry_keeps_its_lines() {
        let kept = entry(TEXT, "a").unwrap();
        let lines: Vec<&str> = kept.lines().collect();
        assert_eq!(lines.len(), TEXT.lines().count());
        assert_eq!(&lines[2..7], ["services:", "", "  a:", "    calls:", "      - x # one"]);
        assert!(lines[8..].iter().all(|line| line.is_empty()));
        assert!(entry(TEXT, "c").is_none());
    }

    #[test]
    fn what_is_unusual_is_left_alone() {
        for text in
            ["services: {a: {}}\n", "services:\n  \"a\":\n    x: 1\n", "services:\n  a: {x: 1}\n"]
        {
            assert!(entry(text, "a").is_none(), "{text}");
        }
        assert!(entry("services:\n  a:\n    x: 1\n  a:\n    x: 2\n", "a").is_none());
    }
}
