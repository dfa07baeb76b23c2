//! Subjects of the messaging contract, and the patterns over them.
//!
//! The decision record writes the form as `<category>.<domain>.<service>.<operation>.v<version>[.<entity>]`;
//! its examples also put the version before the operation and leave the service out. All of those are legal.

use std::fmt;
use std::str::FromStr;

use super::{Malformed, text_form};

/// What a subject is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Request and reply, bound to a queue group.
    Service,
    /// Publish and subscribe, stored by a stream.
    Event,
    /// The audit trail, stored for long.
    Audit,
}

impl Category {
    const ALL: [(&str, Self); 3] =
        [("svc", Self::Service), ("evt", Self::Event), ("audit", Self::Audit)];
}

/// A subject that a service may serve, call, publish or subscribe.
///
/// Its last token may be `*` where the contract has an entity id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(String);

impl Subject {
    /// A subject that is right.
    pub const EXAMPLE: &str = "svc.ai.llm.v1.infer";

    /// The subject as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the subject is for.
    pub fn category(&self) -> Category {
        Category::ALL
            .iter()
            .find(|(token, _)| self.0.split('.').next() == Some(token))
            .map_or(Category::Event, |(_, category)| *category)
    }

    /// A subject without wildcards that this one stands for.
    pub fn concrete(&self) -> String {
        self.0.replace("*", "0")
    }
}

