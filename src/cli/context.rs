//! Wires adapters to ports: the only place that decides which store, which provider, which program.

use std::path::{Path, PathBuf};

use anstream::eprintln;

use super::failure::Failure;
use super::progress::Progress;
use super::{exit, paint};
use crate::artifacts::{Bundle, RedisSecrets, bundle, prepare_node, prepare_redis, redis_bundle};
use crate::environment::{
    Addresses, Diagnostics, Glimpse, LoadError, Loaded, Places, Snapshot, glance, load,
};
use crate::lease::{self, Lease};
use crate::model::{Cluster, Placement};
use crate::ops::execute::StopSign;
use crate::ops::{Allowed, Site};
use crate::provider::local::{LocalProvider, RedisSupply, network};
use crate::secrets::{
    Author, KeyName, OsEntropy, SealedDirectory, SecretStore as _, ensure_identity, identity_path,
};

/// Before this, there are no shards to be listed, and no setting can be asked for by several names at once.
const OLDEST_REDIS: semver::Version = semver::Version::new(7, 0, 0);

/// Options that every command takes.
#[derive(Debug, clap::Args)]
pub struct GlobalArgs {
    /// Show results as JSON on stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// The folder that holds environments/ (found from here upwards by default)
    #[arg(long, global = true, value_name = "DIR", env = "NATSOPS_PROJECT")]
    project: Option<PathBuf>,
    /// Where local clusters and sealed keys are kept (PROJECT/.natsops by default)
    #[arg(long, global = true, value_name = "DIR", env = "NATSOPS_STATE")]
    state: Option<PathBuf>,
}

/// What a command has to work with.
pub struct Context {
    /// Whether results are shown as JSON.
    pub json: bool,
    project: PathBuf,
    state: PathBuf,
}

/// The programs that nodes run; none where no node is to be started.
#[derive(Debug, Default)]
pub struct Programs {
    /// nats-server, of the version that the cluster runs.
    pub nats_server: Option<PathBuf>,
    /// redis-server, where there is a cache.
    pub redis_server: Option<PathBuf>,
}

/// An environment as it was.
pub struct Past {
    /// The commit.
    pub commit: String,
    /// What was meant; None when there was no such environment.
    pub cluster: Option<Cluster>,
}

/// Everything of one environment that lives as long as a command.
pub struct Workplace {
    /// What is meant.
    pub cluster: Cluster,
    /// Where the keys are.
    pub store: SealedDirectory,
    state: PathBuf,
}

impl Context {
    /// Finds the project and its state folder.
    pub fn new(args: GlobalArgs) -> Result<Self, Failure> {
        let project = match args.project {
            Some(project) => project,
            None => find_project()?,
        };
        let state = args.state.unwrap_or_else(|| project.join(".natsops"));
        Ok(Self { json: args.json, project, state })
    }

    /// Where an environment's state is kept.
    pub fn state(&self, environment: &str) -> PathBuf {
        self.state.join(environment)
    }

    /// Where checks may have a leafnode server of their own.
    pub fn edges(&self, environment: &str) -> PathBuf {
        self.state(environment).join("edges")
    }

    /// Reads an environment with all that there is to say about it.
    pub fn read(&self, environment: &str) -> Result<(Option<Cluster>, Diagnostics), Failure> {
        let loaded = self.load(environment)?;
        Ok((loaded.cluster, loaded.diagnostics))
    }

    fn load(&self, environment: &str) -> Result<Loaded, Failure> {
        Ok(load(&self.project, environment, &self.addresses(environment))?)
    }

    /// Where the nodes of an environment get their addresses from.
    pub fn addresses(&self, environment: &str) -> Addresses {
        Addresses { local_network: network(&self.state(environment)) }
    }

    /// Reads an environment that must be valid; problems are shown on stderr.
    pub fn cluster(&self, environment: &str) -> Result<Cluster, Failure> {
        let (cluster, diagnostics) = self.read(environment)?;
        self.valid(environment, cluster, &diagnostics)
    }

    /// Reads an environment as a git revision has it.
    pub fn cluster_at(&self, environment: &str, revision: &str) -> Result<Past, Failure> {
        let snapshot = Snapshot::of(&self.project, revision)?;
        let commit = snapshot.commit().to_owned();
        let addresses = self.addresses(environment);
        let loaded = match load(snapshot.project(), environment, &addresses) {
            Err(LoadError::Unknown { .. }) => return Ok(Past { commit, cluster: None }),
            other => other?,
        };
        if loaded.cluster.is_none() {
            eprintln!("{}", loaded.diagnostics.text().trim_end());
            let what = format!("environment `{environment}` is not valid at {revision}");
            return Err(Failure::new(exit::INVALID, what)
                .safe("the files of today are valid")
                .next("compare with a revision that is valid"));
        }
        Ok(Past { commit, cluster: loaded.cluster })
    }

