//! A problem in a file: what is wrong, where, and what was meant.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet, renderer::DecorStyle};
use serde::Serialize;

use super::Source;
use crate::model::Severity;

/// A place: the file, as an index into the loaded sources, and the bytes in it.
pub type Place = (usize, Range<usize>);

/// One problem at one place.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// A stable name for scripts, such as `unknown-key`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence without a period.
    pub message: String,
    /// The file, as an index into the loaded sources.
    pub file: usize,
    /// The bytes that are wrong.
    pub span: Range<usize>,
    /// What is said beside the marked text.
    pub label: Option<String>,
    /// What would be right.
    pub help: Option<String>,
    /// A second place that belongs to it, with what is said beside it.
    pub other: Option<(usize, Range<usize>, String)>,
    /// The dotted path of what it is about, where it is a lint.
    pub path: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: &'static str, at: Place, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            file: at.0,
            span: at.1,
            label: None,
            help: None,
            other: None,
            path: None,
        }
    }

    /// A lint at a place; `path` is what it is about.
    pub fn lint(code: &'static str, at: Place, path: &str, message: impl Into<String>) -> Self {
        let mut lint = Self::error(code, at, message);
        lint.severity = Severity::Warning;
        lint.path = Some(path.to_owned());
        lint
    }

    /// Adds what is said beside the marked text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn other(mut self, at: Place, label: impl Into<String>) -> Self {
        self.other = Some((at.0, at.1, label.into()));
        self
    }
}

/// All problems of a run, with the sources that they point into.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    /// The files that were read.
    pub sources: Vec<Source>,
    /// The problems, in the order of their places.
    pub items: Vec<Diagnostic>,
    /// The lints that the files accept, each with its reason.
    pub accepted: Vec<(Diagnostic, String)>,
}

/// The form that `--json` shows.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    code: &'a str,
    severity: Severity,
    message: &'a str,
    file: &'a str,
    line: usize,
    column: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Diagnostics {
    /// Adds a problem.
    pub fn push(&mut self, item: Diagnostic) {
        self.items.push(item);
    }

    /// Whether something makes the environment unusable.
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// The number of problems that make the environment unusable.
    pub fn errors(&self) -> usize {
        self.items.iter().filter(|item| item.severity == Severity::Error).count()
    }

    /// Puts the problems into the order of files and lines.
    pub fn sort(&mut self) {
        let order = |a: &Diagnostic, b: &Diagnostic| {
            (a.file, a.span.start, a.code).cmp(&(b.file, b.span.start, b.code))
        };
        self.items.sort_by(order);
        self.accepted.sort_by(|(a, _), (b, _)| order(a, b));
    }

    /// The path of a problem's file, with its line and column.
    pub fn place(&self, item: &Diagnostic) -> String {
        let source = &self.sources[item.file];
        let position = source.position(item.span.start);
        format!("{}:{}:{}", source.path, position.line, position.column)
    }

    /// The problems as JSON values.
    pub fn json(&self) -> serde_json::Value {
        let shown: Vec<Shown<'_>> = self.items.iter().map(|item| self.shown(item, None)).collect();
        serde_json::json!(shown)
    }

    /// The accepted lints as JSON values.
    pub fn accepted_json(&self) -> serde_json::Value {
        let accepted = self.accepted.iter();
        let shown: Vec<Shown<'_>> =
            accepted.map(|(item, reason)| self.shown(item, Some(reason))).collect();
        serde_json::json!(shown)
    }

    fn shown<'a>(&'a self, item: &'a Diagnostic, reason: Option<&'a str>) -> Shown<'a> {
        let position = self.sources[item.file].position(item.span.start);
        Shown {
            code: item.code,
            severity: item.severity,
            message: &item.message,
            file: &self.sources[item.file].path,
            line: position.line,
            column: position.column,
            path: item.path.as_deref(),
            help: item.help.as_deref(),
            reason,
        }
    }

    /// The problems for a person, each with its source line; colours are stripped by the stream that prints them.
    pub fn text(&self) -> String {
        let renderer = Renderer::styled().decor_style(DecorStyle::Ascii);
        self.items.iter().map(|item| self.render(item, &renderer) + "\n\n").collect()
    }

    fn render(&self, item: &Diagnostic, renderer: &Renderer) -> String {
        let snippet =
            |file: usize, span: &Range<usize>, kind: AnnotationKind, label: Option<&str>| {
                let source = &self.sources[file];
                Snippet::source(source.text.clone()).path(source.path.clone()).annotation(
                    kind.span(source.clamp(span.clone())).label(label.map(str::to_owned)),
                )
            };
        let level = match item.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = level.primary_title(item.message.clone()).id(item.code).element(snippet(
            item.file,
            &item.span,
            AnnotationKind::Primary,
            item.label.as_deref(),
        ));
        if let Some((file, span, label)) = &item.other {
            group = group.element(snippet(*file, span, AnnotationKind::Context, Some(label)));
        }
        if let Some(help) = &item.help {
            group = group.element(Level::HELP.message(help.clone()));
        }
        renderer.render(&[group])
    }
}
