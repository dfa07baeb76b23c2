//! Whether subnets are large enough for everything that stands in them.

use std::collections::BTreeMap;

use super::network::Subnet;
use crate::model::Cluster;

/// How many addresses of a subnet AWS keeps for itself.
const RESERVED: u32 = 5;

/// An address of the load balancer stands in each subnet.
const LOAD_BALANCER: u32 = 1;

/// What is said of subnets that are too small for their nodes, the load balancer, and their share of the cache.
pub fn lacking(cluster: &Cluster, subnets: &BTreeMap<String, Subnet>) -> Vec<String> {
    let members = cluster
        .redis
        .as_ref()
        .map_or(0, |redis| u32::from(redis.shards) * (1 + u32::from(redis.replicas_per_shard)));
    let zones = u32::try_from(subnets.len()).unwrap_or(u32::MAX).max(1);
    let cache = members.div_ceil(zones);
    let lacking = subnets.iter().filter_map(|(zone, Subnet { id, block })| {
        let in_zone = cluster.nodes.iter().filter(|node| node.zone.as_str() == zone);
        let nodes = u32::try_from(in_zone.count()).unwrap_or(u32::MAX);
        let needed = nodes.saturating_add(LOAD_BALANCER + cache);
        let size = 1_u64 << (32 - block.prefix_len());
        (u64::from(needed + RESERVED) > size).then(|| {
            format!(
                "{id} ({zone}) is too small: {block} has {} addresses to give, and {needed} are needed: {nodes} for \
                 nodes, {LOAD_BALANCER} for the load balancer, {cache} for the cache",
                size.saturating_sub(RESERVED.into())
            )
        })
    });
    lacking.collect()
}
