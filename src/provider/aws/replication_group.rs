//! The cache: shards of Redis with their replicas. It takes longest, so it is begun first.

use std::time::Duration;

use aws_sdk_elasticache::types::{
    AutomaticFailoverStatus, CacheCluster, MultiAzStatus, ReplicationGroup, SourceType,
};

use super::AwsProvider;
use super::access::gone_or;
use super::cache_subnets::{exists_or, tags};
use super::cache_users::{self, ENGINE};
use super::error::{Answer as _, CloudError};
use super::names::{Group, Names};
use super::wait::{Look, until};
use crate::model::{AwsSettings, Cluster, Redis};
use crate::plan::{Kind, OnChange, Record, RecordId};

/// The version of Redis OSS: the last one that AWS keeps up without extra charge.
const VERSION: &str = "7.1";

/// The parameters that AWS keeps for it in cluster mode; without them it takes a single shard only.
const PARAMETERS: &str = "default.redis7.cluster.on";

/// For how many days snapshots are kept.
const SNAPSHOTS: i32 = 7;

/// 6 to 15 minutes in the logs of others.
const TO_BE_AVAILABLE: Duration = Duration::from_secs(15 * 60);

/// The status of a cache that serves.
const SERVING: &str = "available";
/// That of one that is being made.
const BEGUN: &str = "creating";
/// Those of one that never will serve.
const ENDED: [&str; 2] = ["create-failed", "deleting"];

/// For how many minutes AWS tells what has happened: fourteen days.
const EVENTS: i32 = 14 * 24 * 60;

const SEALED: &str =
    "a cache keeps what it was made with: AWS can only make another one, which begins empty";

fn on(set: Option<bool>) -> &'static str {
    if set == Some(true) { "on" } else { "off" }
}

/// What the cache should be; none without one.
pub fn desired(names: Names<'_>, cluster: &Cluster, settings: &AwsSettings) -> Option<Record> {
    let redis = cluster.redis.as_ref()?;
    let of = |kind: Kind, name: &str| RecordId::new(kind, name);
    let stem = names.stem();
    let resharding = "slots do not move between shards in this version";
    Some(
        Record::new(of(Kind::ReplicationGroup, &stem))
            .field(
                "owner",
                names.mark(),
                OnChange::Forbidden("somebody else's cache has this name"),
            )
            .field("status", SERVING, OnChange::InPlace)
            .field("node_type", redis.node_type.as_deref().unwrap_or_default(), OnChange::Restart)
            .field("engine", ENGINE, OnChange::Forbidden(SEALED))
            .field("version", VERSION, OnChange::Restart)
            .field("shards", redis.shards, OnChange::Forbidden(resharding))
            .field("replicas_per_shard", redis.replicas_per_shard, OnChange::InPlace)
            .field("port", Redis::PORT, OnChange::Forbidden(SEALED))
            .field("tls", "on", OnChange::Forbidden(SEALED))
            .field("key", &settings.volume.kms_key, OnChange::Forbidden(SEALED))
            .field("multi_zone", "on", OnChange::InPlace)
            .field("failover", "on", OnChange::InPlace)
            .field("snapshots", format!("{SNAPSHOTS} days"), OnChange::InPlace)
            .field("parameters", PARAMETERS, OnChange::InPlace)
            .field("subnet_group", &stem, OnChange::Forbidden(SEALED))
            .field("security_groups", Group::Redis.word(), OnChange::InPlace)
            .field("user_group", &stem, OnChange::InPlace)
            .needs([
                of(Kind::CacheSubnetGroup, &stem),
                of(Kind::CacheUserGroup, &stem),
                of(Kind::EncryptionKey, &settings.volume.kms_key),
                of(Kind::SecurityGroup, Group::Redis.word()),
            ])
            .complete(),
    )
}

/// The cache, where there is one; its address is kept.
pub async fn find(aws: &AwsProvider<'_>) -> Result<Option<ReplicationGroup>, CloudError> {
    let call =
        aws.clients.cache.describe_replication_groups().replication_group_id(aws.names.stem());
    match call.send().await.of("DescribeReplicationGroups") {
        Err(error) if error.is_missing() => Ok(None),
        answer => {
            let found = answer?.replication_groups.unwrap_or_default().into_iter().next();
            found.iter().for_each(|group| keep(aws, group));
            Ok(found)
        }
    }
}

