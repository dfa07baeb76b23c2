//! `natsops policy ENV plan|apply|operate|node`

use anstream::{eprintln, println};

use super::context::Context;
use super::failure::Failure;
use super::{candidates, exit, lookup, paint};
use crate::model::Cluster;
use crate::policy::{Policy, Scope, apply, node, operate, plan};

/// Print the least rights on AWS, as an IAM policy
///
/// Whoever plans needs no right to change, and none to open what is sealed. Whoever applies needs three
/// policies, plan, apply and operate: things are made with the tag natsops:environment, and only what
/// carries it is changed or removed; machines are told to take what they should run. Who is on call
/// needs plan and operate: natsops node tells machines what to do, and opens nothing that is sealed. A
/// node reads its own bundle; apply attaches its policy by itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  natsops policy prod plan > plan.json
  aws iam create-policy --policy-name natsops-prod-plan --policy-document file://plan.json
  natsops policy prod node --node nats-1")]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// Whose rights
    #[arg(value_name = "WHO", value_enum)]
    who: Who,
    /// The node, for the policy of a node
    #[arg(long, value_name = "NAME", required_if_eq("who", "node"), add = candidates::nodes())]
    node: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Who {
    /// Who runs natsops plan, such as CI on every pull request
    Plan,
    /// Who runs natsops apply or destroy, besides the policies of plan and operate
    Apply,
    /// Who operates machines by natsops node, besides the policy of plan
    Operate,
    /// The role of one node
    Node,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let cluster = context.cluster(&args.environment)?;
    let scope = Scope::of(&cluster).ok_or_else(|| {
        let what =
            format!("`{}` does not live on AWS, so it needs no rights there", args.environment);
        Failure::new(exit::USAGE, what).next("name an environment with `provider.aws`")
    })?;
    let policy = policy(&cluster, &scope, args)?;
    // Not by way of a value, which would put the keys in another order than readers of policies are used to.
    println!("{}", serde_json::to_string_pretty(&policy).map_err(std::io::Error::other)?);
    let beside = match args.who {
        Who::Apply => Some("the policies of `plan` and `operate`, which it does not repeat"),
        Who::Operate => Some("the policy of `plan`, which it does not repeat"),
        Who::Plan | Who::Node => None,
    };
    if let Some(beside) = beside {
        eprintln!("{} attach it beside {beside}", paint::change("note:"));
    }
    Ok(exit::DONE)
}

fn policy(cluster: &Cluster, scope: &Scope, args: &Args) -> Result<Policy, Failure> {
    Ok(match (args.who, &args.node) {
        (Who::Plan, _) => plan(scope),
        (Who::Apply, _) => apply(scope),
        (Who::Operate, _) => operate(scope),
        (Who::Node, Some(name)) => node(scope, &lookup::node(cluster, name)?.name),
        (Who::Node, None) => {
            let next = format!("natsops policy {} node --node NAME", args.environment);
            return Err(Failure::new(exit::USAGE, "no node is named").next(next));
        }
    })
}
