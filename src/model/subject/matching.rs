//! How subjects and patterns relate, token by token, as servers see it.
//!
//! This is the only place that compares them. All functions take any subject of NATS, not only those of the contract:
//! `*` stands for one token, `>` at the end for one or more.

use crate::model::Malformed;

/// Whether a server that holds `pattern` in a permission lets `asked` through.
///
/// A server compares the asked text token by token and does not read the wildcards in it: `a.>` passes `a.*`,
/// because `>` is a token as any other. Without wildcards in `asked` this is whether the subject matches.
pub fn admits(pattern: &str, asked: &str) -> bool {
    let (mut pattern, mut asked) = (pattern.split('.'), asked.split('.'));
    loop {
        match (pattern.next(), asked.next()) {
            (None, None) | (Some(">"), Some(_)) => return true,
            (Some(p), Some(a)) if p == a || p == "*" => {}
            _ => return false,
        }
    }
}

/// Whether every subject that matches `inner` matches `pattern` too.
pub fn covers(pattern: &str, inner: &str) -> bool {
    let (mut pattern, mut inner) = (pattern.split('.'), inner.split('.'));
    loop {
        match (pattern.next(), inner.next()) {
            (None, None) | (Some(">"), Some(_)) => return true,
            (Some(p), Some(i)) if i != ">" && (p == i || p == "*") => {}
            _ => return false,
        }
    }
}

/// Whether some subject matches both.
pub fn overlaps(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        match (a.next(), b.next()) {
            (None, None) | (Some(">"), Some(_)) | (Some(_), Some(">")) => return true,
            (Some(x), Some(y)) if x == y || x == "*" || y == "*" => {}
            _ => return false,
        }
    }
}

/// The pattern of the subjects that match both; None where there are none.
pub fn shared(a: &str, b: &str) -> Option<String> {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    let mut tokens = Vec::new();
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Some(tokens.join(".")),
            (Some(">"), Some(rest)) => tokens.extend(std::iter::once(rest).chain(right.by_ref())),
            (Some(rest), Some(">")) => tokens.extend(std::iter::once(rest).chain(left.by_ref())),
            (Some(x), Some(y)) if x == y || y == "*" => tokens.push(x),
            (Some("*"), Some(y)) => tokens.push(y),
            _ => return None,
        }
    }
}

/// Whether a text stands for more than one subject.
pub fn has_wildcard(text: &str) -> bool {
    text.split('.').any(|token| token == "*" || token == ">")
}

/// Whether a server takes a text as a subject to subscribe.
pub fn check(text: &str) -> Result<(), Malformed> {
    let wrong = |problem: &str| Malformed::new(format!("`{text}` is not a subject: {problem}"));
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(wrong("it contains a space or a control character"));
    }
    let tokens: Vec<&str> = text.split('.').collect();
    if tokens.iter().any(|token| token.is_empty()) {
        return Err(wrong("it has an empty part"));
    }
    if tokens[..tokens.len() - 1].contains(&">") {
        return Err(wrong("`>` may stand only at the end"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_does_not_read_the_wildcards_that_it_is_asked_for() {
        assert!(admits("a.*.c", "a.b.c"));
        assert!(admits("a.>", "a.b.c"));
        assert!(!admits("a.>", "a"));
        assert!(!admits("a.b", "a.b.c"));
        assert!(admits("a.*", "a.>"));
        assert!(!admits("a.b", "a.*"));
    }

    #[test]
    fn a_pattern_covers_only_what_matches_it_whole() {
        assert!(covers("a.>", "a.*.c"));
        assert!(covers("a.*", "a.*"));
        assert!(!covers("a.*", "a.>"));
        assert!(!covers("a.>", "a"));
        assert!(!covers("a.b", "a.*"));
    }

    #[test]
    fn patterns_overlap_exactly_when_a_subject_matches_both() {
        assert!(overlaps("a.ai.>", "a.*.llm.v1"));
        assert!(overlaps("a.*.c", "*.b.c"));
        assert!(!overlaps("a.>", "a"));
        assert!(!overlaps("a.*", "a.b.c"));
    }

    #[test]
    fn what_patterns_share_matches_both() {
        for (a, b, both) in [
            ("a.*", "a.42", Some("a.42")),
            ("a.*.c", "*.b.c", Some("a.b.c")),
            ("a.>", "a.*.c", Some("a.*.c")),
            ("a.b.>", "*.>", Some("a.b.>")),
            (">", ">", Some(">")),
            ("a.>", "a", None),
            ("a.*", "a.b.c", None),
        ] {
            assert_eq!(shared(a, b).as_deref(), both, "{a} {b}");
            assert_eq!(shared(b, a).as_deref(), both, "{b} {a}");
        }
    }

    #[test]
    fn what_a_server_would_not_take_is_told() {
        for bad in ["", "a..b", ".a", "a.", "a b", "a.>.b", "a\tb"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        for good in ["a", ">", "*", "a.*.>", "$SYS.>", "_INBOX.x.>"] {
            assert!(check(good).is_ok(), "{good}");
        }
    }
}
