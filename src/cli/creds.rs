//! `natsops creds export ENV SERVICE`

use std::path::PathBuf;

use anstream::{eprintln, println};

use super::cloud::{Cloud, on_aws};
use super::context::{Context, Workplace, block_on};
use super::failure::Failure;
use super::{candidates, exit, lookup, paint};
use crate::artifacts::{Content, client_files};
use crate::model::Cluster;
use crate::render::{environment_script, nats_context};
use crate::secrets::{SecretStore, private_folder, write_private};

/// Credentials of services
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Export(ExportArgs),
}

/// Write what a client of a service needs: creds, certificate, key, authority and addresses, also of the cache
///
/// Keys, creds and passwords are readable by their owner only. Every client must use the service's own inbox prefix,
/// _INBOX.SERVICE; both formats below carry it.
#[derive(Debug, clap::Args)]
struct ExportArgs {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// The service
    #[arg(value_name = "SERVICE", add = candidates::services())]
    service: String,
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What to write beside the files (can be repeated)
    #[arg(long, value_enum)]
    format: Vec<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A context of the `nats` tool, as SERVICE.json
    NatsContext,
    /// A script for shells that sets NATS_URL, REDIS_URLS and others, as SERVICE.env
    Env,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    match &args.command {
        Command::Export(args) => export(context, args),
    }
}

/// Where an environment's credentials come from.
struct Source {
    cluster: Cluster,
    store: Box<dyn SecretStore>,
}

fn source(context: &Context, args: &ExportArgs) -> Result<Source, Failure> {
    let Some(cluster) = on_aws(context, &args.environment)? else {
        let Workplace { cluster, store, .. } = context.open(&args.environment)?;
        return Ok(Source { cluster, store: Box::new(store) });
    };
    let cloud = Cloud::open(cluster)?;
    let endpoint = block_on(async |_| Ok(cloud.provider().await?.cache_endpoint().await?))?;
    let Cloud { mut cluster, store, .. } = cloud;
    if let Some(redis) = &mut cluster.redis {
        redis.endpoint = endpoint;
    }
    Ok(Source { cluster, store: Box::new(store) })
}

fn export(context: &Context, args: &ExportArgs) -> Result<u8, Failure> {
    let Source { cluster, store } = source(context, args)?;
    let service = lookup::service(&cluster, &args.service)?;
    let index = store.index()?;
    let files = client_files(&cluster, service, &index, &*store).map_err(|error| {
        Failure::from(error).next(format!("natsops apply {}", args.environment))
    })?;
    private_folder(&args.out)?;
    let folder = std::path::absolute(&args.out)?;
    let mut written = Vec::new();
    for file in files {
        let path = folder.join(&file.path);
        match file.content {
            Content::Secret(secret) => write_private(&path, secret.expose().as_bytes())?,
            Content::Public(text) => fs_err::write(&path, text)?,
        }
        written.push(path);
    }
    for format in &args.format {
        let (name, text) = match format {
            Format::NatsContext => ("json", nats_context(&cluster, service, &folder)),
            Format::Env => ("env", environment_script(&cluster, service, &folder)),
        };
        let path = folder.join(format!("{}.{name}", service.name));
        fs_err::write(&path, text)?;
        written.push(path);
    }
    if context.json {
        let value = serde_json::json!({
            "format": 1, "service": service.name, "files": written,
            "urls": cluster.client_urls(), "inbox_prefix": service.inbox_prefix(),
            "redis_urls": cluster.cache_of(service).map(|redis| redis.client_urls()),
        });
        println!("{value:#}");
        return Ok(exit::DONE);
    }
    for path in &written {
        println!("{}", path.display());
    }
    eprintln!(
        "{} clients must use the inbox prefix {}",
        paint::bold("note:"),
        service.inbox_prefix()
    );
    Ok(exit::DONE)
}
