//! Every key, with where it is in use now, as far as the servers' monitoring tells. No secret is opened.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::artifacts::{Credential, KeyState, ListedKey, inventory};
use crate::model::{Cluster, OWN_ROLE};
use crate::nats::{ClientConnection, PeerCertificate, Varz, trusted_keys};
use crate::ops::{OpsError, Site};
use crate::provider::Provider;
use crate::secrets::Index;

/// A key, with where it is in use.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KeyStatus {
    /// What the public index tells of it.
    #[serde(flatten)]
    pub key: ListedKey,
    /// Where it is in use, on the servers that answer; none where that could not be observed at all.
    pub in_use: Option<InUse>,
    /// What could not be observed, and why.
    pub not_observed: Option<String>,
}

/// Where a key is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InUse {
    /// By so many client connections.
    Connections(usize),
    /// By so many servers.
    Servers(usize),
}

/// What stands before the name of a key that is kept beside another of its kind while it is replaced.
const BESIDE: &str = "retiring/";

/// What the servers that answer tell of keys, by public key or fingerprint.
#[derive(Default)]
struct Uses {
    connections: BTreeMap<String, usize>,
    trusted: BTreeMap<String, usize>,
    /// When the certificate ends that a node's server shows.
    shown: BTreeMap<String, Timestamp>,
    answered: usize,
    silent: Vec<String>,
}

/// Lists every key of an environment.
pub async fn list<P: Provider>(site: &Site<'_, P>, index: &Index) -> Vec<KeyStatus> {
    let uses = look(site).await;
    let keys = inventory(site.cluster, index);
    // Whatever a server shows that stands on an authority makes that authority be in use.
    let mut certified = BTreeMap::new();
    for key in &keys {
        let issuer = key.issuer.clone().unwrap_or_default();
        *certified.entry(issuer).or_default() += uses.shows(key).unwrap_or(0);
    }
    keys.into_iter().map(|key| uses.status(key, &certified)).collect()
}

/// How many connections each signing key has signed the users of, by its public key. Every server must answer.
pub(super) async fn signed<P: Provider>(
    site: &Site<'_, P>,
) -> Result<BTreeMap<String, usize>, OpsError> {
    let mut counts = BTreeMap::new();
    for node in &site.cluster.nodes {
        for client in site.monitor(node).clients().await? {
            *counts.entry(client.issuer_key).or_default() += 1;
        }
    }
    Ok(counts)
}

/// The same where no server can be asked, and why.
pub fn list_unobserved(cluster: &Cluster, index: &Index, reason: &str) -> Vec<KeyStatus> {
    let status = |key: ListedKey| {
        let made = key.state != KeyState::Missing;
        KeyStatus { key, in_use: None, not_observed: made.then(|| reason.to_owned()) }
    };
    inventory(cluster, index).into_iter().map(status).collect()
}

/// How many connections a user has, by its public key. Every server must answer.
pub(super) async fn connected<P: Provider>(
    site: &Site<'_, P>,
    user: &str,
) -> Result<usize, OpsError> {
    count(site, |client| client.authorized_user == user).await
}

/// How many connections show one of these certificates, by fingerprint. Every server must answer.
pub(super) async fn showing<P: Provider>(
    site: &Site<'_, P>,
    certificates: &BTreeSet<String>,
) -> Result<usize, OpsError> {
    let is_one = |shown: &PeerCertificate| certificates.contains(&shown.cert_sha256);
    count(site, |client| client.tls_peer_certs.first().is_some_and(is_one)).await
}

/// How many show another one; natsops' own are not counted. Every server must answer.
pub(super) async fn showing_others<P: Provider>(
    site: &Site<'_, P>,
    certificates: &BTreeSet<String>,
) -> Result<usize, OpsError> {
    let own = format!("CN={OWN_ROLE}");
    let is_other = |shown: &PeerCertificate| {
        let ours = shown.subject.split(',').any(|part| part == own);
        !ours && !certificates.contains(&shown.cert_sha256)
    };
    count(site, |client| client.tls_peer_certs.first().is_some_and(is_other)).await
}

async fn count<P: Provider>(
    site: &Site<'_, P>,
    is_one: impl Fn(&ClientConnection) -> bool,
) -> Result<usize, OpsError> {
    let mut count = 0;
    for node in &site.cluster.nodes {
        let clients = site.monitor(node).clients().await?;
        count += clients.iter().filter(|client| is_one(client)).count();
    }
    Ok(count)
}

