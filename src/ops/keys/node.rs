//! Nodes get new keys and certificates: issue, reload one after the other, verify what each presents.
//!
//! The authority does not change, so whoever has taken the new certificate and whoever has not accept each other, and
//! nothing needs to overlap. The former certificate is kept until the new one is seen in every door, so that an
//! interrupted run is continued and no other key is made.

use std::sync::Arc;

use jiff::Timestamp;

use super::doors::{Door, doors, present};
use super::rotate::Words;
use super::run::Run;
use super::{Replaced, Rotated, Step};
use crate::artifacts::Scribe;
use crate::model::Cluster;
use crate::ops::OpsError;
use crate::ops::execute::StopSign;
use crate::pki::Certificate;
use crate::provider::Provider;
use crate::secrets::{Beside, Document, Index, KeyName};

const ISSUE: Step = Step { name: "issue", words: "make a new key and sign a certificate for it" };
const RELOAD: Step =
    Step { name: "reload", words: "have one node after the other take it, without a restart" };
const VERIFY: Step = Step {
    name: "verify-new",
    words: "see in a handshake with each port that it presents the new certificate",
};
const FORGET: Step = Step { name: "forget", words: "forget the old key" };

/// The keys that are meant: one node's, or all of them.
fn names(cluster: &Cluster, node: Option<&str>) -> Vec<KeyName> {
    let nodes = cluster.nodes.iter().map(|node| (node.name.as_str(), KeyName::node(&node.name)));
    let cache = cluster.redis_nodes().iter();
    let cache = cache.map(|node| (node.name.as_str(), KeyName::redis_node(&node.name)));
    let meant = |name: &str| node.is_none_or(|node| node == name);
    nodes.chain(cache).filter(|(name, _)| meant(name)).map(|(_, key)| key).collect()
}

/// Those whose rotation is under way.
fn begun(names: &[KeyName], index: &Index) -> Vec<KeyName> {
    let begun = |name: &&KeyName| index.public(&name.beside(Beside::Retiring)).is_some();
    names.iter().filter(begun).cloned().collect()
}

/// What is left to do.
pub(super) fn left(cluster: &Cluster, node: Option<&str>, index: &Index) -> Vec<Step> {
    match begun(&names(cluster, node), index).is_empty() {
        true => vec![ISSUE, RELOAD, VERIFY, FORGET],
        false => vec![RELOAD, VERIFY, FORGET],
    }
}

/// Begins, or goes on.
pub(super) async fn rotate<P: Provider>(
    mut run: Run<'_, '_, P>,
    node: Option<&str>,
    stop: &StopSign,
) -> Result<Rotated, OpsError> {
    let all = names(run.site.cluster, node);
    let mut names = begun(&all, &run.index);
    if names.is_empty() {
        names = all;
        let change = run.scribe().renew(&names, Beside::Retiring, &run.index)?;
        run.commit(ISSUE, change).await?;
    }
    stop.heed()?;
    run.distribute(RELOAD, stop).await?;
    run.step(VERIFY, async |run| verify(run, &names).await).await?;
    let keys = names.iter().map(|name| replaced(run.site.cluster, &run.index, name)).collect();
    let remarks = remarks(&run, &names);
    run.commit(FORGET, Scribe::forget_old(&names, Beside::Retiring)).await?;
    Ok(Rotated { done: true, steps: run.steps, keys, remarks, ..Rotated::default() })
}

/// What a rotation of node certificates does not do.
fn remarks<P>(run: &Run<'_, '_, P>, names: &[KeyName]) -> Vec<String> {
    let old = names.iter().map(|name| Document::certificate(&name.beside(Beside::Retiring)));
    let Some(end) = last_end(&run.index, old) else { return Vec::new() };
    let environment = &run.site.cluster.environment;
    vec![
        format!(
            "until {end:.0} or before, who has an old key can pose as its node: nobody knows that its certificate is void"
        ),
        format!("to make old certificates void: natsops keys rotate {environment} ca"),
    ]
}

/// When the last of these certificates ends.
pub(super) fn last_end(
    index: &Index,
    documents: impl Iterator<Item = Document>,
) -> Option<Timestamp> {
    documents.filter_map(|one| Some(Certificate::read(index.document(&one)?).ok()?.not_after)).max()
}

async fn verify<P: Provider>(run: &Run<'_, '_, P>, names: &[KeyName]) -> Result<(), OpsError> {
    let access = run.site.access(&run.index)?;
    let tls = Arc::new(access.tls()?);
    let doors: Vec<Door> =
        doors(run.site.cluster).into_iter().filter(|door| names.contains(&door.key)).collect();
    present(&doors, &tls, |key| fingerprint(&run.index, current(run.site.cluster, key))).await
}

/// Where the certificate of a node's key is kept.
pub(super) fn current(cluster: &Cluster, key: &KeyName) -> Document {
    let mut cache = cluster.redis_nodes().iter();
    match cache.find(|node| KeyName::redis_node(&node.name) == *key) {
        Some(node) => Document::redis_node(&node.name),
        None => Document::certificate(key),
    }
}

/// The fingerprint of a certificate.
pub(super) fn fingerprint(index: &Index, document: Document) -> Option<String> {
    Some(Certificate::read(index.document(&document)?).ok()?.fingerprint)
}

fn replaced(cluster: &Cluster, index: &Index, name: &KeyName) -> Replaced {
    Replaced {
        name: name.to_string(),
        new: fingerprint(index, current(cluster, name)),
        old: fingerprint(index, Document::certificate(&name.beside(Beside::Retiring))),
        connections: 0,
        words: Some(Words {
            new: "presented at every port of the node",
            old: "presented nowhere; connections that were made under it live on".to_owned(),
        }),
    }
}
