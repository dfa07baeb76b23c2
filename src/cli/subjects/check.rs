//! `natsops subjects check SUBJECT`

use anstream::{eprintln, println};
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::{exit, paint, tables};
use crate::model::{Category, Malformed, Parts, Subject, SubjectPattern, matching};

/// Name the parts of a subject, or say what is wrong with it and what is nearest to it
///
/// Needs no environment. Patterns with `*` and `>`, as streams use them, are checked too.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The subject or pattern
    #[arg(value_name = "SUBJECT", allow_hyphen_values = true)]
    subject: String,
}

/// Runs it.
pub fn run(json: bool, args: &Args) -> Result<u8, Failure> {
    let text = args.subject.as_str();
    match text.parse::<Subject>() {
        Ok(subject) => show(json, text, "subject", rows(&subject.parts())),
        Err(_) if matching::has_wildcard(text) => match text.parse::<SubjectPattern>() {
            Ok(pattern) => {
                eprintln!(
                    "{} streams and filters take patterns; a service or leafnode names its subjects",
                    paint::faint("note:")
                );
                show(json, text, "pattern", pattern_rows(&pattern))
            }
            Err(error) => refuse(json, text, &error, SubjectPattern::nearest(text)),
        },
        Err(error) => refuse(json, text, &error, Subject::nearest(text)),
    }
}

/// A part with its value and a word on it.
type Row = (&'static str, Value, &'static str);

fn rows(parts: &Parts<'_>) -> Vec<Row> {
    let Parts { category, domain, service, operation, version, entity } = *parts;
    let (what, meaning) = match category {
        Category::Service => ("operation", "request and reply"),
        Category::Event => ("event", "publish and subscribe"),
        Category::Audit => ("event", "audit trail"),
    };
    let any = if entity == Some("*") { "any" } else { "" };
    vec![
        ("category", json!(category.token()), meaning),
        ("domain", json!(domain), ""),
        ("service", json!(service), ""),
        (what, json!(operation), ""),
        ("version", json!(format!("v{version}")), ""),
        ("entity", json!(entity), any),
    ]
}

fn pattern_rows(pattern: &SubjectPattern) -> Vec<Row> {
    let (front, rest) = match pattern.as_str().strip_suffix(".>") {
        Some(front) => (front, true),
        None => (pattern.as_str(), false),
    };
    let mut rows: Vec<Row> = front
        .split('.')
        .map(|token| ("part", json!(token), if token == "*" { "any one part" } else { "" }))
        .collect();
    rows[0].0 = "category";
    if rest {
        rows.push(("rest", json!(">"), "one part or more"));
    }
    rows
}

fn show(json: bool, text: &str, kind: &str, rows: Vec<Row>) -> Result<u8, Failure> {
    if json {
        let parts: Vec<Value> =
            rows.iter().map(|(part, value, _)| json!({ "part": part, "value": value })).collect();
        let value =
            json!({ "format": 1, "text": text, "legal": true, "kind": kind, "parts": parts });
        println!("{value:#}");
        return Ok(exit::DONE);
    }
    let mut table = tables::table(&["PART", "VALUE", "MEANING"]);
    for (part, value, meaning) in rows {
        table.add_row(vec![part, value.as_str().unwrap_or("-"), meaning]);
    }
    println!("{}", tables::trimmed(&table));
    Ok(exit::DONE)
}

fn refuse(
    json: bool,
    text: &str,
    error: &Malformed,
    nearest: Option<String>,
) -> Result<u8, Failure> {
    if json {
        let value = json!({
            "format": 1, "text": text, "legal": false, "reason": error.problem, "nearest": nearest,
        });
        println!("{value:#}");
    }
    let what = match (nearest, &error.help) {
        (Some(nearest), _) => format!("{error}; the nearest legal form is `{nearest}`"),
        (None, Some(help)) => format!("{error}; {help}"),
        (None, None) => error.to_string(),
    };
    Err(Failure::new(exit::INVALID, what))
}
