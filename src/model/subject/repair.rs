//! The nearest legal form of a text that is no subject: what its author most likely meant.
//!
//! A repair changes as little as it can: it lowers letters, mends the category, moves, adds or drops a version,
//! and fills what is missing with the name of the part, so that the suggestion can be read as a form.

use super::grammar::{Shape, is_legal, is_version};
use super::{Category, Subject};

/// More parts than any subject has need not be looked at.
const ENOUGH: usize = 12;

/// How different a word may be to be taken for a category.
const SLIP: usize = 2;

/// The nearest legal subject; a legal subject is its own.
pub(super) fn subject(text: &str) -> String {
    if Shape::read(text).is_ok() {
        return text.to_owned();
    }
    let tokens = with_version(clean(text));
    let (category, rest) = split(&tokens);
    compose(category, &rest).unwrap_or_else(|| Subject::EXAMPLE.to_owned())
}

/// The nearest legal pattern.
pub(super) fn pattern(text: &str) -> String {
    let mut tokens = clean(text);
    if let Some(end) = text.split('.').position(|token| token == ">") {
        tokens.truncate(end);
        tokens.push(">".to_owned());
    }
    let Some(first) = tokens.first() else {
        return super::SubjectPattern::EXAMPLE.to_owned();
    };
    if Category::of(first).is_none() {
        match slip(first) {
            Some(category) => category.token().clone_into(&mut tokens[0]),
            None => tokens.insert(0, guess(&tokens).token().to_owned()),
        }
    }
    if tokens.len() == 1 {
        tokens.push(">".to_owned());
    }
    tokens.join(".")
}

/// The tokens in legal characters, without empty ones.
fn clean(text: &str) -> Vec<String> {
    text.split(['.', '/', ':'])
        .map(|token| token.trim().to_lowercase())
        .map(|token| if token == ">" { "*".to_owned() } else { token })
        .map(|token| match token.as_str() {
            "*" => token,
            _ => token.chars().map(|c| if is_legal(c) { c } else { '-' }).collect(),
        })
        .map(|token: String| token.trim_matches('-').chars().take(40).collect::<String>())
        .filter(|token| !token.is_empty())
        .take(ENOUGH)
        .collect()
}

/// The same with the last word that means a version written as one, where none is. A number at the end is an entity.
fn with_version(mut tokens: Vec<String>) -> Vec<String> {
    let is_number = |token: &String| token.bytes().all(|byte| byte.is_ascii_digit());
    let words = tokens.len() - usize::from(tokens.last().is_some_and(is_number));
    if !tokens.iter().any(|token| is_version(token)) {
        let words = tokens.iter().enumerate().take(words).rev();
        if let Some((at, version)) = { words }.find_map(|(at, token)| Some((at, meant(token)?))) {
            tokens[at] = version;
        }
    }
    tokens
}

/// The version that is meant by a word such as `1`, `version1`, `v-1` or `v1-beta`.
fn meant(word: &str) -> Option<String> {
    let bare = ["version", "ver", "v"].iter().find_map(|prefix| word.strip_prefix(prefix));
    let rest = bare.unwrap_or(word).trim_start_matches(['-', '_']);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, more) = rest.split_at(end);
    let ends = more.is_empty() || bare.is_some() && more.starts_with(['-', '_']);
    let number = number.parse::<u32>().ok().filter(|number| ends && *number > 0)?;
    Some(format!("v{number}"))
}

/// The category that was meant, and the tokens beside it.
fn split(tokens: &[String]) -> (Category, Vec<String>) {
    let without = |at: usize| {
        let mut rest = tokens.to_vec();
        rest.remove(at);
        rest
    };
    let known = tokens.iter().enumerate().find_map(|(at, token)| Some((at, Category::of(token)?)));
    let first = tokens.iter().position(|token| !is_version(token));
    let slipped = || first.and_then(|at| Some((at, slip(&tokens[at])?)));
    if let Some((at, category)) = known.or_else(slipped) {
        return (category, without(at));
    }
    // A strange first word is the domain where the category was left out, and stands for it where all else is there.
    let names = tokens.iter().filter(|token| !is_version(token)).count();
    match first {
        Some(at) if names > 3 => (guess(tokens), without(at)),
        _ => (guess(tokens), tokens.to_vec()),
    }
}

/// The category that a word is a slip of.
fn slip(word: &str) -> Option<Category> {
    let (distance, category) = Category::ALL
        .iter()
        .map(|(token, category)| (strsim::damerau_levenshtein(word, token), *category))
        .min()?;
    let known = match word {
        "service" | "request" | "rpc" => Some(Category::Service),
        "event" | "events" => Some(Category::Event),
        "log" | "trail" => Some(Category::Audit),
        _ => None,
    };
    let near = distance <= SLIP && distance < category.token().len().min(word.len());
    known.or(near.then_some(category))
}

/// The category that the words speak of: what happened is told in the past tense.
fn guess(tokens: &[String]) -> Category {
    let past = tokens.iter().rev().find(|token| !is_version(token) && *token != "*");
    if past.is_some_and(|word| word.ends_with("ed")) { Category::Event } else { Category::Service }
}

