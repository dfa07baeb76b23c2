//! The data volume of a node. It outlives the machine, and is never deleted unless that is asked for by name.

use std::time::Duration;

use aws_sdk_ec2::types::{
    ResourceType, Tag, Volume, VolumeModificationState, VolumeState, VolumeType,
};

use super::AwsProvider;
use super::access::gone_or;
use super::error::{Answer as _, CloudClass, CloudError};
use super::interface::of_environment;
use super::names::{NODE, Names, SET_ASIDE};
use super::pace::Pace;
use super::security::{tag, tagged};
use super::wait::{Look, until};
use crate::model::{AwsSettings, Cluster, Node};
use crate::plan::{Kind, OnChange, Record, RecordId};

/// The tag that tells data from roots.
pub const ROLE: &str = "natsops:role";
/// What it says of a data volume.
pub const DATA: &str = "data";
/// What it says of one that its node does not use any more.
const ASIDE: &str = "set-aside";

const SHRINKS: &str = "a volume only grows: take the data to a new node instead";
/// How long a change takes until it counts: seconds to minutes.
const TO_CHANGE: Duration = Duration::from_secs(5 * 60);
/// How many volumes a node may have had within the time that AWS remembers tokens.
const TOKENS: u32 = 20;

/// What a volume is whose hardware has not failed.
const USABLE: &str = "usable";

const STRANGE: &str = "the volume that hangs there does not carry the environment's tag";
const SEALED: &str = "what encrypts a volume, and its zone, are settled when it is made";

/// What the data volumes should be.
pub fn desired<'a>(
    names: Names<'a>,
    cluster: &'a Cluster,
    settings: &'a AwsSettings,
) -> impl Iterator<Item = Record> + 'a {
    let wanted = &settings.volume;
    cluster.nodes.iter().map(move |node| {
        Record::new(RecordId::new(Kind::Volume, &node.name))
            .field("owner", names.environment(), OnChange::Forbidden(STRANGE))
            .field("state", USABLE, lost(names, node))
            .field("zone", &node.zone, OnChange::Forbidden(SEALED))
            .field("key", &wanted.kms_key, OnChange::Forbidden(SEALED))
            .field("type", &wanted.kind, OnChange::InPlace)
            .field("size", format!("{} GiB", gib(settings)), OnChange::Grow(SHRINKS))
            .field("iops", wanted.iops, OnChange::InPlace)
            .field("throughput", format!("{} MiB/s", mib(settings)), OnChange::InPlace)
            .needs([RecordId::new(Kind::EncryptionKey, &wanted.kms_key)])
            .complete()
    })
}

/// The command that brings an empty disk, where AWS has lost the one that was there.
fn lost(names: Names<'_>, node: &Node) -> OnChange {
    let (environment, node) = (names.environment(), &node.name);
    OnChange::ByCommand(format!(
        "its hardware has failed, and what was on it is lost; the others give the node its data again, on an empty one: \
         natsops node replace {environment} {node} --empty-disk"
    ))
}

/// The size in whole GiB, which the rules demand.
fn gib(settings: &AwsSettings) -> u64 {
    settings.volume.size.bytes() >> 30
}

/// The throughput in whole MiB per second, which the rules demand.
fn mib(settings: &AwsSettings) -> u64 {
    settings.volume.throughput.bytes_per_second() >> 20
}

/// A number that the rules keep far below its limit.
fn number(value: u64) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// Looks at all volumes of the environment, roots included, in one call.
pub async fn look(aws: &AwsProvider<'_>) -> Result<Vec<Volume>, CloudError> {
    let call = aws.clients.ec2.describe_volumes().filters(of_environment(aws));
    call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.of("DescribeVolumes")
}