/// Looks at the cache. Tags can't be read while it is being made, so its description says whose it is; the security
/// groups and the version stand on its members alone.
pub async fn observe(aws: &AwsProvider<'_>) -> Result<Option<Record>, CloudError> {
    let Some(group) = find(aws).await? else {
        return Ok(None);
    };
    let id = group.replication_group_id().unwrap_or_default();
    let member = match group.member_clusters().first() {
        Some(member) => {
            let call = aws.clients.cache.describe_cache_clusters().cache_cluster_id(member);
            let call = call.show_cache_node_info(false);
            match call.send().await.of("DescribeCacheClusters") {
                Err(error) if error.is_missing() => None,
                answer => answer?.cache_clusters.unwrap_or_default().into_iter().next(),
            }
        }
        None => None,
    };
    let shards = group.node_groups();
    let replicas =
        shards.iter().map(|shard| shard.node_group_members().len().saturating_sub(1)).max();
    let key = match (group.at_rest_encryption_enabled(), group.kms_key_id()) {
        (Some(true), Some(key)) => aws.key_alias(key),
        _ => "none".to_owned(),
    };
    let multi = group.multi_az() == Some(&MultiAzStatus::Enabled);
    let failover = matches!(
        group.automatic_failover(),
        Some(AutomaticFailoverStatus::Enabled | AutomaticFailoverStatus::Enabling)
    );
    let mut record = Record::new(RecordId::new(Kind::ReplicationGroup, id))
        .field("owner", group.description().unwrap_or_default(), OnChange::InPlace)
        .field("status", status(&group), OnChange::InPlace)
        .field("node_type", group.cache_node_type().unwrap_or_default(), OnChange::InPlace)
        .field("tls", on(group.transit_encryption_enabled()), OnChange::InPlace)
        .field("key", key, OnChange::InPlace)
        .field("multi_zone", on(Some(multi)), OnChange::InPlace)
        .field("failover", on(Some(failover)), OnChange::InPlace)
        .field(
            "snapshots",
            format!("{} days", group.snapshot_retention_limit().unwrap_or_default()),
            OnChange::InPlace,
        )
        .field("user_group", group.user_group_ids().join(", "), OnChange::InPlace);
    // A cache that is still being made does not list its shards.
    if let Some(replicas) = replicas {
        record = record.field("shards", shards.len(), OnChange::InPlace);
        record = record.field("replicas_per_shard", replicas, OnChange::InPlace);
    }
    Ok(Some(member.into_iter().fold(record, |record, member| of_member(aws, record, &member))))
}

fn of_member(aws: &AwsProvider<'_>, record: Record, member: &CacheCluster) -> Record {
    let groups: Vec<String> = member
        .security_groups()
        .iter()
        .filter_map(|group| group.security_group_id())
        .map(|id| aws.known.name_of(Kind::SecurityGroup, id).unwrap_or(id.to_owned()))
        .collect();
    // 7.1 is 7.1.0 to those who ask a member.
    let version = member.engine_version().unwrap_or_default();
    let version =
        version.strip_suffix(".0").filter(|version| version.contains('.')).unwrap_or(version);
    let mut record = record
        .field("engine", member.engine().unwrap_or_default(), OnChange::InPlace)
        .field("version", version, OnChange::InPlace)
        .field("security_groups", groups.join(", "), OnChange::InPlace);
    let parameters =
        member.cache_parameter_group().and_then(|group| group.cache_parameter_group_name());
    if let Some(parameters) = parameters {
        record = record.field("parameters", parameters, OnChange::InPlace);
    }
    if let Some(subnets) = member.cache_subnet_group_name() {
        record = record.field("subnet_group", subnets, OnChange::InPlace);
    }
    record
}

