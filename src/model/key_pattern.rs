//! Patterns over the keys of the cache.

use std::fmt;
use std::str::FromStr;

use super::{Malformed, text_form};

/// Keys that a service may use: one key, or everything below a prefix, such as `llm:*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPattern(String);

impl KeyPattern {
    /// A pattern that is right.
    pub const EXAMPLE: &str = "llm:*";

    /// The longest pattern.
    const LONGEST: usize = 64;

    /// The pattern as text, as Redis reads it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A key that matches, with `rest` in the place of the wildcard.
    pub fn concrete(&self, rest: &str) -> String {
        self.0.replace('*', rest)
    }

    /// Whether some key matches both patterns.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self.prefix(), other.prefix()) {
            (Some(one), Some(two)) => one.starts_with(two) || two.starts_with(one),
            (Some(prefix), None) => other.0.starts_with(prefix),
            (None, Some(prefix)) => self.0.starts_with(prefix),
            (None, None) => self == other,
        }
    }

    /// Whether every key that matches `inner` matches this one too.
    pub fn covers(&self, inner: &Self) -> bool {
        self == inner || self.prefix().is_some_and(|prefix| inner.0.starts_with(prefix))
    }

    fn prefix(&self) -> Option<&str> {
        self.0.strip_suffix('*')
    }
}

impl FromStr for KeyPattern {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = |problem: String| {
            Malformed::new(format!("`{text}` is not a key pattern: {problem}")).with_help(format!(
                "write a prefix that ends with a colon, and `*`, for example `{}`",
                Self::EXAMPLE
            ))
        };
        let name = text.strip_suffix('*').unwrap_or(text);
        if name.is_empty() {
            let problem = if text.is_empty() { "it is empty" } else { "it covers every key" };
            return Err(wrong(problem.to_owned()));
        }
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(wrong("it does not start with a lower-case letter".to_owned()));
        }
        let legal = |c: char| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.' | ':')
        };
        if let Some(bad) = name.chars().find(|c| !legal(*c)) {
            return Err(wrong(format!("it cannot contain `{bad}` there")));
        }
        if name != text && !name.ends_with(':') {
            return Err(wrong("`*` does not follow a colon".to_owned()));
        }
        if text.len() > Self::LONGEST {
            return Err(wrong(format!("it is longer than {} characters", Self::LONGEST)));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for KeyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(KeyPattern);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_would_open_more_than_is_meant_are_refused() {
        for (text, reason) in [
            ("", "it is empty"),
            ("*", "every key"),
            ("llm*", "does not follow a colon"),
            ("llm:*:x", "cannot contain `*`"),
            ("llm:?", "cannot contain `?`"),
            ("llm:[ab]", "cannot contain `[`"),
            (":*", "does not start"),
            ("LLM:*", "does not start"),
            ("llm :*", "cannot contain ` `"),
        ] {
            let error = text.parse::<KeyPattern>().unwrap_err();
            assert!(error.problem.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn patterns_overlap_exactly_when_a_key_matches_both() {
        let pattern = |text: &str| text.parse::<KeyPattern>().unwrap();
        assert!(pattern("llm:*").overlaps(&pattern("llm:answer:*")));
        assert!(pattern("llm:answer").overlaps(&pattern("llm:*")));
        assert!(pattern("llm:answer").overlaps(&pattern("llm:answer")));
        assert!(!pattern("llm:*").overlaps(&pattern("llm-x:*")));
        assert!(!pattern("llm:a").overlaps(&pattern("llm:b")));
    }
}
