//! Holds a tree against a schema: every key known, every value of its type, all problems at once.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::tree::{Key, Tree, Value};
use super::{Diagnostic, Diagnostics, formats};

/// Checks `tree` against `schema` and gives it as JSON in which every value has the schema's type.
///
/// None when something is wrong; what it is stands in `problems` then.
pub fn check(schema: &Json, tree: &Tree, file: usize, problems: &mut Diagnostics) -> Option<Json> {
    let before = problems.items.len();
    let mut walk = Walk { schema, file, problems };
    let json = walk.value(schema, tree, &Place::default());
    (problems.items.len() == before).then_some(json)
}

struct Walk<'a> {
    schema: &'a Json,
    file: usize,
    problems: &'a mut Diagnostics,
}

/// A dotted path, for messages.
#[derive(Debug, Clone, Default)]
struct Place(String);

impl Place {
    fn key(&self, name: &str) -> Self {
        let dot = if self.0.is_empty() { "" } else { "." };
        Self(format!("{}{dot}{name}", self.0))
    }

    fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }
}

impl<'a> Walk<'a> {
    fn value(&mut self, schema: &'a Json, tree: &Tree, place: &Place) -> Json {
        let schema = self.resolve(schema);
        if let Some(options) = schema["oneOf"].as_array() {
            return self.choice(options, tree, place);
        }
        if let Some(options) = schema["enum"].as_array() {
            return self.word(options, tree, place);
        }
        match type_of(schema) {
            "object" => self.object(schema, tree, place),
            "array" => self.list(schema, tree, place),
            "string" => self.text(schema, tree, place),
            "integer" => self.integer(schema, tree, place),
            "boolean" => match tree.value {
                Value::Bool(value) => json!(value),
                _ => self.mismatch(tree, place, "`true` or `false`"),
            },
            other => unreachable!("the spec types have no schema of type {other}"),
        }
    }

    /// Follows references, and takes the value's schema out of an optional one.
    fn resolve(&self, mut schema: &'a Json) -> &'a Json {
        loop {
            if let Some(reference) = schema["$ref"].as_str() {
                let pointer = reference.trim_start_matches('#');
                schema = self
                    .schema
                    .pointer(pointer)
                    .expect("the generator only refers to what it defines");
            } else if let Some(options) = schema["anyOf"].as_array() {
                schema = options
                    .iter()
                    .find(|option| option["type"] != "null")
                    .expect("an optional schema has a value's schema");
            } else {
                return schema;
            }
        }
    }

    fn object(&mut self, schema: &'a Json, tree: &Tree, place: &Place) -> Json {
        let Value::Map(entries) = &tree.value else {
            return self.mismatch(tree, place, "keys and values");
        };
        let known = properties(schema);
        let open = schema["additionalProperties"].as_object().is_some();
        let mut out = Map::new();
        let mut seen: BTreeMap<&str, &Key> = BTreeMap::new();
        for (key, value) in entries {
            if let Some(first) = seen.get(key.name.as_str()) {
                self.duplicate(key, first, place);
                continue;
            }
            seen.insert(&key.name, key);
            let inner = place.key(&key.name);
            if let Some(property) = find(&known, &key.name) {
                if matches!(value.value, Value::Null) && is_optional(schema, &key.name) {
                    self.empty_value(self.resolve(property), value, key, &inner);
                    continue;
                }
                out.insert(key.name.clone(), self.value(property, value, &inner));
            } else if open {
                self.key_name(schema, key);
                let json = self.value(&schema["additionalProperties"], value, &inner);
                out.insert(key.name.clone(), json);
            } else {
                self.unknown(key, known.iter().map(|(name, _)| *name), place);
            }
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            if !seen.contains_key(name) {
                let wanted = find(&known, name).map(|property| self.wanted(property));
                self.missing(name, wanted, tree, place);
            }
        }
        Json::Object(out)
    }

    fn list(&mut self, schema: &'a Json, tree: &Tree, place: &Place) -> Json {
        let Value::List(items) = &tree.value else {
            return self.mismatch(tree, place, "a list");
        };
        let json = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.value(&schema["items"], item, &place.index(index)))
            .collect();
        Json::Array(json)
    }

