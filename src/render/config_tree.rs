//! Reads a rendered server configuration back: its settings one by one, and the digest that the server will report.
//!
//! `/varz` shows `config_digest`: SHA-256 over the JSON of the parsed file, keys sorted, comments left out
//! (nats-server, conf/parse.go). Computing it here finds a drifted server without looking at its disk.
//! Only what our templates use is read; anything else is an error, never a guess.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// A configuration as the server understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigTree(BTreeMap<String, Setting>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Setting {
    Bool(bool),
    Number(i64),
    Text(String),
    List(Vec<Setting>),
    Block(BTreeMap<String, Setting>),
}

/// A configuration that our templates did not write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ConfigError {
    /// The line, from 1.
    pub line: usize,
    /// What stands there.
    pub problem: String,
}

impl ConfigTree {
    /// Reads a configuration.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut reader = Reader { text, at: 0, depth: 0 };
        let settings = reader.block(None)?;
        Ok(Self(settings))
    }

    /// The digest that the server reports, as `sha256:…`.
    pub fn digest(&self) -> String {
        let json =
            serde_json::to_string(&self.0).expect("text and numbers always have a JSON form");
        // Go escapes these in JSON, so that it can stand inside HTML.
        let json = json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
        let digest = Sha256::digest(json + "\n");
        format!("sha256:{}", HEXLOWER.encode(&digest))
    }

    /// Every setting under its dotted path. Tokens are shown by fingerprint: they are long and say nothing.
    pub fn settings(&self) -> BTreeMap<String, String> {
        let mut flat = BTreeMap::new();
        for (key, setting) in &self.0 {
            setting.flatten(key.clone(), &mut flat);
        }
        flat
    }
}

impl Setting {
    fn flatten(&self, path: String, flat: &mut BTreeMap<String, String>) {
        match self {
            Self::Block(settings) => {
                for (key, setting) in settings {
                    setting.flatten(format!("{path}.{key}"), flat);
                }
            }
            other => {
                flat.insert(path, other.show());
            }
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(text) if text.starts_with("eyJ") => {
                let digest = HEXLOWER.encode(&Sha256::digest(text));
                format!("JWT {}", &digest[..12])
            }
            Self::Text(text) => text.clone(),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::show).collect();
                items.join(", ")
            }
            Self::Block(_) => "…".to_owned(),
        }
    }
}

/// Blocks nest three deep in our templates; a file that nests deeper is not ours.
const DEEPEST: usize = 16;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn error(&self, problem: impl Into<String>) -> ConfigError {
        ConfigError {
            line: 1 + self.text[..self.at].matches('\n').count(),
            problem: problem.into(),
        }
    }

    /// Skips white space, separators and comments.
    fn skip(&mut self) {
        while let Some(next) = self.peek() {
            if next.is_whitespace() || next == ',' || next == ';' {
                self.at += next.len_utf8();
            } else if next == '#' {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            } else {
                return;
            }
        }
    }

    fn enter(&mut self) -> Result<(), ConfigError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error("blocks are nested too deeply"));
        }
        Ok(())
    }

    /// Settings until `end`, or until the text ends.
    fn block(&mut self, end: Option<char>) -> Result<BTreeMap<String, Setting>, ConfigError> {
        self.enter()?;
        let mut settings = BTreeMap::new();
        loop {
            self.skip();
            match self.peek() {
                next if next == end => {
                    self.at += usize::from(end.is_some());
                    self.depth -= 1;
                    return Ok(settings);
                }
                None => return Err(self.error("a block is not closed")),
                Some(_) => {
                    let key = self.word()?;
                    self.skip();
                    if matches!(self.peek(), Some(':' | '=')) {
                        self.at += 1;
                        self.skip();
                    }
                    let value = self.value()?;
                    settings.insert(key, value);
                }
            }
        }
    }

    fn value(&mut self) -> Result<Setting, ConfigError> {
        match self.peek() {
            Some('{') => {
                self.at += 1;
                self.block(Some('}')).map(Setting::Block)
            }
            Some('[') => {
                self.at += 1;
                self.list().map(Setting::List)
            }
            Some('"') => self.quoted().map(Setting::Text),
            _ => self.plain(),
        }
    }

    fn list(&mut self) -> Result<Vec<Setting>, ConfigError> {
        self.enter()?;
        let mut items = Vec::new();
        loop {
            self.skip();
            match self.peek() {
                Some(']') => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(items);
                }
                None => return Err(self.error("a list is not closed")),
                Some(_) => items.push(self.value()?),
            }
        }
    }

    fn quoted(&mut self) -> Result<String, ConfigError> {
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((offset, next)) = characters.next() {
            match next {
                '"' => {
                    self.at += offset + 1;
                    return Ok(text);
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    _ => return Err(self.error("an escape that our templates do not write")),
                },
                _ => text.push(next),
            }
        }
        Err(self.error("a quotation mark is not closed"))
    }

    fn word(&mut self) -> Result<String, ConfigError> {
        let length = self
            .rest()
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .unwrap_or(self.rest().len());
        if length == 0 {
            return Err(self.error("a key or a value is expected"));
        }
        let word = self.rest()[..length].to_owned();
        self.at += length;
        Ok(word)
    }

    fn plain(&mut self) -> Result<Setting, ConfigError> {
        let word = self.word()?;
        match word.as_str() {
            "true" => Ok(Setting::Bool(true)),
            "false" => Ok(Setting::Bool(false)),
            number => number
                .parse()
                .map(Setting::Number)
                .map_err(|_| self.error(format!("`{number}` is not written in quotes"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_dotted_paths() {
        let tree = ConfigTree::parse("a: 1\nb { c: \"x\" # why\n d: [\"p\", \"q\"]\n}\ne: true\n")
            .unwrap();
        let settings = tree.settings();
        assert_eq!(settings["a"], "1");
        assert_eq!(settings["b.c"], "x");
        assert_eq!(settings["b.d"], "p, q");
        assert_eq!(settings["e"], "true");
    }

    #[test]
    fn comments_and_order_do_not_change_the_digest() {
        let one = ConfigTree::parse("a: 1\nb: 2\n").unwrap();
        let two = ConfigTree::parse("# first\nb: 2\na: 1").unwrap();
        assert_eq!(one.digest(), two.digest());
    }

    #[test]
    fn what_our_templates_do_not_write_is_an_error() {
        for text in ["a: 1MB", "a {", "a: \"x", "a: [1", "}", "a: $b", "a: \"\\n\"", "a:"] {
            assert!(ConfigTree::parse(text).is_err(), "{text}");
        }
        assert!(ConfigTree::parse(&"a {".repeat(5000)).is_err());
    }
}
