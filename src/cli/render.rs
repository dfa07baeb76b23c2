//! `natsops render ENV --out DIR`, and `--leafnode NAME` for a server at the edge.

use std::path::{Path, PathBuf};

use anstream::{eprintln, println};

use super::context::{Context, Workplace};
use super::failure::Failure;
use super::{candidates, exit, paint};
use crate::artifacts::{
    Bundle, Content, Newer, RedisSecrets, bundle, issue, leafnode_files, lint_bundle, prepare_node,
    prepare_redis, redis_bundle,
};
use crate::environment::nearest;
use crate::model::Leafnode;
use crate::secrets::{
    Author, Change, Contents, Entropy as _, Index, KeyName, Secret, SecretStore, StandIn,
    private_folder, write_private,
};

/// Write every node's folder, exactly as an apply would; or that of a leafnode
///
/// With the environment's own keys where they exist, and with stand-in keys where they do not: those have
/// the right shape and protect nothing. Same input and same keys give the same bytes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write the folder of this leafnode instead: configuration, creds, certificate, key and authority
    #[arg(long, value_name = "NAME")]
    leafnode: Option<String>,
    /// Use stand-in keys even where there are real ones
    #[arg(long)]
    stand_in_keys: bool,
}

/// Stand-in papers are dated here, so that they are the same every day: 2026-01-01.
const STAND_IN_DAY: i64 = 1_767_225_600;

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let workplace = context.open(&args.environment)?;
    let what = what(&workplace, args)?;
    let index = workplace.store.index()?;
    let stand_in = args.stand_in_keys || index.is_empty();
    let files = if stand_in {
        render_stand_in(&workplace, &what, &args.out)?
    } else {
        let opened = |name: &KeyName| Ok(workplace.store.open(name)?);
        let origin = Origin { index: &index, now: jiff::Timestamp::now(), key: &opened };
        render(&workplace, &what, &origin, &args.out)?
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

/// What is rendered.
enum What<'a> {
    Nodes,
    Leafnode(&'a Leafnode),
}

fn what<'a>(workplace: &'a Workplace, args: &Args) -> Result<What<'a>, Failure> {
    let Some(name) = &args.leafnode else {
        return Ok(What::Nodes);
    };
    let leafnodes = &workplace.cluster.leafnodes;
    if let Some(leafnode) = leafnodes.get(name.as_str()) {
        return Ok(What::Leafnode(leafnode));
    }
    let names: Vec<&str> = leafnodes.keys().map(|name| name.as_str()).collect();
    let near = nearest(name, names.iter().copied()).unwrap_or_else(|| match names.as_slice() {
        [] => "the environment has none".to_owned(),
        names => format!("there are {}", names.join(", ")),
    });
    Err(Failure::new(exit::USAGE, format!("there is no leafnode `{name}`; {near}")))
}

/// Opens or makes a key.
type Keys<'a> = dyn Fn(&KeyName) -> Result<Secret<String>, Failure> + 'a;

/// What the folders are made from.
struct Origin<'a> {
    index: &'a Index,
    /// The time at which certificates must be good.
    now: jiff::Timestamp,
    key: &'a Keys<'a>,
}

fn render_stand_in(
    workplace: &Workplace,
    what: &What<'_>,
    out: &Path,
) -> Result<Vec<String>, Failure> {
    let entropy = StandIn::new(workplace.cluster.environment.as_str());
    let day = jiff::Timestamp::from_second(STAND_IN_DAY).unwrap_or_default();
    let nowhere = Nowhere;
    let change =
        issue(&workplace.cluster, &Index::default(), &nowhere, &entropy, day, &Newer::new())?;
    let index = nowhere.commit(0, change)?;
    let made = |name: &KeyName| Ok(entropy.make(name, day).secret);
    render(workplace, what, &Origin { index: &index, now: day, key: &made }, out)
}

