//! `natsops plan ENV`

use std::collections::BTreeSet;
use std::path::PathBuf;

use anstream::{eprintln, print};

use super::allow::AllowArgs;
use super::cloud::{Cloud, on_aws};
use super::context::{Context, Programs, block_on};
use super::failure::Failure;
use super::layered_view::layered_view;
use super::layers::Shown;
use super::plan_cloud::Foreseen;
use super::plan_markdown::markdown;
use super::plan_view::view;
use super::progress::Progress;
use super::reach::Reach;
use super::saved_plan::SavedPlan;
use super::shown::PlanShown;
use super::{candidates, exit, paint, plan_cloud};
use crate::ops::survey::{observe_all, plan_all};
use crate::plan::Plan;

/// Show what an apply would do, and change nothing
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// Exit with 2 when there are changes
    #[arg(long)]
    detailed_exitcode: bool,
    /// List everything one by one, what stays as it is included
    #[arg(long, short)]
    verbose: bool,
    /// Show it as Markdown, for a comment on a pull request
    #[arg(long, conflicts_with_all = ["json", "verbose"])]
    markdown: bool,
    /// Save the plan to this file, for `apply --plan`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Ask nobody, and plan everything as new: needs no credentials (environments on AWS)
    #[arg(long, conflicts_with = "deep")]
    offline: bool,
    /// Also look at what costs a call for each thing, such as termination protection (environments on AWS)
    #[arg(long)]
    pub(super) deep: bool,
    /// How to see what runs on the servers (environments on AWS)
    #[arg(long, value_enum, default_value_t, hide_default_value = true)]
    pub(super) reach: Reach,
    #[command(flatten)]
    pub(super) allow: AllowArgs,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let foreseen = match on_aws(context, &args.environment)? {
        Some(cluster) if args.offline => plan_cloud::offline(&cluster)?,
        Some(cluster) => plan_cloud::live(context, &Cloud::open(cluster)?, args)?,
        None => Foreseen { plan: local(context, args)?, by_hand: BTreeSet::new(), forecast: None },
    };
    let (environment, plan) = (&args.environment, &foreseen.plan);
    show(&foreseen.shown(environment), context.json, args);
    if let Some(out) = &args.out {
        SavedPlan::new(environment, &args.allow, args.deep, plan).write(out)?;
        let out = out.display();
        eprintln!("{} natsops apply {environment} --plan {out}", paint::bold("apply it:"));
    }
    Ok(if args.detailed_exitcode && !plan.is_empty() { exit::CHANGES } else { exit::DONE })
}

/// Plans for nodes of this machine.
fn local(context: &Context, args: &Args) -> Result<Plan, Failure> {
    if args.offline || args.deep {
        let option = if args.offline { "--offline" } else { "--deep" };
        return Err(Failure::new(exit::USAGE, format!("{option} is for environments on AWS"))
            .next(format!("natsops plan {}", args.environment)));
    }
    let workplace = context.open_local(&args.environment)?;
    let progress = Progress::new();
    let plan = block_on(async |_| {
        let site =
            workplace.site(Programs::default(), &progress, args.allow.allowed(&workplace.cluster));
        let index = site.store.index()?;
        let world = observe_all(&site, &index).await?;
        Ok(plan_all(&site, &index, &world)?)
    })?;
    args.allow.check(&plan)?;
    Ok(plan)
}

/// Shows a plan on stdout.
fn show(shown: &Shown<'_>, json: bool, args: &Args) {
    if json {
        anstream::println!("{:#}", serde_json::json!(PlanShown::new(shown)));
    } else if args.markdown {
        print!("{}", markdown(shown));
    } else {
        print!("{}", words(shown, args.verbose));
    }
}

/// A plan in words: layer by layer where it can be foretold what it takes and costs, which is on AWS.
pub fn words(shown: &Shown<'_>, all: bool) -> String {
    if shown.forecast.is_some() { layered_view(shown, all) } else { view(shown.plan, all) }
}
