//! The distributed cache: shards of Redis nodes.

use std::net::Ipv4Addr;

use super::{ByteSize, NodeName, ZoneName};

/// Every key of a Redis cluster lies in one of these.
pub const SLOTS: u16 = 16_384;

/// The distributed cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redis {
    /// The number of shards.
    pub shards: u8,
    /// Replicas of each shard's primary.
    pub replicas_per_shard: u8,
    /// What each node may keep in memory.
    pub max_memory: ByteSize,
    /// The ElastiCache node type.
    pub node_type: Option<String>,
    /// The nodes, shard by shard; none where the platform makes them.
    pub nodes: Vec<RedisNode>,
    /// Where the cache is reached as HOST:PORT, once the platform has made it and was asked.
    pub endpoint: Option<String>,
}

/// One redis-server with a fixed identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisNode {
    /// Its name, such as `redis-1-a`: the shard, and the member of it.
    pub name: NodeName,
    /// Its shard, from 1.
    pub shard: u8,
    /// The zone that it fails with.
    pub zone: ZoneName,
    /// Its address, which its peers and clients know.
    pub address: Ipv4Addr,
}

impl Redis {
    /// The port of clients, on every node.
    pub const PORT: u16 = 6379;

    /// The port on which the nodes talk to each other.
    pub const BUS_PORT: u16 = 16_379;

    /// The nodes of a shard, in the order of their names.
    pub fn shard(&self, shard: u8) -> impl Iterator<Item = &RedisNode> {
        self.nodes.iter().filter(move |node| node.shard == shard)
    }

    /// The first and the last slot of a shard: all are divided as evenly as can be.
    pub fn slots(&self, shard: u8) -> (u16, u16) {
        let start = |shard: u8| {
            u16::try_from(u32::from(SLOTS) * u32::from(shard) / u32::from(self.shards))
                .unwrap_or(SLOTS)
        };
        (start(shard - 1), start(shard) - 1)
    }

    /// The URLs that a client is given: whichever it reaches tells it about the others.
    pub fn client_urls(&self) -> Vec<String> {
        let nodes = self.nodes.iter().map(|node| format!("{}:{}", node.address, Self::PORT));
        nodes.chain(self.endpoint.clone()).map(|place| format!("rediss://{place}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shards_cover_every_slot_once() {
        for shards in 1..=90 {
            let redis = Redis {
                shards,
                replicas_per_shard: 0,
                max_memory: ByteSize::new(1),
                node_type: None,
                nodes: Vec::new(),
                endpoint: None,
            };
            let ranges: Vec<(u16, u16)> = (1..=shards).map(|shard| redis.slots(shard)).collect();
            assert_eq!(ranges[0].0, 0);
            assert_eq!(ranges[ranges.len() - 1].1, SLOTS - 1);
            assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0));
        }
    }
}
