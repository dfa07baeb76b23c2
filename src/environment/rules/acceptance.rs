//! Findings that a file accepts, each with its reason: they leave the open ones.
//!
//! An acceptance counts in its own file, so that the reason stands beside what it excuses.

use super::Document;
use crate::environment::lint_table::LINTS;
use crate::environment::shape::did_you_mean;
use crate::environment::spec::{AcceptSpec, CatalogSpec, EnvironmentSpec};
use crate::environment::{Diagnostic, Diagnostics};
use crate::model::Severity;

/// Moves what is accepted from the open findings to the accepted ones, and reports acceptances that are none.
pub fn settle(
    environment: &Document<EnvironmentSpec>,
    catalog: &[Document<CatalogSpec>],
    problems: &mut Diagnostics,
) {
    // Lints are not looked for while there are errors, so nothing can be said about acceptances without one.
    let searched = !problems.has_errors();
    settle_file(environment, &environment.spec.accept, searched, problems);
    for document in catalog {
        settle_file(document, &document.spec.accept, searched, problems);
    }
}

fn settle_file<T>(
    document: &Document<T>,
    accepted: &[AcceptSpec],
    searched: bool,
    problems: &mut Diagnostics,
) {
    for (index, accept) in accepted.iter().enumerate() {
        let path = format!("accept[{index}]");
        if !well_formed(document, accept, &path, problems) {
            continue;
        }
        let before = problems.accepted.len();
        let items = std::mem::take(&mut problems.items);
        for item in items {
            if meant(accept, document.file, &item, problems) {
                problems.accepted.push((item, accept.reason.trim().to_owned()));
            } else {
                problems.items.push(item);
            }
        }
        if searched && problems.accepted.len() == before {
            problems.push(unused(document, accept, &path));
        }
    }
}

/// Whether the acceptance names a lint and a reason.
fn well_formed<T>(
    document: &Document<T>,
    accept: &AcceptSpec,
    path: &str,
    problems: &mut Diagnostics,
) -> bool {
    let ids = || LINTS.iter().map(|lint| lint.id);
    let known = ids().any(|id| id == accept.lint);
    if !known {
        let at = document.at(&format!("{path}.lint"));
        let message = format!("there is no lint `{}`", accept.lint);
        let help = did_you_mean(&accept.lint, ids()).unwrap_or_else(|| {
            "only lints can be accepted; `natsops lint ENV` shows those that were found".to_owned()
        });
        problems.push(Diagnostic::error("unknown-lint", at, message).help(help));
    }
    let sentence = is_sentence(&accept.reason);
    if !sentence {
        let at = document.at(&format!("{path}.reason"));
        let message = format!("`{}` is not a reason", accept.reason.trim());
        problems.push(
            Diagnostic::error("accept-without-reason", at, message)
                .help("say in a sentence, with its period, why the finding is meant"),
        );
    }
    known && sentence
}

/// Whether a reason is more than a word to get past this rule.
fn is_sentence(reason: &str) -> bool {
    let reason = reason.trim();
    reason.split_whitespace().count() >= 3 && reason.ends_with(['.', '!', '?'])
}

/// Whether an acceptance is about this finding.
fn meant(accept: &AcceptSpec, file: usize, item: &Diagnostic, problems: &Diagnostics) -> bool {
    let same = item.severity == Severity::Warning && item.code == accept.lint && item.file == file;
    let Some(at) = accept.at.as_deref().filter(|_| same) else {
        return same;
    };
    let path = item.path.as_deref().unwrap_or_default();
    let within =
        path.strip_prefix(at).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    let named = path.split('.').any(|step| step == at);
    within || named || problems.sources[file].slice(item.span.clone()) == at
}

fn unused<T>(document: &Document<T>, accept: &AcceptSpec, path: &str) -> Diagnostic {
    let about = accept.at.as_ref().map_or(String::new(), |at| format!(" at `{at}`"));
    let message = format!("`{}` is accepted{about}, and nothing here has it", accept.lint);
    let mut unused =
        Diagnostic::error("accept-unused", document.at(&format!("{path}.lint")), message);
    unused.severity = Severity::Warning;
    unused.help("take it out, so that it does not hide the next finding")
}
