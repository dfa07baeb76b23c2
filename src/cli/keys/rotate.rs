//! `natsops keys rotate ENV WHAT [NAME]`

use std::collections::BTreeSet;

use anstream::{eprintln, println};
use jiff::Timestamp;

use super::list::{self, in_use};
use super::servers::{on_platform, on_servers};
use super::{all_due, rotate_kms};
use crate::cli::ask::confirm;
use crate::cli::cloud::{Cloud, on_aws};
use crate::cli::context::{Context, Programs, block_on};
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::reason::ReasonArgs;
use crate::cli::shown::{RotationOutcome, RotationShown};
use crate::cli::{candidates, exit, lookup};
use crate::model::{Cluster, Period};
use crate::ops::execute::StopSign;
use crate::ops::keys::{
    CacheUser, InUse, KeyStatus, Replaced, Rotated, Step, Target, Wish, left, rotate,
    rotate_managed, tell,
};
use crate::ops::platform::Ground;
use crate::ops::{Allowed, Site};
use crate::provider::aws::{AwsProvider, Machines};
use crate::secrets::{Author, Index, SecretStore as _};

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
///
/// --all-due replaces whatever is due, one after the other, and goes on with the rotations that wait for the end of their
/// overlap: run it every day.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    pub(super) environment: String,
    /// What to replace
    #[arg(value_name = "WHAT", value_enum, required_unless_present = "all_due")]
    what: Option<What>,
    /// Of whom: a service, a leafnode, a node; for a signing key also leafnode/NAME, or an account for all of its keys
    #[arg(value_name = "NAME", add = candidates::clients())]
    pub(super) name: Option<String>,
    /// Whatever is due by identity.rotation, and whatever is under way; --dry-run lists it
    #[arg(long, conflicts_with_all = ["what", "name", "now"])]
    all_due: bool,
    /// How long the old key is let in after the new one was made
    #[arg(long, value_name = "PERIOD", default_value = "24h")]
    overlap: Period,
    /// The old key has leaked: nobody waits for an overlap. A user's or signing key is revoked at once, whoever is cut off by that, and that is proven before there is a new one; what nodes and the cache must be told is replaced first
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

impl Args {
    /// The same for one rotation alone.
    pub(super) fn alone(&self, what: What, name: Option<String>) -> Self {
        Self { what: Some(what), name, all_due: false, ..self.clone() }
    }
}

