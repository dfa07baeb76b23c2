//! The KMS key that encrypts volumes, bucket, cache and credentials, with its alias.

use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::types::{KeyMetadata, KeyState, Tag};
use serde_json::{Value, json};

use super::AwsProvider;
use super::bucket::built;
use super::error::{Answer as _, CloudClass, CloudError};
use super::names::{ENVIRONMENT, Names};
use super::pace::Pace;
use crate::model::{AwsSettings, Partition};
use crate::plan::{Kind, OnChange, Record, RecordId};

/// How often AWS may say that we make keys too fast, of which it takes five in a second.
const THROTTLED: u32 = 10;

/// Who may use the key. The account's own rights decide; through EBS and ElastiCache it serves whoever may use these in the
/// account, as AWS's own keys for them do; nodes read their bundles by S3.
///
/// Roles are named by a pattern, since KMS refuses a policy that names a role which does not exist yet.
fn policy(names: Names<'_>, settings: &AwsSettings) -> Value {
    let AwsSettings { account, region, .. } = settings;
    let Partition { arn, domain } = Partition::of(region);
    let through = |service: &str| format!("{service}.{region}.{domain}");
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Account",
                "Effect": "Allow",
                "Principal": {"AWS": format!("arn:{arn}:iam::{account}:root")},
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Sid": "VolumesAndCache",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": [
                    "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*",
                    "kms:ReEncrypt*",
                ],
                "Resource": "*",
                "Condition": {
                    "StringEquals": {
                        "kms:CallerAccount": account,
                        "kms:ViaService": [through("ec2"), through("elasticache")],
                    },
                },
            },
            {
                "Sid": "NodesThroughS3",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": "kms:Decrypt",
                "Resource": "*",
                "Condition": {
                    "ArnLike": {
                        "aws:PrincipalArn": format!("arn:{arn}:iam::{account}:role{}*", names.path()),
                    },
                    "StringEquals": {
                        "kms:CallerAccount": account,
                        "kms:ViaService": through("s3"),
                    },
                },
            },
        ],
    })
}

/// What the key should be.
pub fn desired(names: Names<'_>, settings: &AwsSettings) -> Record {
    Record::new(RecordId::new(Kind::EncryptionKey, &settings.volume.kms_key))
        .field(
            "owner",
            names.environment(),
            OnChange::Forbidden("this alias names a key that natsops did not make"),
        )
        .field("state", "Enabled", OnChange::InPlace)
        .field("rotation", "yearly", OnChange::InPlace)
        .field("policy", policy(names, settings), OnChange::InPlace)
        .complete()
}

