//! `natsops apply ENV`

use anstream::{eprint, eprintln, println};

use super::ask::confirm;
use super::context::{Context, block_on};
use super::failure::Failure;
use super::plan_view::view;
use super::progress::Progress;
use super::{exit, paint, tables};
use crate::ops::apply::apply;
use crate::ops::status::status;
use crate::ops::survey::{observe_all, plan_all};
use crate::secrets::SecretStore as _;

/// Make the environment what its file says, and prove it
///
/// Shows the plan, asks, carries it out and ends with named checks. An interrupted apply is continued by the next.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let environment = &args.environment;
    let workplace = context.open_local(environment)?;
    let programs = context.programs(&workplace.cluster)?;
    let _lease = context.lease(environment, "apply")?;
    if workplace.store.index()?.is_empty() {
        workplace.ensure_identity()?;
    }
    let progress = Progress::new();
    let outcome = block_on(async |stop| {
        let site = workplace.site(programs, &progress);
        let index = site.store.index()?;
        if !index.is_empty() {
            // Without the right to open the keys nothing can be done; better to know now than halfway.
            site.access(&index)?;
        }
        let world = observe_all(&site, &index).await?;
        let plan = plan_all(&site, &index, &world)?;
        eprint!("{}", view(&plan, false));
        if let Some(blocked) = plan.blocked().next() {
            let reason = blocked.blocked.clone().unwrap_or_default();
            return Err(Failure::new(exit::REFUSED, format!("{}: {reason}", blocked.id))
                .safe("nothing was changed"));
        }
        if !plan.is_empty() {
            confirm(&format!("Apply this to {environment}?"), "yes", args.yes)?;
        }
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
