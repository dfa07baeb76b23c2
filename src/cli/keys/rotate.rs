//! `natsops keys rotate ENV WHAT [NAME]`

use anstream::println;

use super::rotate_kms;
use crate::cli::ask::confirm;
use crate::cli::context::{Context, Programs, block_on};
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::reason::ReasonArgs;
use crate::cli::{candidates, exit, lookup};
use crate::model::{Cluster, Period};
use crate::ops::Allowed;
use crate::ops::keys::{Rotated, Step, Target, Wish, left, rotate};
use crate::secrets::SecretStore as _;

/// Replace a key, step by step; an interrupted rotation is continued by the next run
///
/// A service gets a new user key, which every node must let in. The old one stays valid until the overlap is over: give
/// the service its new creds meanwhile, then run the same command again. It revokes the old key, has every server close
/// its connections, and proves that each refuses it. No other credential of the service changes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    pub(super) environment: String,
    /// What to replace
    #[arg(value_name = "WHAT", value_enum)]
    what: What,
    /// Of whom: a service
    #[arg(value_name = "NAME", add = candidates::services())]
    name: Option<String>,
    /// How long the old key is let in after the new one was made
    #[arg(long, value_name = "PERIOD", default_value = "24h")]
    overlap: Period,
    /// The old key has leaked: revoke it at once, whoever is cut off by that, and prove it before anything else
    #[arg(long, conflicts_with = "overlap")]
    pub(super) now: bool,
    /// Show the steps that are left, and do none
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(super) yes: bool,
    #[command(flatten)]
    reason: ReasonArgs,
}

/// The overlap, unless another one is asked for.
const USUAL: Period = Period::days(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// The key with which a service signs in
    User,
    /// The material of the KMS key (environments on AWS)
    Kms,
}

impl What {
    fn word(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What is meant by it and a name.
    fn target<'c>(self, cluster: &'c Cluster, name: Option<&str>) -> Result<Target<'c>, Failure> {
        match self {
            Self::User => Ok(Target::User(lookup::service(cluster, named("a service", name)?)?)),
            Self::Kms => unreachable!("it has no steps of its own here"),
        }
    }
}

/// The name, where one is needed.
fn named<'n>(whose: &str, name: Option<&'n str>) -> Result<&'n str, Failure> {
    name.ok_or_else(|| Failure::new(exit::USAGE, format!("the name of {whose} is missing")))
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    if args.what == What::Kms {
        return rotate_kms::run(context, args);
    }
    let (environment, wish) = (&args.environment, Wish { overlap: args.overlap, leaked: args.now });
    let command = format!("keys rotate {}", subject(args));
    let workplace = context.open_local(environment)?.signed_by(args.reason.author(command));
    let target = args.what.target(&workplace.cluster, args.name.as_deref())?;
    if args.dry_run {
        show_steps(context, args, &left(target, wish, &workplace.store.index()?));
        return Ok(exit::DONE);
    }
    let again = again(args);
    let question = match args.now {
        true => format!("Revoke what {} replaces in {environment} at once?", subject(args)),
        false => format!("Rotate {} in {environment}?", subject(args)),
    };
    confirm(&question, "yes", args.yes)?;
    let _lease = context.lease(environment, "keys rotate")?;
    let progress = Progress::new();
    let outcome = block_on(async |stop| {
        let site = workplace.site(Programs::default(), &progress, Allowed::default());
        let rotated = rotate(&site, target, wish, stop).await?;
        progress.finish();
        Ok(rotated)
    });
    let rotated = outcome.map_err(|failure| failure.next(again.clone()))?;
    show(context, args, &rotated, &again);
    Ok(exit::DONE)
}

/// Such as `user wallet`.
fn subject(args: &Args) -> String {
    let name = args.name.iter().map(|name| format!(" {name}"));
    args.what.word() + &name.collect::<String>()
}

/// The command that goes on.
fn again(args: &Args) -> String {
    // Without it, the same command would wait for the usual overlap.
    let overlap = match args.overlap == USUAL {
        true => String::new(),
        false => format!(" --overlap {}", args.overlap),
    };
    format!("natsops keys rotate {} {}{overlap}", args.environment, subject(args))
}

fn show_steps(context: &Context, args: &Args, left: &[Step]) {
    if context.json {
        let Args { environment, what, name, .. } = args;
        let value = serde_json::json!({
            "format": 1, "environment": environment, "what": what.word(), "name": name, "left": left,
        });
        println!("{value:#}");
        return;
    }
    for (number, step) in (1..).zip(left) {
        println!("{number}. {}", step.words);
    }
}

fn show(context: &Context, args: &Args, rotated: &Rotated, again: &str) {
    let Args { environment, what, name, .. } = args;
    if context.json {
        let value = serde_json::json!({
            "format": 1, "environment": environment, "what": what.word(), "name": name,
            "rotation": rotated,
        });
        println!("{value:#}");
        return;
    }
    for key in &rotated.keys {
        let new = key.new.as_deref().unwrap_or("-");
        println!("new {}: {new}, let in by every node", key.name);
        let (old, connections) = (key.old.as_deref().unwrap_or("-"), key.connections);
        match rotated.done {
            true => {
                println!("old {}: {old}, refused by every node, no connection is left", key.name)
            }
            false => {
                println!("old {}: {old}, let in as well, with {connections} connections", key.name)
            }
        }
    }
    rotated.remarks.iter().for_each(|remark| println!("{remark}"));
    for service in &rotated.redeploy {
        println!("next: natsops creds export {environment} {service} --out DIR");
    }
    if let Some(until) = rotated.until {
        println!("then, after {until:.0}: {again}");
    }
}
