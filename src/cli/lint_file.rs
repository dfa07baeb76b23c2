//! `natsops lint --config FILE`: what a server configuration names is read here, and judged in `render`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anstream::println;
use jiff::Timestamp;

use super::failure::Failure;
use super::validate::count;
use super::{exit, paint};
use crate::model::{ByteSize, Severity};
use crate::render::{ConfigText, Finding, Surroundings, lint_config};

/// Runs it.
pub fn run(file: &Path, json: bool) -> Result<u8, Failure> {
    let text = fs_err::read_to_string(file)?;
    let config = ConfigText::parse(&text).map_err(|error| {
        let what = format!("{} can't be read: {error}", file.display());
        Failure::new(exit::INVALID, what).next(format!("nats-server -t -c {}", file.display()))
    })?;
    let folder = std::path::absolute(file)?.parent().map_or(PathBuf::from("/"), Path::to_owned);
    let findings = lint_config(&config, &surroundings(&config, &folder));
    show(file, &findings, json);
    match findings.first() {
        None => Ok(exit::DONE),
        Some(first) => {
            let what = format!("{} has {}", file.display(), count(findings.len(), "finding"));
            let next = format!("natsops lint --explain {}", first.id);
            Err(Failure::new(exit::REFUSED, what).next(next))
        }
    }
}

fn show(file: &Path, findings: &[Finding], json: bool) {
    if json {
        let value = serde_json::json!({ "format": 1, "file": file, "findings": findings });
        println!("{value:#}");
        return;
    }
    for finding in findings {
        let word = match finding.severity {
            Severity::Error => paint::error(format!("error[{}]", finding.id)),
            Severity::Warning => paint::change(format!("warning[{}]", finding.id)),
        };
        println!("{word} {}:{}: {}", file.display(), finding.line, finding.message);
        println!("    help: {}", finding.help);
    }
    println!("{}: {}", file.display(), count(findings.len(), "finding"));
}

fn surroundings(config: &ConfigText, folder: &Path) -> Surroundings {
    let certificates: BTreeMap<_, _> = config
        .certificate_files()
        .into_iter()
        .map(|name| {
            let text = std::fs::read_to_string(folder.join(name));
            (name.to_owned(), text.map_err(|error| error.to_string()))
        })
        .collect();
    let store = config.store_folder().map(|store| folder.join(store));
    let nearest = store.as_deref().and_then(|store| store.ancestors().find(|path| path.exists()));
    Surroundings {
        certificates,
        disk: nearest.and_then(size),
        store_problem: nearest.and_then(unwritable),
        now: Timestamp::now(),
    }
}

/// The size of the file system under a path.
fn size(path: &Path) -> Option<ByteSize> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(ByteSize::new(disk.f_blocks.saturating_mul(disk.f_frsize)))
}

/// Why nothing can be made in a folder.
fn unwritable(path: &Path) -> Option<String> {
    if !path.is_dir() {
        return Some(format!("{} is not a folder", path.display()));
    }
    let allowed = rustix::fs::access(path, rustix::fs::Access::WRITE_OK);
    allowed.err().map(|error| format!("{}: {error}", path.display()))
}
