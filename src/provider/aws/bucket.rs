//! The bucket: its name is the environment's anchor. Keys, bundles and the lease lie in it.

use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging,
    VersioningConfiguration,
};
use serde_json::{Value, json};

use super::AwsProvider;
use super::error::{Answer as _, CloudClass, CloudError};
use super::names::{ENVIRONMENT, Names, PROTECTED};
use crate::model::{AwsSettings, Partition};
use crate::plan::{Kind, OnChange, Record, RecordId};

/// The region where S3 wants no location.
const HOME: &str = "us-east-1";

/// The bucket's own policy: nothing in the clear.
fn policy(bucket: &str, region: &str) -> Value {
    let arn = format!("arn:{}:s3:::{bucket}", Partition::of(region).arn);
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [&arn, format!("{arn}/*")],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }],
    })
}

fn yes(set: bool) -> String {
    if set { "yes" } else { "no" }.to_owned()
}

/// What the bucket should be.
pub fn desired(names: Names<'_>, settings: &AwsSettings) -> Record {
    let alias = &settings.volume.kms_key;
    Record::new(RecordId::new(Kind::S3Bucket, names.bucket()))
        .field(
            "owner",
            names.environment(),
            OnChange::Forbidden("somebody else's bucket has this name"),
        )
        .field("protected", yes(settings.protected), OnChange::InPlace)
        .field("versioning", "on", OnChange::InPlace)
        .field("public_access", "blocked", OnChange::InPlace)
        .field("encryption", alias, OnChange::InPlace)
        .field("policy", policy(&names.bucket(), &settings.region), OnChange::InPlace)
        .needs([RecordId::new(Kind::EncryptionKey, alias)])
        .complete()
}

/// Looks at the bucket.
pub async fn observe(aws: &AwsProvider<'_>) -> Result<Option<Record>, CloudError> {
    let (s3, name) = (&aws.clients.s3, aws.names.bucket());
    let Some(tags) = tags(aws).await? else {
        return Ok(None);
    };
    let (versioning, block, encryption, policy) = tokio::join!(
        s3.get_bucket_versioning().bucket(&name).send(),
        s3.get_public_access_block().bucket(&name).send(),
        s3.get_bucket_encryption().bucket(&name).send(),
        s3.get_bucket_policy().bucket(&name).send(),
    );
    let mut record = Record::new(RecordId::new(Kind::S3Bucket, &name)).complete();
    let mut found = |field: &str, value: Option<String>| {
        if let Some(value) = value {
            record = record.clone().field(field, value, OnChange::InPlace);
        }
    };
    let value =
        |key: &str| tags.iter().find(|tag| tag.key() == key).map(|tag| tag.value().to_owned());
    let protected = value(PROTECTED).is_some_and(|value| value == "true");
    if protected {
        aws.known.keep_protected();
    }
    found("owner", value(ENVIRONMENT));
    found("protected", Some(yes(protected)));
    let status = versioning.of("GetBucketVersioning")?.status;
    found("versioning", (status == Some(BucketVersioningStatus::Enabled)).then(|| "on".to_owned()));
    let block = or_none(block.of("GetPublicAccessBlock"))?;
    let block = block.and_then(|answer| answer.public_access_block_configuration);
    let blocked = block.is_some_and(|block| {
        [
            block.block_public_acls,
            block.ignore_public_acls,
            block.block_public_policy,
            block.restrict_public_buckets,
        ]
        .into_iter()
        .all(|set| set == Some(true))
    });
    found("public_access", blocked.then(|| "blocked".to_owned()));
    let encryption = or_none(encryption.of("GetBucketEncryption"))?;
    let rules = encryption.and_then(|answer| answer.server_side_encryption_configuration);
    let default = rules
        .and_then(|rules| rules.rules.first()?.apply_server_side_encryption_by_default.clone());
    found(
        "encryption",
        default.map(|default| aws.key_alias(default.kms_master_key_id().unwrap_or("AES256"))),
    );
    let policy = or_none(policy.of("GetBucketPolicy"))?.and_then(|answer| answer.policy);
    found(
        "policy",
        policy
            .and_then(|text| serde_json::from_str::<Value>(&text).ok())
            .map(|policy| policy.to_string()),
    );
    Ok(Some(record))
}

/// What is not configured is answered with an error of its own.
fn or_none<T>(answer: Result<T, CloudError>) -> Result<Option<T>, CloudError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the bare bucket, unless it is there: what the lease lies in. Nothing secret is in it yet.
pub async fn anchor(aws: &AwsProvider<'_>) -> Result<(), CloudError> {
    match tags(aws).await? {
        None => create(aws).await?,
        Some(tags) if tags.iter().any(|tag| is_mark(aws, tag)) => {}
        Some(_) => {
            let message = format!("the bucket {} is somebody else's", aws.names.bucket());
            return Err(CloudError::found("CreateBucket", CloudClass::World, message));
        }
    }
    block(aws).await
}

fn is_mark(aws: &AwsProvider<'_>, tag: &Tag) -> bool {
    tag.key() == ENVIRONMENT && tag.value() == aws.names.environment()
}

