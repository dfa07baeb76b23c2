//! What the last apply made each thing: a note in the bucket that may be lost at any time.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;

use super::AwsProvider;
use super::bucket::built;
use super::error::{Answer as _, CloudError};
use crate::provider::Applied;

const OBJECT: &str = "applied.json";

/// Reads the note. One that is damaged is as good as none.
pub async fn read(aws: &AwsProvider<'_>) -> Result<Applied, CloudError> {
    let call = aws.clients.s3.get_object().bucket(aws.names.bucket()).key(OBJECT);
    let answer = match call.send().await.of("GetObject") {
        Err(error) if error.is_missing() => return Ok(Applied::new()),
        answer => answer?,
    };
    let body = answer.body.collect().await.map(|body| body.into_bytes()).unwrap_or_default();
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}

/// Writes the note. It is sealed without KMS, since whoever plans reads it.
pub async fn write(aws: &AwsProvider<'_>, applied: &Applied) -> Result<(), CloudError> {
    let text = serde_json::to_vec_pretty(applied).map_err(built)?;
    let call = aws.clients.s3.put_object().bucket(aws.names.bucket()).key(OBJECT);
    let call = call.server_side_encryption(ServerSideEncryption::Aes256);
    call.body(ByteStream::from(text)).send().await.of("PutObject").map(drop)
}