/// The data volumes among them.
pub fn seen(aws: &AwsProvider<'_>, volumes: &[Volume]) -> Vec<Record> {
    let of_role = |role: &'static str| {
        volumes.iter().filter(move |volume| {
            let going =
                matches!(volume.state(), Some(VolumeState::Deleting | VolumeState::Deleted));
            tag(volume.tags(), ROLE) == Some(role) && !going
        })
    };
    for volume in of_role(ASIDE) {
        let (id, tags) = (volume.volume_id().unwrap_or_default(), volume.tags());
        let since = tag(tags, SET_ASIDE).and_then(|text| text.parse().ok()).unwrap_or_default();
        aws.known.keep_aside(id, tag(tags, NODE).unwrap_or_default(), since);
    }
    let mut records = Vec::new();
    for volume in of_role(DATA) {
        let node = tag(volume.tags(), NODE).unwrap_or_default();
        aws.known.keep(Kind::Volume, node, volume.volume_id().unwrap_or_default());
        let key = match (volume.encrypted(), volume.kms_key_id()) {
            (Some(true), Some(key)) => aws.key_alias(key),
            _ => "none".to_owned(),
        };
        records.push(
            Record::new(RecordId::new(Kind::Volume, node))
                .field("owner", aws.names.environment(), OnChange::InPlace)
                .field("state", state(volume), OnChange::InPlace)
                .field("zone", volume.availability_zone().unwrap_or_default(), OnChange::InPlace)
                .field("key", key, OnChange::InPlace)
                .field(
                    "type",
                    volume.volume_type().map_or("unknown", VolumeType::as_str),
                    OnChange::InPlace,
                )
                .field(
                    "size",
                    format!("{} GiB", volume.size().unwrap_or_default()),
                    OnChange::InPlace,
                )
                .field("iops", volume.iops().unwrap_or_default(), OnChange::InPlace)
                .field(
                    "throughput",
                    format!("{} MiB/s", volume.throughput().unwrap_or_default()),
                    OnChange::InPlace,
                )
                .complete(),
        );
    }
    records
}

/// Whether a volume can be used; one that only begins will be.
fn state(volume: &Volume) -> &str {
    match volume.state() {
        Some(state @ VolumeState::Error) => state.as_str(),
        _ => USABLE,
    }
}

/// How many looks may find nothing of a volume that was just made. AWS takes one whose key it may not use away again, and says
/// so nowhere.
const MISSES: u32 = 6;

/// Makes a volume and waits until it is there: a bad key shows only then.
pub async fn create(
    aws: &AwsProvider<'_>,
    node: &Node,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    let id = make(aws, node).await?;
    aws.known.keep(Kind::Volume, node.name.as_str(), &id);
    let what = format!("the volume of {}", node.name);
    let mut misses = 0;
    until(&what, Duration::from_secs(30), told, async || {
        let answer =
            aws.clients.ec2.describe_volumes().volume_ids(&id).send().await.of("DescribeVolumes");
        let state = match answer {
            Ok(answer) => answer.volumes().first().and_then(|volume| volume.state().cloned()),
            // Not yet everywhere.
            Err(error) if error.is_missing() => None,
            Err(error) => return Err(error),
        };
        Ok(match state {
            Some(VolumeState::Available | VolumeState::InUse) => Look::Ready,
            Some(VolumeState::Error | VolumeState::Deleting | VolumeState::Deleted) => {
                Look::Ended("AWS could not make it; look at the rights of its key".to_owned())
            }
            Some(state) => Look::NotYet(state.as_str().to_owned()),
            None if misses < MISSES => {
                misses += 1;
                Look::NotYet("not seen yet".to_owned())
            }
            None => Look::Ended("AWS does not have it; look at the rights of its key".to_owned()),
        })
    })
    .await
}

/// Makes a volume with the first token that is not that of a volume of the past: AWS remembers tokens for longer than
/// volumes live. The tokens follow one another in the same order each time, so a repeated call makes nothing twice.
async fn make(aws: &AwsProvider<'_>, node: &Node) -> Result<String, CloudError> {
    let mut turn = 0;
    loop {
        let used = match ask(aws, node, turn).await {
            // The token is that of a volume that was set aside since.
            Ok(id) if aws.known.is_aside(&id) => aside(node),
            Ok(id) => return Ok(id),
            Err(error) if error.is("IdempotentParameterMismatch") || error.is_missing() => error,
            Err(error) => return Err(error),
        };
        // Other settings were asked for with it: what it made is either there still, or gone.
        if let Some(id) = standing(aws, node).await? {
            return Ok(id);
        }
        turn += 1;
        if turn == TOKENS {
            return Err(used);
        }
    }
}

fn aside(node: &Node) -> CloudError {
    let message = format!("{} had too many volumes; try again in a day", node.name);
    CloudError::found("CreateVolume", CloudClass::World, message)
}