    fn valid(
        &self,
        environment: &str,
        cluster: Option<Cluster>,
        diagnostics: &Diagnostics,
    ) -> Result<Cluster, Failure> {
        let count = diagnostics.errors();
        cluster.ok_or_else(|| {
            eprintln!("{}", diagnostics.text().trim_end());
            let errors = if count == 1 { "error" } else { "errors" };
            Failure::new(exit::INVALID, format!("environment `{environment}` has {count} {errors}"))
                .safe("nothing was changed")
                .next(format!("mend the file, then run natsops validate {environment}"))
        })
    }

    /// One service or leafnode of a large catalog with its places, of which only its own entry is read.
    pub fn glance(
        &self,
        environment: &str,
        name: &str,
    ) -> Result<Option<(Glimpse, Places)>, Failure> {
        Ok(glance(&self.project, environment, name)?)
    }

    /// Reads an environment that must be valid, with the places of what its files say.
    pub fn contract(&self, environment: &str) -> Result<(Cluster, Places), Failure> {
        let loaded = self.load(environment)?;
        let places = loaded.places;
        self.valid(environment, loaded.cluster, &loaded.diagnostics)
            .map(|cluster| (cluster, places))
    }

    /// Opens an environment to work on it.
    pub fn open(&self, environment: &str) -> Result<Workplace, Failure> {
        let cluster = self.cluster(environment)?;
        let state = self.state(environment);
        let store =
            SealedDirectory::new(state.join("secrets"), identity_path()?, &cluster.recipients);
        Ok(Workplace { cluster, store, state })
    }

    /// Opens an environment whose nodes this version can reach.
    pub fn open_local(&self, environment: &str) -> Result<Workplace, Failure> {
        let workplace = self.open(environment)?;
        match &workplace.cluster.placement {
            Placement::Local { .. } => Ok(workplace),
            Placement::Aws(_) => Err(Failure::new(
                exit::FAILED,
                format!(
                    "`{environment}` lives on AWS, and this version does not reach nodes there"
                ),
            )
            .safe("nothing was changed")
            .next(format!("natsops plan {environment}"))),
        }
    }

    /// Takes the right to change an environment.
    pub fn lease(&self, environment: &str, command: &str) -> Result<Lease, Failure> {
        let purpose = format!("{command} {environment}");
        Ok(lease::take(&self.state(environment), &purpose, engineer().as_deref())?)
    }

    /// Every program that an environment's nodes run.
    pub fn programs(&self, cluster: &Cluster) -> Result<Programs, Failure> {
        Ok(Programs {
            nats_server: Some(self.nats_server(cluster)?),
            redis_server: match cluster.redis_nodes() {
                [] => None,
                _ => Some(redis_server()?),
            },
        })
    }

    /// The nats-server program of the version that a cluster runs.
    pub fn nats_server(&self, cluster: &Cluster) -> Result<PathBuf, Failure> {
        let wanted = &cluster.version;
        let tools = self.project.join(".tools/bin/nats-server");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = std::env::split_paths(&path).map(|folder| folder.join("nats-server"));
        let mut others = Vec::new();
        for program in std::iter::once(tools).chain(on_path).filter(|path| path.is_file()) {
            match version_of(&program) {
                Some(version) if version == *wanted => return Ok(program),
                Some(version) => others.push(format!("{version} at {}", program.display())),
                None => {}
            }
        }
        let found = if others.is_empty() {
            "none was found".to_owned()
        } else {
            format!("found {}", others.join(", "))
        };
        Err(Failure::new(exit::FAILED, format!("nats-server {wanted} is needed, and {found}"))
            .safe("nothing was changed")
            .next("make tools"))
    }
}

impl Workplace {
    /// The same; the log of its keys says that `author` made what is changed.
    #[must_use]
    pub fn signed_by(self, author: Author) -> Self {
        Self { store: self.store.signed_by(author), ..self }
    }

