//! `natsops apply ENV` for an environment on AWS.

use anstream::{eprint, eprintln, println};

use super::cloud::Cloud;
use super::context::block_on;
use super::failure::Failure;
use super::plan::words;
use super::plan_cloud::Foreseen;
use super::progress::Progress;
use super::{exit, paint};
use crate::ops::execute::StopSign;
use crate::ops::platform::{self, Ground};
use crate::plan::Plan;
use crate::provider::Platform as _;
use crate::provider::aws::AwsProvider;
use crate::secrets::SecretStore as _;

/// What an apply is asked to be.
pub struct Wish<'a> {
    /// The environment.
    pub environment: &'a str,
    /// Whether the result is shown as JSON.
    pub json: bool,
    /// Whether everything is looked at, whatever it costs.
    pub deep: bool,
    /// Whether it fails when something could not be checked.
    pub require_checks: bool,
    /// Looks at the plan that would be carried out, and refuses it or has it agreed to.
    pub agree: &'a dyn Fn(&Plan) -> Result<(), Failure>,
}

/// Runs it.
pub fn run(cloud: Cloud, wish: &Wish<'_>) -> Result<u8, Failure> {
    let environment = wish.environment;
    let progress = Progress::new();
    let outcome = block_on(async |stop| {
        let platform = cloud.provider().await?;
        let ground = cloud.ground(&platform, &progress, wish.deep);
        let planned = ground.plan(&cloud.store.index()?).await?;
        let foreseen = Foreseen::of(&cloud.cluster, planned, cloud.calls.calls())?;
        eprint!("{}", words(&foreseen.shown(environment), false));
        let plan = foreseen.plan;
        (wish.agree)(&plan)?;
        let left = if plan.is_empty() {
            plan.clone()
        } else {
            carry_out(&cloud, &ground, stop, &progress).await?
        };
        progress.finish();
        Ok((plan, left))
    });
    let (plan, left) = outcome.map_err(|failure| {
        let next = next(environment, &failure);
        failure.next(next)
    })?;
    if wish.json {
        let value = serde_json::json!({
            "format": 1, "environment": environment, "plan": plan, "left": left, "calls": cloud.calls.calls(),
        });
        println!("{value:#}");
    }
    if !left.is_empty() {
        let names: Vec<String> =
            left.changes().chain(left.blocked()).map(|action| action.id.to_string()).collect();
        let what = format!("after the apply, these differ: {}", names.join(", "));
        return Err(Failure::new(exit::UNHEALTHY, what)
            .safe("everything planned was done; somebody may have changed it meanwhile")
            .next(format!("natsops plan {environment}")));
    }
    if let Some(unseen) = left.not_observed.first() {
        let kinds: Vec<&str> = left.not_observed.iter().map(|unseen| unseen.kind.word()).collect();
        let what = format!("{} not checked: {}", kinds.join(", "), unseen.reason);
        if wish.require_checks {
            return Err(Failure::new(exit::UNHEALTHY, what)
                .safe("everything planned was done")
                .next(format!("natsops apply {environment}, without --require-checks")));
        }
        eprintln!("{} {what}", paint::change("note:"));
    }
    if !wish.json {
        println!(
            "{} {environment}: everything that could be seen is as it should be",
            paint::good("done")
        );
    }
    Ok(exit::DONE)
}

/// The command to run after a failure that names none: whoever lacks a right needs to know the least that is enough.
fn next(environment: &str, failure: &Failure) -> String {
    if failure.code == exit::PERMISSION {
        return format!("natsops policy {environment} apply");
    }
    format!("natsops plan {environment}")
}

/// Makes the anchor, takes the lease, applies, and gives the lease back however that ended.
async fn carry_out(
    cloud: &Cloud,
    ground: &Ground<'_, AwsProvider<'_>>,
    stop: &StopSign,
    progress: &Progress,
) -> Result<Plan, Failure> {
    ground.platform.anchor().await.map_err(crate::ops::OpsError::from)?;
    let lease = cloud.lease(ground.platform, "apply", progress).await?;
    let outcome = platform::apply(ground, stop).await;
    let lost = lease.is_lost();
    let given = lease.give_back().await;
    let left = outcome?;
    given?;
    if lost {
        return Err(Failure::new(exit::LEASE, "somebody else took the lease over meanwhile")
            .safe("everything planned was done, and nothing twice"));
    }
    Ok(left)
}
