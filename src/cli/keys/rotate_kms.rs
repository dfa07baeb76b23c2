//! `natsops keys rotate ENV kms`

use anstream::println;
use jiff::{SignedDuration, Timestamp};

use super::rotate::{Args, author, print};
use crate::cli::ask::confirm;
use crate::cli::cloud::{Cloud, on_aws};
use crate::cli::context::{Context, block_on};
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::shown::RotationOutcome;
use crate::cli::{exit, paint};
use crate::provider::aws::key_rotation::{Turns, rotate, turns};
use crate::secrets::{Change, SecretStore as _};

/// AWS takes so many rotations on demand in a key's life.
const LIMIT: usize = 25;

/// A rotation that is younger was the one that is asked for: its answer was lost, or somebody else was faster.
const JUST_NOW: SignedDuration = SignedDuration::from_hours(1);

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let environment = &args.environment;
    let Some(cluster) = on_aws(context, environment)? else {
        let what = format!("`{environment}` does not live on AWS, and has no KMS key");
        return Err(Failure::new(exit::USAGE, what).safe("nothing was changed"));
    };
    if let Some(name) = &args.name {
        let what = format!("an environment has one KMS key; leave out `{name}`");
        return Err(Failure::new(exit::USAGE, what).safe("nothing was changed"));
    }
    let cloud = Cloud::open(cluster)?.signed_by(author(args));
    let progress = Progress::new();
    let outcome = block_on(async |stop| {
        let platform = cloud.provider().await?;
        let before = turns(&platform).await?;
        let fresh = before.last.is_some_and(|last| {
            let last = Timestamp::from_second(last).unwrap_or_default();
            Timestamp::now().duration_since(last) < JUST_NOW
        });
        if args.dry_run || (fresh && !args.now) {
            return Ok((before.clone(), before));
        }
        if before.on_demand >= LIMIT {
            let what =
                format!("AWS takes {LIMIT} rotations on demand in a key's life, and all are used");
            return Err(Failure::new(exit::CAPACITY, what)
                .safe("nothing was changed; the key is rotated every year as well"));
        }
        confirm(&format!("Rotate the KMS key of {environment}?"), "yes", args.yes)?;
        let told = |words: &str| progress.wait(words);
        let work = async {
            let after = rotate(&platform, &before, &told).await?;
            log(&cloud)?;
            Ok::<Turns, Failure>(after)
        };
        let after =
            cloud.under_lease(&platform, ("keys rotate kms", &progress, stop), work).await?;
        progress.finish();
        Ok((before, after))
    });
    let (before, after) = outcome
        .map_err(|failure| failure.next(format!("natsops keys rotate {environment} kms")))?;
    show(context, args, &before, &after);
    Ok(exit::DONE)
}

/// The material is AWS's own, so the log of our keys has an entry that names none.
fn log(cloud: &Cloud) -> Result<(), Failure> {
    let index = cloud.store.index()?;
    if !index.is_empty() {
        cloud.store.commit(index.generation, Change::default())?;
    }
    Ok(())
}

fn show(context: &Context, args: &Args, before: &Turns, after: &Turns) {
    let last = after.last.and_then(|last| Timestamp::from_second(last).ok());
    let rotated = after.on_demand > before.on_demand;
    if context.json {
        let Turns { on_demand, under_way, .. } = *after;
        print(args, RotationOutcome::Kms { rotated, on_demand, last, under_way });
        return;
    }
    let used = after.on_demand;
    let last = last.map_or("never".to_owned(), |last| format!("{last:.0}"));
    match (rotated, args.dry_run) {
        (true, _) => println!(
            "{} the KMS key has new material since {last}; {used} of {LIMIT} rotations on demand are used",
            paint::good("done")
        ),
        (false, true) => println!(
            "1. ask KMS for new material, once ({used} of {LIMIT} are used; the last one: {last})\n2. wait until KMS lists the rotation; what the old material sealed stays readable"
        ),
        (false, false) => println!(
            "the KMS key was rotated at {last}, less than an hour ago; --now does it again"
        ),
    }
}
