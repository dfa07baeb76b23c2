//! `natsops node replace ENV NODE`

use anstream::{eprintln, println};

use crate::cli::ask::confirm;
use crate::cli::cloud::{Cloud, on_aws, settings};
use crate::cli::context::{Context, block_on};
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::{candidates, exit, lookup, paint};
use crate::ops::Allowed;
use crate::ops::replace::{self, Objection, Order, Outlook};
use crate::provider::Replacement;
use crate::secrets::SecretStore as _;

/// Give a node another machine (environments on AWS)
///
/// For a machine that is dead, and for another image or instance type. Address, data and rights stay; the machine of now leaves by lame duck
/// where it lives, and another is made of the image in the file. One node at a time: the command waits until the node has
/// everything again, where the servers can be reached. An interrupted replacement is continued by the same command.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  natsops node replace prod nats-1
  natsops node replace prod nats-1 --empty-disk         its disk is dead; the others have its streams")]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// The node
    #[arg(value_name = "NODE", add = candidates::nodes())]
    node: String,
    /// Begin with an empty disk, and catch up from the other nodes; the disk of now is kept, and is the node's no more
    #[arg(long)]
    empty_disk: bool,
    /// With --empty-disk: lose this stream or bucket, which has no current copy elsewhere (can be repeated)
    #[arg(long, value_name = "ACCOUNT/NAME", requires = "empty_disk")]
    lose: Vec<String>,
    /// Go on although something stops meanwhile, something else is not well, or nobody can tell
    #[arg(long)]
    allow_interruption: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Args {
    /// The same command, with all that was allowed by it.
    fn command(&self) -> String {
        let Self { environment, node, empty_disk, lose, allow_interruption, .. } = self;
        let mut command = format!("natsops node replace {environment} {node}");
        if *empty_disk {
            command += " --empty-disk";
        }
        if *allow_interruption {
            command += " --allow-interruption";
        }
        lose.iter().fold(command, |command, name| format!("{command} --lose {name}"))
    }
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let Some(cluster) = on_aws(context, &args.environment)? else {
        let what = "an environment on this machine has no machines to replace";
        return Err(Failure::new(exit::USAGE, what)
            .safe("nothing was changed")
            .next(format!("natsops apply {}, which starts what died", args.environment)));
    };
    let server = context.nats_server(&cluster)?;
    let cloud = Cloud::open(cluster)?.with_server(server);
    let node = lookup::node(&cloud.cluster, &args.node)?;
    let order = Order { node, empty_disk: args.empty_disk };
    let progress = Progress::new();
    let allowed = Allowed { interruption: args.allow_interruption, ..Allowed::default() };
    let outcome = block_on(async |stop| {
        let platform = cloud.provider().await?;
        let ground = cloud.ground(&platform, &progress, false);
        let site = cloud.site(context.edges(&args.environment), &progress, allowed.clone());
        let outlook = replace::examine(&ground, &site, order, &cloud.store.index()?).await?;
        permit(args, &outlook)?;
        ask(args, &cloud, order, &outlook)?;
        let work = async {
            // The world may have moved while somebody was asked.
            let outlook = replace::examine(&ground, &site, order, &cloud.store.index()?).await?;
            permit(args, &outlook)?;
            let next = replace::replace(&ground, &site, order, &outlook, stop).await?;
            Ok::<_, Failure>((next, outlook.is_reached()))
        };
        let done = cloud.under_lease(&platform, ("node replace", &progress, stop), work).await?;
        progress.finish();
        Ok(done)
    });
    let (next, reached) = outcome.map_err(|failure| failure.next(args.command()))?;
    tell(context, args, next, reached);
    Ok(exit::DONE)
}

/// Refuses what could do harm and was not allowed by name.
fn permit(args: &Args, outlook: &Outlook) -> Result<(), Failure> {
    let Args { environment, node, allow_interruption, .. } = args;
    let refused = |what: String| Failure::new(exit::REFUSED, what).safe("nothing was changed");
    if let Some(objection) = outlook.objection.as_ref().filter(|_| !allow_interruption) {
        let all_the_same = format!("{} --allow-interruption", args.command());
        let next = match objection {
            Objection::Unreachable => {
                format!(
                    "the same from inside of its network; or, where you know it, {all_the_same}"
                )
            }
            Objection::Unhealthy(_) => format!("natsops status {environment}"),
            Objection::WouldStop(_) => format!("{all_the_same}, to have it stop"),
        };
        return Err(refused(format!("{node} keeps its machine: {objection}")).next(next));
    }
    let unnamed: Vec<&str> = outlook
        .lost
        .iter()
        .map(String::as_str)
        .filter(|lost| !args.lose.iter().any(|named| named == lost))
        .collect();
    if !unnamed.is_empty() {
        let doubt = if outlook.is_reached() { "" } else { ", as far as the catalog tells" };
        let what =
            format!("{node} keeps its disk: it has the only copy of {}{doubt}", unnamed.join(", "));
        let names: String = unnamed.iter().map(|name| format!(" --lose {name}")).collect();
        let next = format!("{}{names}, if it may be lost", args.command());
        return Err(refused(what).next(next));
    }
    Ok(())
}

/// Shows what will be done, and has it agreed to.
fn ask(args: &Args, cloud: &Cloud, order: Order<'_>, outlook: &Outlook) -> Result<(), Failure> {
    let Args { environment, node, .. } = args;
    let image = &settings(&cloud.cluster).image;
    let field = |name: &str| {
        let record = outlook.machine.as_ref()?;
        record.fields.get(name).map(|field| field.value.clone())
    };
    let now = match (field("state"), field("image")) {
        (Some(state), Some(image)) => format!("a machine of {image}, which is {state}, goes"),
        _ => "there is no machine".to_owned(),
    };
    eprintln!("{}: {now}; one of {image} comes", paint::bold(node));
    let address = order.node.address;
    match (order.empty_disk || outlook.begun.is_some_and(|next| next.empty_disk), &outlook.lost[..])
    {
        (false, _) => eprintln!("{address} and its data stay"),
        (true, []) => eprintln!(
            "{address} stays; its volume is kept and set aside, and the others give the node its data"
        ),
        (true, lost) => eprintln!(
            "{address} stays; its volume is kept and set aside. {} {}",
            paint::error("lost:"),
            lost.join(", ")
        ),
    }
    if outlook.begun.is_some() {
        eprintln!("an interrupted replacement goes on");
    }
    confirm(&format!("Replace the machine of {node}?"), environment, args.yes)
}

fn tell(context: &Context, args: &Args, next: Replacement, reached: bool) {
    let Args { environment, node, .. } = args;
    if context.json {
        let value = serde_json::json!({
            "format": 1, "environment": environment, "node": node, "generation": next.generation,
            "empty_disk": next.empty_disk, "healthy": reached.then_some(true),
        });
        println!("{value:#}");
        return;
    }
    let generation = next.generation;
    println!("{} {node} has machine {generation} of its life", paint::good("replaced:"));
    if !reached {
        eprintln!(
            "{} its server can't be reached from here; what its machine says: natsops status {environment}",
            paint::change("note:")
        );
    }
}
