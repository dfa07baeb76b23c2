//! `natsops keys rotate ENV --all-due`

use anstream::{eprintln, println};
use jiff::Timestamp;

use super::due::{Due, Rotation, due};
use super::kms;
use super::rotate::{Args, What, again, print, rotation, run as rotate, subject};
use super::vault::Vault;
use crate::artifacts::inventory;
use crate::cli::cloud::{Cloud, on_aws};
use crate::cli::context::{Context, block_on};
use crate::cli::failure::Failure;
use crate::cli::shown::RotationOutcome;
use crate::cli::{exit, paint};

/// One after the other, each as if it had been asked for alone.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let environment = &args.environment;
    let (rotations, notes) = look(context, environment)?;
    let singles: Vec<Args> =
        rotations.iter().map(|(what, name)| args.alone(*what, name.clone())).collect();
    let failed = match args.dry_run {
        true => {
            list(context, args, singles.iter().map(again).collect());
            Vec::new()
        }
        false => all(context, &singles)?,
    };
    notes.iter().for_each(|note| eprintln!("{} {note}", paint::change("note:")));
    if rotations.is_empty() {
        eprintln!("{environment}: nothing is due that a rotation replaces, and none is under way");
    }
    if failed.is_empty() {
        return Ok(exit::DONE);
    }
    let (count, all) = (failed.len(), rotations.len());
    let what = format!("{count} of {all} rotations failed: {}", failed.join(", "));
    Err(Failure::new(exit::FAILED, what)
        .safe("each says what is safe; the others were done")
        .next(format!("natsops keys rotate {environment} --all-due")))
}

/// The commands that would be run.
fn list(context: &Context, args: &Args, commands: Vec<String>) {
    if context.json {
        print(args, RotationOutcome::Due { commands });
    } else {
        commands.iter().for_each(|command| println!("{command}"));
    }
}

/// Runs them one after the other; gives those that failed.
fn all(context: &Context, singles: &[Args]) -> Result<Vec<String>, Failure> {
    let mut failed = Vec::new();
    for single in singles {
        eprintln!("{} {}", paint::bold("due:"), subject(single));
        // What can't be done now must not keep the others from being done.
        if let Err(failure) = rotate(context, single) {
            if failure.code == exit::INTERRUPTED {
                return Err(failure);
            }
            failure.show(context.json);
            failed.push(subject(single));
        }
    }
    Ok(failed)
}

/// The rotations that are due, and what is said of the rest.
fn look(context: &Context, environment: &str) -> Result<(Vec<Rotation>, Vec<String>), Failure> {
    let vault = Vault::open(context, environment)?;
    let keys = inventory(&vault.cluster, &vault.store.index()?);
    let now = Timestamp::now();
    let Due { mut rotations, later, left } = due(&vault.cluster, &keys, now);
    if let Some(cluster) = on_aws(context, environment)? {
        let cloud = Cloud::open(cluster)?;
        let kms = block_on(async |_| kms::look(&cloud).await)?;
        if kms.is_some_and(|key| key.due.is_some_and(|due| due <= now)) {
            rotations.insert((What::Kms, None));
        }
    }
    let said = |(what, name): &Rotation| rotation(Some(*what), name.as_deref());
    let mut notes: Vec<String> = later
        .iter()
        .map(|(second, first)| {
            format!("{} is due as well, once {} is done", said(second), said(first))
        })
        .collect();
    if !left.is_empty() {
        notes.push(format!("due, and not replaced by any rotation: {}", left.join(", ")));
    }
    Ok((rotations.into_iter().collect(), notes))
}
