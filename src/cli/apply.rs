//! `natsops apply ENV`

use std::path::PathBuf;

use anstream::{eprint, eprintln, println};

use super::allow::AllowArgs;
use super::ask::confirm;
use super::cloud::{Cloud, on_aws};
use super::context::{Context, block_on};
use super::failure::Failure;
use super::plan_view::view;
use super::progress::Progress;
use super::reach::Reach;
use super::reason::ReasonArgs;
use super::saved_plan::SavedPlan;
use super::{apply_cloud, candidates, exit, paint, tables};
use crate::ops::apply::apply;
use crate::ops::status::status;
use crate::ops::survey::{observe_all, plan_all};
use crate::plan::Plan;
use crate::secrets::SecretStore as _;

/// Make the environment what its file says, and prove it
///
/// Shows the plan, asks, carries it out and ends with named checks. An interrupted apply is continued by the next.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Apply the plan in this file, made by `plan --out`, and refuse when it is out of date
    #[arg(long, value_name = "FILE", conflicts_with_all = ["remove", "replace", "allow_interruption"])]
    plan: Option<PathBuf>,
    /// Also heal what only `plan --deep` sees (environments on AWS)
    #[arg(long)]
    deep: bool,
    /// How to reach the servers, for what runs on them and for the checks (environments on AWS)
    #[arg(long, value_enum, default_value_t, hide_default_value = true)]
    reach: Reach,
    /// Fail with 8 when something could not be checked, such as servers in private subnets (environments on AWS)
    #[arg(long)]
    require_checks: bool,
    #[command(flatten)]
    reason: ReasonArgs,
    #[command(flatten)]
    allow: AllowArgs,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let environment = &args.environment;
    let saved = args.plan.as_ref().map(|path| SavedPlan::read(path, environment)).transpose()?;
    if let Some(cluster) = on_aws(context, environment)? {
        let agree = |plan: &Plan| permit(args, saved.as_ref(), plan);
        let (json, require_checks) = (context.json, args.require_checks);
        let deep = args.deep || saved.as_ref().is_some_and(|saved| saved.deep);
        let allow = saved.as_ref().map_or(&args.allow, |saved| &saved.allow);
        let allowed = allow.allowed(&cluster);
        let (reach, edges) = (args.reach, context.edges(environment));
        let wish = apply_cloud::Wish {
            environment,
            json,
            deep,
            reach,
            require_checks,
            edges,
            allowed,
            agree: &agree,
        };
        let server = context.nats_server(&cluster)?;
        let cloud = Cloud::open(cluster)?.with_server(server);
        return apply_cloud::run(cloud.signed_by(args.reason.author("apply")), &wish);
    }
    if args.deep {
        return Err(Failure::new(exit::USAGE, "--deep is for environments on AWS")
            .safe("nothing was changed")
            .next(format!("natsops apply {environment}")));
    }
    let workplace = context.open_local(environment)?.signed_by(args.reason.author("apply"));
    let programs = context.programs(&workplace.cluster)?;
    let allow = saved.as_ref().map_or(&args.allow, |saved| &saved.allow);
    let _lease = context.lease(environment, "apply")?;
    if workplace.store.index()?.is_empty() {
        workplace.ensure_identity()?;
    }
    let progress = Progress::new();
    let outcome = block_on(async |stop| {
        let allowed = allow.allowed(&workplace.cluster);
        let site = workplace.site(programs, &progress, allowed);
        let index = site.store.index()?;
        if !index.is_empty() {
            // Without the right to open the keys nothing can be done; better to know now than halfway.
            site.access(&index)?;
        }
        let world = observe_all(&site, &index).await?;
        let plan = plan_all(&site, &index, &world)?;
        allow.check(&plan)?;
        eprint!("{}", view(&plan, false));
        permit(args, saved.as_ref(), &plan)?;
        let report = apply(&site, index, world, stop).await?;
        let index = site.store.index()?;
        let status = status(&site, &index).await?;
        progress.finish();
        Ok((plan, report, status))
    });
    let (plan, report, status) =
        outcome.map_err(|failure| failure.next(format!("natsops status {environment}")))?;
    if context.json {
        let phases: serde_json::Map<String, serde_json::Value> = progress
            .phases()
            .into_iter()
            .map(|(name, elapsed)| (name, elapsed.as_secs_f64().into()))
            .collect();
        let value = serde_json::json!({
            "format": 1, "environment": environment, "plan": plan,
            "checks": report.checks, "phases": phases, "status": status,
        });
        println!("{value:#}");
        return Ok(exit::DONE);
    }
    println!("{}", tables::nodes(&status));
    let service = workplace.cluster.services.keys().next();
    let service = service.map_or("SERVICE", |name| name.as_str());
    for (word, command) in [
        ("connect", format!("natsops creds export {environment} {service} --out ./{service}")),
        ("next", format!("edit environments/{environment}.yaml, then natsops plan {environment}")),
        ("stop", format!("natsops destroy {environment}")),
    ] {
        eprintln!("{} {command}", paint::bold(format!("{word:>8}:")));
    }
    Ok(exit::DONE)
}

/// Refuses a plan that is out of date or can't be carried out, and has it agreed to.
fn permit(args: &Args, saved: Option<&SavedPlan>, plan: &Plan) -> Result<(), Failure> {
    if let Some(saved) = saved {
        saved.check(plan)?;
    }
    refuse_blocked(plan)?;
    agree(args, plan)
}

fn refuse_blocked(plan: &Plan) -> Result<(), Failure> {
    let Some(blocked) = plan.blocked().next() else {
        return Ok(());
    };
    let reason = blocked.blocked.clone().unwrap_or_default();
    Err(Failure::new(exit::REFUSED, format!("{}: {reason}", blocked.id))
        .safe("nothing was changed"))
}

/// Asks, unless there is nothing to do. What was reviewed in a file is agreed to, except a loss of data.
fn agree(args: &Args, plan: &Plan) -> Result<(), Failure> {
    let environment = &args.environment;
    if plan.loses_data() {
        let question = format!("Apply this to {environment}, and lose data?");
        confirm(&question, environment, args.yes)
    } else if plan.is_empty() || args.plan.is_some() {
        Ok(())
    } else {
        confirm(&format!("Apply this to {environment}?"), "yes", args.yes)
    }
}
