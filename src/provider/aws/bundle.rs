//! What a node's machine fetches at its start: its archive, its server and the node tool, below its own prefix of the
//! bucket.
//!
//! `nodes/NODE/current` names all three with their checksums, in the form that `sha256sum -c` reads. It is written after them,
//! and what was there before is removed after it: while two archives lie there, the last upload has not ended.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::primitives::ByteStream;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::AwsProvider;
use super::error::{Answer as _, CloudClass, CloudError};
use super::names::Names;
use crate::artifacts::archive_print;
use crate::model::{AwsSettings, Cluster, Node};
use crate::plan::{Kind, OnChange, PENDING, Record, RecordId};
use crate::provider::Supply;
use crate::render::node_tool;
use crate::secrets::Index;

const ARCHIVE: &str = "bundle-";
const SERVER: &str = "nats-server-";
const TOOL: &str = "natsops-node-";
const CURRENT: &str = "current";

/// What should lie there.
pub fn desired<'a>(
    names: Names<'a>,
    cluster: &'a Cluster,
    settings: &'a AwsSettings,
    index: &'a Index,
) -> impl Iterator<Item = Record> + 'a {
    // A template that does not fit is found by every test that renders.
    let tool = node_tool(cluster).map_or(PENDING.to_owned(), |tool| tool.print);
    cluster.nodes.iter().map(move |node| {
        let print = archive_print(cluster, node, index).ok().flatten();
        Record::new(RecordId::new(Kind::BundleObject, &node.name))
            .field("content", print.unwrap_or(PENDING.to_owned()), OnChange::InPlace)
            .field("server", &cluster.version, OnChange::InPlace)
            .field("tool", &tool, OnChange::InPlace)
            .needs([
                RecordId::new(Kind::S3Bucket, names.bucket()),
                RecordId::new(Kind::EncryptionKey, &settings.volume.kms_key),
            ])
            .complete()
    })
}

fn prefix(node: &str) -> String {
    format!("nodes/{node}/")
}

/// Looks at what lies there: a thousand objects in a call.
pub async fn observe(aws: &AwsProvider<'_>) -> Result<Vec<Record>, CloudError> {
    look(aws, "nodes/").await
}

async fn look(aws: &AwsProvider<'_>, below: &str) -> Result<Vec<Record>, CloudError> {
    let mut found: BTreeMap<String, [Vec<String>; 3]> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for key in list(aws, below).await? {
        let mut parts = key.splitn(3, '/').skip(1);
        let (Some(node), Some(file)) = (parts.next(), parts.next()) else {
            continue;
        };
        let [archives, servers, tools] = found.entry(node.to_owned()).or_default();
        if let Some(print) = file.strip_prefix(ARCHIVE) {
            archives.push(print.trim_end_matches(".tar").to_owned());
        } else if let Some(version) = file.strip_prefix(SERVER) {
            servers.push(version.to_owned());
        } else if let Some(print) = file.strip_prefix(TOOL) {
            tools.push(print.to_owned());
        } else if file == CURRENT {
            told.insert(node.to_owned());
        }
    }
    let of = |(node, [mut archives, servers, tools]): (String, [Vec<String>; 3])| {
        // Without the word which one counts, none does.
        archives.retain(|_| told.contains(&node));
        Record::new(RecordId::new(Kind::BundleObject, node))
            .field("content", archives.join(", "), OnChange::InPlace)
            .field("server", servers.join(", "), OnChange::InPlace)
            .field("tool", tools.join(", "), OnChange::InPlace)
            .complete()
    };
    Ok(found.into_iter().map(of).collect())
}

async fn list(aws: &AwsProvider<'_>, prefix: &str) -> Result<Vec<String>, CloudError> {
    let call = aws.clients.s3.list_objects_v2().bucket(aws.names.bucket()).prefix(prefix);
    let pages = call.into_paginator().send().collect::<Result<Vec<_>, _>>().await;
    let pages = match pages.of("ListObjectsV2") {
        Err(error) if error.is("NoSuchBucket") => Vec::new(),
        pages => pages?,
    };
    let objects = pages.iter().flat_map(|page| page.contents());
    Ok(objects.filter_map(|object| object.key().map(str::to_owned)).collect())
}

