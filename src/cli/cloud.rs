//! Environments on AWS: clients, store and what an apply hands over, put together.

use std::path::PathBuf;
use std::pin::pin;

use super::context::{Context, engineer};
use super::exit;
use super::failure::Failure;
use super::progress::Progress;
use crate::artifacts::{Content, archive, client_file};
use crate::lease;
use crate::model::{AwsSettings, Cluster, Placement};
use crate::ops::execute::StopSign;
use crate::ops::platform::Ground;
use crate::ops::{Allowed, Reporter, Site};
use crate::provider::Supply;
use crate::provider::aws::{
    AwsProvider, BucketStore, Checks, Clients, CloudLease, Counter, Machines, Names,
};
use crate::secrets::{Author, Beside, Index, KeyName, OsEntropy, Secret, SecretStore as _};

/// An environment on AWS.
pub struct Cloud {
    /// What is meant.
    pub cluster: Cluster,
    /// Where the keys are.
    pub store: BucketStore,
    /// Counts the calls of AWS.
    pub calls: Counter,
    /// The program that nodes run; nothing where none is handed over.
    server: PathBuf,
}

impl Cloud {
    /// Opens it. Nothing is asked of AWS yet.
    pub fn open(cluster: Cluster) -> Result<Self, Failure> {
        let calls = Counter::default();
        let store = BucketStore::new(names(&cluster), settings(&cluster), calls.clone())?;
        Ok(Self { cluster, store, calls, server: PathBuf::new() })
    }

    /// The same with the server's program, which an apply hands to the machines.
    pub fn with_server(self, server: PathBuf) -> Self {
        Self { server, ..self }
    }

    /// The same; the log of its keys says that `author` made what is changed.
    #[must_use]
    pub fn signed_by(self, author: Author) -> Self {
        Self { store: self.store.signed_by(author), ..self }
    }

    /// The provider, with credentials of the right account.
    pub async fn provider(&self) -> Result<AwsProvider<'_>, Failure> {
        let settings = settings(&self.cluster);
        let clients = Clients::connect(&settings.region, self.calls.clone()).await;
        clients.caller(&settings.account).await?;
        Ok(AwsProvider::new(&self.cluster, clients).expect("only clusters on AWS are opened here"))
    }

    /// Everything that the workflows need.
    pub fn ground<'a>(
        &'a self,
        platform: &'a AwsProvider<'a>,
        reporter: &'a Progress,
        deep: bool,
    ) -> Ground<'a, AwsProvider<'a>> {
        let store = &self.store;
        Ground {
            cluster: &self.cluster,
            store,
            entropy: &OsEntropy,
            platform,
            supply: self,
            reporter,
            deep,
        }
    }

    /// The servers, over their own ports. `edges` is where checks may have a leafnode server on this machine.
    pub fn site<'a>(
        &'a self,
        edges: PathBuf,
        reporter: &'a dyn Reporter,
        allowed: Allowed,
    ) -> Site<'a, Machines<'a>> {
        Site {
            cluster: &self.cluster,
            store: &self.store,
            entropy: &OsEntropy,
            provider: Machines::new(
                &self.cluster,
                &self.store,
                self,
                self.calls.clone(),
                Checks { edges, server: self.server.clone() },
            ),
            reporter,
            allowed,
        }
    }

    /// Takes the lease, which lies in the bucket.
    pub async fn lease(
        &self,
        platform: &AwsProvider<'_>,
        (command, progress, stop): (&str, &Progress, &StopSign),
    ) -> Result<CloudLease, Failure> {
        let purpose = format!("{command} {}", self.cluster.environment);
        let system = rustix::system::uname();
        let host = system.nodename().to_string_lossy();
        let holder = format!("{} on {host}", lease::holder(&purpose, engineer().as_deref()));
        let bucket = names(&self.cluster).bucket();
        let told = |words: &str| progress.wait(words);
        let taken = CloudLease::take(&platform.clients, bucket, holder, &told, stop.raised()).await;
        taken.or_else(|error| stop.heed().map_err(Failure::from).and(Err(error.into())))
    }

    /// Takes the lease for `command`, works, and gives it back however that ended. Whoever loses it meanwhile begins nothing
    /// more, and is told.
    pub async fn under_lease<T, E>(
        &self,
        platform: &AwsProvider<'_>,
        (command, progress, stop): (&str, &Progress, &StopSign),
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure>
    where
        Failure: From<E>,
    {
        let mut lease = self.lease(platform, (command, progress, stop)).await?;
        let mut work = pin!(work);
        let outcome = tokio::select! {
            outcome = &mut work => outcome,
            () = lease.lost() => {
                stop.raise();
                work.await
            }
        };
        let lost = lease.is_lost();
        let given = lease.give_back().await;
        if lost {
            return Err(Failure::new(exit::LEASE, "somebody else took the lease over meanwhile")
                .safe(
                    "what was done stands, and nothing was done twice; the same command goes on",
                ));
        }
        let done = outcome?;
        given?;
        Ok(done)
    }
}

