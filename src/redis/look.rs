//! Everything that a server knows, asked in one breath.

use std::collections::BTreeMap;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::{Connection, Peer, RedisFailure, Session, peers};
use crate::model::RedisNode;
use crate::secrets::Secret;

/// What a server tells of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedisView {
    /// Its id.
    pub id: String,
    /// Its table, its own line included.
    pub peers: Vec<Peer>,
    /// Whether it takes the cache for whole.
    pub state_ok: bool,
    /// The epoch of its own claims; 0 for a server that never had any.
    pub epoch: u64,
    /// Whether it, a replica, is linked with its primary and has all of its keys.
    pub linked: bool,
    /// Its version.
    pub version: String,
    /// How long it has been running, in seconds.
    pub uptime: u64,
    /// Client connections.
    pub clients: u64,
    /// Memory in use, in bytes.
    pub memory: u64,
    /// The number of keys that it keeps.
    pub keys: u64,
    /// The settings that were asked for.
    pub settings: BTreeMap<String, String>,
    /// Its users, each as a line.
    pub users: Vec<String>,
    /// SHA-256 of the password with which it signs in to its primary, in hex.
    pub replication: String,
}

impl RedisView {
    /// Its own line.
    pub fn own(&self) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.myself)
    }

    /// Whose replica it is; none for a primary.
    pub fn primary(&self) -> Option<&str> {
        self.own()?.primary.as_deref()
    }
}

/// The answers, in the order of the questions.
type Answers = (
    String,
    String,
    String,
    String,
    BTreeMap<String, String>,
    BTreeMap<String, String>,
    Vec<String>,
);

/// Asks a server; `settings` names what is to be told of its configuration.
pub async fn look(
    session: &Session,
    node: &RedisNode,
    settings: &[String],
) -> Result<RedisView, RedisFailure> {
    let mut connection = session.link(node).await?;
    let answers = ask(&mut connection, settings).await;
    if answers.is_err() {
        session.forget(node);
    }
    Ok(read(answers?))
}

async fn ask(connection: &mut Connection, settings: &[String]) -> Result<Answers, RedisFailure> {
    let mut questions = redis::pipe();
    questions.cmd("CLUSTER").arg("MYID");
    questions.cmd("CLUSTER").arg("NODES");
    questions.cmd("CLUSTER").arg("INFO");
    questions.cmd("INFO");
    questions.cmd("CONFIG").arg("GET").arg(settings);
    questions.cmd("CONFIG").arg("GET").arg("masterauth");
    questions.cmd("ACL").arg("LIST");
    Ok(questions.query_async(connection).await?)
}

fn read(answers: Answers) -> RedisView {
    let (id, table, cluster, info, settings, mut secret, users) = answers;
    let cluster = lines(&cluster);
    let info = lines(&info);
    let word = |key: &str| info.get(key).copied().unwrap_or_default();
    let replication = Secret::new(secret.remove("masterauth").unwrap_or_default());
    RedisView {
        id,
        peers: peers(&table),
        state_ok: cluster.get("cluster_state") == Some(&"ok"),
        epoch: number(cluster.get("cluster_my_epoch").copied().unwrap_or_default()),
        linked: word("master_link_status") == "up",
        version: word("redis_version").to_owned(),
        uptime: number(word("uptime_in_seconds")),
        clients: number(word("connected_clients")),
        memory: number(word("used_memory")),
        // `db0:keys=5,expires=5,avg_ttl=0`
        keys: word("db0").split([',', '=']).nth(1).map_or(0, number),
        settings,
        users,
        replication: HEXLOWER.encode(&Sha256::digest(replication.expose())),
    }
}

fn lines(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.trim().split_once(':')).collect()
}

fn number<N: FromStr + Default>(text: &str) -> N {
    text.parse().unwrap_or_default()
}
