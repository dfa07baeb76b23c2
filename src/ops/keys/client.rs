//! Clients get new keys and certificates: issue, verify, and keep the old one in mind while somebody shows it.
//!
//! Servers accept every certificate that a trusted authority has signed, and know no list of void ones. So the old one
//! is not refused afterwards; only its authority's end, or its own, makes it void.

use std::collections::BTreeSet;

use super::doors::{Door, Purpose, Visitor, admit, doors};
use super::list::showing;
use super::node::{fingerprint, last_end};
use super::rotate::{Words, until as over_at};
use super::run::Run;
use super::{Replaced, Rotated, Step, Wish};
use crate::artifacts::Scribe;
use crate::model::{Client, Cluster};
use crate::ops::OpsError;
use crate::provider::Provider;
use crate::secrets::{Beside, Document, Index, KeyName};

const ISSUE: Step = Step { name: "issue", words: "make a new key and sign a certificate for it" };
const VERIFY: Step = Step {
    name: "verify-new",
    words: "sign in with the new certificate on every node, as a service with its own creds",
};
const WAIT: Step = Step {
    name: "wait",
    words: "keep the old one in mind while a connection shows it, until the overlap is over",
};
const FORGET: Step = Step {
    name: "forget",
    words: "forget the old key; servers accept its certificate until that ends",
};

impl Client<'_> {
    /// The name under which its former certificate is kept.
    fn old(self) -> KeyName {
        KeyName::certificate_of(self).beside(Beside::Retiring)
    }

    /// What servers tell of its connections; nothing of a leafnode's.
    fn is_told(self) -> bool {
        matches!(self, Self::Service(_))
    }
}

/// Those who are meant: one, or all.
fn meant<'c>(cluster: &'c Cluster, client: Option<Client<'c>>) -> Vec<Client<'c>> {
    client.map_or_else(|| Client::all(cluster), |client| vec![client])
}

fn begun<'c>(clients: &[Client<'c>], index: &Index) -> Vec<Client<'c>> {
    clients.iter().copied().filter(|client| index.public(&client.old()).is_some()).collect()
}

/// What is left to do.
pub(super) fn left(
    cluster: &Cluster,
    client: Option<Client<'_>>,
    wish: Wish,
    index: &Index,
) -> Vec<Step> {
    let issue = begun(&meant(cluster, client), index).is_empty().then_some(ISSUE);
    let wait = (!wish.leaked).then_some(WAIT);
    issue.into_iter().chain([VERIFY]).chain(wait).chain([FORGET]).collect()
}

/// Begins, or goes on.
pub(super) async fn rotate<P: Provider>(
    mut run: Run<'_, '_, P>,
    client: Option<Client<'_>>,
    wish: Wish,
) -> Result<Rotated, OpsError> {
    let meant = meant(run.site.cluster, client);
    let mut clients = begun(&meant, &run.index);
    if clients.is_empty() {
        clients = meant;
        let names: Vec<KeyName> =
            clients.iter().map(|client| KeyName::certificate_of(*client)).collect();
        let change = run.scribe().renew(&names, Beside::Retiring, &run.index)?;
        run.commit(ISSUE, change).await?;
    }
    run.step(VERIFY, async |run| verify(run, &clients).await).await?;
    let mut keys = Vec::new();
    let mut over = Vec::new();
    let mut until = None;
    let mut tell = Vec::new();
    for client in &clients {
        let replaced = replaced(&run, *client).await?;
        let key = KeyName::certificate_of(*client);
        match over_at(&key, &run.index, wish, run.site.now()) {
            Some(end) if replaced.connections > 0 || !client.is_told() => {
                until = until.max(Some(end));
                tell.push(key);
            }
            _ => over.push(key),
        }
        keys.push(replaced);
    }
    if until.is_some() {
        run.steps.push(WAIT);
    }
    let (remarks, (redeploy, leafnodes)) = (remarks(&run, &clients), names(&clients));
    if !over.is_empty() {
        run.commit(FORGET, Scribe::forget_old(&over, Beside::Retiring)).await?;
    }
    let done = until.is_none();
    Ok(Rotated { done, steps: run.steps, keys, until, tell, redeploy, leafnodes, remarks })
}

/// The services and the leafnodes that must be given their new files.
pub(super) fn names(clients: &[Client<'_>]) -> (Vec<String>, Vec<String>) {
    let (mut services, mut leafnodes) = (Vec::new(), Vec::new());
    for client in clients {
        match client {
            Client::Service(service) => services.push(service.name.to_string()),
            Client::Leafnode(leafnode) => leafnodes.push(leafnode.name.to_string()),
        }
    }
    (services, leafnodes)
}

async fn replaced<P: Provider>(
    run: &Run<'_, '_, P>,
    client: Client<'_>,
) -> Result<Replaced, OpsError> {
    let old = fingerprint(&run.index, Document::certificate(&client.old()));
    let connections = match (&old, client.is_told()) {
        (Some(old), true) => showing(run.site, &BTreeSet::from([old.clone()])).await?,
        _ => 0,
    };
    let shown = match client.is_told() {
        true => format!("shown by {connections} connections"),
        false => "servers do not tell who shows it".to_owned(),
    };
    let key = KeyName::certificate_of(client);
    Ok(Replaced {
        name: key.to_string(),
        new: fingerprint(&run.index, Document::certificate(&key)),
        old,
        connections,
        words: Some(Words { new: "let in by every node", old: shown }),
    })
}

/// What a rotation of client certificates does not do.
fn remarks<P>(run: &Run<'_, '_, P>, clients: &[Client<'_>]) -> Vec<String> {
    let old = clients.iter().map(|client| Document::certificate(&client.old()));
    let Some(end) = last_end(&run.index, old) else { return Vec::new() };
    let environment = &run.site.cluster.environment;
    vec![
        format!(
            "servers go on accepting an old certificate until it ends, at {end:.0} or before: they have no list of void ones"
        ),
        "without creds it opens nothing, so a leak of both is ended with `keys rotate … user --now`"
            .to_owned(),
        format!("to make old certificates void: natsops keys rotate {environment} ca"),
    ]
}

/// Every node lets each client in with its new certificate, and a service with its creds where those can be tried from
/// here.
async fn verify<P: Provider>(run: &Run<'_, '_, P>, clients: &[Client<'_>]) -> Result<(), OpsError> {
    let doors = doors(run.site.cluster);
    for client in clients {
        let key = KeyName::certificate_of(*client);
        let certificate = run.ticket(&key, &Document::certificate(&key))?;
        let mut visitor = Visitor::with_certificate(run.site, &run.index, &certificate)?;
        let purposes: &[Purpose] = match client {
            Client::Service(service) => {
                // What may come only from elsewhere, or in another way, is tried as natsops: the certificate counts.
                if client.untried(run.site.cluster).is_none() {
                    let name = &service.name;
                    visitor.user = run.ticket(&KeyName::user(name), &Document::user(name))?;
                }
                match run.site.cluster.cache_of(service) {
                    Some(_) => &[Purpose::Clients, Purpose::Cache],
                    None => &[Purpose::Clients],
                }
            }
            // Its account lets in so many leafnodes and no more, and the real one may be there.
            Client::Leafnode(_) => &[Purpose::Leafnodes],
        };
        let own: Vec<Door> =
            doors.iter().filter(|door| purposes.contains(&door.purpose)).cloned().collect();
        admit(&own, &visitor, &format!("the new certificate of {key}")).await?;
    }
    Ok(())
}