/// Takes a volume from its node, and keeps it: from now on only its tags tell whose it was.
pub async fn set_aside(
    aws: &AwsProvider<'_>,
    node: &str,
    generation: u32,
) -> Result<(), CloudError> {
    let Some(id) = aws.known.get(Kind::Volume, node) else {
        return Ok(());
    };
    let name = format!("{}-{node}-data-before-{generation}", aws.names.stem());
    let since = generation.to_string();
    let tags = [("Name", name.as_str()), (ROLE, ASIDE), (SET_ASIDE, since.as_str())];
    let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
    aws.pacer.turn(Pace::Change).await;
    let call = aws.clients.ec2.create_tags().resources(&id).set_tags(Some(tags.into()));
    call.send().await.of("CreateTags")?;
    aws.known.forget(Kind::Volume, node);
    aws.known.keep_aside(&id, node, generation);
    Ok(())
}

/// The data volume of a node that is there already.
async fn standing(aws: &AwsProvider<'_>, node: &Node) -> Result<Option<String>, CloudError> {
    let there = seen(aws, &look(aws).await?);
    let same = |record: &&Record| record.id.name == node.name.as_str();
    Ok(there.iter().find(same).and_then(|_| aws.known.get(Kind::Volume, node.name.as_str())))
}

/// Asks for a volume, with the token of a turn.
async fn ask(aws: &AwsProvider<'_>, node: &Node, turn: u32) -> Result<String, CloudError> {
    let key = aws.known.id(Kind::EncryptionKey, &aws.settings.volume.kms_key)?;
    let name = format!("{}-{}-data", aws.names.stem(), node.name);
    let more = [("Name", name.as_str()), (NODE, node.name.as_str()), (ROLE, DATA)];
    aws.pacer.turn(Pace::Change).await;
    let answer = aws
        .clients
        .ec2
        .create_volume()
        .client_token(aws.names.token(&[
            "volume",
            node.name.as_str(),
            node.zone.as_str(),
            &turn.to_string(),
        ]))
        .availability_zone(node.zone.as_str())
        .volume_type(VolumeType::Gp3)
        .size(number(gib(aws.settings)))
        .iops(number(aws.settings.volume.iops.into()))
        .throughput(number(mib(aws.settings)))
        .encrypted(true)
        .kms_key_id(key)
        .tag_specifications(tagged(aws, ResourceType::Volume, &more))
        .send()
        .await
        .of("CreateVolume")?;
    Ok(answer.volume_id.unwrap_or_default())
}

/// Changes a volume while it is in use, and waits until the change counts. AWS permits four changes in a day, and each
/// only after the one before.
pub async fn update(
    aws: &AwsProvider<'_>,
    node: &Node,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    let id = aws.known.id(Kind::Volume, node.name.as_str())?;
    let what = format!("the volume of {}", node.name);
    aws.pacer.turn(Pace::Change).await;
    let call = aws.clients.ec2.modify_volume().volume_id(&id).volume_type(VolumeType::Gp3);
    let call = call.size(number(gib(aws.settings))).iops(number(aws.settings.volume.iops.into()));
    let call = call.throughput(number(mib(aws.settings)));
    call.send().await.of("ModifyVolume")?;
    until(&what, TO_CHANGE, told, async || {
        let call = aws.clients.ec2.describe_volumes_modifications().volume_ids(&id);
        let change = match call.send().await.of("DescribeVolumesModifications") {
            Ok(answer) => answer.volumes_modifications.unwrap_or_default().into_iter().next(),
            // Not yet everywhere.
            Err(error) if error.is_missing() => None,
            Err(error) => return Err(error),
        };
        let reason = change.as_ref().and_then(|change| change.status_message());
        let reason = reason.unwrap_or("AWS tells no reason").to_owned();
        Ok(match change.and_then(|change| change.modification_state) {
            // From then on it has its new size and speed, which may take hours to be reached everywhere.
            Some(VolumeModificationState::Optimizing | VolumeModificationState::Completed) => {
                Look::Ready
            }
            Some(VolumeModificationState::Failed) => Look::Ended(format!("failed, {reason}")),
            state => Look::NotYet(
                state.map_or("not seen yet".to_owned(), |state| state.as_str().to_owned()),
            ),
        })
    })
    .await
}

/// Deletes a volume with everything on it.
pub async fn delete(aws: &AwsProvider<'_>, node: &str) -> Result<(), CloudError> {
    let id = aws.known.id(Kind::Volume, node)?;
    aws.pacer.turn(Pace::Change).await;
    gone_or(aws.clients.ec2.delete_volume().volume_id(id).send().await.of("DeleteVolume"))
}