/// A legal subject from a category and the tokens after it, the version among them or not.
fn compose(category: Category, tokens: &[String]) -> Option<String> {
    let versions = || tokens.iter().enumerate().filter(|(_, token)| is_version(token));
    // Of several versions the last is the operation's own, and none stands where it was meant.
    let several = versions().count() > 1;
    let version = versions().map(|(at, _)| at).next().filter(|_| !several);
    let number = versions()
        .map(|(_, token)| token)
        .rev()
        .find_map(|token| token[1..].parse::<u32>().ok().filter(|number| *number > 0))
        .unwrap_or(1);
    let mut names: Vec<String> =
        tokens.iter().filter(|token| !is_version(token)).cloned().collect();
    fill(&mut names, version == Some(0));
    let places = [version, Some(home(category, names.len()))];
    places.into_iter().flatten().find_map(|place| {
        let whole = |names: &[String]| written(category, names, place, number);
        [whole(&names), whole(&named(&names, 1)), whole(&named(&names, 0))]
            .into_iter()
            .flatten()
            .find(|candidate| Shape::read(candidate).is_ok())
    })
}

/// Brings the names to between two and four.
fn fill(names: &mut Vec<String>, version_in_front: bool) {
    if names.is_empty() {
        names.push("operation".to_owned());
    }
    if names.len() == 1 {
        let (at, name) = if version_in_front || names[0] == "operation" {
            (0, "domain")
        } else {
            (1, "operation")
        };
        names.insert(at, name.to_owned());
    }
    if names.len() > 4 {
        let rest: Vec<String> = names.drain(3..).filter(|name| name != "*").collect();
        names.extend((!rest.is_empty()).then(|| rest.join("-").chars().take(80).collect()));
    }
}

/// Where the version stands by the custom of its category, as the number of names before it.
fn home(category: Category, names: usize) -> usize {
    match (category, names) {
        (Category::Service, 4) => 2,
        (Category::Service, _) => names - 1,
        (_, 4) => 3,
        _ => names,
    }
}

/// Replaces wildcards by the names of their parts, but for the last `keep` tokens.
fn named(names: &[String], keep: usize) -> Vec<String> {
    let last = names.len() - 1;
    let part = |at: usize| match at {
        0 => "domain",
        _ if at == last => "operation",
        _ => "service",
    };
    (0..)
        .zip(names)
        .map(|(at, name)| match name.as_str() {
            "*" if at + keep <= last => part(at).to_owned(),
            _ => name.clone(),
        })
        .collect()
}

fn written(category: Category, names: &[String], place: usize, version: u32) -> Option<String> {
    let (before, after) = names.split_at_checked(place)?;
    let version = format!("v{version}");
    let tokens = std::iter::once(category.token())
        .chain(before.iter().map(String::as_str))
        .chain(std::iter::once(version.as_str()))
        .chain(after.iter().map(String::as_str));
    Some(tokens.collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_form_is_what_was_meant() {
        for (text, nearest) in [
            ("svc.ai.llm.1.infer", "svc.ai.llm.v1.infer"),
            ("svc.ai.llm.version2.infer", "svc.ai.llm.v2.infer"),
            ("svc.ai.llm.v1-beta.infer", "svc.ai.llm.v1.infer"),
            ("svc.ai.llm.infer", "svc.ai.llm.v1.infer"),
            ("evt.ai.model.selected", "evt.ai.model.selected.v1"),
            ("evt.state.player.updated.42", "evt.state.player.updated.v1.42"),
            ("SVC.AI.LLM.V1.Infer", "svc.ai.llm.v1.infer"),
            ("sv.ai.llm.v1.infer", "svc.ai.llm.v1.infer"),
            ("scv.ai.llm.v2.infer", "svc.ai.llm.v2.infer"),
            ("event.quest.generated.v1", "evt.quest.generated.v1"),
            ("aduit.state.entity.deleted.v1", "audit.state.entity.deleted.v1"),
            ("foo.ai.llm.v1.infer", "svc.ai.llm.v1.infer"),
            ("ai.llm.v1.infer", "svc.ai.llm.v1.infer"),
            ("quest.generated.v1", "evt.quest.generated.v1"),
            ("v1.svc.ai.llm.infer", "svc.ai.llm.v1.infer"),
            ("svc.v1.ai.llm.infer", "svc.ai.llm.v1.infer"),
            ("svc.ai.v1.llm.v2.infer", "svc.ai.llm.v2.infer"),
            ("svc..llm.v1.infer", "svc.llm.v1.infer"),
            ("svc.ai.llm.v01.infer", "svc.ai.llm.v1.infer"),
            ("svc.ai.llm.v0.infer", "svc.ai.llm.v1.infer"),
            ("svc/ai/llm/v1/infer", "svc.ai.llm.v1.infer"),
            ("svc.ai.language model.v1.infer", "svc.ai.language-model.v1.infer"),
            ("svc.v1.infer", "svc.domain.v1.infer"),
            ("evt.quest.v1", "evt.quest.v1.operation"),
            ("svc.*.llm.v1.infer", "svc.domain.llm.v1.infer"),
            ("svc.ai.llm.v1.>", "svc.ai.llm.v1.operation"),
            ("evt.state.player.updated.v1.>", "evt.state.player.updated.v1.*"),
            ("evt.a.b.c.d.v1.e.f", "evt.a.b.c.v1.d-e-f"),
            ("", "svc.domain.v1.operation"),
        ] {
            assert_eq!(subject(text), nearest, "{text}");
        }
    }

    #[test]
    fn the_nearest_pattern_is_legal() {
        for (text, nearest) in [
            (">", "svc.>"),
            ("evt.>.x", "evt.>"),
            ("evt.Quest.>", "evt.quest.>"),
            ("ev.quest.>", "evt.quest.>"),
            ("quest.*", "svc.quest.*"),
        ] {
            assert_eq!(pattern(text), nearest, "{text}");
            assert!(nearest.parse::<super::super::SubjectPattern>().is_ok(), "{nearest}");
        }
    }
}