    fn text(&mut self, schema: &Json, tree: &Tree, place: &Place) -> Json {
        let format = schema["format"].as_str().unwrap_or_default();
        let text = match &tree.value {
            Value::Text(text) => text.clone(),
            // `1.10` is a version and `0755` a mode: what was written counts, not the number.
            Value::Integer(_) | Value::Float => {
                let source = &self.problems.sources[self.file];
                source.slice(tree.span.clone()).to_owned()
            }
            _ => {
                let wanted = formats::wanted(format).unwrap_or_else(|| "text".to_owned());
                return self.mismatch(tree, place, &wanted);
            }
        };
        if let Err(malformed) = formats::check(format, &text) {
            let mut problem = self.error("malformed", tree, malformed.problem);
            problem.help = malformed.help;
            self.problems.push(problem.label(format!("at `{}`", place.0)));
        }
        json!(text)
    }

    fn integer(&mut self, schema: &Json, tree: &Tree, place: &Place) -> Json {
        let Value::Integer(value) = tree.value else {
            return self.mismatch(tree, place, "a whole number");
        };
        let low = schema["minimum"].as_i64().unwrap_or(i64::MIN);
        let high = schema["maximum"].as_i64().unwrap_or_else(|| {
            if schema["format"] == "uint32" { u32::MAX.into() } else { i64::MAX }
        });
        if !(low..=high).contains(&value) {
            let problem = self
                .error("out-of-range", tree, format!("{value} is outside {low} to {high}"))
                .label(format!("at `{}`", place.0));
            self.problems.push(problem);
        }
        json!(value)
    }

    /// A word from a list, given as `enum` or as a list of constants.
    fn word(&mut self, options: &[Json], tree: &Tree, place: &Place) -> Json {
        let words: Vec<&str> = options
            .iter()
            .filter_map(|option| option["const"].as_str().or(option.as_str()))
            .collect();
        let wanted = one_of(&words);
        let Value::Text(text) = &tree.value else {
            return self.mismatch(tree, place, &wanted);
        };
        if !words.contains(&text.as_str()) {
            let mut problem = self
                .error("unknown-value", tree, format!("`{text}` is not known here"))
                .label(format!("expected {wanted}"));
            problem.help = did_you_mean(text, words.iter().copied());
            self.problems.push(problem);
        }
        json!(text)
    }

    /// One of several forms: a word, or a single key that says which form it is.
    fn choice(&mut self, options: &'a [Json], tree: &Tree, place: &Place) -> Json {
        if options.iter().all(|option| option["const"].is_string()) {
            return self.word(options, tree, place);
        }
        let forms: Vec<(&str, &'a Json)> = options.iter().flat_map(properties).collect();
        let names: Vec<&str> = forms.iter().map(|(name, _)| *name).collect();
        let wanted = format!("exactly one key: {}", one_of(&names));
        let Value::Map(entries) = &tree.value else {
            return self.mismatch(tree, place, &wanted);
        };
        let [(key, value)] = entries.as_slice() else {
            return self.mismatch(tree, place, &wanted);
        };
        let Some(schema) = find(&forms, &key.name) else {
            self.unknown(key, names.iter().copied(), place);
            return Json::Null;
        };
        json!({ key.name.as_str(): self.value(schema, value, &place.key(&key.name)) })
    }

    fn error(&self, code: &'static str, tree: &Tree, message: String) -> Diagnostic {
        Diagnostic::error(code, (self.file, tree.span.clone()), message)
    }

    fn mismatch(&mut self, tree: &Tree, place: &Place, wanted: &str) -> Json {
        let path =
            if place.0.is_empty() { "the file".to_owned() } else { format!("`{}`", place.0) };
        let problem = self
            .error("wrong-type", tree, format!("{path} is {}", tree.kind()))
            .label(format!("expected {wanted}"));
        self.problems.push(problem);
        Json::Null
    }

    /// A key without a value is most often a list whose items went astray.
    fn empty_value(&mut self, schema: &Json, value: &Tree, key: &Key, place: &Place) {
        let wanted = self.wanted(schema);
        let span = if value.span.is_empty() { &key.span } else { &value.span };
        let problem = Diagnostic::error(
            "empty-value",
            (self.file, span.clone()),
            format!("`{}` has no value", place.0),
        );
        self.problems.push(
            problem
                .label(format!("expected {wanted}"))
                .help("write the value, or leave the key out"),
        );
    }

    fn unknown<'n>(&mut self, key: &Key, known: impl Iterator<Item = &'n str>, place: &Place) {
        let names: Vec<&str> = known.collect();
        let within = if place.0.is_empty() { String::new() } else { format!(" in `{}`", place.0) };
        let mut problem = Diagnostic::error(
            "unknown-key",
            (self.file, key.span.clone()),
            format!("unknown key `{}`{within}", key.name),
        );
        problem.help = did_you_mean(&key.name, names.iter().copied())
            .or_else(|| Some(format!("known here: {}", names.join(", "))));
        self.problems.push(problem);
    }

