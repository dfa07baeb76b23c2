//! The grammar of subjects: which part is which, and why a text is no subject.
//!
//! The decision record writes `<category>.<domain>.<service>.<operation>.v<version>[.<entity>]`. Its examples put the
//! version before the operation under `svc`, last under `evt`, and leave the service out. All of those are legal.

use super::Category;

/// The longest subject; a server takes more, and nobody reads it.
const LONGEST: usize = 200;

/// The named parts of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts<'a> {
    /// What it is for.
    pub category: Category,
    /// The domain, such as `ai`.
    pub domain: &'a str,
    /// The service within the domain, where there is one.
    pub service: Option<&'a str>,
    /// The operation of a request, or what happened.
    pub operation: &'a str,
    /// The version of the contract.
    pub version: u32,
    /// The entity that it is about; `*` stands for any.
    pub entity: Option<&'a str>,
}

/// Which token of a subject is which part. It follows from the text alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Shape {
    category: Category,
    version: u32,
    has_service: bool,
    version_first: bool,
    has_entity: bool,
}

impl Shape {
    /// Reads a subject; the error says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("it has {} characters, at most {LONGEST}", text.len()));
        }
        let tokens: Vec<&str> = text.split('.').collect();
        check_tokens(&tokens)?;
        let category = Category::of(tokens[0]).ok_or_else(|| strange_start(tokens[0]))?;
        let at = only_version(&tokens)?;
        let version = number(tokens[at])?;
        let (before, after) = (at - 1, tokens.len() - at - 1);
        let (has_service, version_first, has_entity) = arrange(category, before, after)?;
        let shape = Self { category, version, has_service, version_first, has_entity };
        let end = tokens.len() - usize::from(has_entity);
        if tokens[..end].contains(&"*") {
            return Err("`*` may stand only for the entity id, at the end".to_owned());
        }
        Ok(shape)
    }

    /// What the subject is for.
    pub fn category(self) -> Category {
        self.category
    }

    /// The parts of the text that this shape was read from.
    pub fn parts(self, text: &str) -> Parts<'_> {
        let tokens: Vec<&str> = text.split('.').collect();
        let token = |at: usize| tokens.get(at).copied().unwrap_or_default();
        let next = 2 + usize::from(self.has_service);
        Parts {
            category: self.category,
            domain: token(1),
            service: self.has_service.then(|| token(2)),
            operation: token(next + usize::from(self.version_first)),
            version: self.version,
            entity: self.has_entity.then(|| token(next + 2)),
        }
    }
}

/// Decides whether there is a service, whether the version comes first, and whether there is an entity,
/// from the number of names before and after the version.
///
/// One arrangement is ambiguous: two names before the version and one after. Under `svc` that is
/// domain, service and operation; otherwise domain, event and entity, as in the record's examples.
fn arrange(category: Category, before: usize, after: usize) -> Result<(bool, bool, bool), String> {
    let request = category == Category::Service;
    match (before, after) {
        (1, 1 | 2) => Ok((false, true, after == 2)),
        (2, 1) if request => Ok((true, true, false)),
        (2, 0 | 1) => Ok((false, false, after == 1)),
        (2, 2) => Ok((true, true, true)),
        (3, 0 | 1) => Ok((true, false, after == 1)),
        (0 | 1, _) if after < 2 => {
            Err("a domain, an operation and a version are needed".to_owned())
        }
        (0, _) => Err("the version stands before the domain".to_owned()),
        _ => Err("it has too many parts".to_owned()),
    }
}

/// Whether every token has characters that are allowed; `*` is looked at later, since only its place can be wrong.
pub(super) fn check_tokens(tokens: &[&str]) -> Result<(), String> {
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
        if let Some(bad) = token.chars().find(|&c| !is_legal(c)) {
            return Err(format!("it cannot contain `{bad}`"));
        }
    }
    Ok(())
}

/// Whether a character may stand in a part.
pub(super) fn is_legal(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_'
}

/// Whether a token is a version, well written or not.
pub(super) fn is_version(token: &str) -> bool {
    token
        .strip_prefix('v')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn strange_start(token: &str) -> String {
    if is_version(token) {
        format!("it starts with the version `{token}`, not with a category")
    } else {
        format!("it starts with `{token}`, not with svc, evt or audit")
    }
}

fn only_version(tokens: &[&str]) -> Result<usize, String> {
    let mut versions = (1..tokens.len()).filter(|&at| is_version(tokens[at]));
    match (versions.next(), versions.next()) {
        (Some(at), None) => Ok(at),
        (None, _) => Err("it has no version such as `v1`".to_owned()),
        (Some(_), Some(_)) => Err("it has more than one version".to_owned()),
    }
}

/// The number of a version: from 1, and written in one way only, since `v1` and `v01` would be two subjects.
fn number(token: &str) -> Result<u32, String> {
    let digits = &token[1..];
    match digits.parse::<u32>() {
        Ok(0) => Err("versions start at `v1`".to_owned()),
        Ok(number) if !digits.starts_with('0') => Ok(number),
        Ok(number) => Err(format!("the version is written `v{number}`, not `{token}`")),
        Err(_) => Err(format!("`{token}` is no version that anybody counts to")),
    }
}
