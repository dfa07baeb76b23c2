//! One service of a large catalog, without reading the rest of it.
//!
//! What a service may do follows from its own entry alone, so that a question about it need not wait until
//! thousands of others are understood. The entry is cut out by its indentation, on the lines where it stands, and
//! checked as far as it stands for itself: what it says, and that its account is there.
//! Whatever is unusual about it (an alias, two definitions, a problem) is left to [`load`](super::load).

use std::path::Path;

use super::load::{find, read, understand, yaml_files};
use super::spec::{CatalogSpec, EnvironmentSpec};
use super::{Diagnostics, LoadError, Places, Source, decide, rules};
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
    Ok(only(&files, service))
}

/// The service, if exactly one file defines it in the ordinary way.
fn only(files: &[Source], service: &str) -> Option<(Service, Places)> {
    let mut entries = files.iter().filter_map(|file| {
        let text = entry(&file.text, "services", service)?;
        Some(Source { path: file.path.clone(), text })
    });
    let source = entries.next().filter(|_| entries.next().is_none())?;
    let mut problems = Diagnostics { sources: vec![source.clone()], ..Diagnostics::default() };
    let document = understand::<CatalogSpec>(0, &mut problems)?;
    rules::check_alone(&document, &mut problems);
    let account = document.spec.services.values().next()?.account.as_str();
    let known = files.iter().any(|file| entry(&file.text, "accounts", account).is_some());
    if problems.has_errors() || !known {
        return None;
    }
    let (name, spec) = document.spec.services.into_iter().next()?;
    let places = Places::new(vec![(source, document.tree)]);
    (name.as_str() == service).then(|| (decide::service(name, spec), places))
}

/// The lines of one entry of a part of the file, each where it was, all others empty.
fn entry(text: &str, part: &str, name: &str) -> Option<String> {
    let (part, key) = (format!("{part}:"), format!("{name}:"));
    let mut kept = String::new();
    let (mut inside_part, mut inside_entry, mut depth, mut found) = (false, false, None, 0);
    for line in text.lines() {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let words = line[indent..].trim_end();
        let blank = words.is_empty() || words.starts_with('#');
        if !blank && indent == 0 {
            (inside_part, inside_entry, depth) = (words == part, false, None);
        } else if !blank && inside_part && indent <= *depth.get_or_insert(indent) {
            inside_entry = words == key;
            found += usize::from(inside_entry);
        }
        if inside_entry || (inside_part && indent == 0 && !blank) {
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
        let kept = entry(TEXT, "services", "a").unwrap();
        let lines: Vec<&str> = kept.lines().collect();
        assert_eq!(lines.len(), TEXT.lines().count());
        assert_eq!(&lines[2..7], ["services:", "", "  a:", "    calls:", "      - x # one"]);
        assert!(lines[8..].iter().all(|line| line.is_empty()));
        assert!(entry(TEXT, "services", "c").is_none());
    }

    #[test]
    fn what_is_unusual_is_left_alone() {
        for text in
            ["services: {a: {}}\n", "services:\n  \"a\":\n    x: 1\n", "services:\n  a: {x: 1}\n"]
        {
            assert!(entry(text, "services", "a").is_none(), "{text}");
        }
        assert!(entry("services:\n  a:\n    x: 1\n  a:\n    x: 2\n", "services", "a").is_none());
    }
}
