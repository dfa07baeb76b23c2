//! Reads any server configuration, ours or not: every setting with its line, and which are given twice.
//!
//! `config_tree` computes digests and therefore refuses what it does not know for certain. Here a hand-edited file
//! must be read as the server would read it (nats-server, conf/lex.go and conf/parse.go); what can't be known
//! without looking elsewhere, such as a variable, is kept as such.

use std::collections::BTreeSet;

use super::super::ConfigError;

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its dotted path, with `[N]` for the items of lists.
    pub path: String,
    /// Its line, from 1.
    pub line: usize,
    /// What it is set to.
    pub value: Value,
}

/// What a setting is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `true`, `yes`, `on` and their opposites.
    Bool(bool),
    /// A whole number; sizes are in bytes.
    Number(i64),
    /// Text.
    Text(String),
    /// A variable, whose value stands elsewhere.
    Variable,
    /// Settings of its own, or a list of values.
    Block,
}

/// A configuration as the server reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigText {
    /// The settings that count, in their order.
    pub settings: Vec<Setting>,
    /// Settings that are given again in the same block, with both of their lines: the last one counts.
    pub repeated: Vec<(String, usize, usize)>,
    /// Files that it includes, with the lines.
    pub included: Vec<(String, usize)>,
}

impl ConfigText {
    /// Reads a configuration.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(text);
        reader.skip();
        // A whole file in braces is JSON, which the server reads as well.
        let end = (reader.peek() == Some('{')).then_some('}');
        reader.at += usize::from(end.is_some());
        reader.block("", end)?;
        Ok(reader.config)
    }

    /// A setting by its path; the server does not tell upper case from lower.
    pub fn get(&self, path: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.path.eq_ignore_ascii_case(path))
    }

    /// The first that is there of several names for one setting.
    pub fn any(&self, paths: &[&str]) -> Option<&Setting> {
        paths.iter().find_map(|path| self.get(path))
    }

    /// The text of a setting.
    pub fn text(&self, path: &str) -> Option<&str> {
        match &self.get(path)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number of a setting.
    pub fn number(&self, path: &str) -> Option<i64> {
        match self.get(path)?.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn items<'a>(&'a self, path: &str) -> impl Iterator<Item = &'a Setting> {
        let prefix = format!("{path}[").to_ascii_lowercase();
        self.settings.iter().filter(move |setting| {
            let path = setting.path.to_ascii_lowercase();
            path.strip_prefix(&prefix)
                .is_some_and(|rest| rest.ends_with(']') && !rest.contains('.'))
        })
    }

    /// The last one counts, with all that is in it.
    fn forget(&mut self, path: &str) {
        let path = path.to_ascii_lowercase();
        let within = |setting: &Setting| {
            let own = setting.path.to_ascii_lowercase();
            own.strip_prefix(&path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.settings.retain(|setting| !within(setting));
    }
}

/// No configuration nests deeper.
const DEEPEST: usize = 32;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    config: ConfigText,
    /// The paths so far, in lower case, so that a long file is not searched for each of its settings.
    seen: BTreeSet<String>,
    /// An earlier place with its line: counting goes on from there.
    counted: (usize, usize),
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let config = ConfigText::default();
        Self { text, at: 0, depth: 0, config, seen: BTreeSet::new(), counted: (0, 1) }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn line(&mut self) -> usize {
        let (from, line) = self.counted;
        let line = line + self.text[from..self.at].matches('\n').count();
        self.counted = (self.at, line);
        line
    }

    fn error(&mut self, problem: &str) -> ConfigError {
        ConfigError { line: self.line(), problem: problem.to_owned() }
    }

    /// Skips white space, separators and comments.
    fn skip(&mut self) {
        while let Some(next) = self.peek() {
            if next.is_whitespace() || next == ',' || next == ';' {
                self.at += next.len_utf8();
            } else if next == '#' || self.rest().starts_with("//") {
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

    /// Settings under `path` until `end`, or until the text ends.
    fn block(&mut self, path: &str, end: Option<char>) -> Result<(), ConfigError> {
        self.enter()?;
        loop {
            self.skip();
            match self.peek() {
                next if next == end => {
                    self.at += usize::from(end.is_some());
                    self.depth -= 1;
                    return Ok(());
                }
                None => return Err(self.error("a block is not closed")),
                Some(_) => self.setting(path)?,
            }
        }
    }

    fn setting(&mut self, within: &str) -> Result<(), ConfigError> {
        let line = self.line();
        let key = self.key()?;
        self.skip_separator();
        if key == "include" {
            let file = self.scalar()?;
            self.config.included.push((file, line));
            return Ok(());
        }
        let path = if within.is_empty() { key } else { format!("{within}.{key}") };
        let known = !self.seen.insert(path.to_ascii_lowercase());
        if let Some(earlier) = self.config.get(&path).filter(|_| known).map(|earlier| earlier.line)
        {
            self.config.repeated.push((path.clone(), earlier, line));
            self.config.forget(&path);
        }
        self.value(path, line)
    }

    fn key(&mut self) -> Result<String, ConfigError> {
        if let Some(quote @ ('"' | '\'')) = self.peek() {
            return self.quoted(quote);
        }
        self.word(|c| c.is_whitespace() || matches!(c, ':' | '=' | '{' | '}' | '[' | ']'))
    }

    fn skip_separator(&mut self) {
        self.skip();
        if matches!(self.peek(), Some(':' | '=')) {
            self.at += 1;
            self.skip();
        }
    }

    fn value(&mut self, path: String, line: usize) -> Result<(), ConfigError> {
        let next = self.peek();
        if matches!(next, Some('{' | '[')) {
            self.at += 1;
            self.config.settings.push(Setting { path: path.clone(), line, value: Value::Block });
        }
        match next {
            Some('{') => self.block(&path, Some('}')),
            Some('[') => self.list(&path),
            _ => {
                let quoted = matches!(next, Some('"' | '\'' | '('));
                let text = self.scalar()?;
                let value = if quoted { Value::Text(text) } else { plain(text) };
                self.config.settings.push(Setting { path, line, value });
                Ok(())
            }
        }
    }

    fn list(&mut self, path: &str) -> Result<(), ConfigError> {
        self.enter()?;
        for index in 0.. {
            self.skip();
            match self.peek() {
                Some(']') => {
                    self.at += 1;
                    break;
                }
                None => return Err(self.error("a list is not closed")),
                Some(_) => {
                    let line = self.line();
                    self.value(format!("{path}[{index}]"), line)?;
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// A value that is neither block nor list, as text.
    fn scalar(&mut self) -> Result<String, ConfigError> {
        match self.peek() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote),
            Some('(') => {
                self.at += 1;
                let Some(end) = self.rest().find("\n)") else {
                    return Err(self.error("`(` is not closed"));
                };
                let text = self.rest()[..end].to_owned();
                self.at += end + 2;
                Ok(text)
            }
            _ => self.word(|c| c.is_whitespace() || matches!(c, ',' | ';' | ']' | '}')),
        }
    }

    /// The server knows escapes in double quotes only.
    fn quoted(&mut self, quote: char) -> Result<String, ConfigError> {
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((offset, next)) = characters.next() {
            if next == quote {
                self.at += offset + 1;
                return Ok(text);
            }
            let escaped = if next == '\\' && quote == '"' { characters.next() } else { None };
            text.push(match escaped.map(|(_, character)| character) {
                Some('n') => '\n',
                Some('t') => '\t',
                Some(other) => other,
                None => next,
            });
        }
        Err(self.error("a quotation mark is not closed"))
    }

    fn word(&mut self, ends: impl Fn(char) -> bool) -> Result<String, ConfigError> {
        let length = self.rest().find(ends).unwrap_or(self.rest().len());
        if length == 0 {
            return Err(self.error("a key or a value is expected"));
        }
        let word = self.rest()[..length].to_owned();
        self.at += length;
        Ok(word)
    }
}

/// What the server makes of a word without quotes.
fn plain(word: String) -> Value {
    match word.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => return Value::Bool(true),
        "false" | "no" | "off" => return Value::Bool(false),
        _ => {}
    }
    if word.starts_with('$') {
        return Value::Variable;
    }
    size(&word).map_or(Value::Text(word), Value::Number)
}

/// A number with the server's suffixes: `1M` is 10^6, `1MB` and `1Mi` are 2^20 (conf/parse.go).
fn size(word: &str) -> Option<i64> {
    let digits = word.find(|c: char| !(c.is_ascii_digit() || c == '-')).unwrap_or(word.len());
    let number: i64 = word[..digits].parse().ok()?;
    let suffix = word[digits..].to_ascii_lowercase();
    let Some(unit) = suffix.chars().next() else {
        return Some(number);
    };
    let power = u32::try_from("kmgtpe".find(unit)?).ok()? + 1;
    let base: i64 = match &suffix[1..] {
        "" => 1000,
        "b" | "i" | "ib" => 1024,
        _ => return None,
    };
    number.checked_mul(base.checked_pow(power)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ConfigText {
        ConfigText::parse(text).unwrap()
    }

    #[test]
    fn what_people_write_is_read_as_the_server_reads_it() {
        let config = read(
            "listen = 127.0.0.1:4222 // why\nmax_payload: 1MB\nmax: 1M\n'a b' yes\ntls { cert_file: './a.pem' }\n\
             tags: [\"az:a\", az:b]\nnote (\n one\n)\nroutes: [nats://a:6222]\nlast: $X",
        );
        assert_eq!(config.text("listen"), Some("127.0.0.1:4222"));
        assert_eq!(config.number("max_payload"), Some(1 << 20));
        assert_eq!(config.number("max"), Some(1_000_000));
        assert_eq!(config.get("A B").unwrap().value, Value::Bool(true));
        assert_eq!(config.text("tls.cert_file"), Some("./a.pem"));
        assert_eq!(config.items("tags").count(), 2);
        assert_eq!(config.text("note"), Some("\n one"));
        assert_eq!(config.text("routes[0]"), Some("nats://a:6222"));
        assert_eq!(config.get("last").unwrap().value, Value::Variable);
        assert_eq!(config.get("last").unwrap().line, 11);
    }

    #[test]
    fn of_two_the_last_counts_with_all_that_is_in_it() {
        let config = read("a { b: 1, c: 2 }\nd: 3\na { b: 4 }\n");
        assert_eq!(config.repeated, [("a".to_owned(), 1, 3)]);
        assert_eq!(config.number("a.b"), Some(4));
        assert_eq!(config.get("a.c"), None);
    }

    #[test]
    fn json_and_includes_are_read() {
        assert_eq!(read("{\"port\": 4222}").number("port"), Some(4222));
        assert_eq!(read("include ./a.conf\nport: 1").included, [("./a.conf".to_owned(), 1)]);
    }

    #[test]
    fn what_is_not_closed_is_an_error_and_never_a_panic() {
        for text in ["a {", "a: [1", "a: \"x", "a: (x", "a:", "}", "é {", "[", "\"", "(", "a: \"\\"]
        {
            assert!(ConfigText::parse(text).is_err(), "{text}");
        }
        assert!(ConfigText::parse(&"a {".repeat(5000)).is_err());
        assert!(ConfigText::parse(&"a [".repeat(5000)).is_err());
    }
}