impl FromStr for Subject {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let form = "write category.domain.service.operation.v1 or category.domain.service.v1.operation, \
                    with category svc, evt or audit";
        let wrong = |problem: String| {
            Malformed::new(format!("`{text}` is not a subject: {problem}")).with_help(form)
        };
        let tokens: Vec<&str> = text.split('.').collect();
        check_tokens(&tokens).map_err(wrong)?;
        if !Category::ALL.iter().any(|(token, _)| *token == tokens[0]) {
            return Err(wrong(format!("it starts with `{}`", tokens[0])));
        }
        let versions: Vec<usize> = (1..tokens.len()).filter(|&i| is_version(tokens[i])).collect();
        let &[version] = versions.as_slice() else {
            return Err(wrong(if versions.is_empty() {
                "it has no version such as `v1`".to_owned()
            } else {
                "it has more than one version".to_owned()
            }));
        };
        if tokens.len() < 4 || version < 2 {
            return Err(wrong("a domain, an operation and a version are needed".to_owned()));
        }
        if tokens.len() > 7 {
            return Err(wrong("it has too many parts".to_owned()));
        }
        if let Some(wild) = tokens.iter().position(|t| *t == "*")
            && (wild != tokens.len() - 1 || wild < version)
        {
            return Err(wrong("`*` may stand only for the entity id, at the end".to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

fn check_tokens(tokens: &[&str]) -> Result<(), String> {
    for token in tokens {
        if token.is_empty() {
            return Err("it has an empty part".to_owned());
        }
        if *token == ">" {
            return Err("`>` would cover subjects that nobody named".to_owned());
        }
        if *token == "*" {
            continue;
        }
        if let Some(bad) = token
            .chars()
            .find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-' || *c == '_'))
        {
            return Err(format!("it cannot contain `{bad}`"));
        }
    }
    Ok(())
}

fn is_version(token: &str) -> bool {
    token
        .strip_prefix('v')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// A pattern over subjects, as streams use it: `*` for one token, `>` for the rest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectPattern(String);

impl SubjectPattern {
    /// A pattern that is right.
    pub const EXAMPLE: &str = "evt.quest.>";

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether some subject matches both patterns.
    pub fn overlaps(&self, other: &Self) -> bool {
        overlap(&self.0, &other.0)
    }

    /// Whether every subject that `subject` stands for matches this pattern.
    pub fn covers(&self, subject: &Subject) -> bool {
        covers(&self.0, subject.as_str())
    }
}

impl FromStr for SubjectPattern {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = |problem: &str| {
            Malformed::new(format!("`{text}` is not a subject pattern: {problem}"))
                .with_help(format!("write for example `{}`", Self::EXAMPLE))
        };
        let tokens: Vec<&str> = text.split('.').collect();
        let (last, front) = tokens.split_last().ok_or_else(|| wrong("it is empty"))?;
        if front.contains(&">") {
            return Err(wrong("`>` may stand only at the end"));
        }
        let named = if *last == ">" { front } else { &tokens[..] };
        check_tokens(named).map_err(|problem| wrong(&problem))?;
        if !Category::ALL.iter().any(|(token, _)| *token == tokens[0]) {
            return Err(wrong("it must start with svc, evt or audit"));
        }
        if *last == ">" && front.is_empty() {
            return Err(wrong("it covers everything"));
        }
        Ok(Self(text.to_owned()))
    }
}

fn overlap(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(">"), Some(_)) | (Some(_), Some(">")) => return true,
            (Some(x), Some(y)) if x == y || x == "*" || y == "*" => {}
            _ => return false,
        }
    }
}

fn covers(pattern: &str, subject: &str) -> bool {
    let (mut pattern, mut subject) = (pattern.split('.'), subject.split('.'));
    loop {
        match (pattern.next(), subject.next()) {
            (None, None) => return true,
            (Some(">"), Some(_)) => return true,
            (Some(p), Some(s)) if p == s || p == "*" => {}
            _ => return false,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SubjectPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(Subject, SubjectPattern);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_every_example_of_the_decision_record() {
        for text in [
            "svc.ai.llm.v1.infer",
            "svc.ai.model.v1.list",
            "svc.ai.model.v1.get",
            "svc.ai.model.v1.select",
            "evt.ai.model.selected.v1",
            "evt.ai.llm.generated.v1",
            "svc.state.manager.v1.update",
            "svc.state.manager.v1.get",
            "evt.state.entity.updated.v1",
            "evt.state.player.updated.v1",
            "svc.quest.v1.generate",
            "evt.quest.generated.v1",
            "svc.npc.behavior.v1.plan",
            "evt.npc.behavior.planned.v1",
            "svc.ai.llm.infer.v1",
            "evt.state.player.updated.v1.42",
            "evt.state.player.updated.v1.*",
        ] {
            assert!(text.parse::<Subject>().is_ok(), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest_with_its_reason() {
        for (text, reason) in [
            ("", "empty part"),
            ("foo.ai.llm.v1.infer", "starts with `foo`"),
            ("svc.ai.llm.infer", "no version"),
            ("svc.ai.v1.llm.v2.infer", "more than one version"),
            ("svc.ai.LLM.v1.infer", "cannot contain `L`"),
            ("svc..llm.v1.infer", "empty part"),
            ("svc.*.llm.v1.infer", "only for the entity id"),
            ("svc.ai.llm.v1.>", "nobody named"),
            ("svc.v1.infer", "are needed"),
            ("evt.a.b.c.d.v1.e.f", "too many parts"),
        ] {
            let error = text.parse::<Subject>().unwrap_err();
            assert!(error.problem.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn patterns_overlap_exactly_when_a_subject_matches_both() {
        let pattern = |text: &str| text.parse::<SubjectPattern>().unwrap();
        assert!(pattern("evt.ai.>").overlaps(&pattern("evt.*.llm.v1")));
        assert!(pattern("evt.ai.*").overlaps(&pattern("evt.ai.llm")));
        assert!(!pattern("evt.ai.>").overlaps(&pattern("evt.ai")));
        assert!(!pattern("evt.ai.>").overlaps(&pattern("evt.quest.>")));
    }

    #[test]
    fn a_stream_covers_an_entity_wildcard_only_whole() {
        let subject: Subject = "evt.state.player.updated.v1.*".parse().unwrap();
        let covers = |text: &str| text.parse::<SubjectPattern>().unwrap().covers(&subject);
        assert!(covers("evt.state.>"));
        assert!(covers("evt.state.player.updated.v1.*"));
        assert!(!covers("evt.state.player.updated.v1.42"));
        assert!(!covers("evt.state.player.updated.v1"));
    }
}
