//! The subnets of the cache.

use aws_sdk_elasticache::types::Tag;

use super::AwsProvider;
use super::access::gone_or;
use super::error::{Answer as _, CloudError};
use super::names::Names;
use crate::model::Cluster;
use crate::plan::{Kind, OnChange, Record, RecordId};

/// What the subnet group should be; none without a cache.
pub fn desired(names: Names<'_>, cluster: &Cluster) -> Option<Record> {
    cluster.redis.as_ref()?;
    let zones: std::collections::BTreeSet<&str> =
        cluster.nodes.iter().map(|node| node.zone.as_str()).collect();
    let owner = "somebody else's subnet group has this name";
    Some(
        Record::new(RecordId::new(Kind::CacheSubnetGroup, names.stem()))
            .field("owner", names.mark(), OnChange::Forbidden(owner))
            .field("zones", zones.into_iter().collect::<Vec<_>>().join(", "), OnChange::InPlace)
            .complete(),
    )
}

/// Looks at the subnet group.
pub async fn observe(aws: &AwsProvider<'_>) -> Result<Option<Record>, CloudError> {
    let call =
        aws.clients.cache.describe_cache_subnet_groups().cache_subnet_group_name(aws.names.stem());
    let found = match call.send().await.of("DescribeCacheSubnetGroups") {
        Err(error) if error.is_missing() => return Ok(None),
        answer => answer?.cache_subnet_groups.unwrap_or_default().into_iter().next(),
    };
    let network = aws.known.network()?;
    Ok(found.map(|group| {
        let mut zones: Vec<String> = group
            .subnets()
            .iter()
            .filter_map(|subnet| subnet.subnet_identifier())
            .map(|id| network.zone_of(id).unwrap_or(id).to_owned())
            .collect();
        zones.sort_unstable();
        let about = group.cache_subnet_group_description().unwrap_or_default();
        Record::new(RecordId::new(Kind::CacheSubnetGroup, aws.names.stem()))
            .field("owner", about, OnChange::InPlace)
            .field("zones", zones.join(", "), OnChange::InPlace)
            .complete()
    }))
}

/// The tags of a thing of ElastiCache.
pub fn tags(aws: &AwsProvider<'_>) -> Vec<Tag> {
    let tags = aws.names.tags().into_iter();
    tags.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Whether the name was free; it is as good when our own thing has it, since plans compare it.
pub fn exists_or<T>(answer: Result<T, CloudError>) -> Result<(), CloudError> {
    match answer {
        Err(error) if !error.code.contains("AlreadyExists") => Err(error),
        _ => Ok(()),
    }
}

/// Makes the subnet group.
pub async fn create(aws: &AwsProvider<'_>) -> Result<(), CloudError> {
    let call = aws
        .clients
        .cache
        .create_cache_subnet_group()
        .cache_subnet_group_name(aws.names.stem())
        .cache_subnet_group_description(aws.names.mark())
        .set_subnet_ids(Some(aws.known.network()?.subnet_ids()))
        .set_tags(Some(tags(aws)));
    exists_or(call.send().await.of("CreateCacheSubnetGroup"))
}

/// Gives the subnet group its subnets again.
pub async fn update(aws: &AwsProvider<'_>) -> Result<(), CloudError> {
    let call =
        aws.clients.cache.modify_cache_subnet_group().cache_subnet_group_name(aws.names.stem());
    let call = call.set_subnet_ids(Some(aws.known.network()?.subnet_ids()));
    call.send().await.of("ModifyCacheSubnetGroup").map(drop)
}

/// Removes the subnet group.
pub async fn delete(aws: &AwsProvider<'_>) -> Result<(), CloudError> {
    let call =
        aws.clients.cache.delete_cache_subnet_group().cache_subnet_group_name(aws.names.stem());
    gone_or(call.send().await.of("DeleteCacheSubnetGroup"))
}
