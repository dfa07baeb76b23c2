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
use crate::ops::keys::{Replaced, Rotated, Step, Target, Wish, left, rotate};
use crate::secrets::SecretStore as _;

/// Replace a key, step by step; an interrupted rotation is continued by the next run
///
/// A service gets a new user key, which every node must let in. The old one stays valid until the overlap is over: give
/// the service its new creds meanwhile, then run the same command again. It revokes the old key, has every server close
/// its connections, and proves that each refuses it. No other credential of the service changes. A password of the cache
/// is replaced in the same way.
///
/// A signing key is replaced in the same way too: the new one is known to every server before it signs for the users anew,
/// whose own keys stay. Of an account all are replaced together.
///
/// For operator-key and ca the steps are only shown unless --yes is given. The end of operator-key restarts every node,
/// one at a time between health gates. No creds change, and there is no overlap: what it has signed is replaced on every
/// server first.
///
/// A node gets a new key and certificate, one node after the other takes its own without a restart, and each port is
/// seen to present it. A client's old certificate is accepted until it ends, since servers know no list of void ones;
/// only another authority makes it void. The authority is replaced in three stages, with an overlap after the first two:
/// both are trusted, the new one signs, the old one is dropped. Run the same command again after each overlap.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    pub(super) environment: String,
    /// What to replace
    #[arg(value_name = "WHAT", value_enum)]
    what: What,
    /// Of whom: a service, a leafnode, a node; for a signing key also leafnode/NAME, or an account for all of its keys
    #[arg(value_name = "NAME", add = candidates::services())]
    name: Option<String>,
    /// How long the old key is let in after the new one was made
    #[arg(long, value_name = "PERIOD", default_value = "24h")]
    overlap: Period,
    /// The old key has leaked: revoke it at once, whoever is cut off by that, and prove it before anything else
    #[arg(long, conflicts_with = "overlap")]
    pub(super) now: bool,
    /// Show the steps that are left, and do none; for operator-key and ca that is what happens without --yes
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Restart nodes although something stops meanwhile
    #[arg(long)]
    allow_interruption: bool,
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
    /// The key that signs for the users of a service or a leafnode, or all of an account
    SigningKey,
    /// The key that signs accounts: one that stands by takes its place, and the nodes restart one at a time
    OperatorKey,
    /// The certificate that a node presents: of one, or of all nodes, those of the cache included
    NodeCertificates,
    /// The certificate that a service or a leafnode shows: of one, or of all
    ClientCertificates,
    /// The authority that signs all certificates; shows the steps unless --yes is given
    Ca,
    /// The password with which a service signs in to the cache
    Redis,
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
            Self::NodeCertificates => {
                let node = name.map(|name| lookup::any_node(cluster, name)).transpose()?;
                Ok(Target::NodeCertificates(node))
            }
            Self::ClientCertificates => {
                let client = name.map(|name| lookup::client(cluster, name)).transpose()?;
                Ok(Target::ClientCertificates(client))
            }
            Self::Ca => match name {
                None => Ok(Target::Authority),
                Some(name) => {
                    let what = format!("there is one authority; `{name}` is too much");
                    Err(Failure::new(exit::USAGE, what))
                }
            },
            Self::Redis => {
                let service = lookup::service(cluster, named("a service", name)?)?;
                match cluster.cache_of(service) {
                    Some(_) => Ok(Target::CachePassword(service)),
                    None => {
                        let what = format!("{} does not use the cache", service.name);
                        Err(Failure::new(exit::USAGE, what))
                    }
                }
            }
            Self::SigningKey => {
                let name = named("a service, a leafnode or an account", name)?;
                Ok(Target::SigningKey(lookup::signers(cluster, name)?))
            }
            Self::OperatorKey => match name {
                None => Ok(Target::OperatorKey),
                Some(name) => {
                    let what = format!("the operator has one such key; leave out `{name}`");
                    Err(Failure::new(exit::USAGE, what))
                }
            },
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
    if args.now && matches!(args.what, What::NodeCertificates) {
        let what = "nothing overlaps when a node gets a new certificate; leave --now out";
        return Err(Failure::new(exit::USAGE, what.to_owned()));
    }
    let (environment, wish) = (&args.environment, Wish { overlap: args.overlap, leaked: args.now });
    let command = format!("keys rotate {}", subject(args));
    let workplace = context.open_local(environment)?.signed_by(args.reason.author(command));
    let target = args.what.target(&workplace.cluster, args.name.as_deref())?;
    let left = |index| left(&workplace.cluster, target, wish, index);
    let shown_first = matches!(args.what, What::Ca | What::OperatorKey) && !args.yes;
    if args.dry_run || shown_first {
        show_steps(context, args, &left(&workplace.store.index()?));
        if !args.dry_run && !context.json {
            println!("nothing was done: add --yes to do it");
        }
        return Ok(exit::DONE);
    }
    let again = again(args);
    let question = match (args.now, args.what) {
        (true, What::User | What::SigningKey | What::Redis) => {
            format!("Revoke what {} replaces in {environment} at once?", subject(args))
        }
        _ => format!("Rotate {} in {environment}?", subject(args)),
    };
    confirm(&question, "yes", args.yes)?;
    // A user's key is changed in claims alone; anything else, nodes must read anew.
    let programs = match args.what {
        What::User | What::SigningKey => Programs::default(),
        _ => context.programs(&workplace.cluster)?,
    };
    let _lease = context.lease(environment, "keys rotate")?;
    let progress = Progress::new();
    let outcome = block_on(async |stop| {
        let allowed = Allowed { interruption: args.allow_interruption, ..Allowed::default() };
        let site = workplace.site(programs, &progress, allowed);
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
    let yes = if matches!(args.what, What::OperatorKey | What::Ca) { " --yes" } else { "" };
    format!("natsops keys rotate {} {}{overlap}{yes}", args.environment, subject(args))
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
    match rotated.keys.len() {
        0..=FEW => rotated.keys.iter().for_each(|key| println!("{}", told(key, rotated))),
        many => println!("{many} keys were replaced by new ones: natsops keys list {environment}"),
    }
    rotated.remarks.iter().for_each(|remark| println!("note: {remark}"));
    give(environment, &rotated.redeploy, &rotated.leafnodes);
    if let Some(until) = rotated.until {
        println!("then, after {until:.0}: {again}");
    }
}

/// So many keys are shown one by one.
const FEW: usize = 8;

/// What has become of a key and its successor.
fn told(key: &Replaced, rotated: &Rotated) -> String {
    let Replaced { name, new, old, .. } = key;
    let (new, old) = (new.as_deref().unwrap_or("-"), old.as_deref().unwrap_or("-"));
    let (of_new, of_old) = words(rotated, key);
    format!("new {name}: {new}, {of_new}\nold {name}: {old}, {of_old}")
}

/// What is to be said of the new key and of the old one.
fn words<'r>(rotated: &Rotated, key: &'r Replaced) -> (&'r str, String) {
    match (&key.words, rotated.done) {
        (Some(words), _) => (words.new, words.old.clone()),
        (None, true) => {
            ("let in by every node", "refused by every node, no connection is left".to_owned())
        }
        (None, false) => {
            let connections = key.connections;
            ("let in by every node", format!("let in as well, with {connections} connections"))
        }
    }
}

/// The commands that give services and leafnodes what is new.
pub(super) fn give(environment: &str, services: &[String], leafnodes: &[String]) {
    next(services, |of| format!("natsops creds export {environment} {of} --out DIR"));
    next(leafnodes, |of| format!("natsops render {environment} --leafnode {of} --out DIR"));
}

/// The command that gives somebody what is new; for several, the command once, and who.
fn next(names: &[String], command: impl Fn(&str) -> String) {
    match names {
        [] => {}
        [one] => println!("next: {}", command(one)),
        all => println!("next: {}, for each of {}", command("NAME"), all.join(", ")),
    }
}
