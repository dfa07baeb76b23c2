//! `natsops keys list ENV`

use anstream::println;
use jiff::{SignedDuration, Timestamp};

use super::kms;
use crate::artifacts::KeyState;
use crate::cli::cloud::{Cloud, on_aws};
use crate::cli::context::{Context, Programs, Workplace, block_on};
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::shown::{KeysShown, KmsKey};
use crate::cli::{candidates, exit, paint, tables};
use crate::model::Period;
use crate::ops::keys::{InUse, KeyStatus, list, list_unobserved};
use crate::ops::platform::HIDDEN;
use crate::ops::{Allowed, reach};
use crate::secrets::{Index, SecretStore as _};

/// So much of a key tells it from all others of an environment.
const SHORT: usize = 12;

/// List every key: how old it is, who signed for it, where it is in use, when it is due
///
/// No secret is opened. What is in use is read from the servers that answer: connections by user, account, signing key
/// and client certificate, and servers by operator and node certificate. A key is due when it is as old as
/// identity.rotation permits; a certificate also when an apply would renew it. On AWS, the KMS key is shown as well.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// Only what is due within this time, such as 30d; exits with 2 when something is
    #[arg(long, value_name = "PERIOD")]
    due: Option<Period>,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let Found { keys, kms } = look(context, &args.environment)?;
    let now = Timestamp::now();
    let until = args.due.map(|period| after(now, period));
    let wanted = |status: &&KeyStatus| until.is_none_or(|until| status.key.is_due(until));
    let shown: Vec<&KeyStatus> = keys.iter().filter(wanted).collect();
    let kms = kms.filter(|key| until.is_none_or(|until| key.is_due(until)));
    if context.json {
        let shown = KeysShown::new(&args.environment, shown.clone(), kms.as_ref());
        println!("{:#}", serde_json::json!(shown));
    } else {
        println!("{}", text(&args.environment, &keys, &shown, now));
        kms.iter().for_each(|key| println!("{}", kms::text(key)));
    }
    let some = !shown.is_empty() || kms.is_some();
    Ok(if until.is_some() && some { exit::CHANGES } else { exit::DONE })
}

/// Every key, and the one of AWS.
struct Found {
    keys: Vec<KeyStatus>,
    kms: Option<KmsKey>,
}

/// The keys, and where they are in use, as far as that can be seen from here.
fn look(context: &Context, environment: &str) -> Result<Found, Failure> {
    if let Some(cluster) = on_aws(context, environment)? {
        let cloud = Cloud::open(cluster)?;
        let kms = block_on(async |_| kms::look(&cloud).await)?;
        return Ok(Found { keys: on_machines(context, &cloud, &cloud.store.index()?)?, kms });
    }
    let workplace = context.open_local(environment)?;
    let keys = on_this_machine(&workplace, &workplace.store.index()?)?;
    Ok(Found { keys, kms: None })
}

/// The keys of an environment on AWS, with where they are in use where the servers can be reached.
pub(super) fn on_machines(
    context: &Context,
    cloud: &Cloud,
    index: &Index,
) -> Result<Vec<KeyStatus>, Failure> {
    let edges = context.edges(cloud.cluster.environment.as_str());
    block_on(async |_| {
        let progress = Progress::new();
        let site = cloud.site(edges, &progress, Allowed::default());
        Ok(match reach::is_open(&site).await {
            true => list(&site, index).await,
            false => list_unobserved(&cloud.cluster, index, HIDDEN),
        })
    })
}

/// The keys of an environment on this machine, with where they are in use.
pub(super) fn on_this_machine(
    workplace: &Workplace,
    index: &Index,
) -> Result<Vec<KeyStatus>, Failure> {
    block_on(async |_| {
        let progress = Progress::new();
        let site = workplace.site(Programs::default(), &progress, Allowed::default());
        Ok(list(&site, index).await)
    })
}

fn after(now: Timestamp, period: Period) -> Timestamp {
    let span = SignedDuration::try_from(period.duration()).unwrap_or(SignedDuration::MAX);
    now.saturating_add(span).unwrap_or(Timestamp::MAX)
}

fn text(environment: &str, all: &[KeyStatus], shown: &[&KeyStatus], now: Timestamp) -> String {
    if all.iter().all(|status| status.key.state == KeyState::Missing) {
        return format!("no key has been made yet: natsops apply {environment} makes them");
    }
    let due = all.iter().filter(|status| status.key.is_due(now)).count();
    let mut lines = Vec::new();
    if !shown.is_empty() {
        lines.push(table(shown, now));
    }
    lines.push(match due {
        0 => format!("{environment}: {} keys, none is due today", all.len()),
        due => {
            let due = paint::change(format!("{due} due"));
            format!("{environment}: {} keys, {due} today or before", all.len())
        }
    });
    // What a count leaves out is the same for all; why there is none differs.
    let mut reasons: Vec<&str> = shown.iter().filter_map(|s| s.not_observed.as_deref()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    lines.extend(reasons.iter().map(|reason| format!("? in use: not observed: {reason}")));
    lines.join("\n")
}

fn table(shown: &[&KeyStatus], now: Timestamp) -> String {
    let header = ["NAME", "STATE", "KEY", "AGE", "DUE", "EXPIRES", "ISSUER", "IN USE"];
    let mut table = tables::table(&header);
    let dash = || "-".to_owned();
    for status in shown {
        let key = &status.key;
        let date = |time: Timestamp| time.strftime("%Y-%m-%d").to_string();
        let due = key.due.map_or_else(dash, |due| match key.is_due(now) {
            true => paint::change(date(due)).to_string(),
            false => date(due),
        });
        table.add_row(vec![
            key.name.clone(),
            key.state.word().to_owned(),
            key.key.as_ref().map_or_else(dash, |key| key.chars().take(SHORT).collect()),
            key.created.map_or_else(dash, |made| format!("{}d", days(now, made))),
            due,
            key.expires.map_or_else(dash, date),
            key.issuer.clone().unwrap_or_else(dash),
            in_use(status),
        ]);
    }
    tables::trimmed(&table)
}

/// Whole days from `made` to `now`; clocks differ, so none is negative.
fn days(now: Timestamp, made: Timestamp) -> i64 {
    (now.as_second() - made.as_second()).max(0) / 86_400
}

pub(super) fn in_use(status: &KeyStatus) -> String {
    let (count, word) = match status.in_use {
        Some(InUse::Connections(count)) => (count, "connection"),
        Some(InUse::Servers(count)) => (count, "server"),
        None if status.not_observed.is_some() => return "not observed".to_owned(),
        None => return "-".to_owned(),
    };
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