/// The overlap, unless another one is asked for.
const USUAL: Period = Period::days(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum What {
    /// The key with which a service or a leafnode signs in
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
    /// The password with which a service, natsops or replication signs in to the cache
    Redis,
    /// The material of the KMS key (environments on AWS)
    Kms,
}

impl What {
    /// Its name on the command line.
    pub(super) fn word(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What is meant by it and a name.
    pub(super) fn target<'c>(
        self,
        cluster: &'c Cluster,
        name: Option<&str>,
    ) -> Result<Target<'c>, Failure> {
        match self {
            Self::User => {
                let name = named("a service or a leafnode", name)?;
                Ok(Target::User(lookup::client(cluster, name)?))
            }
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
                let name = named("a service, natsops or replication", name)?;
                Ok(Target::CachePassword(lookup::cache_user(cluster, name)?))
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
    match args.what {
        None => all_due::run(context, args),
        Some(What::Kms) => rotate_kms::run(context, args),
        Some(what) => one(context, args, what),
    }
}

fn one(context: &Context, args: &Args, what: What) -> Result<u8, Failure> {
    if args.now && matches!(what, What::NodeCertificates) {
        let what = "nothing overlaps when a node gets a new certificate; leave --now out";
        return Err(Failure::new(exit::USAGE, what.to_owned()));
    }
    let cloud = on_aws(context, &args.environment)?;
    let fetched = cloud.is_some();
    let rotated = match cloud {
        Some(cluster) => on_machines(context, args, what, cluster),
        None => on_this_machine(context, args, what),
    };
    let rotated = rotated.map_err(|failure| match failure.code {
        // The same slip again would help nobody.
        exit::USAGE => failure,
        _ => failure.next(again(args)),
    });
    if let Some(rotated) = rotated? {
        show(context, args, &rotated, fetched);
    }
    Ok(exit::DONE)
}

fn on_this_machine(context: &Context, args: &Args, what: What) -> Result<Option<Rotated>, Failure> {
    let (environment, wish) = (&args.environment, wish(args));
    let workplace = context.open_local(environment)?.signed_by(author(args));
    let target = what.target(&workplace.cluster, args.name.as_deref())?;
    let ahead = || {
        let index = workplace.store.index()?;
        let keys = || list::on_this_machine(&workplace, &index);
        Ahead::of(&workplace.cluster, (target, wish), &index, keys)
    };
    if !agreed(context, args, what, ahead)? {
        return Ok(None);
    }
    // What is not changed in claims alone, nodes must read anew.
    let programs = match target.is_in_claims() {
        true => Programs::default(),
        false => context.programs(&workplace.cluster)?,
    };
    let _lease = context.lease(environment, "keys rotate")?;
    let progress = Progress::new();
    block_on(async |stop| {
        let allowed = Allowed { interruption: args.allow_interruption, ..Allowed::default() };
        let site = workplace.site(programs, &progress, allowed);
        let rotated = rotate(&site, target, wish, stop).await?;
        tell(site.store, &rotated, site.now())?;
        progress.finish();
        Ok(Some(rotated))
    })
}

/// Claims are changed over the servers' own ports; what stands in a node's files, its machine is told to take. Passwords
/// of the cache are set by AWS.
fn on_machines(
    context: &Context,
    args: &Args,
    what: What,
    cluster: Cluster,
) -> Result<Option<Rotated>, Failure> {
    let wish = wish(args);
    let server = context.nats_server(&cluster)?;
    let cloud = Cloud::open(cluster)?.with_server(server).signed_by(author(args));
    let target = what.target(&cloud.cluster, args.name.as_deref())?;
    let ahead = || {
        let index = cloud.store.index()?;
        let keys = || list::on_machines(context, &cloud, &index);
        Ahead::of(&cloud.cluster, (target, wish), &index, keys)
    };
    if !agreed(context, args, what, ahead)? {
        return Ok(None);
    }
    if let Target::CachePassword(CacheUser::Service(service)) = target {
        let work = async |ground: &Ground<'_, AwsProvider<'_>>, stop: &StopSign| {
            let rotated = rotate_managed(ground, service, wish, stop).await?;
            tell(ground.store, &rotated, Timestamp::now())?;
            Ok(rotated)
        };
        return on_platform(&cloud, "keys rotate", work).map(Some);
    }
    let work = async |site: &Site<'_, Machines<'_>>, stop: &StopSign| {
        rotate(site, target, wish, stop).await
    };
    let allowed = Allowed { interruption: args.allow_interruption, ..Allowed::default() };
    on_servers(context, &cloud, ("keys rotate", allowed), work, |site, rotated| {
        tell(site.store, rotated, site.now())
    })
    .map(Some)
}

fn wish(args: &Args) -> Wish {
    Wish { overlap: args.overlap, leaked: args.now }
}

pub(super) fn author(args: &Args) -> Author {
    args.reason.author(format!("keys rotate {}", subject(args)))
}

/// What a rotation would do.
struct Ahead {
    left: Vec<Step>,
    /// The keys that end, with who uses them now.
    ends: Vec<KeyStatus>,
}

impl Ahead {
    fn of(
        cluster: &Cluster,
        (target, wish): (Target<'_>, Wish),
        index: &Index,
        keys: impl FnOnce() -> Result<Vec<KeyStatus>, Failure>,
    ) -> Result<Self, Failure> {
        let left = left(cluster, target, wish, index);
        let ending: BTreeSet<String> =
            target.ending(cluster, index).iter().map(ToString::to_string).collect();
        let mut ends = if ending.is_empty() { Vec::new() } else { keys()? };
        ends.retain(|status| ending.contains(&status.key.name));
        Ok(Self { left, ends })
    }

    /// Who would be cut off if the keys ended now, a line for each key that somebody uses.
    fn cut(&self) -> Vec<String> {
        let used = |status: &&KeyStatus| !matches!(status.in_use, Some(InUse::Connections(0)));
        let line = |status: &KeyStatus| {
            let used = in_use(status);
            let reason = status.not_observed.iter().map(|reason| format!(" ({reason})"));
            format!("{}: {used}{}", status.key.name, reason.collect::<String>())
        };
        let mut lines: Vec<String> = self.ends.iter().filter(used).map(line).collect();
        if !lines.is_empty() {
            lines
                .insert(0, "whoever still uses these when they are refused is cut off:".to_owned());
        } else if !self.ends.is_empty() {
            lines.push("no connection uses what is replaced".to_owned());
        }
        lines
    }
}

/// Whether to go on: where the steps are only to be seen, they are shown. In any case it is told first who would be cut off.
fn agreed(
    context: &Context,
    args: &Args,
    what: What,
    ahead: impl FnOnce() -> Result<Ahead, Failure>,
) -> Result<bool, Failure> {
    let shown_first = matches!(what, What::Ca | What::OperatorKey) && !args.yes;
    if args.dry_run || shown_first {
        show_steps(context, args, &ahead()?);
        if !args.dry_run && !context.json {
            println!("nothing was done: add --yes to do it");
        }
        return Ok(false);
    }
    match ahead() {
        Ok(ahead) => ahead.cut().iter().for_each(|line| eprintln!("{line}")),
        // What has leaked does not wait for a look at whom that cuts off.
        Err(failure) if args.yes => eprintln!("who is cut off can't be seen: {}", failure.what),
        Err(failure) => return Err(failure),
    }
    let environment = &args.environment;
    let question = match (args.now, what) {
        (true, What::User | What::SigningKey | What::Redis) => {
            format!("Revoke what {} replaces in {environment} at once?", subject(args))
        }
        _ => format!("Rotate {} in {environment}?", subject(args)),
    };
    confirm(&question, "yes", args.yes)?;
    Ok(true)
}

/// Such as `user wallet`.
pub(super) fn subject(args: &Args) -> String {
    rotation(args.what, args.name.as_deref())
}

/// The same of what is not asked for.
pub(super) fn rotation(what: Option<What>, name: Option<&str>) -> String {
    let words = what.map(What::word).into_iter().chain(name.map(str::to_owned));
    words.collect::<Vec<_>>().join(" ")
}

/// The command that goes on.
pub(super) fn again(args: &Args) -> String {
    // Without them, the same command would wait for the usual overlap.
    let overlap = match (args.now, args.overlap == USUAL) {
        (true, _) => " --now".to_owned(),
        (false, true) => String::new(),
        (false, false) => format!(" --overlap {}", args.overlap),
    };
    let interruption = if args.allow_interruption { " --allow-interruption" } else { "" };
    let yes = if matches!(args.what, Some(What::OperatorKey | What::Ca)) { " --yes" } else { "" };
    format!(
        "natsops keys rotate {} {}{overlap}{interruption}{yes}",
        args.environment,
        subject(args)
    )
}

fn show_steps(context: &Context, args: &Args, ahead: &Ahead) {
    let Ahead { left, ends } = ahead;
    if context.json {
        print(args, RotationOutcome::Left { left, ends });
        return;
    }
    for (number, step) in (1..).zip(left) {
        println!("{number}. {}", step.words);
    }
    ahead.cut().iter().for_each(|line| println!("{line}"));
}

/// Shows an outcome as JSON.
pub(super) fn print(args: &Args, outcome: RotationOutcome<'_>) {
    let what = args.what.map(What::word).unwrap_or_default();
    let shown = RotationShown::new(&args.environment, (what, args.name.as_deref()), outcome);
    println!("{:#}", serde_json::json!(shown));
}

fn show(context: &Context, args: &Args, rotated: &Rotated, fetched: bool) {
    let environment = &args.environment;
    if context.json {
        print(args, RotationOutcome::Done { rotation: rotated });
        return;
    }
    match rotated.keys.len() {
        0..=FEW => rotated.keys.iter().for_each(|key| println!("{}", told(key, rotated))),
        many => println!("{many} keys were replaced by new ones: natsops keys list {environment}"),
    }
    rotated.remarks.iter().for_each(|remark| println!("note: {remark}"));
    give(environment, fetched, &rotated.redeploy, &rotated.leafnodes);
    if let Some(until) = rotated.until {
        println!("then, after {until:.0}: {}", again(args));
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

/// What gives services and leafnodes what is new; `fetched` says whether the tasks of services fetch it themselves.
pub(super) fn give(environment: &str, fetched: bool, services: &[String], leafnodes: &[String]) {
    match services {
        [_, ..] if fetched => println!(
            "next: redeploy {}: a task fetches what is new when it starts",
            services.join(", ")
        ),
        _ => export(environment, services),
    }
    next(leafnodes, |of| format!("natsops render {environment} --leafnode {of} --out DIR"));
}

fn export(environment: &str, services: &[String]) {
    next(services, |of| format!("natsops creds export {environment} {of} --out DIR"));
}

/// The command that gives somebody what is new; for several, the command once, and who.
fn next(names: &[String], command: impl Fn(&str) -> String) {
    match names {
        [] => {}
        [one] => println!("next: {}", command(one)),
        all => println!("next: {}, for each of {}", command("NAME"), all.join(", ")),
    }
}
