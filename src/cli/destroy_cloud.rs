//! `natsops destroy ENV` for an environment on AWS.

use std::collections::BTreeSet;

use anstream::{eprint, eprintln, println};

use super::ask::confirm;
use super::cloud::{Cloud, settings};
use super::context::block_on;
use super::failure::Failure;
use super::plan_view::view;
use super::progress::Progress;
use super::{exit, paint};
use crate::model::Cluster;
use crate::ops::platform::{Ground, destroy, plan_destroy};
use crate::plan::{ActionKind, Kind, Plan, RecordId};
use crate::provider::Platform as _;
use crate::provider::aws::AwsProvider;
use crate::secrets::{Index, SecretStore as _};

/// What stays unless its deletion is asked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kept {
    /// The data volumes: every message is lost
    Volumes,
    /// The bucket with every key of the environment: every credential that was handed out is void
    Bucket,
    /// The KMS key, after 30 days: what it has sealed can never be read again
    Key,
}

impl Kept {
    fn kind(self) -> Kind {
        match self {
            Self::Volumes => Kind::Volume,
            Self::Bucket => Kind::S3Bucket,
            Self::Key => Kind::EncryptionKey,
        }
    }
}

const PROTECTED: &str = "its bucket carries the mark natsops:protected, or its load balancer is protected from deletion";

/// What a destroy is asked to be.
pub struct Wish<'a> {
    /// The environment.
    pub environment: &'a str,
    /// Whether the result is shown as JSON.
    pub json: bool,
    /// Whether not to ask.
    pub yes: bool,
    /// What goes although it would stay.
    pub delete: &'a [Kept],
    /// Whether the cache goes without a last snapshot.
    pub no_snapshot: bool,
}

/// Runs it.
pub fn run(cluster: Cluster, wish: &Wish<'_>) -> Result<u8, Failure> {
    let environment = wish.environment;
    if settings(&cluster).protected {
        return Err(protected(environment, "its file says `protected: true`"));
    }
    let cloud = Cloud::open(cluster)?;
    let progress = Progress::new();
    let outcome = block_on(async |stop| {
        let platform = cloud.provider().await?;
        let ground = cloud.ground(&platform, &progress, false);
        let seen = platform.observe(false).await.map_err(crate::ops::OpsError::from)?;
        if seen.protected {
            return Err(protected(environment, PROTECTED));
        }
        let gone = |kind: &Kind| !wish.delete.iter().any(|kept| kept.kind() == *kind);
        let keep: Vec<Kind> = platform.kept().iter().copied().filter(gone).collect();
        let index = cloud.store.index()?;
        let plan = plan_destroy(&ground, &index, &seen, &keep);
        eprint!("{}", view(&plan, false));
        if !plan.is_empty() {
            confirm(&format!("Destroy {environment}?"), environment, wish.yes)?;
            // Where an interrupted run has deleted the bucket, there is nowhere to keep a lease, and no apply that could go on.
            let lease = match seen.records.iter().any(|found| found.id.kind == Kind::S3Bucket) {
                true => Some(cloud.lease(&platform, ("destroy", &progress, stop)).await?),
                false => None,
            };
            let outcome = match unmoved(&ground, &index, (&plan, &keep)).await {
                Ok(()) => destroy(&ground, &index, &plan, snapshot(wish), stop)
                    .await
                    .map_err(Failure::from),
                Err(moved) => Err(moved),
            };
            let given = match lease {
                Some(lease) => lease.give_back().await,
                None => Ok(()),
            };
            outcome?;
            // With the bucket, the lease has gone.
            given.or_else(|error| if error.is_missing() { Ok(()) } else { Err(error) })?;
        }
        Ok(plan)
    });
    let plan = outcome.map_err(|failure| failure.next(format!("natsops destroy {environment}")))?;
    tell(wish, &plan);
    Ok(exit::DONE)
}

/// Fails where somebody has changed the world since the plan was shown: nobody does any more, with the lease.
async fn unmoved(
    ground: &Ground<'_, AwsProvider<'_>>,
    index: &Index,
    (plan, keep): (&Plan, &[Kind]),
) -> Result<(), Failure> {
    let environment = ground.cluster.environment.as_str();
    let seen = ground.platform.observe(false).await.map_err(crate::ops::OpsError::from)?;
    if seen.protected {
        return Err(protected(environment, PROTECTED));
    }
    // AWS lists things in any order.
    let deeds = |plan: &Plan| -> BTreeSet<(RecordId, bool)> {
        let actions = plan.actions.iter();
        actions.map(|action| (action.id.clone(), action.action == ActionKind::Keep)).collect()
    };
    if deeds(&plan_destroy(ground, index, &seen, keep)) == deeds(plan) {
        return Ok(());
    }
    let what = "somebody has changed the environment since the plan was shown";
    Err(Failure::new(exit::REFUSED, what).safe("nothing was changed"))
}

/// The name of the cache's last snapshot. The moment makes it unique, since AWS keeps it until somebody deletes it.
fn snapshot(wish: &Wish<'_>) -> Option<String> {
    let moment = jiff::Timestamp::now().strftime("%Y%m%d%H%M%S");
    (!wish.no_snapshot).then(|| format!("natsops-{}-{moment}", wish.environment))
}

fn protected(environment: &str, why: &str) -> Failure {
    Failure::new(exit::REFUSED, format!("{environment} is protected: {why}"))
        .safe("nothing was changed")
        .next(format!("set protected: false in environments/{environment}.yaml, natsops apply {environment}, then this again"))
}

fn tell(wish: &Wish<'_>, plan: &Plan) {
    let environment = wish.environment;
    if wish.json {
        println!(
            "{:#}",
            serde_json::json!({"format": 1, "environment": environment, "plan": plan})
        );
        return;
    }
    let mut kept: Vec<String> = plan
        .actions
        .iter()
        .filter(|action| action.action == ActionKind::Keep)
        .map(|action| action.id.to_string())
        .collect();
    kept.sort();
    println!("{} {environment}", paint::good("destroyed"));
    if !kept.is_empty() {
        eprintln!("{} {}", paint::bold("kept:"), kept.join(", "));
    }
}