/// Its tags come with it, so that it is never anybody's.
async fn create(aws: &AwsProvider<'_>) -> Result<(), CloudError> {
    let (s3, name, region) = (&aws.clients.s3, aws.names.bucket(), &aws.settings.region);
    let location = (region != HOME).then(|| BucketLocationConstraint::from(region.as_str()));
    let configuration = CreateBucketConfiguration::builder()
        .set_location_constraint(location)
        .set_tags(Some(own_tags(aws)?))
        .build();
    let call = s3.create_bucket().bucket(&name).create_bucket_configuration(configuration);
    match call.send().await.of("CreateBucket") {
        // Another run was first, or the answer of this one was lost.
        Err(error) if error.is("BucketAlreadyOwnedByYou") => Ok(()),
        Err(error) if error.is("BucketAlreadyExists") => {
            let message = format!("the bucket {name} belongs to another account");
            Err(CloudError::found("CreateBucket", CloudClass::World, message))
        }
        outcome => outcome.map(drop),
    }
}

/// The tags of the bucket; none where there is no bucket. Names of buckets are unique in the world, and somebody else's
/// answers with a refusal.
async fn tags(aws: &AwsProvider<'_>) -> Result<Option<Vec<Tag>>, CloudError> {
    let answer = aws.clients.s3.get_bucket_tagging().bucket(aws.names.bucket()).send().await;
    match answer.of("GetBucketTagging") {
        Ok(answer) => Ok(Some(answer.tag_set)),
        Err(error) if error.is("NoSuchTagSet") => Ok(Some(Vec::new())),
        Err(error) if error.is("NoSuchBucket") => Ok(None),
        Err(error) => Err(error),
    }
}

fn own_tags(aws: &AwsProvider<'_>) -> Result<Vec<Tag>, CloudError> {
    let tags = aws.names.tags().into_iter();
    let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
    tags.collect::<Result<Vec<_>, _>>().map_err(built)
}

/// Gives back what somebody took of the tags, and the mark that protects.
async fn tag(aws: &AwsProvider<'_>) -> Result<(), CloudError> {
    let tagging = Tagging::builder().set_tag_set(Some(own_tags(aws)?)).build().map_err(built)?;
    let call = aws.clients.s3.put_bucket_tagging().bucket(aws.names.bucket()).tagging(tagging);
    call.send().await.of("PutBucketTagging").map(drop)
}

async fn block(aws: &AwsProvider<'_>) -> Result<(), CloudError> {
    let block = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .ignore_public_acls(true)
        .block_public_policy(true)
        .restrict_public_buckets(true)
        .build();
    let call = aws.clients.s3.put_public_access_block().bucket(aws.names.bucket());
    call.public_access_block_configuration(block).send().await.of("PutPublicAccessBlock").map(drop)
}

/// Gives the bucket everything that it should have. Each call may be repeated.
pub async fn settle(aws: &AwsProvider<'_>) -> Result<(), CloudError> {
    anchor(aws).await?;
    tag(aws).await?;
    let (s3, name) = (&aws.clients.s3, aws.names.bucket());
    let versioning =
        VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    s3.put_bucket_versioning()
        .bucket(&name)
        .versioning_configuration(versioning)
        .send()
        .await
        .of("PutBucketVersioning")?;
    let key = aws.known.id(Kind::EncryptionKey, &aws.settings.volume.kms_key)?;
    let default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::AwsKms)
        .kms_master_key_id(key)
        .build()
        .map_err(built)?;
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(default)
        // One call to KMS for many objects.
        .bucket_key_enabled(true)
        .build();
    let rules = ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(built)?;
    let call = s3.put_bucket_encryption().bucket(&name).server_side_encryption_configuration(rules);
    call.send().await.of("PutBucketEncryption")?;
    s3.put_bucket_policy()
        .bucket(&name)
        .policy(policy(&name, &aws.settings.region).to_string())
        .send()
        .await
        .of("PutBucketPolicy")
        .map(drop)
}

/// Deletes the bucket with every version of every object: every key of the environment is lost.
pub async fn delete(aws: &AwsProvider<'_>) -> Result<(), CloudError> {
    let (s3, name) = (&aws.clients.s3, aws.names.bucket());
    loop {
        let page = s3.list_object_versions().bucket(&name).send().await.of("ListObjectVersions")?;
        let versions = page.versions().iter().map(|v| (v.key(), v.version_id()));
        let marks = page.delete_markers().iter().map(|m| (m.key(), m.version_id()));
        let all: Vec<_> = versions.chain(marks).collect();
        if all.is_empty() {
            break;
        }
        for (key, version) in all {
            let call = s3.delete_object().bucket(&name).key(key.unwrap_or_default());
            call.set_version_id(version.map(str::to_owned)).send().await.of("DeleteObject")?;
        }
    }
    s3.delete_bucket().bucket(&name).send().await.of("DeleteBucket").map(drop)
}

/// A request that lacks something is a bug of ours.
pub fn built(error: impl std::fmt::Display) -> CloudError {
    CloudError::found("build", CloudClass::Other, error.to_string())
}
