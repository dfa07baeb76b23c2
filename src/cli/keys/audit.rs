//! `natsops keys audit ENV`

use anstream::println;

use super::vault::Vault;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::shown::AuditShown;
use crate::cli::{candidates, exit, paint, tables};
use crate::secrets::{AuditError, Entry, Index, agree, history};

/// Show who changed the keys, when and why, newest last
///
/// Each entry holds the hash of the one before it, and the index holds the hash of the newest: an entry that was altered or
/// removed is found whenever the log is read. --verify also looks whether the keys are those that the log tells of.
/// Whoever may write the store could write all of it anew: keep the newest hash elsewhere, and give it to --contains later.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// Only say whether the log is whole and agrees with the keys; exits with 8 when not
    #[arg(long)]
    verify: bool,
    /// The log must hold the entry of this hash
    #[arg(long, value_name = "HASH", requires = "verify")]
    contains: Option<String>,
    /// Only so many of the newest entries
    #[arg(long, value_name = "N", conflicts_with = "verify")]
    last: Option<usize>,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let vault = Vault::open(context, &args.environment)?;
    let index = vault.store.index()?;
    let mut entries = history(&*vault.store, &index)?;
    if args.verify {
        verify(&entries, &index, args)?;
    }
    entries.truncate(args.last.unwrap_or(usize::MAX));
    entries.reverse();
    if context.json {
        let shown = AuditShown::new(&args.environment, args.verify, &entries);
        println!("{:#}", serde_json::json!(shown));
    } else if args.verify {
        println!("{}", verdict(&entries, &args.environment));
    } else {
        println!("{}", text(&entries, &args.environment));
    }
    Ok(exit::DONE)
}

fn verify(entries: &[(String, Entry)], index: &Index, args: &Args) -> Result<(), AuditError> {
    agree(entries, index)?;
    match &args.contains {
        Some(kept) if !entries.iter().any(|(hash, _)| hash == kept) => {
            Err(AuditError::Unknown(kept.clone()))
        }
        _ => Ok(()),
    }
}

fn verdict(entries: &[(String, Entry)], environment: &str) -> String {
    let (Some((_, first)), Some((hash, last))) = (entries.first(), entries.last()) else {
        return format!("{environment}: there is no log yet");
    };
    let whole = paint::good("whole");
    format!(
        "{environment}: the log is {whole}, from generation {} to {}, and the keys agree with it\nnewest: {hash}",
        first.generation, last.generation
    )
}

fn text(entries: &[(String, Entry)], environment: &str) -> String {
    if entries.is_empty() {
        return format!("{environment}: there is no log yet");
    }
    let mut table = tables::table(&["GENERATION", "TIME", "WHO", "WHAT", "CHANGED", "WHY"]);
    for (_, entry) in entries {
        table.add_row(vec![
            entry.generation.to_string(),
            entry.time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            entry.who.clone(),
            entry.what.clone(),
            changed(entry),
            entry.why.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    tables::trimmed(&table)
}

/// What an entry changed: few keys by name, many by number.
fn changed(entry: &Entry) -> String {
    let few = |names: Vec<&str>, word: &str| match names.len() {
        0 => None,
        1 => Some(format!("{word} {}", names[0])),
        many => Some(format!("{word} {many} keys")),
    };
    let signed = match entry.signed.len() {
        0 => None,
        1 => Some(format!("signed {}", entry.signed[0])),
        many => Some(format!("signed {many} papers")),
    };
    let parts = [
        few(entry.keys.keys().map(String::as_str).collect(), "made"),
        signed,
        few(entry.revoked.iter().map(String::as_str).collect(), "revoked"),
        few(entry.forgotten.iter().map(String::as_str).collect(), "forgot"),
        few(entry.offline.iter().map(String::as_str).collect(), "took offline"),
        few(entry.told.iter().map(String::as_str).collect(), "began the overlap of"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "nothing in the store".to_owned() } else { parts.join(", ") }
}