fn render(
    workplace: &Workplace,
    what: &What<'_>,
    origin: &Origin<'_>,
    out: &Path,
) -> Result<Vec<String>, Failure> {
    match what {
        What::Nodes => render_nodes(workplace, origin, out),
        What::Leafnode(leafnode) => {
            let files = leafnode_files(&workplace.cluster, leafnode, origin.index, origin.key)?;
            write_files(&files, out, "")
        }
    }
}

fn render_nodes(
    workplace: &Workplace,
    origin: &Origin<'_>,
    out: &Path,
) -> Result<Vec<String>, Failure> {
    let mut written = Vec::new();
    for node in &workplace.cluster.nodes {
        let prepared = prepare_node(&workplace.cluster, node, origin.index)?;
        if prepared.pending {
            return Err(incomplete(workplace));
        }
        let key = (origin.key)(&KeyName::node(&node.name))?;
        let files = bundle(&prepared, node, origin.index, key);
        flawless(&files, origin.now, node.name.as_str())?;
        let folder = format!("nodes/{}/", node.name);
        // The server opens its log before anything else, and makes no folder for it.
        private_folder(&out.join(&folder).join("log"))?;
        written.extend(write_files(&files, out, &folder)?);
    }
    if let Some(redis) = &workplace.cluster.redis {
        for node in &redis.nodes {
            let prepared = prepare_redis(&workplace.cluster, redis, node, origin.index)
                .map_err(|error| Failure::new(exit::BUG, error.to_string()))?;
            if prepared.pending {
                return Err(incomplete(workplace));
            }
            let secrets = RedisSecrets {
                key: (origin.key)(&KeyName::redis_node(&node.name))?,
                replication: (origin.key)(&KeyName::redis_replication())?,
            };
            let files = redis_bundle(&prepared, node, origin.index, secrets);
            let folder = format!("nodes/{}/", node.name);
            private_folder(&out.join(&folder).join("log"))?;
            written.extend(write_files(&files, out, &folder)?);
        }
    }
    Ok(written)
}

fn incomplete(workplace: &Workplace) -> Failure {
    let environment = &workplace.cluster.environment;
    Failure::new(exit::FAILED, format!("the keys of `{environment}` are incomplete"))
        .next(format!("natsops apply {environment}, or add --stand-in-keys"))
}

/// Refuses what the server would accept and then run otherwise than it says.
fn flawless(files: &Bundle, now: jiff::Timestamp, node: &str) -> Result<(), Failure> {
    let findings =
        lint_bundle(files, now).map_err(|error| Failure::new(exit::BUG, error.to_string()))?;
    let Some(first) = findings.first() else {
        return Ok(());
    };
    Err(Failure::new(exit::REFUSED, format!("{node}: {first}"))
        .next(format!("natsops lint --explain {}", first.id)))
}

/// Writes a bundle under `out`, each path after `folder`, and gives the paths.
fn write_files(bundle: &Bundle, out: &Path, folder: &str) -> Result<Vec<String>, Failure> {
    let mut written = Vec::new();
    for file in &bundle.files {
        let path = format!("{folder}{}", file.path);
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

    fn open(&self, name: &KeyName) -> Result<Secret<String>, crate::secrets::StoreError> {
        Err(crate::secrets::StoreError::Missing(name.clone()))
    }

    fn commit(&self, _: u64, change: Change) -> Result<Index, crate::secrets::StoreError> {
        let now = jiff::Timestamp::UNIX_EPOCH;
        Ok(change.draft(Index::default(), &Author::default(), now).index)
    }

    fn entry(&self, _: &str) -> Result<Option<Vec<u8>>, crate::secrets::StoreError> {
        Ok(None)
    }

    fn restore(&self, contents: &Contents) -> Result<(), crate::secrets::StoreError> {
        Err(crate::secrets::StoreError::Filled(contents.index.generation))
    }

    fn delete_everything(&self) -> Result<(), crate::secrets::StoreError> {
        Ok(())
    }
}
