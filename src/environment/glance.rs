//! One service or leafnode of a large catalog, without reading the rest of it.
//!
//! What either may do follows from its own entry alone, so that a question about it need not wait until thousands of
//! others are understood. A service's entry is cut out by its indentation, on the lines where it stands; a leafnode's is
//! in the environment file. Either is checked as far as it stands for itself: what it says, and that its account is there.
//! Whatever is unusual about it (an alias, two definitions, a problem) is left to [`load`](super::load).

use std::path::Path;

use super::load::{find, read, understand, yaml_files};
use super::rules::Document;
use super::spec::{CatalogSpec, EnvironmentSpec};
use super::{Diagnostics, LoadError, Places, Source, decide, rules};
use crate::model::{Leafnode, Service};

/// A catalog below this size is read whole in an instant, with everything that is wrong with it.
const SMALL: usize = 96 << 10;

/// What was seen at a glance.
#[derive(Debug)]
pub enum Glimpse {
    /// A service of the catalog.
    Service(Box<Service>),
    /// A leafnode of the environment.
    Leafnode(Leafnode),
}

/// The service or leafnode of a name with its places. None where everything must be read to tell.
pub fn glance(
    project: &Path,
    environment: &str,
    name: &str,
) -> Result<Option<(Glimpse, Places)>, LoadError> {
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
    Ok(if document.spec.leafnodes.contains_key(name) {
        leafnode(document, &files, name, problems)
    } else {
        service(&files, name)
    })
}

/// The leafnode, if no service has its name.
fn leafnode(
    document: Document<EnvironmentSpec>,
    files: &[Source],
    name: &str,
    mut problems: Diagnostics,
) -> Option<(Glimpse, Places)> {
    rules::check_leafnode(&document, name, &mut problems);
    let twice = files.iter().any(|file| file.text.contains(&format!("  {name}:")));
    let Document { mut spec, tree, file } = document;
    let (name, spec) = spec.leafnodes.remove_entry(name)?;
    if problems.has_errors() || twice || !is_known(files, spec.account.as_str()) {
        return None;
    }
    let places = Places::new(vec![(problems.sources.swap_remove(file), tree)]);
    Some((Glimpse::Leafnode(decide::leafnode(name, spec)), places))
}

/// The service, if exactly one file defines it in the ordinary way.
fn service(files: &[Source], name: &str) -> Option<(Glimpse, Places)> {
    let mut entries = files.iter().filter_map(|file| {
        let text = entry(&file.text, "services", name)?;
        Some(Source { path: file.path.clone(), text })
    });
    let source = entries.next().filter(|_| entries.next().is_none())?;
    let mut problems = Diagnostics { sources: vec![source.clone()], ..Diagnostics::default() };
    let document = understand::<CatalogSpec>(0, &mut problems)?;
    rules::check_alone(&document, &mut problems);
    let account = document.spec.services.values().next()?.account.as_str();
    if problems.has_errors() || !is_known(files, account) {
        return None;
    }
    let (found, spec) = document.spec.services.into_iter().next()?;
    let places = Places::new(vec![(source, document.tree)]);
    let same = found.as_str() == name;
    same.then(|| (Glimpse::Service(Box::new(decide::service(found, spec))), places))
}

/// Whether a file has this account.
fn is_known(files: &[Source], account: &str) -> bool {
    files.iter().any(|file| entry(&file.text, "accounts", account).is_some())
}

/// The lines of one entry of a part of the file, each where it was, all others empty.
fn entry(text: &str, part: &str, name: &str) -> Option<String> {
    let mut kept = String::new();
    let (mut inside_part, mut inside_entry, mut depth, mut found) = (false, false, None, 0);
    for line in text.lines() {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let words = line[indent..].trim_end();
        let blank = words.is_empty() || words.starts_with('#');
        if !blank && indent == 0 {
            (inside_part, inside_entry, depth) = (is_key(words, part), false, None);
        } else if !blank && inside_part && indent <= *depth.get_or_insert(indent) {
            inside_entry = is_key(words, name);
            found += usize::from(inside_entry);
        }
        if inside_entry || (inside_part && indent == 0 && !blank) {
            kept.push_str(line);
        }
        kept.push('\n');
    }
    (found == 1).then_some(kept)
}

/// Whether a line is this key alone, perhaps with a comment.
fn is_key(words: &str, key: &str) -> bool {
    let rest = words.strip_prefix(key).and_then(|rest| rest.strip_prefix(':'));
    rest.is_some_and(|rest| {
        rest.is_empty() || rest.trim_start().starts_with('#') && rest.starts_with(' ')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
accounts:
  a: {x: 1}
services:
  # About a.
  a: # the first
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
        assert_eq!(
            &lines[2..7],
            ["services:", "", "  a: # the first", "    calls:", "      - x # one"]
        );
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
