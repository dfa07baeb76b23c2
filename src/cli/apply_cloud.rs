//! `natsops apply ENV` for an environment on AWS.

use std::path::PathBuf;

use anstream::{eprint, eprintln, println};

use super::cloud::Cloud;
use super::context::block_on;
use super::failure::Failure;
use super::plan::words;
use super::plan_cloud::{Foreseen, look};
use super::progress::Progress;
use super::reach::Reach;
use super::{exit, paint};
use crate::ops::checks::{self, Report};
use crate::ops::execute::StopSign;
use crate::ops::platform::{self, Ground};
use crate::ops::{Allowed, OpsError, Site, reach};
use crate::plan::{Kind, Plan};
use crate::provider::Platform as _;
use crate::provider::aws::{AwsProvider, Machines};
use crate::secrets::SecretStore as _;

/// What an apply is asked to be.
pub struct Wish<'a> {
    /// The environment.
    pub environment: &'a str,
    /// Whether the result is shown as JSON.
    pub json: bool,
    /// Whether everything is looked at, whatever it costs.
    pub deep: bool,
    /// How the servers are reached.
    pub reach: Reach,
    /// Whether it fails when something could not be checked.
    pub require_checks: bool,
    /// Where checks may have a leafnode server.
    pub edges: PathBuf,
    /// What the user allows by name.
    pub allowed: Allowed,
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
        let site = cloud.site(wish.edges.clone(), &progress, wish.allowed.clone());
        let planned = look(&ground, &site, &cloud.store.index()?, (wish.reach, stop)).await?;
        let foreseen = Foreseen::of(&cloud.cluster, planned, cloud.calls.calls())?;
        eprint!("{}", words(&foreseen.shown(environment), false));
        let plan = foreseen.plan;
        (wish.agree)(&plan)?;
        let done = match what_is_left(&plan, wish.reach) {
            Left::Nothing => {
                let checks = checks::run(&site, &cloud.store.index()?, stop).await?;
                Done { left: plan.clone(), checks: Some(checks) }
            }
            Left::OutOfReach => Done { left: plan.clone(), checks: None },
            Left::Something => {
                let grounds = Grounds { ground, site, reach: wish.reach };
                carry_out(&cloud, &grounds, &plan, (stop, &progress)).await?
            }
        };
        progress.finish();
        Ok((plan, done))
    });
    let (plan, Done { left, checks }) = outcome.map_err(|failure| {
        let next = next(environment, &failure);
        failure.next(next)
    })?;
    if wish.json {
        let value = serde_json::json!({
            "format": 1, "environment": environment, "plan": plan, "left": left,
            "calls": cloud.calls.calls(), "checks": checks.map(|report| report.checks),
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

/// What a plan leaves to an apply.
enum Left {
    Nothing,
    /// Nothing but what can't be looked at from here.
    OutOfReach,
    Something,
}

fn what_is_left(plan: &Plan, reach: Reach) -> Left {
    let reached = !plan.not_observed.iter().any(|unseen| unseen.kind == Kind::Node);
    match (plan.is_empty(), plan.not_observed.is_empty()) {
        (true, true) => Left::Nothing,
        // Servers that have just begun to answer tell the rest in a moment, and machines may still boot.
        (true, false) if !reached && reach != Reach::Wait => Left::OutOfReach,
        _ => Left::Something,
    }
}

/// The command to run after a failure that names none: whoever lacks a right needs to know the least that is enough.
fn next(environment: &str, failure: &Failure) -> String {
    if failure.code == exit::PERMISSION {
        return format!("natsops policy {environment} apply");
    }
    format!("natsops plan {environment}")
}

/// What an apply has left, and the checks where the servers were reached.
struct Done {
    left: Plan,
    checks: Option<Report>,
}

/// The platform, and the servers on it.
struct Grounds<'g, 'a> {
    ground: Ground<'g, AwsProvider<'a>>,
    site: Site<'g, Machines<'g>>,
    reach: Reach,
}

impl Grounds<'_, '_> {
    /// Makes the platform what it should be, then what runs on the servers, where they can be reached.
    async fn apply(&self, agreed: &Plan, stop: &StopSign) -> Result<Done, OpsError> {
        let left = platform::apply(&self.ground, agreed, stop).await?;
        if self.reach == Reach::Never {
            return Ok(Done { left, checks: None });
        }
        if self.reach == Reach::Wait {
            reach::wait(&self.site, stop).await?;
        }
        let index = self.site.store.index()?;
        let Some(world) = reach::survey(&self.site, &index, None).await? else {
            return Ok(Done { left, checks: None });
        };
        let (report, servers) = reach::finish(&self.site, world, stop).await?;
        if self.site.store.index()?.generation != index.generation {
            // Claims were signed anew for the servers; machines that boot later fetch the same.
            platform::deliver(&self.ground, stop).await?;
        }
        Ok(Done { left: platform::with_servers(left, servers), checks: Some(report) })
    }
}

/// Makes the anchor, takes the lease, applies, and gives the lease back however that ended.
async fn carry_out(
    cloud: &Cloud,
    grounds: &Grounds<'_, '_>,
    agreed: &Plan,
    (stop, progress): (&StopSign, &Progress),
) -> Result<Done, Failure> {
    let platform = grounds.ground.platform;
    stop.heed()?;
    platform.anchor().await.map_err(OpsError::from)?;
    cloud.under_lease(platform, ("apply", progress, stop), grounds.apply(agreed, stop)).await
}
