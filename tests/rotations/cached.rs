//! A service's way to the cache: what it writes there, it reads back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use natsops::pki::client_config;
use natsops::redis::{Connection, Pass, RedisFailure, enter};
use natsops::secrets::Secret;
use tokio::sync::Mutex;

/// How long a value is kept, in seconds.
const KEPT: u64 = 60;

/// The cache, as one instance of a service uses it.
pub struct Cache {
    pass: Pass,
    first: SocketAddr,
    open: Mutex<BTreeMap<SocketAddr, Connection>>,
}

impl Cache {
    /// With the files that `creds export` has written; of a service that uses no cache, none.
    pub fn of(folder: &Path) -> Option<Self> {
        let password = std::fs::read_to_string(folder.join("redis.password")).ok()?;
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let (own, key) = (read("client.pem"), Secret::new(read("client.key")));
        let tls = client_config(&read("ca.pem"), Some((&own, &key))).unwrap();
        let user = read("redis.username").trim().to_owned();
        let password = Secret::new(password.trim().to_owned());
        let urls = read("redis.urls");
        let first = urls.trim().split(',').next().unwrap().trim_start_matches("rediss://");
        Some(Self {
            pass: Pass { tls: Some(Arc::new(tls)), user: Some((user, password)) },
            first: first.parse().unwrap(),
            open: Mutex::default(),
        })
    }

    /// Writes a number, and reads it.
    pub async fn keep(&self, number: u64) -> Result<(), RedisFailure> {
        let key = format!("store:rotations:{number}");
        let mut set = redis::cmd("SET");
        self.ask::<()>(set.arg(&key).arg(number).arg("EX").arg(KEPT)).await?;
        let kept: Option<u64> = self.ask(redis::cmd("GET").arg(&key)).await?;
        match kept {
            Some(kept) if kept == number => Ok(()),
            kept => Err(RedisFailure::Refused(format!("{number} became {kept:?}"))),
        }
    }

    /// Asks the node that has the key; the first one tells which.
    async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, RedisFailure> {
        let mut address = self.first;
        loop {
            let mut connection = self.connection(address).await?;
            let error = match command.query_async(&mut connection).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let Some((node, _)) = error.redirect_node() else {
                self.open.lock().await.remove(&address);
                return Err(error.into());
            };
            address = node.parse().unwrap();
        }
    }

    async fn connection(&self, address: SocketAddr) -> Result<Connection, RedisFailure> {
        let mut open = self.open.lock().await;
        if let Some(connection) = open.get(&address) {
            return Ok(connection.clone());
        }
        let connection = enter(address, &self.pass).await?;
        open.insert(address, connection.clone());
        Ok(connection)
    }
}