/// Keeps where the cache is reached. One that is still being made has no address.
fn keep(aws: &AwsProvider<'_>, group: &ReplicationGroup) {
    let stem = aws.names.stem();
    let endpoint = group.configuration_endpoint();
    let reached = endpoint.and_then(|endpoint| Some((endpoint.address()?, endpoint.port()?)));
    match reached.filter(|(address, _)| !address.is_empty()) {
        Some((address, port)) => {
            aws.known.keep(Kind::ReplicationGroup, &stem, format!("{address}:{port}"));
        }
        None => aws.known.forget(Kind::ReplicationGroup, &stem),
    }
}

/// What the cache is at. While it is changed, it serves.
fn status(group: &ReplicationGroup) -> &str {
    let status = group.status().unwrap_or_default();
    if status == BEGUN || ENDED.contains(&status) { status } else { SERVING }
}

/// Where the cache is reached, as HOST:PORT. One that is still being made is waited for.
pub async fn endpoint(
    aws: &AwsProvider<'_>,
    told: &(dyn Fn(&str) + Sync),
) -> Result<String, CloudError> {
    let stem = aws.names.stem();
    if let Some(known) = aws.known.get(Kind::ReplicationGroup, &stem) {
        return Ok(known);
    }
    available(aws, told).await?;
    aws.known.id(Kind::ReplicationGroup, &stem)
}

/// Makes the cache, and waits for it.
pub async fn create(aws: &AwsProvider<'_>, told: &(dyn Fn(&str) + Sync)) -> Result<(), CloudError> {
    let Some(redis) = &aws.cluster.redis else {
        return Ok(());
    };
    let stem = aws.names.stem();
    // A run that was stopped may have left the group of its users beginning.
    cache_users::active(aws, told).await?;
    let call = aws
        .clients
        .cache
        .create_replication_group()
        .replication_group_id(&stem)
        .replication_group_description(aws.names.mark())
        .engine(ENGINE)
        .engine_version(VERSION)
        .cache_parameter_group_name(PARAMETERS)
        .set_cache_node_type(redis.node_type.clone())
        .num_node_groups(redis.shards.into())
        .replicas_per_node_group(redis.replicas_per_shard.into())
        .port(Redis::PORT.into())
        .transit_encryption_enabled(true)
        .at_rest_encryption_enabled(true)
        .kms_key_id(aws.known.id(Kind::EncryptionKey, &aws.settings.volume.kms_key)?)
        .multi_az_enabled(true)
        .automatic_failover_enabled(true)
        .auto_minor_version_upgrade(false)
        .snapshot_retention_limit(SNAPSHOTS)
        .cache_subnet_group_name(&stem)
        .security_group_ids(aws.known.id(Kind::SecurityGroup, Group::Redis.word())?)
        .user_group_ids(&stem)
        .set_tags(Some(tags(aws)));
    exists_or(call.send().await.of("CreateReplicationGroup"))?;
    available(aws, told).await
}

/// Waits until the cache serves. While it is being made or changed, AWS refuses every further change.
async fn available(aws: &AwsProvider<'_>, told: &(dyn Fn(&str) + Sync)) -> Result<(), CloudError> {
    until("the cache", TO_BE_AVAILABLE, told, async || {
        let status =
            find(aws).await?.and_then(|group| group.status).unwrap_or("not seen yet".to_owned());
        Ok(match status.as_str() {
            SERVING => Look::Ready,
            ended if ENDED.contains(&ended) => Look::Ended(reason(aws, status).await),
            _ => Look::NotYet(status),
        })
    })
    .await
}

/// A status with what AWS tells about it. Without the right to ask, the status alone has to do.
async fn reason(aws: &AwsProvider<'_>, status: String) -> String {
    let call = aws.clients.cache.describe_events().source_identifier(aws.names.stem());
    let call = call.source_type(SourceType::ReplicationGroup).duration(EVENTS);
    let events = call.send().await.of("DescribeEvents").ok().and_then(|answer| answer.events);
    let events = events.unwrap_or_default();
    let words: Vec<&str> = events.iter().filter_map(|event| event.message()).collect();
    if words.is_empty() { status } else { format!("{status}: {}", words.join("; ")) }
}

