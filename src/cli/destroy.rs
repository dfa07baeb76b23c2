//! `natsops destroy ENV`

use anstream::{eprint, eprintln, println};

use super::ask::confirm;
use super::cloud::on_aws;
use super::context::{Context, Programs, Workplace, block_on};
use super::destroy_cloud::{self, Kept, Wish};
use super::failure::Failure;
use super::plan_view::view;
use super::progress::Progress;
use super::{candidates, exit, paint};
use crate::ops::{Allowed, destroy};
use crate::secrets::SecretStore as _;

/// Stop what apply started
///
/// Data and keys stay, so that the next apply brings the same cluster back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Delete the nodes' data too: every message is lost (environments on this machine)
    #[arg(long)]
    delete_data: bool,
    /// Delete the keys too: every credential that was handed out is void (environments on this machine)
    #[arg(long)]
    delete_keys: bool,
    /// Delete this too, which would stay (environments on AWS; can be repeated)
    #[arg(long, value_enum, value_name = "WHAT", conflicts_with_all = ["delete_data", "delete_keys"])]
    delete: Vec<Kept>,
    /// Take no last snapshot of the cache (environments on AWS)
    #[arg(long, conflicts_with_all = ["delete_data", "delete_keys"])]
    no_snapshot: bool,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let environment = &args.environment;
    if let Some(cluster) = on_aws(context, environment)? {
        if args.delete_data || args.delete_keys {
            let what = "--delete-data and --delete-keys are for environments on this machine";
            let next = format!("natsops destroy {environment} --delete volumes --delete bucket");
            return Err(Failure::new(exit::USAGE, what).safe("nothing was changed").next(next));
        }
        let (delete, no_snapshot) = (&args.delete, args.no_snapshot);
        let wish = Wish { environment, json: context.json, yes: args.yes, delete, no_snapshot };
        return destroy_cloud::run(cluster, &wish);
    }
    if !args.delete.is_empty() || args.no_snapshot {
        let what = "--delete and --no-snapshot are for environments on AWS";
        let next = format!("natsops destroy {environment} --delete-data");
        return Err(Failure::new(exit::USAGE, what).safe("nothing was changed").next(next));
    }
    let workplace = context.open_local(environment)?;
    let _lease = context.lease(environment, "destroy")?;
    let progress = Progress::new();
    let plan = block_on(async |stop| {
        let site = workplace.site(Programs::default(), &progress, Allowed::default());
        let plan = destroy::plan(&site).await?;
        eprint!("{}", view(&plan, false));
        for (asked, what) in [
            (args.delete_data, "data: every message of every stream is lost"),
            (args.delete_keys, "keys: every credential that was handed out is void"),
        ] {
            if asked {
                eprintln!("{} {what}", paint::error("-"));
            }
        }
        if !plan.is_empty() || args.delete_data || args.delete_keys {
            confirm(&format!("Destroy {environment}?"), environment, args.yes)?;
        }
        destroy::perform(&site, &plan, stop).await?;
        Ok(plan)
    })
    .map_err(|failure| failure.next(format!("natsops status {environment}")))?;
    delete(&workplace, args)?;
    if context.json {
        let value = serde_json::json!({
            "format": 1, "environment": environment, "plan": plan,
            "data_deleted": args.delete_data, "keys_deleted": args.delete_keys,
        });
        println!("{value:#}");
        return Ok(exit::DONE);
    }
    let kept = match (args.delete_data, args.delete_keys) {
        (false, false) => "data and keys are kept",
        (true, false) => "data is deleted, keys are kept",
        (false, true) => "data is kept, keys are deleted",
        (true, true) => "data and keys are deleted",
    };
    println!("{} {environment}: {kept}", paint::good("stopped"));
    Ok(exit::DONE)
}

fn delete(workplace: &Workplace, args: &Args) -> Result<(), Failure> {
    for node in &workplace.cluster.nodes {
        let folder = workplace.nodes().join(node.name.as_str());
        if args.delete_data {
            remove(&folder)?;
        } else if args.delete_keys {
            // A node has copies of its own key and of what the old operator signed.
            for part in ["tls", "data/jwt", "nats.conf"] {
                remove(&folder.join(part))?;
            }
        }
    }
    for node in workplace.cluster.redis_nodes() {
        let folder = workplace.nodes().join(node.name.as_str());
        if args.delete_data {
            remove(&folder)?;
        } else if args.delete_keys {
            for part in ["tls", "users.acl", "redis.conf"] {
                remove(&folder.join(part))?;
            }
        }
    }
    if args.delete_keys {
        workplace.store.delete_everything()?;
    }
    Ok(())
}

fn remove(path: &std::path::Path) -> Result<(), Failure> {
    let removed =
        if path.is_dir() { fs_err::remove_dir_all(path) } else { fs_err::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
