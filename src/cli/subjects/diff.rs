//! `natsops subjects diff ENV --from REVISION`

use anstream::{eprintln, println};
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::validate::count;
use crate::cli::{exit, paint};
use crate::contract::{Change, Effect, diff};

/// Tell what a change of the contract takes away from whom, and what it adds
///
/// Compares the files as they are with those of a git revision. Exit code 5 when something breaks, so that it can
/// guard a merge; --accept-breaking lets it pass with a reason that is shown.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: String,
    /// The git revision to compare with, such as origin/main
    #[arg(long, value_name = "REVISION", allow_hyphen_values = true)]
    from: String,
    /// Let breaking changes pass, and say why
    #[arg(long, value_name = "REASON", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    accept_breaking: Option<String>,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let after = context.cluster(&args.environment)?;
    let past = context.cluster_at(&args.environment, &args.from)?;
    let changes = match &past.cluster {
        Some(before) => diff(before, &after),
        None => {
            eprintln!("note: there is no environment `{}` at {}", args.environment, args.from);
            Vec::new()
        }
    };
    let of = |effect: Effect| changes.iter().filter(|change| change.effect == effect).count();
    let breaking = of(Effect::Breaking);
    if context.json {
        let value = json!({
            "format": 1, "environment": args.environment, "from": args.from, "commit": past.commit,
            "breaking": breaking, "accepted": args.accept_breaking, "changes": changes,
        });
        println!("{value:#}");
    } else {
        changes.iter().for_each(|change| println!("{}", shown(change)));
        let commit = past.commit.get(..12).unwrap_or(&past.commit);
        println!(
            "{} since {commit}: {breaking} breaking, {} notable, {}",
            count(changes.len(), "change"),
            of(Effect::Notable),
            count(of(Effect::Addition), "addition"),
        );
    }
    judge(args, breaking)
}

fn judge(args: &Args, breaking: usize) -> Result<u8, Failure> {
    match (&args.accept_breaking, breaking) {
        (_, 0) => Ok(exit::DONE),
        (Some(reason), _) => {
            eprintln!("{} {reason}", paint::change("accepted:"));
            Ok(exit::DONE)
        }
        (None, _) => {
            let what = format!("{} the contract", breaks(breaking));
            Err(Failure::new(exit::REFUSED, what).safe("nothing was changed").next(
                "keep the old version beside the new one, or accept with --accept-breaking REASON",
            ))
        }
    }
}

fn breaks(breaking: usize) -> String {
    match breaking {
        1 => "1 change breaks".to_owned(),
        more => format!("{more} changes break"),
    }
}

fn shown(change: &Change) -> String {
    let word = match change.effect {
        Effect::Breaking => paint::error("breaking"),
        Effect::Notable => paint::change("notable"),
        Effect::Addition => paint::good("adds"),
    };
    let Change { account, code, thing, what, affects, .. } = change;
    let felt = match affects.as_slice() {
        [] => String::new(),
        names => format!("; felt by {}", names.join(", ")),
    };
    format!("{word} {account}/{thing}: {what}{felt} {}", paint::faint(format!("[{code}]")))
}