    /// Puts an environment to work. `programs` are needed where nodes are to be started.
    pub fn site<'a>(
        &'a self,
        programs: Programs,
        reporter: &'a Progress,
        allowed: Allowed,
    ) -> Site<'a, LocalProvider<'a>> {
        let source = Box::new(|node: &crate::model::Node| {
            let index = self.store.index().map_err(|error| error.to_string())?;
            let prepared =
                prepare_node(&self.cluster, node, &index).map_err(|error| error.to_string())?;
            let key =
                self.store.open(&KeyName::node(&node.name)).map_err(|error| error.to_string())?;
            Ok(bundle(&prepared, node, &index, key))
        });
        let redis = RedisSupply {
            server: programs.redis_server.unwrap_or_default(),
            bundles: Box::new(|node: &crate::model::RedisNode| self.redis_folder(node)),
        };
        Site {
            cluster: &self.cluster,
            store: &self.store,
            entropy: &OsEntropy,
            provider: LocalProvider::new(
                &self.cluster,
                self.nodes(),
                programs.nats_server.unwrap_or_default(),
                source,
                redis,
            ),
            reporter,
            allowed,
        }
    }

    fn redis_folder(&self, node: &crate::model::RedisNode) -> Result<Bundle, String> {
        let index = self.store.index().map_err(|error| error.to_string())?;
        let redis = self.cluster.redis.as_ref().ok_or("there is no cache")?;
        let prepared =
            prepare_redis(&self.cluster, redis, node, &index).map_err(|error| error.to_string())?;
        let open = |name: KeyName| self.store.open(&name).map_err(|error| error.to_string());
        let secrets = RedisSecrets {
            key: open(KeyName::redis_node(&node.name))?,
            replication: open(KeyName::redis_replication())?,
        };
        Ok(redis_bundle(&prepared, node, &index, secrets))
    }

    /// Where the nodes' folders are.
    pub fn nodes(&self) -> PathBuf {
        self.state.join("nodes")
    }

    /// Makes the engineer's own identity if there is none, and tells them that it matters.
    pub fn ensure_identity(&self) -> Result<(), Failure> {
        let path = identity_path()?;
        if ensure_identity(&path)? {
            eprintln!(
                "{} made an age identity at {}. It opens the keys of your environments: keep a copy elsewhere.",
                paint::change("note:"),
                path.display()
            );
        }
        Ok(())
    }
}

/// Who is at work, where that is known.
pub fn engineer() -> Option<String> {
    std::env::var("USER").ok().filter(|name| !name.is_empty())
}

/// Runs asynchronous work, and raises the stop sign when the user presses Ctrl-C.
pub fn block_on<T>(work: impl AsyncFnOnce(&StopSign) -> Result<T, Failure>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let stop = std::sync::Arc::new(StopSign::default());
    let sign = std::sync::Arc::clone(&stop);
    runtime.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            eprintln!("{} nothing new is begun", paint::change("stopping:"));
            sign.raise();
        }
    });
    runtime.block_on(work(&stop))
}

/// The nearest folder from here upwards that holds `environments`.
pub fn find_project() -> Result<PathBuf, Failure> {
    let here = std::env::current_dir()?;
    let found = here.ancestors().find(|folder| folder.join("environments").is_dir());
    found.map(Path::to_owned).ok_or_else(|| {
        Failure::new(
            exit::USAGE,
            format!("there is no folder `environments` in {} or above it", here.display()),
        )
        .next("change to the project's folder, or name it with --project DIR")
    })
}

/// The redis-server of the distribution. Its users have rules that older ones do not know.
fn redis_server() -> Result<PathBuf, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let programs = std::env::split_paths(&path).map(|folder| folder.join("redis-server"));
    let found: Vec<(PathBuf, semver::Version)> = programs
        .filter_map(|program| redis_version(&program).map(|version| (program, version)))
        .collect();
    if let Some((program, _)) = found.iter().find(|(_, version)| *version >= OLDEST_REDIS) {
        return Ok(program.clone());
    }
    let found = found.first().map_or("none is on PATH".to_owned(), |(program, version)| {
        format!("found {version} at {}", program.display())
    });
    let what = format!("redis-server {OLDEST_REDIS} or newer is needed, and {found}");
    Err(Failure::new(exit::FAILED, what).safe("nothing was changed").next("make tools"))
}

/// What `redis-server --version` says: `Redis server v=7.0.15 sha=00000000:0 malloc=…`.
fn redis_version(program: &Path) -> Option<semver::Version> {
    let output = std::process::Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().find_map(|word| word.strip_prefix("v="))?;
    semver::Version::parse(version).ok()
}

/// What `nats-server --version` says: `nats-server: v2.15.1`.
fn version_of(program: &Path) -> Option<semver::Version> {
    let output = std::process::Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    semver::Version::parse(text.trim().rsplit('v').next()?).ok()
}
