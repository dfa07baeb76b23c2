//! `natsops keys rotate ENV --all-due`

use anstream::{eprintln, println};
use jiff::Timestamp;

use super::due::{Due, due};
use super::rotate::{Args, What, again, is_done_on_aws, run as rotate, subject};
use super::vault::Vault;
use crate::artifacts::inventory;
use crate::cli::cloud::on_aws;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::{exit, paint};
use crate::model::Cluster;

/// One after the other, each as if it had been asked for alone.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let environment = &args.environment;
    let (rotations, left) = look(context, environment)?;
    let mut failed = Vec::new();
    for (what, name) in &rotations {
        let single = args.alone(*what, name.clone());
        if args.dry_run {
            println!("{}", again(&single));
        } else {
            eprintln!("{} {}", paint::bold("due:"), subject(&single));
            // What can't be done now must not keep the others from being done.
            if let Err(failure) = rotate(context, &single) {
                if failure.code == exit::INTERRUPTED {
                    return Err(failure);
                }
                failure.show(context.json);
                failed.push(subject(&single));
            }
        }
    }
    left.iter().for_each(|left| eprintln!("{} {left}", paint::change("note:")));
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

/// A rotation: what, and of whom.
type Rotation = (What, Option<String>);

/// The rotations that are due, and what is said of the rest.
fn look(context: &Context, environment: &str) -> Result<(Vec<Rotation>, Vec<String>), Failure> {
    let remote = on_aws(context, environment)?.is_some();
    let vault = Vault::open(context, environment)?;
    let keys = inventory(&vault.cluster, &vault.store.index()?);
    let Due { rotations, left } = due(&vault.cluster, &keys, Timestamp::now());
    let (possible, others): (Vec<Rotation>, Vec<Rotation>) = rotations
        .into_iter()
        .partition(|rotation| !remote || is_possible(&vault.cluster, rotation));
    let others: Vec<String> = others.iter().map(words).collect();
    let rest = [("not replaced by any rotation", left), ("not replaced on AWS yet", others)];
    let rest = rest.into_iter().filter(|(_, names)| !names.is_empty());
    let said = rest.map(|(why, names)| format!("due, and {why}: {}", names.join(", ")));
    Ok((possible, said.collect()))
}

fn is_possible(cluster: &Cluster, (what, name): &Rotation) -> bool {
    what.target(cluster, name.as_deref()).is_ok_and(is_done_on_aws)
}

/// Such as `user wallet`.
fn words((what, name): &Rotation) -> String {
    let name = name.iter().map(|name| format!(" {name}"));
    what.word() + &name.collect::<String>()
}
