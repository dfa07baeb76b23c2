//! Credentials of services as parameters that ECS tasks take natively: one standard parameter for each piece.

use aws_sdk_ssm::types::{
    ParameterMetadata, ParameterStringFilter, ParameterTier, ParameterType, Tag,
};

use super::access::gone_or;
use super::bucket::built;
use super::error::{Answer as _, CloudClass, CloudError};
use super::names::{ENVIRONMENT, NOBODY, Names, digest};
use super::pace::Pace;
use super::{AwsProvider, replication_group};
use crate::artifacts::trusted;
use crate::model::{AwsSettings, Cluster, Service};
use crate::plan::{Kind, OnChange, PENDING, Record, RecordId};
use crate::provider::Means;
use crate::secrets::{Document, Index, KeyName};

/// The largest value of a standard parameter, in bytes (the documentation of Parameter Store).
pub const LARGEST: usize = 4096;

const FOREIGN: &str = "somebody else's parameter has this name";

/// A piece of a service's credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Piece {
    /// The user JWT with its seed, as a creds file.
    Creds,
    /// The client certificate.
    Cert,
    /// Its key.
    Key,
    /// The authority that servers' certificates come from.
    Ca,
    /// Where the cluster is reached.
    Urls,
    /// Where the cache is reached, with user and password.
    Redis,
}

impl Piece {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Creds, Self::Cert, Self::Key, Self::Ca, Self::Urls, Self::Redis];

    /// The pieces of a service: that of the cache only where it uses it.
    pub fn of(cluster: &Cluster, service: &Service) -> impl Iterator<Item = Self> {
        let cache = cluster.cache_of(service).is_some();
        Self::ALL.into_iter().filter(move |piece| cache || *piece != Self::Redis)
    }

    /// The last part of its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Creds => "creds",
            Self::Cert => "cert",
            Self::Key => "key",
            Self::Ca => "ca",
            Self::Urls => "urls",
            Self::Redis => "redis",
        }
    }

    /// What stands for its value and is no secret; none where that does not exist yet. `cache` is where it is reached.
    fn print(
        self,
        cluster: &Cluster,
        service: &Service,
        index: &Index,
        cache: Option<&str>,
    ) -> Option<String> {
        let name = &service.name;
        let text = match self {
            Self::Creds => {
                let key = index.public(&KeyName::user(name))?;
                format!("{key}\n{}", index.document(&Document::user(name))?)
            }
            Self::Cert => index.document(&Document::client(name))?.to_owned(),
            Self::Key => index.public(&KeyName::client(name))?.to_owned(),
            Self::Ca => trusted(index)?,
            Self::Urls => cluster.client_urls().join(","),
            Self::Redis => {
                let key = index.public(&KeyName::redis_user(name.as_str()))?;
                format!("{key}\n{}", cache?)
            }
        };
        Some(digest(&text)[..32].to_owned())
    }
}

/// What the parameters should be. Their descriptions carry the fingerprint, so that a plan needs no right to decrypt.
/// `cache` is where the cache is reached; none while nobody knows.
pub fn desired(
    names: Names<'_>,
    cluster: &Cluster,
    settings: &AwsSettings,
    index: &Index,
    cache: Option<&str>,
) -> Vec<Record> {
    let key = &settings.volume.kms_key;
    let mut records = Vec::new();
    for service in cluster.services.values() {
        for piece in Piece::of(cluster, service) {
            let print = piece.print(cluster, service, index, cache).unwrap_or(PENDING.to_owned());
            let mut needs = vec![RecordId::new(Kind::EncryptionKey, key)];
            if piece == Piece::Redis {
                needs.push(RecordId::new(Kind::ReplicationGroup, names.stem()));
            }
            records.push(
                Record::new(RecordId::new(
                    Kind::Parameter,
                    names.parameter(&service.name, piece.word()),
                ))
                .field("owner", names.environment(), OnChange::Forbidden(FOREIGN))
                .field("fingerprint", print, OnChange::InPlace)
                .field("type", ParameterType::SecureString.as_str(), OnChange::InPlace)
                .field("tier", ParameterTier::Standard.as_str(), OnChange::InPlace)
                .field("key", key, OnChange::InPlace)
                .needs(needs)
                .complete(),
            );
        }
    }
    records
}

/// What stands before the fingerprint in a description.
fn lead(names: Names<'_>) -> String {
    format!("natsops {} sha256:", names.environment())
}

/// Looks at the parameters below our path, fifty in each call.
pub async fn observe(aws: &AwsProvider<'_>) -> Result<Vec<Record>, CloudError> {
    let found = list(aws, None).await?;
    let named = |parameter: &ParameterMetadata| print_of(aws.names, parameter).is_some();
    // A description proves whose a parameter is. Where one says something else, the tags tell, in one call more.
    let tagged = if found.iter().all(named) {
        Vec::new()
    } else {
        let key = format!("tag:{ENVIRONMENT}");
        let mark = ParameterStringFilter::builder().key(key).values(aws.names.environment());
        list(aws, Some(mark.build().map_err(built)?)).await?
    };
    let is_ours = |parameter: &ParameterMetadata| {
        named(parameter) || tagged.iter().any(|tagged| tagged.name() == parameter.name())
    };
    Ok(found.iter().map(|parameter| seen(aws, parameter, is_ours(parameter))).collect())
}