/// The generation that a node's machine would fetch, as `natsops-node` names it.
pub async fn generation(aws: &AwsProvider<'_>, node: &Node) -> Result<String, CloudError> {
    let found = look(aws, &prefix(node.name.as_str())).await?;
    let of = |name: &str| {
        let field = found.first()?.fields.get(name)?;
        (!field.value.is_empty() && !field.value.contains(", ")).then(|| field.value.clone())
    };
    let (Some(print), Some(server)) = (of("content"), of("server")) else {
        let words = format!(
            "the bucket does not hold one bundle of {}; the last upload has not ended",
            node.name
        );
        return Err(CloudError::found("ListObjectsV2", CloudClass::Other, words));
    };
    Ok(format!("{print}-{server}"))
}

/// Uploads what a node should have, unless it lies there, and gives its generation: keys that were just replaced have not
/// been delivered yet.
pub async fn hand_over(
    aws: &AwsProvider<'_>,
    node: &Node,
    index: &Index,
    supply: &dyn Supply,
) -> Result<String, CloudError> {
    let wanted = desired(aws.names, aws.cluster, aws.settings, index);
    let wanted = wanted.into_iter().find(|record| record.id.name == node.name.as_str());
    let found = look(aws, &prefix(node.name.as_str())).await?;
    let fields = |record: Option<&Record>| -> Vec<String> {
        let fields = record.into_iter().flat_map(|record| record.fields.values());
        fields.map(|field| field.value.clone()).collect()
    };
    if fields(wanted.as_ref()) != fields(found.first()) {
        put(aws, node, index, supply).await?;
    }
    generation(aws, node).await
}

/// Uploads a node's archive, server and tool, then says which ones count, then removes the others.
pub async fn put(
    aws: &AwsProvider<'_>,
    node: &Node,
    index: &Index,
    supply: &dyn Supply,
) -> Result<(), CloudError> {
    let wrong = |reason: String| CloudError::found("PutObject", CloudClass::Other, reason);
    let name = node.name.as_str();
    let print =
        archive_print(aws.cluster, node, index).map_err(|error| wrong(error.to_string()))?;
    let print = print.ok_or_else(|| wrong(format!("the papers of {name} are not signed yet")))?;
    let archive = supply.archive(index, name).map_err(wrong)?;
    let server = supply.server().map_err(wrong)?;
    let tool = node_tool(aws.cluster).map_err(|error| wrong(error.to_string()))?;
    let files = [
        format!("{ARCHIVE}{print}.tar"),
        format!("{SERVER}{}", aws.cluster.version),
        format!("{TOOL}{}", tool.print),
    ];
    let current: String = files
        .iter()
        .zip([archive.expose().as_slice(), &server, tool.text.as_bytes()])
        .map(|(file, content)| format!("{}  {file}\n", HEXLOWER.encode(&Sha256::digest(content))))
        .collect();
    upload(aws, name, &files[0], archive.expose().clone()).await?;
    upload(aws, name, &files[1], server).await?;
    upload(aws, name, &files[2], tool.text.into_bytes()).await?;
    upload(aws, name, CURRENT, current.into_bytes()).await?;
    let kept: Vec<String> =
        files.iter().map(String::as_str).chain([CURRENT]).map(|file| prefix(name) + file).collect();
    for old in list(aws, &prefix(name)).await?.into_iter().filter(|key| !kept.contains(key)) {
        let call = aws.clients.s3.delete_object().bucket(aws.names.bucket()).key(old);
        call.send().await.of("DeleteObject")?;
    }
    Ok(())
}

/// The bucket seals it with the customer's key by itself.
async fn upload(
    aws: &AwsProvider<'_>,
    node: &str,
    file: &str,
    content: Vec<u8>,
) -> Result<(), CloudError> {
    let call = aws.clients.s3.put_object().bucket(aws.names.bucket()).key(prefix(node) + file);
    call.body(ByteStream::from(content)).send().await.of("PutObject").map(drop)
}

/// Removes everything below a node's prefix.
pub async fn delete(aws: &AwsProvider<'_>, node: &str) -> Result<(), CloudError> {
    for key in list(aws, &prefix(node)).await? {
        let call = aws.clients.s3.delete_object().bucket(aws.names.bucket()).key(key);
        call.send().await.of("DeleteObject")?;
    }
    Ok(())
}
