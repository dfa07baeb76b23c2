//! Subjects of the messaging contract, and the patterns over them.
//!
//! 1. `grammar` says which part is which, and why a text is no subject; `repair` what was meant.
//! 2. [`matching`] is how subjects and patterns relate, and [`SubjectIndex`] the same for many of them.

mod grammar;
mod index;
pub mod matching;
mod repair;
mod stem;

use std::fmt;
use std::str::FromStr;

pub use grammar::Parts;
pub use index::SubjectIndex;
pub use stem::Stem;

use super::{Malformed, text_form};
use grammar::{Shape, check_tokens};

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

    /// The category of a first token.
    fn of(token: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == token).map(|(_, category)| *category)
    }

    /// The category that every subject of a pattern has.
    pub fn of_subject(pattern: &str) -> Option<Self> {
        pattern.split('.').next().and_then(Self::of)
    }

    /// The first token of its subjects.
    pub fn token(self) -> &'static str {
        match self {
            Self::Service => "svc",
            Self::Event => "evt",
            Self::Audit => "audit",
        }
    }
}

/// A subject that a service may serve, call, publish or subscribe.
///
/// Its last token may be `*` where the contract has an entity id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    text: String,
    shape: Shape,
    stem: Stem,
}

impl Subject {
    /// A subject that is right.
    pub const EXAMPLE: &str = "svc.ai.llm.v1.infer";

    /// The subject as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the subject is for.
    pub fn category(&self) -> Category {
        self.shape.category()
    }

    /// The words that it begins with, told from others without reading them.
    pub fn stem(&self) -> Stem {
        self.stem
    }

    /// Its named parts.
    pub fn parts(&self) -> Parts<'_> {
        self.shape.parts(&self.text)
    }

    /// A subject without wildcards that this one stands for.
    pub fn concrete(&self) -> String {
        self.text.replace("*", "0")
    }

    /// The legal subject that is nearest to a text; a legal one is its own. What is reserved has none near it.
    pub fn nearest(text: &str) -> Option<String> {
        reserved(text).is_none().then(|| repair::subject(text))
    }
}

impl FromStr for Subject {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if let Some(reserved) = reserved(text) {
            return Err(reserved);
        }
        let shape = Shape::read(text).map_err(|problem| {
            Malformed::new(format!("`{text}` is not a subject: {problem}"))
                .with_help(format!("the nearest legal form is `{}`", repair::subject(text)))
        })?;
        Ok(Self { text: text.to_owned(), shape, stem: Stem::first_words(text) })
    }
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
        matching::overlaps(&self.0, &other.0)
    }

    /// Whether every subject that `subject` stands for matches this pattern.
    pub fn covers(&self, subject: &Subject) -> bool {
        matching::covers(&self.0, subject.as_str())
    }

    /// The legal pattern that is nearest to a text. What is reserved has none near it.
    pub fn nearest(text: &str) -> Option<String> {
        reserved(text).is_none().then(|| repair::pattern(text))
    }
}