    fn duplicate(&mut self, key: &Key, first: &Key, place: &Place) {
        let path = place.key(&key.name);
        self.problems.push(
            Diagnostic::error(
                "duplicate-key",
                (self.file, key.span.clone()),
                format!("`{}` is given twice", path.0),
            )
            .label("again here")
            .other((self.file, first.span.clone()), "first here"),
        );
    }

    fn missing(&mut self, name: &str, wanted: Option<String>, tree: &Tree, place: &Place) {
        let path = place.key(name);
        let at = tree.first_line();
        let wanted = wanted.map(|wanted| format!("add `{name}:` with {wanted}"));
        let mut problem =
            Diagnostic::error("missing-key", (self.file, at), format!("`{}` is missing", path.0));
        problem.help = wanted;
        self.problems.push(problem);
    }

    /// Checks the key of an open map, such as a service's name.
    fn key_name(&mut self, schema: &Json, key: &Key) {
        let format = schema["propertyNames"]["format"].as_str().unwrap_or_default();
        if let Err(malformed) = formats::check(format, &key.name) {
            let mut problem =
                Diagnostic::error("malformed", (self.file, key.span.clone()), malformed.problem);
            problem.help = malformed.help;
            self.problems.push(problem);
        }
    }

    /// What a schema wants, in words.
    fn wanted(&self, schema: &'a Json) -> String {
        let schema = self.resolve(schema);
        let format = schema["format"].as_str().unwrap_or_default();
        if let Some(wanted) = formats::wanted(format) {
            return wanted;
        }
        let options = schema["oneOf"].as_array().or(schema["enum"].as_array());
        let words: Vec<&str> = options
            .into_iter()
            .flatten()
            .filter_map(|option| option["const"].as_str().or(option.as_str()))
            .collect();
        if !words.is_empty() {
            return one_of(&words);
        }
        match type_of(schema) {
            "array" => "a list",
            "integer" => "a whole number",
            "boolean" => "`true` or `false`",
            "string" => "text",
            _ => "keys and values",
        }
        .to_owned()
    }
}

/// The keys that a schema names.
fn properties(schema: &Json) -> Vec<(&str, &Json)> {
    let named = schema["properties"].as_object();
    named.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema)).collect()
}

fn find<'a>(known: &[(&str, &'a Json)], name: &str) -> Option<&'a Json> {
    known.iter().find(|(known, _)| *known == name).map(|(_, schema)| *schema)
}

fn is_optional(schema: &Json, name: &str) -> bool {
    !schema["required"].as_array().into_iter().flatten().any(|required| required == name)
}

/// The type of a schema, without the `null` of an optional one.
fn type_of(schema: &Json) -> &str {
    match &schema["type"] {
        Json::String(name) => name,
        Json::Array(names) => {
            names.iter().filter_map(Json::as_str).find(|name| *name != "null").unwrap_or("object")
        }
        _ => "object",
    }
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, front)) => format!("{} or {last}", front.join(", ")),
        None => String::new(),
    }
}

/// The nearest of `known`, as a question, when one is near enough to be a slip of the keyboard.
pub fn did_you_mean<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let allowed = |name: &str| 1 + name.len() / 4;
    let length = text.chars().count();
    // Among thousands of names, a distance is worth computing only where the lengths allow it.
    known
        .filter(|name| name.chars().count().abs_diff(length) <= allowed(name))
        .map(|name| (strsim::damerau_levenshtein(text, name), name))
        .filter(|(distance, name)| *distance <= allowed(name))
        .min()
        .map(|(_, name)| format!("did you mean `{name}`?"))
}
