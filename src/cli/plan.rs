//! `natsops plan ENV`

use anstream::print;

use super::context::{Context, Programs, block_on};
use super::exit;
use super::failure::Failure;
use super::plan_view::view;
use super::progress::Progress;
use crate::ops::survey::{observe_all, plan_all};
use crate::plan::Plan;

/// Show what an apply would do, and change nothing
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: String,
    /// Exit with 2 when there are changes
    #[arg(long)]
    detailed_exitcode: bool,
    /// List everything one by one, what stays as it is included
    #[arg(long, short)]
    verbose: bool,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let workplace = context.open_local(&args.environment)?;
    let progress = Progress::new();
    let plan = block_on(async |_| {
        let site = workplace.site(Programs::default(), &progress);
        let index = site.store.index()?;
        let world = observe_all(&site, &index).await?;
        Ok(plan_all(&site, &index, &world)?)
    })?;
    show(&plan, &args.environment, context.json, args.verbose);
    Ok(if args.detailed_exitcode && !plan.is_empty() { exit::CHANGES } else { exit::DONE })
}

/// Shows a plan on stdout.
pub fn show(plan: &Plan, environment: &str, json: bool, verbose: bool) {
    if json {
        let value = serde_json::json!({
            "format": 1, "environment": environment, "empty": plan.is_empty(), "plan": plan,
        });
        anstream::println!("{value:#}");
    } else {
        print!("{}", view(plan, verbose));
    }
}