/// Gives the cache what differs. A stronger node type is taken while the cache serves. One that AWS could not make holds
/// nothing, and one that is on its way out does not come back: once it is gone, it is made anew.
pub async fn update(
    aws: &AwsProvider<'_>,
    fields: &[&str],
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    let Some(redis) = &aws.cluster.redis else {
        return Ok(());
    };
    let group = find(aws).await?;
    if group.is_none_or(|group| ENDED.contains(&status(&group))) {
        delete(aws, None, told).await?;
        return create(aws, told).await;
    }
    available(aws, told).await?;
    if fields.contains(&"replicas_per_shard") {
        replicas(aws, redis).await?;
        available(aws, told).await?;
    }
    let others: Vec<&&str> =
        fields.iter().filter(|field| !["replicas_per_shard", "status"].contains(field)).collect();
    if others.is_empty() {
        return Ok(());
    }
    let differs = |field: &str| others.iter().any(|other| **other == field);
    let group = aws.known.id(Kind::SecurityGroup, Group::Redis.word())?;
    let users = find(aws).await?.and_then(|found| found.user_group_ids).unwrap_or_default();
    let (ours, strangers): (Vec<String>, Vec<String>) =
        users.into_iter().partition(|id| *id == aws.names.stem());
    let lacking = ours.is_empty().then(|| vec![aws.names.stem()]);
    let call = aws
        .clients
        .cache
        .modify_replication_group()
        .replication_group_id(aws.names.stem())
        .set_cache_node_type(differs("node_type").then(|| redis.node_type.clone()).flatten())
        .set_engine_version(differs("version").then(|| VERSION.to_owned()))
        .set_cache_parameter_group_name(differs("parameters").then(|| PARAMETERS.to_owned()))
        .set_multi_az_enabled(differs("multi_zone").then_some(true))
        .set_automatic_failover_enabled(differs("failover").then_some(true))
        .set_snapshot_retention_limit(differs("snapshots").then_some(SNAPSHOTS))
        .set_security_group_ids(differs("security_groups").then(|| vec![group]))
        .set_user_group_ids_to_add(lacking.filter(|_| differs("user_group")))
        .set_user_group_ids_to_remove(
            Some(strangers).filter(|ids| differs("user_group") && !ids.is_empty()),
        )
        .apply_immediately(true);
    call.send().await.of("ModifyReplicationGroup")?;
    available(aws, told).await
}

async fn replicas(aws: &AwsProvider<'_>, redis: &Redis) -> Result<(), CloudError> {
    let group = find(aws).await?;
    let found = group.and_then(|group| {
        Some(group.node_groups().first()?.node_group_members().len().saturating_sub(1))
    });
    let (stem, wanted) = (aws.names.stem(), redis.replicas_per_shard);
    if found < Some(usize::from(wanted)) {
        let call = aws.clients.cache.increase_replica_count().replication_group_id(stem);
        let call = call.new_replica_count(wanted.into()).apply_immediately(true);
        call.send().await.of("IncreaseReplicaCount").map(drop)
    } else {
        let call = aws.clients.cache.decrease_replica_count().replication_group_id(stem);
        let call = call.new_replica_count(wanted.into()).apply_immediately(true);
        call.send().await.of("DecreaseReplicaCount").map(drop)
    }
}

/// Removes the cache and waits until it is gone. A last snapshot is taken unless that is refused by name. A cache that is on
/// its way out already, or that still changes, is refused by AWS, so it is looked at first.
pub async fn delete(
    aws: &AwsProvider<'_>,
    snapshot: Option<String>,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    until("the cache", TO_BE_AVAILABLE, told, async || {
        let Some(group) = find(aws).await? else {
            return Ok(Look::Ready);
        };
        let status = group.status.unwrap_or_default();
        if status == SERVING || status == "create-failed" {
            let call = aws.clients.cache.delete_replication_group();
            let call = call.replication_group_id(aws.names.stem());
            // A cache that was never there has nothing to keep.
            let call =
                call.set_final_snapshot_identifier(snapshot.clone().filter(|_| status == SERVING));
            gone_or(call.send().await.of("DeleteReplicationGroup"))?;
        }
        Ok(Look::NotYet(status))
    })
    .await
}
