//! A problem in a file: what is wrong, where, and what was meant.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet, renderer::DecorStyle};
use serde::Serialize;

use super::Source;

/// A place: the file, as an index into the loaded sources, and the bytes in it.
pub type Place = (usize, Range<usize>);

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The environment can't be used.
    Error,
    /// It can be used, and somebody will regret it.
    Warning,
}

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
        }
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
    help: Option<&'a str>,
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
        self.items
            .sort_by(|a, b| (a.file, a.span.start, a.code).cmp(&(b.file, b.span.start, b.code)));
    }

    /// The problems as JSON values.
    pub fn json(&self) -> serde_json::Value {
        let shown: Vec<Shown<'_>> = self
            .items
            .iter()
            .map(|item| {
                let position = self.sources[item.file].position(item.span.start);
                Shown {
                    code: item.code,
                    severity: item.severity,
                    message: &item.message,
                    file: &self.sources[item.file].path,
                    line: position.line,
                    column: position.column,
                    help: item.help.as_deref(),
                }
            })
            .collect();
        serde_json::json!(shown)
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
