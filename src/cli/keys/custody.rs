//! `natsops keys offline ENV` and `natsops keys online ENV`: the operator's identity key, out of the store and back.

use std::path::{Path, PathBuf};

use anstream::println;

use super::vault::Vault;
use crate::cli::ask::confirm;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::reason::ReasonArgs;
use crate::cli::{candidates, exit, paint};
use crate::secrets::{
    Change, KeyName, NewKey, identity_path, open_file, public_key, read_identity, seal_file,
};

/// Take the operator's identity key out of the store, into a sealed file
///
/// Nothing of every day needs it: accounts are signed by operator/signing-1, and only the operator's own claims are signed
/// by the identity. Keep the file where no machine reaches it. Rotating an operator key needs it back: see `keys online`.
#[derive(Debug, clap::Args)]
pub struct OfflineArgs {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// The file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// An age recipient who may open the file, besides you (can be repeated)
    #[arg(long, value_name = "RECIPIENT", value_parser = super::recipient)]
    recipient: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    reason: ReasonArgs,
}

/// Bring the operator's identity key back into the store
///
/// The key must be the one that the environment knows; the file stays as it is.
#[derive(Debug, clap::Args)]
pub struct OnlineArgs {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// The file that `keys offline` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    reason: ReasonArgs,
}

/// Runs `keys offline`.
///
/// The file is written and read back before the store forgets anything. Whoever dies in between has the key twice.
pub fn offline(context: &Context, args: &OfflineArgs) -> Result<u8, Failure> {
    let (environment, name) = (&args.environment, KeyName::operator());
    let vault = Vault::change(context, environment, args.reason.author("keys offline"))?;
    let index = vault.store.index()?;
    let secret = vault.store.open(&name)?;
    let question = format!("Take {name} out of the keys of {environment}?");
    confirm(&question, environment, args.yes)?;
    let identity = read_identity(&identity_path()?)?;
    seal_file(&args.out, secret.expose().as_bytes(), &identity, &args.recipient)?;
    if open_file(&args.out, &identity)?.expose() != secret.expose().as_bytes() {
        let what = format!("{} can't be read back", args.out.display());
        return Err(Failure::new(exit::FAILED, what).safe("the key is still in the store"));
    }
    let change = Change { offline: vec![name.clone()], ..Change::default() };
    vault.store.commit(index.generation, change)?;
    let file = args.out.display();
    if context.json {
        let value = serde_json::json!({"format": 1, "environment": environment, "key": name, "file": args.out});
        println!("{value:#}");
        return Ok(exit::DONE);
    }
    println!("{} {name} is in {file} alone", paint::good("offline"));
    println!(
        "next: move {file} to where no machine reaches it, and try there that it opens: age -d -i IDENTITY {file}"
    );
    println!("back: natsops keys online {environment} FILE");
    Ok(exit::DONE)
}

/// Runs `keys online`.
pub fn online(context: &Context, args: &OnlineArgs) -> Result<u8, Failure> {
    let (environment, name) = (&args.environment, KeyName::operator());
    let vault = Vault::change(context, environment, args.reason.author("keys online"))?;
    let index = vault.store.index()?;
    let entry = index.keys.get(&name).cloned().ok_or_else(|| {
        let what = format!("no key has been made yet; natsops apply {environment} makes them");
        Failure::new(exit::REFUSED, what).safe("nothing was changed")
    })?;
    if !entry.offline {
        println!("{name} is in the store already");
        return Ok(exit::DONE);
    }
    let secret = text(&args.file)?;
    if public_key(secret.expose()).as_deref() != Some(entry.public.as_str()) {
        let what = format!("{} does not hold the key {}", args.file.display(), entry.public);
        return Err(Failure::new(exit::REFUSED, what).safe("nothing was changed"));
    }
    let entry = crate::secrets::KeyEntry { offline: false, ..entry };
    let keys = vec![(name.clone(), NewKey { entry, secret })];
    vault.store.commit(index.generation, Change { keys, ..Change::default() })?;
    if context.json {
        println!("{:#}", serde_json::json!({"format": 1, "environment": environment, "key": name}));
    } else {
        println!("{} {name} is in the store again", paint::good("online"));
    }
    Ok(exit::DONE)
}

/// What a sealed file holds, which must be text.
fn text(file: &Path) -> Result<crate::secrets::Secret<String>, Failure> {
    let content = open_file(file, &read_identity(&identity_path()?)?)?;
    let text = std::str::from_utf8(content.expose()).map(|text| text.trim().to_owned());
    text.map(crate::secrets::Secret::new).map_err(|_| {
        let what = format!("{} does not hold a key", file.display());
        Failure::new(exit::REFUSED, what).safe("nothing was changed")
    })
}