/// The parameters below our path, or some of them.
async fn list(
    aws: &AwsProvider<'_>,
    only: Option<ParameterStringFilter>,
) -> Result<Vec<ParameterMetadata>, CloudError> {
    let path = aws.names.path();
    let path = ParameterStringFilter::builder()
        .key("Path")
        .option("Recursive")
        .values(path.trim_end_matches('/'));
    let filters = std::iter::once(path.build().map_err(built)?).chain(only).collect();
    let call = aws.clients.ssm.describe_parameters().set_parameter_filters(Some(filters));
    let pages = call.max_results(50).into_paginator().send().collect::<Result<Vec<_>, _>>().await;
    let pages = pages.of("DescribeParameters")?.into_iter();
    Ok(pages.flat_map(|page| page.parameters.unwrap_or_default()).collect())
}

/// The fingerprint that the description tells; none where it is not ours.
fn print_of<'a>(names: Names<'_>, parameter: &'a ParameterMetadata) -> Option<&'a str> {
    parameter.description()?.strip_prefix(&lead(names))
}

fn seen(aws: &AwsProvider<'_>, parameter: &ParameterMetadata, is_ours: bool) -> Record {
    let owner = if is_ours { aws.names.environment() } else { NOBODY };
    let print = print_of(aws.names, parameter).unwrap_or("none of ours");
    Record::new(RecordId::new(Kind::Parameter, parameter.name().unwrap_or_default()))
        .field("owner", owner, OnChange::InPlace)
        .field("fingerprint", print, OnChange::InPlace)
        .field(
            "type",
            parameter.r#type().map_or("unknown", ParameterType::as_str),
            OnChange::InPlace,
        )
        .field("tier", parameter.tier().map_or("unknown", ParameterTier::as_str), OnChange::InPlace)
        .field("key", aws.key_alias(parameter.key_id().unwrap_or("none")), OnChange::InPlace)
        .complete()
}

fn find<'a>(aws: &AwsProvider<'a>, name: &str) -> Result<(&'a Service, Piece), CloudError> {
    let rest = name.strip_prefix(&aws.names.path()).and_then(|rest| rest.split_once('/'));
    let found = rest.and_then(|(service, word)| {
        let service = aws.cluster.services.values().find(|known| known.name.as_str() == service)?;
        Some((service, Piece::ALL.into_iter().find(|piece| piece.word() == word)?))
    });
    found.ok_or_else(|| {
        CloudError::found("look", CloudClass::Other, format!("there is no parameter {name}"))
    })
}

/// Writes a parameter. Tags can be given only with its first version.
pub async fn put(aws: &AwsProvider<'_>, name: &str, means: &Means<'_>) -> Result<(), CloudError> {
    let wrong = |reason: String| CloudError::found("PutParameter", CloudClass::Other, reason);
    let (service, piece) = find(aws, name)?;
    let cache = match piece {
        Piece::Redis => Some(replication_group::endpoint(aws, means.told).await?),
        _ => None,
    };
    let cache = cache.as_deref();
    let value = means
        .supply
        .piece(means.index, service.name.as_str(), piece.word(), cache.unwrap_or_default())
        .map_err(wrong)?;
    if value.expose().len() > LARGEST {
        return Err(wrong(format!(
            "{name} is larger than the {LARGEST} bytes of a standard parameter"
        )));
    }
    let print = piece.print(aws.cluster, service, means.index, cache).unwrap_or_default();
    let tags = aws.names.tags().into_iter();
    let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
    let tags = tags.collect::<Result<Vec<_>, _>>().map_err(built)?;
    let key = aws.known.id(Kind::EncryptionKey, &aws.settings.volume.kms_key)?;
    let call = aws
        .clients
        .ssm
        .put_parameter()
        .name(name)
        .value(value.expose())
        .description(format!("{}{print}", lead(aws.names)))
        .r#type(ParameterType::SecureString)
        .tier(ParameterTier::Standard)
        .key_id(key);
    let first = call.clone().set_tags(Some(tags)).overwrite(false);
    aws.pacer.turn(Pace::Parameters).await;
    let outcome = match first.clone().send().await.of("PutParameter") {
        Err(error) if error.is("ParameterAlreadyExists") => {
            aws.pacer.turn(Pace::Parameters).await;
            call.overwrite(true).send().await.of("PutParameter")
        }
        outcome => outcome,
    };
    match outcome {
        // There is no way down from the advanced tier, so the parameter is made anew.
        Err(error) if error.is("ValidationException") && is_advanced(aws, name).await? => {
            delete(aws, name).await?;
            aws.pacer.turn(Pace::Parameters).await;
            first.send().await.of("PutParameter").map(drop)
        }
        outcome => outcome.map(drop),
    }
}

async fn is_advanced(aws: &AwsProvider<'_>, name: &str) -> Result<bool, CloudError> {
    let filter = ParameterStringFilter::builder().key("Name").values(name).build();
    let call = aws.clients.ssm.describe_parameters().parameter_filters(filter.map_err(built)?);
    let answer = call.send().await.of("DescribeParameters")?;
    Ok(answer.parameters().iter().any(|found| found.tier() == Some(&ParameterTier::Advanced)))
}

/// Removes a parameter.
pub async fn delete(aws: &AwsProvider<'_>, name: &str) -> Result<(), CloudError> {
    aws.pacer.turn(Pace::Parameters).await;
    gone_or(aws.clients.ssm.delete_parameter().name(name).send().await.of("DeleteParameter"))
}
