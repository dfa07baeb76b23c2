//! YAML as a tree that knows where everything stands.
//!
//! This is the only file that touches the YAML library, whose messages name its own API and are reworded here.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::options::DuplicateKeyPolicy;
use serde_yaml::{Error, Location, Spanned};

use super::{Diagnostic, Source};

/// A value with its place.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The value.
    pub value: Value,
    /// Where it stands.
    pub span: Range<usize>,
}

/// What YAML can say.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float,
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// Keys and values in the order of the file, repeated keys included.
    Map(Vec<(Key, Tree)>),
}

/// A key with its place.
#[derive(Debug, Clone)]
pub struct Key {
    /// The key.
    pub name: String,
    /// Where it stands.
    pub span: Range<usize>,
}

impl Tree {
    /// What kind of thing it is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Integer(_) => "a whole number",
            Value::Float => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "keys and values",
        }
    }

    /// Reads a whole file.
    pub fn parse(file: usize, source: &Source) -> Result<Self, Box<Diagnostic>> {
        // Repeated keys are wanted here, because each is reported with both of its places.
        let options = serde_yaml::options! {
            duplicate_keys: DuplicateKeyPolicy::PassThrough,
            strict_booleans: true,
            with_snippet: false,
        };
        serde_yaml::from_str_with_options::<Spanned<Raw>>(&source.text, options)
            .map(|raw| build(raw, source))
            .map_err(|error| Box::new(syntax(file, source, &error)))
    }

    /// The place of a dotted path such as `nats.nodes[2].zone`, or of its nearest parent.
    ///
    /// A block is marked at its key; a plain value is marked itself.
    pub fn locate(&self, path: &str) -> Range<usize> {
        let mut at = self;
        let mut span = self.first_line();
        for step in path.split('.') {
            let (name, indices) = step.split_once('[').unwrap_or((step, ""));
            let Value::Map(entries) = &at.value else {
                return span;
            };
            let Some((key, value)) = entries.iter().find(|(key, _)| key.name == name) else {
                return span;
            };
            let block = matches!(value.value, Value::Map(_) | Value::List(_) | Value::Null);
            span = if block { key.span.clone() } else { value.span.clone() };
            at = value;
            let index = indices.trim_end_matches(']').parse::<usize>();
            if let (Ok(index), Value::List(items)) = (index, &at.value) {
                let Some(item) = items.get(index) else {
                    return span;
                };
                span = item.first_line();
                at = item;
            }
        }
        span
    }

    /// The place of the key that a dotted path ends in.
    pub fn locate_key(&self, path: &str) -> Range<usize> {
        let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
        let mut at = self;
        for step in parent.split('.').filter(|step| !step.is_empty()) {
            match &at.value {
                Value::Map(entries) => match entries.iter().find(|(key, _)| key.name == step) {
                    Some((_, value)) => at = value,
                    None => return at.first_line(),
                },
                _ => return at.first_line(),
            }
        }
        match &at.value {
            Value::Map(entries) => entries
                .iter()
                .find(|(key, _)| key.name == name)
                .map_or_else(|| at.first_line(), |(key, _)| key.span.clone()),
            _ => at.first_line(),
        }
    }

    /// Where a whole block is marked: at its first key, since marking all of it helps nobody.
    pub fn first_line(&self) -> Range<usize> {
        match &self.value {
            Value::Map(entries) => {
                entries.first().map_or(self.span.clone(), |(key, _)| key.span.clone())
            }
            Value::List(items) => items.first().map_or(self.span.clone(), |item| item.first_line()),
            _ => self.span.clone(),
        }
    }
}

/// The same tree while it is read, when places are still the library's.
enum Raw {
    Null,
    Bool(bool),
    Integer(i64),
    Float,
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn build(raw: Spanned<Raw>, source: &Source) -> Tree {
    let span = range(&raw.referenced, source);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Bool(value) => Value::Bool(value),
        Raw::Integer(value) => Value::Integer(value),
        Raw::Float => Value::Float,
        Raw::Text(value) => Value::Text(value),
        Raw::List(items) => {
            Value::List(items.into_iter().map(|item| build(item, source)).collect())
        }
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let key = Key { span: range(&key.referenced, source), name: key.value };
                    (key, build(value, source))
                })
                .collect(),
        ),
    };
    Tree { value, span }
}

fn range(location: &Location, source: &Source) -> Range<usize> {
    let span = location.span();
    let number = |value: Option<u64>| value.and_then(|value| usize::try_from(value).ok());
    let start = number(span.byte_offset()).unwrap_or_else(|| offset(location, source));
    let length = number(span.byte_len()).unwrap_or(0);
    source.clamp(start..start.saturating_add(length))
}

/// The byte of a line and a column, for the places that the library knows no byte of.
fn offset(location: &Location, source: &Source) -> usize {
    let line = usize::try_from(location.line()).unwrap_or(1).max(1) - 1;
    let column = usize::try_from(location.column()).unwrap_or(1).max(1) - 1;
    let start: usize = source.text.split_inclusive('\n').take(line).map(str::len).sum();
    let within = source.text[start..].chars().take(column).map(char::len_utf8).sum::<usize>();
    start + within
}

fn syntax(file: usize, source: &Source, error: &Error) -> Diagnostic {
    let error = error.without_snippet();
    let at = error.location().map_or(0..0, |location| range(&location, source));
    let message = match error {
        Error::ExternalMessage { msg, .. } | Error::Message { msg, .. } => msg.clone(),
        Error::MultipleDocuments { .. } => "there is more than one document".to_owned(),
        Error::Eof { .. } => "the file is empty".to_owned(),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => "aliases expand to too much".to_owned(),
        Error::Budget { .. } => "the document is too large or too deep".to_owned(),
        Error::SerdeInvalidType { unexpected, .. }
        | Error::SerdeInvalidValue { unexpected, .. } => {
            format!("{unexpected} can't stand here")
        }
        other => {
            let text = other.to_string();
            let cut = text.find(" at line ").unwrap_or(text.len());
            text[..cut].to_owned()
        }
    };
    // A tab is met at the end of what precedes it, which may be lines above.
    let tab = source.text[at.start..].find('\t').filter(|_| message.contains("tab"));
    let at = tab.map_or(at.clone(), |tab| at.start + tab..at.start + tab + 1);
    Diagnostic::error("syntax", (file, at), format!("not readable as YAML: {message}"))
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        // No figure of an environment comes near; a float keeps it recognisable in the message.
        Ok(i64::try_from(value).map_or(Raw::Float, Raw::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Float)
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}