impl FromStr for SubjectPattern {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = |problem: &str| {
            Malformed::new(format!("`{text}` is not a subject pattern: {problem}"))
                .with_help(format!("write for example `{}`", Self::EXAMPLE))
        };
        if let Some(reserved) = reserved(text) {
            return Err(reserved);
        }
        let tokens: Vec<&str> = text.split('.').collect();
        let (last, front) = tokens.split_last().ok_or_else(|| wrong("it is empty"))?;
        if front.contains(&">") {
            return Err(wrong("`>` may stand only at the end"));
        }
        let named = if *last == ">" { front } else { &tokens[..] };
        check_tokens(named).map_err(|problem| wrong(&problem))?;
        if *last == ">" && front.is_empty() {
            return Err(wrong("it covers everything"));
        }
        if Category::of(tokens[0]).is_none() {
            return Err(wrong("it must start with svc, evt or audit"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Why nobody can be granted an inbox, or a subject of the servers themselves. There is no legal form near these.
fn reserved(text: &str) -> Option<Malformed> {
    let first = text.split('.').next()?;
    if first == "_INBOX" {
        let problem = format!("`{text}` is an inbox, and inboxes are private to each service");
        return Some(Malformed::new(problem).with_help(
            "take it out: natsops grants every service its own inboxes, and one answer to each request that it serves",
        ));
    }
    first.starts_with('$').then(|| {
        Malformed::new(format!("`{text}` belongs to the servers themselves")).with_help(
            "take it out: natsops grants what `consumes`, `reads` and `writes` need of them",
        )
    })
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.token())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
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
            assert_eq!(Subject::nearest(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn each_part_is_named_in_both_orders() {
        let named = |text: &str| {
            let subject: Subject = text.parse().unwrap();
            let Parts { category, domain, service, operation, version, entity } = subject.parts();
            let [service, entity] = [service, entity].map(|part| part.unwrap_or("-"));
            format!("{category} {domain} {service} {operation} {version} {entity}")
        };
        for (text, parts) in [
            ("svc.ai.llm.v1.infer", "svc ai llm infer 1 -"),
            ("svc.ai.llm.infer.v1", "svc ai llm infer 1 -"),
            ("svc.ai.llm.v2.infer.7", "svc ai llm infer 2 7"),
            ("svc.ai.llm.infer.v2.*", "svc ai llm infer 2 *"),
            ("svc.quest.v1.generate", "svc quest - generate 1 -"),
            ("svc.quest.v1.generate.7", "svc quest - generate 1 7"),
            ("svc.quest.generate.v10", "svc quest - generate 10 -"),
            ("evt.quest.generated.v1", "evt quest - generated 1 -"),
            ("evt.quest.generated.v1.*", "evt quest - generated 1 *"),
            ("evt.quest.v1.generated", "evt quest - generated 1 -"),
            ("evt.ai.model.selected.v1", "evt ai model selected 1 -"),
            ("evt.ai.model.v1.selected.7", "evt ai model selected 1 7"),
            ("audit.state.entity.deleted.v1.7", "audit state entity deleted 1 7"),
        ] {
            assert_eq!(named(text), parts, "{text}");
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
            ("evt.quest.v1", "are needed"),
            ("svc.v1.ai.llm.infer", "before the domain"),
            ("v1.svc.ai.llm.infer", "starts with the version"),
            ("svc.ai.llm.v1.*", "only for the entity id"),
            ("svc.ai.llm.v0.infer", "start at `v1`"),
            ("svc.ai.llm.v01.infer", "written `v1`"),
            ("svc.ai.llm.v99999999999.infer", "no version"),
            ("evt.a.b.c.v1.d.e", "too many parts"),
            ("evt.a.b.c.d.v1.e.f", "too many parts"),
        ] {
            let error = text.parse::<Subject>().unwrap_err();
            assert!(error.problem.contains(reason), "{text}: {error}");
            let nearest = Subject::nearest(text).unwrap();
            assert!(nearest.parse::<Subject>().is_ok(), "{text}: {nearest}");
            assert!(error.help.unwrap().contains(&nearest), "{text}: {nearest}");
        }
    }

    #[test]
    fn what_is_reserved_is_refused_with_the_reason_and_without_a_form() {
        for (text, reason) in [
            ("_INBOX.b.x", "private to each service"),
            ("_INBOX", "private to each service"),
            ("_INBOX.>", "private to each service"),
            ("$SYS.REQ.SERVER.PING", "belongs to the servers"),
            ("$KV.QUOTAS.>", "belongs to the servers"),
        ] {
            for error in [text.parse::<Subject>().err(), text.parse::<SubjectPattern>().err()] {
                let error = error.unwrap();
                assert!(error.problem.contains(reason), "{text}: {error}");
                assert!(error.help.unwrap().contains("natsops grants"), "{text}");
            }
            assert_eq!((Subject::nearest(text), SubjectPattern::nearest(text)), (None, None));
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