/// What is meant of AWS, of a cluster that lives there.
pub fn settings(cluster: &Cluster) -> &AwsSettings {
    match &cluster.placement {
        Placement::Aws(settings) => settings,
        Placement::Local { .. } => unreachable!("only clusters on AWS are opened here"),
    }
}

fn names(cluster: &Cluster) -> Names<'_> {
    Names::of(cluster).expect("only clusters on AWS are opened here")
}

/// A cluster on AWS, unless it lives elsewhere.
pub fn on_aws(context: &Context, environment: &str) -> Result<Option<Cluster>, Failure> {
    let cluster = context.cluster(environment)?;
    Ok(matches!(cluster.placement, Placement::Aws(_)).then_some(cluster))
}

impl Cloud {
    fn password(&self, name: &KeyName) -> Result<Secret<String>, String> {
        self.store.open(name).map_err(|error| error.to_string())
    }
}

impl Supply for Cloud {
    fn piece(
        &self,
        index: &Index,
        service: &str,
        piece: &str,
        cache: &str,
    ) -> Result<Secret<String>, String> {
        let service = self.cluster.services.values().find(|known| known.name.as_str() == service);
        let service = service.ok_or("there is no such service")?;
        if piece == "redis" {
            let password = self.password(&KeyName::redis_user(service.name.as_str()))?;
            let url = format!("rediss://{}:{}@{cache}", service.name, password.expose());
            return Ok(Secret::new(url));
        }
        let path = match piece {
            "creds" => "user.creds",
            "cert" => "client.pem",
            "key" => "client.key",
            "ca" => "ca.pem",
            _ => "urls",
        };
        let content = client_file(&self.cluster, service, index, &self.store, path);
        Ok(match content.map_err(|error| error.to_string())? {
            Content::Secret(secret) => secret,
            Content::Public(text) => Secret::new(text),
        })
    }

    fn archive(&self, index: &Index, node: &str) -> Result<Secret<Vec<u8>>, String> {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let node = self.cluster.nodes.iter().find(|known| known.name.as_str() == node);
        let node = node.ok_or("there is no such node")?;
        let key = self.store.open(&KeyName::node(&node.name)).map_err(|error| words(&error))?;
        archive(&self.cluster, node, index, key).map_err(|error| words(&error))
    }

    fn server(&self) -> Result<Vec<u8>, String> {
        fs_err::read(&self.server).map_err(|error| error.to_string())
    }

    fn passwords(&self, index: &Index, user: &str) -> Result<Vec<Secret<String>>, String> {
        let now = KeyName::redis_user(user);
        let before = now.beside(Beside::Retiring);
        let names = [Some(&now), index.public(&before).map(|_| &before)];
        names.into_iter().flatten().map(|name| self.password(name)).collect()
    }
}
