//! `natsops render ENV --out DIR`

use std::path::{Path, PathBuf};

use anstream::{eprintln, println};

use super::context::{Context, Workplace};
use super::failure::Failure;
use super::{exit, paint};
use crate::artifacts::{
    Bundle, Content, Newer, RedisSecrets, bundle, issue, prepare_node, prepare_redis, redis_bundle,
};
use crate::secrets::{
    Change, Entropy as _, Index, KeyName, SecretStore, StandIn, private_folder, write_private,
};

/// Write every node's folder, exactly as an apply would
///
/// With the environment's own keys where they exist, and with stand-in keys where they do not: those have
/// the right shape and protect nothing. Same input and same keys give the same bytes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: String,
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Use stand-in keys even where there are real ones
    #[arg(long)]
    stand_in_keys: bool,
}

/// Stand-in papers are dated here, so that they are the same every day: 2026-01-01.
const STAND_IN_DAY: i64 = 1_767_225_600;

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let workplace = context.open(&args.environment)?;
    let index = workplace.store.index()?;
    let stand_in = args.stand_in_keys || index.is_empty();
    let files = if stand_in {
        render_stand_in(&workplace, &args.out)?
    } else {
        render(&workplace, &index, &args.out, |name| Ok(workplace.store.open(name)?))?
    };
    if context.json {
        let value = serde_json::json!({
            "format": 1, "environment": args.environment, "stand_in_keys": stand_in, "files": files,
        });
        println!("{value:#}");
        return Ok(exit::DONE);
    }
    for file in &files {
        println!("{}", args.out.join(file).display());
    }
    if stand_in {
        eprintln!("{} rendered with stand-in keys, which protect nothing", paint::change("note:"));
    }
    Ok(exit::DONE)
}

fn render_stand_in(workplace: &Workplace, out: &Path) -> Result<Vec<String>, Failure> {
    let entropy = StandIn::new(workplace.cluster.environment.as_str());
    let day = jiff::Timestamp::from_second(STAND_IN_DAY).unwrap_or_default();
    let nowhere = Nowhere;
    let change =
        issue(&workplace.cluster, &Index::default(), &nowhere, &entropy, day, &Newer::new())?;
    let index = nowhere.commit(0, change)?;
    render(workplace, &index, out, |name| Ok(entropy.make(name, day).secret))
}

fn render(
    workplace: &Workplace,
    index: &Index,
    out: &Path,
    key: impl Fn(&KeyName) -> Result<crate::secrets::Secret<String>, Failure>,
) -> Result<Vec<String>, Failure> {
    let mut written = Vec::new();
    for node in &workplace.cluster.nodes {
        let prepared = prepare_node(&workplace.cluster, node, index)
            .map_err(|error| Failure::new(exit::BUG, error.to_string()))?;
        if prepared.pending {
            return Err(incomplete(workplace));
        }
        let files = bundle(&prepared, node, index, key(&KeyName::node(&node.name))?);
        written.extend(write(&files, out, &format!("nodes/{}", node.name))?);
    }
    if let Some(redis) = &workplace.cluster.redis {
        for node in &redis.nodes {
            let prepared = prepare_redis(&workplace.cluster, redis, node, index)
                .map_err(|error| Failure::new(exit::BUG, error.to_string()))?;
            if prepared.pending {
                return Err(incomplete(workplace));
            }
            let secrets = RedisSecrets {
                key: key(&KeyName::redis_node(&node.name))?,
                replication: key(&KeyName::redis_replication())?,
            };
            let files = redis_bundle(&prepared, node, index, secrets);
            written.extend(write(&files, out, &format!("nodes/{}", node.name))?);
        }
    }
    Ok(written)
}

fn incomplete(workplace: &Workplace) -> Failure {
    let environment = &workplace.cluster.environment;
    Failure::new(exit::FAILED, format!("the keys of `{environment}` are incomplete"))
        .next(format!("natsops apply {environment}, or add --stand-in-keys"))
}

/// Writes a bundle under `out`, and gives the paths.
fn write(bundle: &Bundle, out: &Path, folder: &str) -> Result<Vec<String>, Failure> {
    let mut written = Vec::new();
    // The server opens its log before anything else, and makes no folder for it.
    private_folder(&out.join(folder).join("log"))?;
    for file in &bundle.files {
        let path = format!("{folder}/{}", file.path);
        let target = out.join(&path);
        if let Some(parent) = target.parent() {
            private_folder(parent)?;
        }
        match &file.content {
            Content::Secret(secret) => write_private(&target, secret.expose().as_bytes())?,
            Content::Public(text) => fs_err::write(&target, text)?,
        }
        written.push(path);
    }
    Ok(written)
}

/// A store that keeps nothing: stand-in keys are made again when they are needed.
struct Nowhere;

impl SecretStore for Nowhere {
    fn index(&self) -> Result<Index, crate::secrets::StoreError> {
        Ok(Index::default())
    }

    fn open(
        &self,
        name: &KeyName,
    ) -> Result<crate::secrets::Secret<String>, crate::secrets::StoreError> {
        Err(crate::secrets::StoreError::Missing(name.clone()))
    }

    fn commit(&self, _: u64, change: Change) -> Result<Index, crate::secrets::StoreError> {
        let keys = change.keys.into_iter().map(|(name, key)| (name, key.entry));
        Ok(Index {
            format: Index::FORMAT,
            generation: 1,
            keys: keys.collect(),
            documents: change.documents.into_iter().collect(),
        })
    }

    fn delete_everything(&self) -> Result<(), crate::secrets::StoreError> {
        Ok(())
    }
}
