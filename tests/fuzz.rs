//! No input makes the program panic: mutated environments, and text out of nowhere.

use std::path::Path;

use natsops::environment::{Addresses, load};
use natsops::jwt::{AccountBody, decode};
use natsops::model::{ByteRate, ByteSize, Period, Subject, SubjectPattern};
use natsops::pki::Certificate;
use natsops::render::{ConfigText, ConfigTree};
use proptest::prelude::*;

use crate::support::{Dice, Project};

const ADDRESSES: Addresses = Addresses { local_network: [127, 64, 0] };

/// How many mutants of each file are tried.
const MUTANTS: u64 = 400;

/// Pieces that break things more often than random bytes do.
const NASTY: [&str; 20] = [
    ":",
    "- ",
    "\t",
    "\n",
    "\"",
    "'",
    "{",
    "[",
    "&a ",
    "*a",
    "<<: ",
    "!!int ",
    "|",
    "#",
    "\u{0}",
    "é",
    "99999999999999999999",
    "-1",
    "null",
    "---\n",
];

fn mutate(text: &str, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(bytes.len());
        match dice.roll(5) {
            0 => {
                bytes.remove(at.min(bytes.len().saturating_sub(1)));
            }
            1 => {
                let piece = NASTY[dice.roll(NASTY.len())].as_bytes();
                bytes.splice(at..at, piece.iter().copied());
            }
            2 => {
                let end = (at + dice.roll(60)).min(bytes.len());
                bytes.drain(at..end);
            }
            3 => {
                let end = (at + dice.roll(200)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = dice.roll(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => bytes[at] = u8::try_from(dice.roll(256)).unwrap(),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

fn try_mutants(file: &str) {
    let project = Project::new();
    let path = project.path().join("environments").join(file);
    let original = std::fs::read_to_string(&path).unwrap();
    for seed in 1..=MUTANTS {
        let mut dice = Dice::new(seed);
        std::fs::write(&path, mutate(&original, &mut dice)).unwrap();
        survive(project.path(), &format!("{file}, seed {seed}"));
    }
}

/// Loading must end in a cluster or in words; the words must be showable.
fn survive(project: &Path, what: &str) {
    let outcome = std::panic::catch_unwind(|| {
        if let Ok(loaded) = load(project, "local", &ADDRESSES) {
            let shown = loaded.diagnostics.text() + &loaded.diagnostics.json().to_string();
            assert!(loaded.cluster.is_some() || !shown.is_empty());
        }
    });
    assert!(outcome.is_ok(), "{what} panics");
}

#[test]
fn mutated_environments_do_not_panic() {
    try_mutants("local.yaml");
}

#[test]
fn mutated_catalogs_do_not_panic() {
    try_mutants("catalog/game.yaml");
}

#[test]
fn bombs_are_defused() {
    let project = Project::new();
    let path = project.path().join("environments/local.yaml");
    let aliases = (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [*a{}, *a{}]\n", n - 1, n - 1)
    });
    let large = "x".repeat(9 << 20);
    for text in [aliases, "[".repeat(100_000), "a: ".repeat(50_000), large, String::new()] {
        std::fs::write(&path, text).unwrap();
        survive(project.path(), "a bomb");
    }
}

proptest! {
    #[test]
    fn parsers_take_any_text(text in "\\PC{0,60}") {
        drop((text.parse::<ByteSize>(), text.parse::<ByteRate>(), text.parse::<Period>()));
        drop((text.parse::<Subject>(), text.parse::<SubjectPattern>()));
        prop_assert!(Subject::nearest(&text).is_none_or(|near| near.parse::<Subject>().is_ok()));
        let near = SubjectPattern::nearest(&text);
        prop_assert!(near.is_none_or(|near| near.parse::<SubjectPattern>().is_ok()));
        prop_assert!(decode::<AccountBody>(&text).is_err());
        prop_assert!(Certificate::read(&text).is_err());
        drop(ConfigTree::parse(&text).map(|tree| tree.digest()));
        drop(ConfigText::parse(&text));
        drop(Certificate::read_all(&text));
    }

    #[test]
    fn every_text_of_tokens_has_a_nearest_subject(
        text in "(svc|evt|audit|sv|v1|ai|>|\\*)(\\.(svc|evt|ai|llm|v1|v2|v0|V3|>|\\*|generated|)){0,9}",
    ) {
        let nearest = Subject::nearest(&text).unwrap();
        prop_assert!(nearest.parse::<Subject>().is_ok(), "{}", nearest);
        prop_assert_eq!(text.parse::<Subject>().is_ok(), nearest == text);
        let nearest = SubjectPattern::nearest(&text).unwrap();
        prop_assert!(nearest.parse::<SubjectPattern>().is_ok(), "{}", nearest);
    }

    #[test]
    fn quantities_survive_being_shown(bytes in 0..i64::MAX as u64, seconds in 0..6_000_000_000_u64) {
        let size = ByteSize::new(bytes);
        prop_assert_eq!(size.to_string().parse::<ByteSize>(), Ok(size));
        let period = Period::seconds(seconds);
        prop_assert_eq!(period.to_string().parse::<Period>(), Ok(period));
    }

    #[test]
    fn overlap_is_symmetric(a in "evt(\\.(a|b|\\*)){1,4}(\\.>)?", b in "evt(\\.(a|b|\\*)){1,4}(\\.>)?") {
        let (a, b): (SubjectPattern, SubjectPattern) = (a.parse().unwrap(), b.parse().unwrap());
        prop_assert_eq!(a.overlaps(&b), b.overlaps(&a));
        prop_assert!(a.overlaps(&a));
    }
}
