//! The keys of an environment, wherever they are kept.

use crate::cli::cloud::{Cloud, on_aws};
use crate::cli::context::{Context, Workplace, block_on};
use crate::cli::failure::Failure;
use crate::lease::Lease;
use crate::model::Cluster;
use crate::secrets::{Author, SecretStore};

/// What commands need that work on keys alone.
pub struct Vault {
    /// What is meant.
    pub cluster: Cluster,
    /// Where the keys are.
    pub store: Box<dyn SecretStore>,
    /// On this machine, nobody else changes anything meanwhile. On AWS, a commit on top of another's is refused.
    _lease: Option<Lease>,
}

impl Vault {
    /// Opens it to look.
    pub fn open(context: &Context, environment: &str) -> Result<Self, Failure> {
        let Some(cloud) = cloud(context, environment)? else {
            let Workplace { cluster, store, .. } = context.open(environment)?;
            return Ok(Self { cluster, store: Box::new(store), _lease: None });
        };
        Ok(Self { cluster: cloud.cluster, store: Box::new(cloud.store), _lease: None })
    }

    /// Opens it to change something, which the log will say `author` did.
    pub fn change(context: &Context, environment: &str, author: Author) -> Result<Self, Failure> {
        let Some(cloud) = cloud(context, environment)? else {
            let lease = context.lease(environment, &author.what)?;
            let Workplace { cluster, store, .. } = context.open(environment)?.signed_by(author);
            return Ok(Self { cluster, store: Box::new(store), _lease: Some(lease) });
        };
        let Cloud { cluster, store, .. } = cloud.signed_by(author);
        Ok(Self { cluster, store: Box::new(store), _lease: None })
    }
}

/// The environment on AWS, with credentials of the right account.
fn cloud(context: &Context, environment: &str) -> Result<Option<Cloud>, Failure> {
    let Some(cluster) = on_aws(context, environment)? else {
        return Ok(None);
    };
    let cloud = Cloud::open(cluster)?;
    block_on(async |_| cloud.provider().await.map(drop))?;
    Ok(Some(cloud))
}
