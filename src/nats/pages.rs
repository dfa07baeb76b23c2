//! What the pages of a server's monitoring port tell, as far as it matters here.

use jiff::Timestamp;
use serde::Deserialize;

/// What `/varz` tells.
#[derive(Debug, Clone, Deserialize)]
pub struct Varz {
    /// The server's id, new with each start.
    pub server_id: String,
    /// Its name.
    pub server_name: String,
    /// Its version.
    pub version: String,
    /// The digest of the configuration that it runs.
    #[serde(default)]
    pub config_digest: String,
    /// When it read that configuration.
    pub config_load_time: Option<Timestamp>,
    /// When the certificate that it presents ends.
    pub tls_cert_not_after: Option<Timestamp>,
    /// How long it has been running.
    pub uptime: String,
    /// Client connections.
    pub connections: u64,
    /// Resident memory, in bytes.
    pub mem: u64,
    /// The operators that it trusts.
    #[serde(default)]
    pub trusted_operators_jwt: Vec<String>,
    /// JetStream.
    #[serde(default)]
    pub jetstream: JetStreamVarz,
}

impl Varz {
    /// What tells this start of the server, and what it has read, from every other.
    pub fn moment(&self) -> String {
        let read = self.config_load_time.map(|time| time.to_string()).unwrap_or_default();
        format!("{} {read}", self.server_id)
    }

    /// The leader of the meta group, as this server sees it.
    pub fn meta_leader(&self) -> Option<&str> {
        self.jetstream.meta.as_ref()?.leader()
    }
}

/// The part of `/varz` about JetStream.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct JetStreamVarz {
    /// The meta group; none until the server has joined it.
    pub meta: Option<Meta>,
}

/// The meta group, as one server sees it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Meta {
    /// The leader's name; none or empty while there is no leader.
    #[serde(default)]
    leader: String,
    /// How many servers belong to it.
    #[serde(default)]
    pub cluster_size: usize,
    /// How many of them must be there to decide anything; 0 where the page does not say.
    #[serde(default)]
    quorum_needed: usize,
    /// The others, as the leader sees them; other servers know less.
    #[serde(default)]
    pub replicas: Vec<Peer>,
}

impl Meta {
    /// The leader, if there is one.
    pub fn leader(&self) -> Option<&str> {
        (!self.leader.is_empty()).then_some(&self.leader)
    }

    /// How many members must be there to decide anything.
    pub fn quorum(&self) -> usize {
        if self.quorum_needed > 0 { self.quorum_needed } else { self.cluster_size / 2 + 1 }
    }
}

/// A member of a raft group.
#[derive(Debug, Clone, Deserialize)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Whether it has everything that the leader has.
    pub current: bool,
    /// Whether it is away.
    #[serde(default)]
    pub offline: bool,
}

impl Peer {
    /// Whether it is there and has everything.
    pub fn is_whole(&self) -> bool {
        self.current && !self.offline
    }
}

/// What `/jsz` tells: the meta group, and the streams that this server leads.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Jsz {
    /// The meta group.
    pub meta_cluster: Option<Meta>,
    #[serde(default)]
    account_details: Vec<AccountDetail>,
}

#[derive(Debug, Clone, Deserialize)]
struct AccountDetail {
    name: String,
    #[serde(default)]
    stream_detail: Vec<StreamDetail>,
}

#[derive(Debug, Clone, Deserialize)]
struct StreamDetail {
    name: String,
    cluster: Option<StreamGroup>,
}

#[derive(Debug, Clone, Deserialize)]
struct StreamGroup {
    #[serde(default)]
    leader: String,
    #[serde(default)]
    replicas: Vec<Peer>,
}

/// A stream, as the server that leads it sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedStream {
    /// Its account and name, as `GAME/GAME_AI`.
    pub name: String,
    /// The leader, and the followers that are there and have everything.
    pub whole: Vec<String>,
    /// The followers that are away or behind.
    pub behind: Vec<String>,
}

impl LedStream {
    /// How many members must be there to store anything.
    pub fn majority(&self) -> usize {
        (self.whole.len() + self.behind.len()) / 2 + 1
    }
}

impl Jsz {
    /// The streams that this server leads.
    pub fn led_streams(&self) -> impl Iterator<Item = LedStream> {
        self.account_details.iter().flat_map(|account| {
            account.stream_detail.iter().filter_map(|stream| {
                let group = stream.cluster.as_ref()?;
                let names = |whole: bool| {
                    let peers = group.replicas.iter().filter(move |peer| peer.is_whole() == whole);
                    peers.map(|peer| peer.name.clone())
                };
                Some(LedStream {
                    name: format!("{}/{}", account.name, stream.name),
                    whole: std::iter::once(group.leader.clone()).chain(names(true)).collect(),
                    behind: names(false).collect(),
                })
            })
        })
    }
}

/// What `/connz` tells.
#[derive(Deserialize)]
pub struct ConnectionsPage {
    /// The client connections.
    #[serde(default)]
    pub connections: Vec<ClientConnection>,
}

/// A client connection of a server.
#[derive(Debug, Clone, Deserialize)]
pub struct ClientConnection {
    /// The public key of the user that signed in.
    #[serde(default)]
    pub authorized_user: String,
    /// The public key of its account.
    #[serde(default)]
    pub account: String,
    /// The public key that signed its user.
    #[serde(default)]
    pub issuer_key: String,
    /// The certificates that it has shown, its own first.
    #[serde(default)]
    pub tls_peer_certs: Vec<PeerCertificate>,
    /// What it subscribes.
    #[serde(default)]
    pub subscriptions_list_detail: Vec<LiveSubscription>,
}

/// A certificate that a client has shown.
#[derive(Debug, Clone, Deserialize)]
pub struct PeerCertificate {
    /// The SHA-256 of its DER form, in hex.
    pub cert_sha256: String,
    /// Whom it names, such as `CN=wallet,O=natsops`.
    #[serde(default)]
    pub subject: String,
}

/// A subscription of a client connection.
#[derive(Debug, Clone, Deserialize)]
pub struct LiveSubscription {
    /// The subject.
    pub subject: String,
    /// The queue group.
    #[serde(default)]
    pub qgroup: String,
}

/// What `/accountz` tells without naming an account.
#[derive(Deserialize)]
pub struct AccountsPage {
    /// The accounts that the server has had to do with, by public key.
    #[serde(default)]
    pub accounts: Vec<String>,
}

/// What `/accountz` tells of one account.
#[derive(Deserialize)]
pub struct AccountPage {
    /// The account.
    pub account_detail: AccountInForce,
}

/// What a server has made of an account's claims.
#[derive(Debug, Clone, Deserialize)]
pub struct AccountInForce {
    /// What it takes from others.
    #[serde(default)]
    pub imports: Vec<LiveImport>,
    /// What it gives to others.
    #[serde(default)]
    pub exports: Vec<LiveExport>,
}

/// An import, as a server has it.
#[derive(Debug, Clone, Deserialize)]
pub struct LiveImport {
    /// The subject, as the exporter calls it.
    #[serde(default)]
    pub subject: String,
    /// The same, as the importer calls it.
    #[serde(default)]
    pub local_subject: String,
    /// The public key of the exporter.
    #[serde(default)]
    pub account: String,
    /// Whether the exporter no longer consents.
    #[serde(default)]
    pub invalid: bool,
}

/// An export, as a server has it.
#[derive(Debug, Clone, Deserialize)]
pub struct LiveExport {
    /// The subject.
    #[serde(default)]
    pub subject: String,
    /// Whether an importer must show an activation.
    #[serde(default)]
    pub token_req: bool,
}
