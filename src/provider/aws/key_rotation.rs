//! The KMS key gets new material on demand. What the old material has sealed stays readable: KMS keeps it.

use std::time::Duration;

use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::types::RotationType;

use super::AwsProvider;
use super::error::{Answer as _, CloudClass, CloudError};
use super::wait::{Look, until};

/// How long AWS takes for new material; it gives no figure, and says only that it goes on in the background.
const TYPICAL: Duration = Duration::from_secs(60);

/// What AWS tells of a key's rotations.
#[derive(Debug, Clone, PartialEq)]
pub struct Turns {
    /// How often it was rotated on demand. AWS takes 25 in a key's life.
    pub on_demand: usize,
    /// When it was last rotated on demand, in unix seconds.
    pub last: Option<i64>,
    /// Whether a rotation on demand is under way.
    pub under_way: bool,
}

/// What AWS tells of the environment's key: times are in unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAge {
    /// The alias by which the environment names it.
    pub alias: String,
    /// Its id.
    pub id: String,
    /// When it was made.
    pub created: Option<i64>,
    /// Whether AWS rotates it by itself.
    pub rotates: bool,
    /// When AWS will do that next.
    pub next: Option<i64>,
    /// When it was last rotated, by AWS or on demand.
    pub last: Option<i64>,
}

/// Looks how old the environment's key is; none where there is no key yet.
pub async fn age(aws: &AwsProvider<'_>) -> Result<Option<KeyAge>, CloudError> {
    let (kms, alias) = (&aws.clients.kms, aws.settings.volume.kms_key.clone());
    let found = match kms.describe_key().key_id(&alias).send().await.of("DescribeKey") {
        Err(error) if error.is("NotFoundException") => return Ok(None),
        found => found?.key_metadata,
    };
    let Some(found) = found else { return Ok(None) };
    let status = kms.get_key_rotation_status().key_id(found.key_id()).send().await;
    let status = status.of("GetKeyRotationStatus")?;
    let mut last = None;
    let pages = kms.list_key_rotations().key_id(found.key_id()).into_paginator();
    let mut rotations = pages.items().send();
    while let Some(rotation) = rotations.next().await {
        let date = rotation.of("ListKeyRotations")?.rotation_date;
        last = last.max(date.map(|date| date.secs()));
    }
    Ok(Some(KeyAge {
        alias,
        id: found.key_id,
        created: found.creation_date.map(|date| date.secs()),
        rotates: status.key_rotation_enabled,
        next: status.next_rotation_date.map(|date| date.secs()),
        last,
    }))
}

/// Looks at the rotations of the environment's key.
pub async fn turns(aws: &AwsProvider<'_>) -> Result<Turns, CloudError> {
    let (kms, id) = (&aws.clients.kms, key(aws).await?);
    let mut pages = kms.list_key_rotations().key_id(&id).into_paginator().items().send();
    let mut turns = Turns { on_demand: 0, last: None, under_way: false };
    while let Some(rotation) = pages.next().await {
        let rotation = rotation.of("ListKeyRotations")?;
        if rotation.rotation_type() == Some(&RotationType::OnDemand) {
            turns.on_demand += 1;
            turns.last = turns.last.max(rotation.rotation_date().map(|date| date.secs()));
        }
    }
    let status = kms.get_key_rotation_status().key_id(&id).send().await;
    turns.under_way = status.of("GetKeyRotationStatus")?.on_demand_rotation_start_date.is_some();
    Ok(turns)
}

/// Asks for new material, unless that is under way already, and waits until AWS lists the rotation.
///
/// RotateKeyOnDemand has no token, and AWS takes few of them in a key's life: it is never repeated, and whether a lost
/// answer was a yes is looked up.
pub async fn rotate(
    aws: &AwsProvider<'_>,
    before: &Turns,
    told: &(dyn Fn(&str) + Sync),
) -> Result<Turns, CloudError> {
    if !before.under_way {
        let call = aws.clients.kms.rotate_key_on_demand().key_id(key(aws).await?);
        let alone = aws_sdk_kms::config::Builder::new().retry_config(RetryConfig::disabled());
        match call.customize().config_override(alone).send().await.of("RotateKeyOnDemand") {
            // Somebody else was faster, or an answer of ours was lost.
            Err(error) if error.is("ConflictException") => {}
            Err(error) if error.class == CloudClass::Unanswered => {
                let now = turns(aws).await?;
                if !now.under_way && now.on_demand == before.on_demand {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    until("new material", TYPICAL, told, async || {
        let now = turns(aws).await?;
        Ok(match now.on_demand > before.on_demand && !now.under_way {
            true => Look::Ready,
            false => Look::NotYet("under way".to_owned()),
        })
    })
    .await?;
    turns(aws).await
}

/// The id of the key that the alias names: rotations are asked of a key, never of an alias.
async fn key(aws: &AwsProvider<'_>) -> Result<String, CloudError> {
    let alias = &aws.settings.volume.kms_key;
    let answer = aws.clients.kms.describe_key().key_id(alias).send().await.of("DescribeKey")?;
    let id = answer.key_metadata.map(|key| key.key_id);
    id.ok_or_else(|| super::bucket::built("an answer without a key"))
}
