//! `natsops lint ENV`

use std::path::PathBuf;

use anstream::{print, println};

use super::context::Context;
use super::failure::Failure;
use super::validate::count;
use super::{candidates, exit, lint_file, paint};
use crate::environment::{Diagnostics, LINTS, nearest};
use crate::model::Lint;
use crate::render::CONFIG_LINTS;

/// List what an expert would object to
///
/// First the open findings, then those that the files accept, with their reasons. Exits with 5 when one is
/// open: mend it, or accept it in its file under `accept:` with a reason.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments(), required_unless_present_any = ["explain", "config"])]
    environment: Option<String>,
    /// Say what a lint is about, why, and what to do
    #[arg(long, value_name = "ID", add = candidates::lints(), conflicts_with_all = ["environment", "config"])]
    explain: Option<String>,
    /// Look at a server configuration instead, ours or not: at what `nats-server -t` lets through
    ///
    /// Relative file names in it are those of a server that runs in the file's folder.
    #[arg(long, value_name = "FILE", conflicts_with = "environment")]
    config: Option<PathBuf>,
}

/// Runs what needs no project, if that is asked for.
pub fn run_anywhere(args: &Args, json: bool) -> Option<Result<u8, Failure>> {
    if let Some(id) = &args.explain {
        return Some(explain(id, json));
    }
    args.config.as_ref().map(|file| lint_file::run(file, json))
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let environment = args.environment.as_deref().unwrap_or_default();
    let (cluster, diagnostics) = context.read(environment)?;
    if context.json {
        let value = serde_json::json!({
            "format": 1, "environment": environment, "valid": cluster.is_some(),
            "open": diagnostics.json(), "accepted": diagnostics.accepted_json(),
        });
        println!("{value:#}");
    } else {
        show(environment, &diagnostics);
    }
    if cluster.is_none() {
        let what =
            format!("environment `{environment}` has {}", count(diagnostics.errors(), "error"));
        let next = format!("mend what is marked, then run natsops lint {environment}");
        return Err(Failure::new(exit::INVALID, what).next(next));
    }
    match diagnostics.items.first() {
        None => Ok(exit::DONE),
        Some(first) => {
            let open = count(diagnostics.items.len(), "open finding");
            Err(Failure::new(exit::REFUSED, format!("environment `{environment}` has {open}"))
                .next(next(first.code)))
        }
    }
}

/// An acceptance without a finding is no lint that could be explained or accepted.
fn next(code: &str) -> String {
    if LINTS.iter().any(|lint| lint.id == code) {
        format!(
            "natsops lint --explain {code}; mend it, or accept it with a reason under `accept:`"
        )
    } else {
        "mend what is marked".to_owned()
    }
}

fn show(environment: &str, diagnostics: &Diagnostics) {
    print!("{}", diagnostics.text());
    for (item, reason) in &diagnostics.accepted {
        let place = paint::faint(format!("at {}", diagnostics.place(item)));
        println!("{} {} {place}", paint::good("accepted"), paint::bold(item.code));
        println!("    {}", item.message);
        for line in item.help.iter().flat_map(|help| help.lines()) {
            println!("    {}", paint::faint(line));
        }
        println!("    because: {reason}");
    }
    let (open, accepted) = (diagnostics.items.len(), diagnostics.accepted.len());
    println!("{environment}: {}, {accepted} accepted", count(open, "open finding"));
}

fn explain(id: &str, json: bool) -> Result<u8, Failure> {
    let all = || LINTS.iter().chain(&CONFIG_LINTS);
    let Some(lint) = all().find(|lint| lint.id == id) else {
        let near = nearest(id, all().map(|lint| lint.id)).unwrap_or_else(|| {
            let ids: Vec<&str> = all().map(|lint| lint.id).collect();
            format!("there are {}", ids.join(", "))
        });
        return Err(Failure::new(exit::USAGE, format!("there is no lint `{id}`; {near}")));
    };
    if json {
        println!("{:#}", serde_json::json!({ "format": 1, "lint": lint }));
    } else {
        print_lint(lint);
    }
    Ok(exit::DONE)
}

fn print_lint(lint: &Lint) {
    println!("{}: {}\n", paint::bold(lint.id), lint.about);
    println!("Why:\n{}\n", wrapped(lint.why));
    println!("What to do:\n{}", wrapped(lint.remedy));
    if LINTS.contains(lint) {
        println!("\nTo accept it, write into the file that has it:\n{}", acceptance(lint.id));
    }
}

fn acceptance(id: &str) -> String {
    format!("  accept:\n    - lint: {id}\n      reason: \"Why it is meant, in a sentence.\"")
}

/// Text in lines that a terminal of 80 columns shows whole.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut() {
            if line.len() + word.len() < 77 {
                line.push_str(if line.is_empty() { "  " } else { " " });
                line.push_str(word);
            } else {
                lines.push(format!("  {word}"));
            }
        }
    }
    lines.join("\n")
}