async fn look<P: Provider>(site: &Site<'_, P>) -> Uses {
    let looks = site.cluster.nodes.iter().map(async |node| {
        let monitor = site.monitor(node);
        let (varz, clients) = tokio::join!(monitor.varz(), monitor.clients());
        // Another server may answer at the address of a node that is away.
        let varz = varz.ok().filter(|varz| varz.server_name == node.name.as_str());
        (node.name.to_string(), varz.zip(clients.ok()))
    });
    let mut uses = Uses::default();
    for (node, answer) in join_all(looks).await {
        match answer {
            Some((varz, clients)) => uses.add(node, &varz, &clients),
            None => uses.silent.push(node),
        }
    }
    uses
}

impl Uses {
    fn add(&mut self, node: String, server: &Varz, clients: &[ClientConnection]) {
        self.answered += 1;
        for key in trusted_keys(server) {
            *self.trusted.entry(key).or_default() += 1;
        }
        let certificate = |client: &ClientConnection| {
            client.tls_peer_certs.first().map(|certificate| certificate.cert_sha256.clone())
        };
        for client in clients {
            let keys = [&client.authorized_user, &client.issuer_key, &client.account];
            let keys = keys.into_iter().filter(|key| !key.is_empty()).cloned();
            for key in keys.chain(certificate(client)) {
                *self.connections.entry(key).or_default() += 1;
            }
        }
        self.shown.extend(server.tls_cert_not_after.map(|end| (node, end)));
    }

    /// Whether a node's server shows the certificate of this key: 1 or 0; none where it can't be told.
    ///
    /// Monitoring tells no more of it than its end, which two certificates of a node share only by chance.
    fn shows(&self, key: &ListedKey) -> Option<usize> {
        let node = key.name.trim_start_matches(BESIDE).strip_prefix("node/")?;
        let end = self.shown.get(node)?;
        Some(usize::from(key.expires.is_some_and(|e| e.as_second() == end.as_second())))
    }

    fn status(&self, key: ListedKey, certified: &BTreeMap<String, usize>) -> KeyStatus {
        if key.state == KeyState::Missing {
            return KeyStatus { key, in_use: None, not_observed: None };
        }
        let (in_use, not_observed) = match self.in_use(&key, certified) {
            Ok(in_use) => (Some(in_use), self.unheard(key.kind)),
            Err(reason) => (None, Some(reason)),
        };
        KeyStatus { key, in_use, not_observed }
    }

    /// Where a key is in use, or why that can't be told.
    fn in_use(
        &self,
        key: &ListedKey,
        certified: &BTreeMap<String, usize>,
    ) -> Result<InUse, String> {
        let public = key.key.as_deref().unwrap_or_default();
        let count = |uses: &BTreeMap<String, usize>| uses.get(public).copied().unwrap_or(0);
        let name = key.name.trim_start_matches(BESIDE);
        let leafnode = name.split('/').nth(1) == Some("leafnode");
        match key.kind {
            // `/leafz` names the account of a leafnode, and neither its user nor its certificate.
            Credential::User | Credential::ClientCertificate if leafnode => {
                Err("servers do not tell what a leafnode has signed in with".to_owned())
            }
            Credential::CacheUser => {
                Err("the servers of the cache tell only whoever signs in".to_owned())
            }
            Credential::NodeCertificate if !name.starts_with("node/") => {
                Err("the servers of the cache tell only whoever signs in".to_owned())
            }
            Credential::NodeCertificate => self.shows(key).map(InUse::Servers).ok_or_else(|| {
                let node = name.trim_start_matches("node/");
                let silent = self.silent.iter().any(|silent| silent == node);
                format!(
                    "{node} {}",
                    if silent { "does not answer" } else { "shows no certificate" }
                )
            }),
            _ if self.answered == 0 => Err("no server answers".to_owned()),
            Credential::Operator | Credential::OperatorKey => {
                Ok(InUse::Servers(count(&self.trusted)))
            }
            Credential::Authority => {
                Ok(InUse::Servers(certified.get(&key.name).copied().unwrap_or(0)))
            }
            Credential::Account
            | Credential::SigningKey
            | Credential::User
            | Credential::ClientCertificate => Ok(InUse::Connections(count(&self.connections))),
        }
    }

    /// The servers that a count does not include.
    fn unheard(&self, kind: Credential) -> Option<String> {
        let alone = kind == Credential::NodeCertificate;
        let silent = self.silent.join(", ");
        (!alone && !silent.is_empty()).then(|| format!("without {silent}, which does not answer"))
    }
}
