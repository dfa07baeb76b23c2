//! `natsops keys export ENV` and `natsops keys import ENV`

use std::path::{Path, PathBuf};

use anstream::{eprintln, println};

use super::vault::Vault;
use crate::artifacts::{NscStore, from_nsc, nsc_files};
use crate::cli::ask::confirm;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::private_files::write_private_files;
use crate::cli::reason::ReasonArgs;
use crate::cli::{candidates, exit, paint};
use crate::secrets::{
    Change, Secret, StoreError, contents, identity_path, open_file, pack, public_key,
    read_identity, seal_file, unpack,
};

/// Write every key of an environment: as a sealed backup, or as folders that nsc reads
///
/// The log of the keys says that it was done. A key that is offline is in neither.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    #[command(flatten)]
    form: Form,
    /// An age recipient who may open the backup, besides you (can be repeated)
    #[arg(long, value_name = "RECIPIENT", value_parser = super::recipient, conflicts_with = "nsc")]
    recipient: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    reason: ReasonArgs,
}

/// Bring keys into an environment that has none
///
/// A backup brings back everything, so that the next apply changes nothing that it did not have to. The folders of nsc bring
/// operator, accounts, signing keys and users whose names the catalog knows; the next apply makes the rest.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    reason: ReasonArgs,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Form {
    /// A file, sealed with age
    #[arg(long, value_name = "FILE")]
    backup: Option<PathBuf>,
    /// The folders of nsc, for nsc --all-dirs DIR; seeds lie there in clear
    #[arg(long, value_name = "DIR")]
    nsc: Option<PathBuf>,
}

/// Runs `keys export`.
pub fn export(context: &Context, args: &ExportArgs) -> Result<u8, Failure> {
    let environment = &args.environment;
    let vault = Vault::change(context, environment, args.reason.author("keys export"))?;
    let index = vault.store.index()?;
    if index.is_empty() {
        let what = format!("no key has been made yet; natsops apply {environment} makes them");
        return Err(Failure::new(exit::REFUSED, what).safe("nothing was changed"));
    }
    let (target, question) = match (&args.form.backup, &args.form.nsc) {
        (Some(file), _) => (file, format!("Write every key of {environment} into a sealed file?")),
        (None, folder) => {
            let folder = folder.as_ref().expect("one of the two is required");
            (folder, format!("Write every seed of {environment} in clear?"))
        }
    };
    if target.exists() {
        let what = format!("{} exists already", target.display());
        return Err(Failure::new(exit::REFUSED, what).safe("nothing was written"));
    }
    confirm(&question, environment, args.yes)?;
    // The log tells of it before anything is written: nobody takes the keys along unseen.
    vault.store.commit(index.generation, Change::default())?;
    let index = vault.store.index()?;
    let count = match args.form.backup {
        Some(_) => back_up(&vault, environment, target, &args.recipient)?,
        None => {
            let files = nsc_files(&vault.cluster, &index, &*vault.store)?;
            write_private_files(target, &files)?;
            files.len()
        }
    };
    if context.json {
        let value = serde_json::json!({"format": 1, "environment": environment, "written": target, "count": count});
        println!("{value:#}");
        return Ok(exit::DONE);
    }
    match args.form.backup {
        Some(_) => {
            println!("{} {count} keys in {}", paint::good("sealed"), target.display());
            println!("try it: age -d -i IDENTITY {} | tar t", target.display());
            println!(
                "back: natsops keys import {environment} --backup FILE, where there are no keys"
            );
        }
        None => println!(
            "{} {count} files in {}; seeds are in clear",
            paint::good("written"),
            target.display()
        ),
    }
    Ok(exit::DONE)
}

fn back_up(
    vault: &Vault,
    environment: &str,
    target: &Path,
    recipients: &[String],
) -> Result<usize, Failure> {
    let held = contents(&*vault.store)?;
    let archive = pack(environment, &held)?;
    let mut all = vault.cluster.recipients.clone();
    all.extend_from_slice(recipients);
    let identity = read_identity(&identity_path()?)?;
    seal_file(target, archive.expose(), &identity, &all)?;
    // A backup that was never read is none.
    let (_, read) = unpack(open_file(target, &identity)?.expose())?;
    if read.index != held.index || read.secrets.len() != held.secrets.len() {
        let what = format!("{} can't be read back", target.display());
        return Err(Failure::new(exit::FAILED, what).safe("the keys are untouched"));
    }
    Ok(held.secrets.len())
}

/// Runs `keys import`.
pub fn import(context: &Context, args: &ImportArgs) -> Result<u8, Failure> {
    let environment = &args.environment;
    let vault = Vault::change(context, environment, args.reason.author("keys import"))?;
    let generation = vault.store.index()?.generation;
    if generation > 0 {
        return Err(Failure::from(StoreError::Filled(generation))
            .next(format!("natsops keys list {environment}")));
    }
    let (count, left_out) = match (&args.form.backup, &args.form.nsc) {
        (Some(file), _) => (restore(&vault, environment, file)?, Vec::new()),
        (None, folder) => {
            let folder = folder.as_ref().expect("one of the two is required");
            let (change, left_out) = from_nsc(&vault.cluster, read_nsc(folder)?)?;
            let count = change.keys.len();
            vault.store.commit(0, change)?;
            (count, left_out)
        }
    };
    if context.json {
        let value = serde_json::json!({"format": 1, "environment": environment, "keys": count, "left_out": left_out});
        println!("{value:#}");
        return Ok(exit::DONE);
    }
    println!("{} {count} keys into {environment}", paint::good("brought"));
    if !left_out.is_empty() {
        eprintln!(
            "{} the catalog has no name for these keys: {}",
            paint::change("note:"),
            left_out.join(", ")
        );
    }
    println!("next: natsops plan {environment}");
    Ok(exit::DONE)
}

fn restore(vault: &Vault, environment: &str, file: &Path) -> Result<usize, Failure> {
    let archive = open_file(file, &read_identity(&identity_path()?)?)?;
    let (whose, contents) = unpack(archive.expose())?;
    if whose != environment {
        let what = format!("{} holds the keys of {whose}", file.display());
        return Err(Failure::new(exit::REFUSED, what)
            .safe("nothing was changed")
            .next(format!("natsops keys import {whose} --backup {}", file.display())));
    }
    vault.store.restore(&contents)?;
    vault.store.commit(contents.index.generation, Change::default())?;
    Ok(contents.secrets.len())
}

/// Every token and every seed below a folder.
fn read_nsc(folder: &Path) -> Result<NscStore, Failure> {
    let mut found = NscStore::default();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            // A link could lead in circles, and nsc makes none.
            if entry.file_type()?.is_dir() {
                folders.push(path);
                continue;
            }
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("jwt") => found.tokens.push(fs_err::read_to_string(&path)?.trim().to_owned()),
                Some("nk") => {
                    let seed = Secret::new(fs_err::read_to_string(&path)?);
                    let seed = Secret::new(seed.expose().trim().to_owned());
                    let public = public_key(seed.expose()).ok_or_else(|| {
                        let what = format!("{} holds no seed", path.display());
                        Failure::new(exit::INVALID, what).safe("nothing was changed")
                    })?;
                    found.seeds.insert(public, seed);
                }
                _ => {}
            }
        }
    }
    Ok(found)
}
