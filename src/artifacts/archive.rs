//! What a node's machine fetches at its start, as one archive: its folder, and the claims of every account.
//!
//! The claims are in it so that a server is complete when it boots, whoever else is there.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::{BundleError, Content, bundle, prepare_node};
use crate::model::{AccountName, Cluster, Node, OWN_ACCOUNT, SYSTEM_ACCOUNT};
use crate::secrets::{Document, Index, KeyName, Secret};

/// Where the server keeps claims, below its folder.
const CLAIMS: &str = "data/jwt";

/// What stands for an archive's content and is no secret; none while something of it is still to be made.
pub fn archive_print(
    cluster: &Cluster,
    node: &Node,
    index: &Index,
) -> Result<Option<String>, BundleError> {
    let prepared = prepare_node(cluster, node, index)?;
    let key = index.public(&KeyName::node(&node.name));
    let (Some(key), false) = (key, prepared.pending) else {
        return Ok(None);
    };
    let Some(claims) = claims(cluster, index) else {
        return Ok(None);
    };
    let mut hash = Sha256::new();
    for text in
        [prepared.config.as_str(), key].into_iter().chain(claims.iter().map(|(_, jwt)| *jwt))
    {
        hash.update(text);
        hash.update([0]);
    }
    Ok(Some(HEXLOWER.encode(&hash.finalize())[..16].to_owned()))
}

/// The claims of every account, with their accounts' public keys; none while some are still to be signed.
fn claims<'a>(cluster: &Cluster, index: &'a Index) -> Option<Vec<(&'a str, &'a str)>> {
    let accounts = cluster.accounts.keys().map(AccountName::as_str);
    let names = [SYSTEM_ACCOUNT, OWN_ACCOUNT].into_iter().chain(accounts);
    names
        .map(|name| {
            let jwt = index.document(&Document::account(name))?;
            Some((index.public(&KeyName::account(name))?, jwt))
        })
        .collect()
}

/// The archive: a tar whose bytes follow from its content. `key` is the private key of the node's certificate.
pub fn archive(
    cluster: &Cluster,
    node: &Node,
    index: &Index,
    key: Secret<String>,
) -> Result<Secret<Vec<u8>>, BundleError> {
    let prepared = prepare_node(cluster, node, index)?;
    let mut tar = tar::Builder::new(Vec::new());
    for (account, jwt) in claims(cluster, index).unwrap_or_default() {
        append(&mut tar, &format!("{CLAIMS}/{account}.jwt"), jwt)?;
    }
    for file in bundle(&prepared, node, index, key).files {
        match &file.content {
            Content::Public(text) => append(&mut tar, &file.path, text)?,
            Content::Secret(secret) => append(&mut tar, &file.path, secret.expose())?,
        }
    }
    Ok(Secret::new(tar.into_inner()?))
}

/// Adds a file that only its owner may read, dated at the beginning of time: the same content gives the same bytes.
fn append(tar: &mut tar::Builder<Vec<u8>>, path: &str, text: &str) -> Result<(), BundleError> {
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o600);
    Ok(tar.append_data(&mut header, path, text.as_bytes())?)
}
