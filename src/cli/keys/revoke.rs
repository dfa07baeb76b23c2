//! `natsops keys revoke ENV WHAT NAME`

use anstream::println;
use jiff::Timestamp;

use super::servers::on_servers;
use crate::cli::ask::confirm;
use crate::cli::cloud::{Cloud, on_aws};
use crate::cli::context::{Context, Programs, block_on};
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::reason::ReasonArgs;
use crate::cli::{candidates, exit, lookup};
use crate::model::Cluster;
use crate::ops::execute::StopSign;
use crate::ops::keys::{Revoked, Rotated, revoke};
use crate::ops::{Allowed, Site};
use crate::provider::aws::Machines;

/// Make creds void at once, and prove that every server refuses them
///
/// The account's claims say it, so it holds for every server, also one that was away, and no later apply takes it back.
/// Whoever is connected with what is revoked is cut off. Nothing takes its place yet: the answer says what brings the
/// service back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// What to revoke
    #[arg(value_name = "WHAT", value_enum)]
    what: What,
    /// Of whom: a service, for its user also a leafnode, or an account
    #[arg(value_name = "NAME", add = candidates::clients())]
    name: String,
    /// Of an account, only users that were issued until this time, such as 2026-11-28T09:00:00Z (now by default)
    #[arg(long, value_name = "TIME")]
    before: Option<Timestamp>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    reason: ReasonArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// The key with which a service or a leafnode signs in
    User,
    /// Whatever a service's signing key has signed: its user, and any other that somebody has made with it
    Service,
    /// All users of an account that were issued until a time
    Account,
    /// Nothing: says why a certificate can't be revoked, and what to do instead
    Certificate,
}

impl What {
    fn word(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let Args { environment, what, name, .. } = args;
    let command = format!("keys revoke {} {name}", what.word());
    let author = args.reason.author(command);
    let until = (*what == What::Account).then(|| args.before.unwrap_or_else(this_second));
    let question =
        format!("Revoke {} {name} in {environment}, whoever that cuts off?", what.word());
    let cloud = on_aws(context, environment)?;
    let fetched = cloud.is_some();
    let outcome = if let Some(cluster) = cloud {
        let server = context.nats_server(&cluster)?;
        let cloud = Cloud::open(cluster)?.with_server(server).signed_by(author);
        let target = target(args, until, &cloud.cluster)?;
        confirm(&question, "yes", args.yes)?;
        let work =
            async |site: &Site<'_, Machines<'_>>, stop: &StopSign| revoke(site, target, stop).await;
        on_servers(context, &cloud, ("keys revoke", Allowed::default()), work, |_, _| Ok(()))
    } else {
        let workplace = context.open_local(environment)?.signed_by(author);
        let target = target(args, until, &workplace.cluster)?;
        confirm(&question, "yes", args.yes)?;
        let _lease = context.lease(environment, "keys revoke")?;
        let progress = Progress::new();
        block_on(async |stop| {
            let site = workplace.site(Programs::default(), &progress, Allowed::default());
            let revoked = revoke(&site, target, stop).await?;
            progress.finish();
            Ok(revoked)
        })
    };
    // The same time again: what was signed anew since then is good.
    let before = until.map(|until| format!(" --before {until:.0}")).unwrap_or_default();
    let again = format!("natsops keys revoke {environment} {} {name}{before}", what.word());
    let revoked = outcome.map_err(|failure| failure.next(again))?;
    show(context, args, &revoked, fetched);
    Ok(exit::DONE)
}

/// Papers tell whole seconds.
fn this_second() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// `until`: until when what is issued becomes void, of an account.
fn target<'c>(
    args: &Args,
    until: Option<Timestamp>,
    cluster: &'c Cluster,
) -> Result<Revoked<'c>, Failure> {
    let name = args.name.as_str();
    if args.before.is_some() && args.what != What::Account {
        let what = "--before is for an account; of one user everything is revoked";
        return Err(Failure::new(exit::USAGE, what.to_owned()));
    }
    match args.what {
        What::User => Ok(Revoked::User(lookup::client(cluster, name)?)),
        What::Service => Ok(Revoked::Service(lookup::service(cluster, name)?)),
        What::Account => {
            let until = until.unwrap_or_else(this_second);
            if until > Timestamp::now() {
                let what = format!(
                    "{until:.0} is not over yet, and what will be issued until then must be good"
                );
                return Err(Failure::new(exit::USAGE, what).safe("nothing was changed"));
            }
            Ok(Revoked::Account(lookup::account(cluster, name)?, until))
        }
        What::Certificate => {
            lookup::client(cluster, name)?;
            Err(certificate(args))
        }
    }
}

/// Servers know no list of revoked certificates: `pinned_certs` is a list of those that are let in, and the one of
/// leafnodes needs a restart to change.
fn certificate(args: &Args) -> Failure {
    let Args { environment, name, .. } = args;
    let what = "a certificate can't be revoked: nats-server has no list of void ones, only one of those that it lets in \
                (pinned_certs), which for leafnodes changes with a restart alone";
    Failure::new(exit::REFUSED, what.to_owned())
        .safe("a certificate without creds opens nothing; nothing was changed")
        .next(format!("natsops keys revoke {environment} user {name}"))
}

fn show(context: &Context, args: &Args, revoked: &Rotated, fetched: bool) {
    let Args { environment, what, name, .. } = args;
    if context.json {
        let value = serde_json::json!({
            "format": 1, "environment": environment, "what": what.word(), "name": name,
            "revocation": revoked,
        });
        println!("{value:#}");
        return;
    }
    for key in &revoked.keys {
        let old = key.old.as_deref().unwrap_or("-");
        let proven = key.words.as_ref().map(|words| words.old.as_str());
        let proven = proven.unwrap_or("refused by every node, no connection is left");
        println!("revoked {}: {old}, {proven}", key.name);
    }
    revoked.remarks.iter().for_each(|remark| println!("note: {remark}"));
    match what {
        What::User => {
            println!("to let {name} in again: natsops keys rotate {environment} user {name}");
        }
        What::Service => {
            println!("its user key is the same; if that has leaked, rotate it afterwards");
            println!(
                "to let {name} in again: natsops keys rotate {environment} signing-key {name}"
            );
        }
        What::Account | What::Certificate => {
            println!(
                "revoked: every user of {name} that was issued until then; every node refuses them"
            );
            super::rotate::give(environment, fetched, &revoked.redeploy, &revoked.leafnodes);
        }
    }
}
