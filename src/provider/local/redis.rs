//! Nodes of the cache as processes of this machine.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{LocalProvider, NodeFolder, NodeProcess, STOP_MARGIN};
use super::{addresses_are_free, stop, wait_for_door};
use crate::artifacts::Bundle;
use crate::model::{Redis, RedisNode};
use crate::plan::{Action, ActionKind, Effect, Kind, OnChange, Record, RecordId};
use crate::provider::{CONFIG_FILE, PROCESS, ProviderError, USERS_FILE};
use crate::render::{RedisSettings, users_digest};

/// Puts the folder of a node of the cache together when it is needed, since that opens keys.
pub type RedisSource<'a> = dyn Fn(&RedisNode) -> Result<Bundle, String> + Send + Sync + 'a;

/// What nodes of the cache are made of.
pub struct RedisSupply<'a> {
    /// The redis-server program.
    pub server: PathBuf,
    /// Their folders.
    pub bundles: Box<RedisSource<'a>>,
}

impl LocalProvider<'_> {
    fn redis_folder(&self, node: &RedisNode) -> NodeFolder {
        NodeFolder::redis(self.state.join(node.name.as_str()))
    }

    /// The nodes of the cache that exist.
    pub(super) fn observe_redis(&self) -> Result<Vec<Record>, ProviderError> {
        let nodes = self.cluster.redis_nodes().iter();
        let looked = nodes.map(|node| self.look_at_redis(node));
        Ok(looked.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    fn look_at_redis(&self, node: &RedisNode) -> Result<Option<Record>, ProviderError> {
        let folder = self.redis_folder(node);
        if !folder.exists() {
            return Ok(None);
        }
        let running = NodeProcess::find(&folder)?.is_some();
        let config = folder.config().map(|text| RedisSettings::parse(&text).digest());
        let users = std::fs::read_to_string(folder.path().join("users.acl")).ok();
        let users = users.map(|text| users_digest(&text));
        let missing = || "missing".to_owned();
        let state = if running { "running" } else { "stopped" };
        let record = Record::new(RecordId::new(Kind::RedisNode, &node.name))
            .field(PROCESS, state, OnChange::Restart)
            .summary(CONFIG_FILE, config.unwrap_or_else(missing), OnChange::InPlace)
            .summary(USERS_FILE, users.unwrap_or_else(missing), OnChange::InPlace);
        Ok(Some(record))
    }

    /// Writes a node's files; stops and starts it where that is asked for.
    pub(super) async fn perform_redis(&self, action: &Action) -> Result<(), ProviderError> {
        let mut nodes = self.cluster.redis_nodes().iter();
        let node = nodes.find(|node| node.name.as_str() == action.id.name);
        let node =
            node.ok_or_else(|| ProviderError::Bundle(format!("{} does not exist", action.id)))?;
        let folder = self.redis_folder(node);
        if action.action == ActionKind::Delete {
            return stop(&folder, STOP_MARGIN).await;
        }
        folder.write(&(self.redis.bundles)(node).map_err(ProviderError::Bundle)?)?;
        match action.effect {
            Effect::Start | Effect::RollingRestart => {
                stop(&folder, STOP_MARGIN).await?;
                self.start_redis(node, &folder).await
            }
            _ => Ok(()),
        }
    }

    async fn start_redis(
        &self,
        node: &RedisNode,
        folder: &NodeFolder,
    ) -> Result<(), ProviderError> {
        addresses_are_free(&node.name, node.address, &[Redis::PORT, Redis::BUS_PORT]).await?;
        let log = folder.log_length();
        let process = NodeProcess::start(&self.redis.server, folder)?;
        let door = SocketAddr::from((node.address, Redis::PORT));
        wait_for_door(&node.name, folder, (&process, log), door).await
    }
}
