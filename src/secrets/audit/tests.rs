//! The log leads back to its beginning, and tells what was altered.

use std::path::Path;

use super::*;
use crate::secrets::{Document, Entropy as _, SealedDirectory, StandIn, ensure_identity};

fn author(what: &str) -> Author {
    Author { who: "ada on desk".to_owned(), what: what.to_owned(), why: None }
}

fn store(folder: &Path) -> SealedDirectory {
    ensure_identity(&folder.join("identity")).unwrap();
    SealedDirectory::new(folder.join("secrets"), folder.join("identity"), &[])
}

fn keys(names: &[KeyName]) -> Change {
    let make = |name: &KeyName| StandIn::new("test").make(name, Timestamp::UNIX_EPOCH);
    let keys = names.iter().map(|name| (name.clone(), make(name)));
    Change { keys: keys.collect(), ..Change::default() }
}

/// A store with three commits.
fn three(folder: &Path) -> Index {
    let store = store(folder);
    store.commit(0, keys(&[KeyName::operator(), KeyName::authority()])).unwrap();
    let why = Author { why: Some("a leak".to_owned()), ..author("keys rotate") };
    let store = store.signed_by(why);
    store.commit(1, keys(&[KeyName::operator_signing(1)])).unwrap();
    let gone = vec![(KeyName::operator_signing(1), Document::operator())];
    store.commit(2, Change { gone, ..Change::default() }).unwrap()
}

#[test]
fn the_log_tells_who_did_what_and_why_and_how_the_keys_came_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let index = three(folder.path());
    let entries = history(&store(folder.path()), &index).unwrap();
    assert_eq!(entries.len(), 3);
    let second = &entries[1].1;
    assert_eq!((second.generation, second.what.as_str()), (2, "keys rotate"));
    assert_eq!((second.who.as_str(), second.why.as_deref()), ("ada on desk", Some("a leak")));
    assert_eq!(second.keys.keys().collect::<Vec<_>>(), ["operator/signing-1"]);
    assert_eq!(entries[0].1.forgotten, ["operator/signing-1"]);
    agree(&entries, &index).unwrap();
    let text = serde_json::to_string(&entries[2].1).unwrap();
    assert!(!text.contains("SO") && !text.contains("PRIVATE"), "{text}");
}

#[test]
fn an_entry_that_was_altered_or_removed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let index = three(folder.path());
    let store = store(folder.path());
    let (hash, entry) = history(&store, &index).unwrap().remove(1);
    let path = folder.path().join("secrets/audit").join(entry_name(2, &hash));
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("ada", "eve")).unwrap();
    assert!(matches!(history(&store, &index), Err(AuditError::Altered(2))));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(history(&store, &index), Err(AuditError::Missing(2))));
    // Whoever writes another one in its place has another hash.
    let other = Entry { who: "eve".to_owned(), ..entry };
    let (other, text) = other.written();
    std::fs::write(path.with_file_name(entry_name(2, &other)), text).unwrap();
    assert!(matches!(history(&store, &index), Err(AuditError::Missing(2))));
}

#[test]
fn a_key_that_came_past_the_log_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let index = three(folder.path());
    let entries = history(&store(folder.path()), &index).unwrap();
    let mut swapped = index.clone();
    let entry = swapped.keys[&KeyName::operator()].clone();
    swapped.keys.get_mut(&KeyName::authority()).unwrap().public = entry.public.clone();
    let refused = agree(&entries, &swapped).unwrap_err();
    assert!(refused.to_string().contains("for authority"), "{refused}");
    let mut added = index.clone();
    added.keys.insert(KeyName::operator_signing(7), entry);
    assert!(agree(&entries, &added).unwrap_err().to_string().contains("operator/signing-7"));
    let mut lost = index;
    lost.keys.remove(&KeyName::operator());
    assert!(agree(&entries, &lost).unwrap_err().to_string().contains("holds nothing"));
}

#[test]
fn a_log_that_began_late_answers_for_what_it_has_seen() {
    let folder = tempfile::tempdir().unwrap();
    let before = three(folder.path());
    // As an index of the first form: it knows nothing of a log.
    let path = folder.path().join("secrets/index.json");
    let mut old: serde_json::Value = serde_json::to_value(&before).unwrap();
    old["format"] = 1.into();
    old.as_object_mut().unwrap().remove("audit");
    std::fs::write(&path, old.to_string()).unwrap();
    let store = store(folder.path());
    let index = store.commit(3, keys(&[KeyName::operator_signing(2)])).unwrap();
    let entries = history(&store, &index).unwrap();
    assert_eq!(entries.len(), 1);
    agree(&entries, &index).unwrap();
    assert_eq!(index.format, Index::FORMAT);
}