/// Looks at the key that the alias names.
pub async fn observe(aws: &AwsProvider<'_>) -> Result<Option<Record>, CloudError> {
    let (kms, alias) = (&aws.clients.kms, &aws.settings.volume.kms_key);
    let key = match kms.describe_key().key_id(alias).send().await.of("DescribeKey") {
        Ok(answer) => answer.key_metadata,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(key) = key else {
        return Ok(None);
    };
    let arn = key.arn().unwrap_or_default();
    aws.known.keep(Kind::EncryptionKey, alias, arn);
    let id = key.key_id();
    let (rotation, policy, tags) = tokio::join!(
        kms.get_key_rotation_status().key_id(id).send(),
        kms.get_key_policy().key_id(id).policy_name("default").send(),
        kms.list_resource_tags().key_id(id).send(),
    );
    let tags = tags.of("ListResourceTags")?.tags.unwrap_or_default();
    let rotates = rotation.of("GetKeyRotationStatus")?.key_rotation_enabled;
    let policy = policy.of("GetKeyPolicy")?.policy.unwrap_or_default();
    let policy = serde_json::from_str::<Value>(&policy).map_or(policy, |policy| policy.to_string());
    let mut record = Record::new(RecordId::new(Kind::EncryptionKey, alias))
        .field("state", key.key_state().map_or("unknown", KeyState::as_str), OnChange::InPlace)
        .field("rotation", if rotates { "yearly" } else { "off" }, OnChange::InPlace)
        .field("policy", policy, OnChange::InPlace)
        .complete();
    if let Some(owner) = tags.iter().find(|tag| tag.tag_key() == ENVIRONMENT) {
        record = record.field("owner", owner.tag_value(), OnChange::InPlace);
    }
    Ok(Some(record))
}

/// Makes the key and its alias. CreateKey has neither a token nor a name, so it is never repeated blindly: a key that an
/// earlier run made and did not name is looked for first.
pub async fn create(aws: &AwsProvider<'_>) -> Result<(), CloudError> {
    let key = match nameless(aws).await? {
        Some(key) => key,
        None => make(aws).await?,
    };
    let alias = &aws.settings.volume.kms_key;
    aws.pacer.turn(Pace::Keys).await;
    let call = aws.clients.kms.create_alias().alias_name(alias).target_key_id(key.key_id());
    match call.send().await.of("CreateAlias") {
        Err(error) if !error.is("AlreadyExistsException") => return Err(error),
        _ => {}
    }
    aws.known.keep(Kind::EncryptionKey, alias, key.arn().unwrap_or_default());
    settle(aws).await
}

async fn make(aws: &AwsProvider<'_>) -> Result<KeyMetadata, CloudError> {
    let tags = aws.names.tags().into_iter();
    let tags = tags.map(|(key, value)| Tag::builder().tag_key(key).tag_value(value).build());
    let tags = tags.collect::<Result<Vec<_>, _>>().map_err(built)?;
    aws.pacer.turn(Pace::Keys).await;
    let call = aws
        .clients
        .kms
        .create_key()
        .description(description(aws))
        .policy(policy(aws.names, aws.settings).to_string())
        .set_tags(Some(tags));
    let once = || {
        let never = RetryConfig::disabled();
        let alone = aws_sdk_kms::config::Builder::new().retry_config(never);
        call.clone().customize().config_override(alone).send()
    };
    let mut outcome = once().await.of("CreateKey");
    for _ in 0..THROTTLED {
        match &outcome {
            // A refusal for asking too fast makes nothing, so this one may be repeated.
            Err(error) if error.is("ThrottlingException") => {
                super::wait::pause(std::time::Duration::from_secs(2)).await;
                outcome = once().await.of("CreateKey");
            }
            _ => break,
        }
    }
    match outcome {
        Ok(answer) => answer.key_metadata.ok_or_else(|| built("an answer without a key")),
        // It may have been made all the same. A key takes a moment to be listed.
        Err(error) if error.class == CloudClass::Unanswered => {
            super::wait::pause(std::time::Duration::from_secs(5)).await;
            nameless(aws).await?.ok_or(error)
        }
        Err(error) => Err(error),
    }
}

fn description(aws: &AwsProvider<'_>) -> String {
    format!("natsops {}: volumes, bucket, cache and credentials", aws.names.environment())
}

/// The oldest key that we have made for this environment and that is still good.
async fn nameless(aws: &AwsProvider<'_>) -> Result<Option<KeyMetadata>, CloudError> {
    let kms = &aws.clients.kms;
    let mut pages = kms.list_keys().into_paginator().items().send();
    let mut found: Option<KeyMetadata> = None;
    while let Some(key) = pages.next().await {
        let key = key.of("ListKeys")?;
        let id = key.key_id().unwrap_or_default();
        let metadata = kms.describe_key().key_id(id).send().await.of("DescribeKey")?.key_metadata;
        let Some(metadata) = metadata.filter(|metadata| {
            metadata.description() == Some(&description(aws))
                && metadata.key_state() == Some(&KeyState::Enabled)
        }) else {
            continue;
        };
        let tags = kms.list_resource_tags().key_id(id).send().await.of("ListResourceTags")?;
        let ours = tags
            .tags()
            .iter()
            .any(|tag| tag.tag_key() == ENVIRONMENT && tag.tag_value() == aws.names.environment());
        let older =
            found.as_ref().is_none_or(|found| metadata.creation_date() < found.creation_date());
        if ours && older {
            found = Some(metadata);
        }
    }
    Ok(found)
}

/// Sets everything that may have been changed.
pub async fn settle(aws: &AwsProvider<'_>) -> Result<(), CloudError> {
    let (kms, alias) = (&aws.clients.kms, &aws.settings.volume.kms_key);
    let arn = aws.known.id(Kind::EncryptionKey, alias)?;
    let state = kms.describe_key().key_id(&arn).send().await.of("DescribeKey")?;
    match state.key_metadata().and_then(KeyMetadata::key_state) {
        Some(KeyState::PendingDeletion) => {
            kms.cancel_key_deletion().key_id(&arn).send().await.of("CancelKeyDeletion")?;
            kms.enable_key().key_id(&arn).send().await.of("EnableKey")?;
        }
        Some(KeyState::Disabled) => {
            kms.enable_key().key_id(&arn).send().await.of("EnableKey")?;
        }
        _ => {}
    }
    let policy = policy(aws.names, aws.settings).to_string();
    kms.put_key_policy()
        .key_id(&arn)
        .policy_name("default")
        .policy(policy)
        .send()
        .await
        .of("PutKeyPolicy")?;
    kms.enable_key_rotation().key_id(&arn).send().await.of("EnableKeyRotation").map(drop)
}

/// Has AWS delete the key in 30 days, the longest that it waits. Until then an apply takes it back.
pub async fn delete(aws: &AwsProvider<'_>) -> Result<(), CloudError> {
    let alias = &aws.settings.volume.kms_key;
    let arn = aws.known.id(Kind::EncryptionKey, alias)?;
    let call = aws.clients.kms.schedule_key_deletion().key_id(arn).pending_window_in_days(30);
    match call.send().await.of("ScheduleKeyDeletion") {
        Err(error) if !error.is("KMSInvalidStateException") => Err(error),
        _ => Ok(()),
    }
}
