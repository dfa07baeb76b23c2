//! What is wrong with the running cluster and no action of a plan, in words.

use super::survey::{Inside, World};
use super::{Site, quorum};
use crate::model::{AccountName, Bucket};
use crate::nats::PlacedStream;

/// Everything there is to say, the worst first.
pub fn notices<P>(site: &Site<'_, P>, world: &World) -> Vec<String> {
    let environment = &site.cluster.environment;
    let lost = quorum::lost(&world.health)
        .map(|lost| format!("{lost}; natsops doctor {environment} tells the way back"));
    let mut notices: Vec<String> = lost.into_iter().collect();
    notices.extend(zones_away(site, world));
    if let Inside::Seen(contents) = &world.inside {
        for (account, streams) in &contents.streams {
            let short = streams.iter().filter_map(|(_, stream)| {
                Some((called(account, &stream.name), short_of(site, world, stream)?))
            });
            notices.extend(short.map(|(name, what)| format!("{name}: {what}")));
        }
    }
    notices
}

/// Zones none of whose nodes answers, while others do.
fn zones_away<P>(site: &Site<'_, P>, world: &World) -> Vec<String> {
    let nodes = site.cluster.nodes.iter().zip(&world.health);
    let answering: Vec<_> =
        nodes.filter(|(_, health)| health.varz.is_some()).map(|(node, _)| &node.zone).collect();
    let mut away: Vec<_> = site.cluster.nodes.iter().map(|node| &node.zone).collect();
    away.retain(|zone| !answering.contains(zone));
    away.sort();
    away.dedup();
    if answering.is_empty() {
        return Vec::new();
    }
    away.into_iter().map(|zone| format!("zone {zone} is away: none of its nodes answers")).collect()
}

/// What people call a stream of the servers: that of a bucket by the bucket's name.
pub fn called(account: &AccountName, stream: &str) -> String {
    match stream.strip_prefix(Bucket::STREAM_PREFIX) {
        Some(bucket) => format!("bucket {account}/{bucket}"),
        None => format!("stream {account}/{stream}"),
    }
}

/// The replicas that a stream lacks, in words; none when all are there and current.
fn short_of<P>(site: &Site<'_, P>, world: &World, stream: &PlacedStream) -> Option<String> {
    if stream.leader.is_none() && site.cluster.nodes.len() > 1 {
        return Some("it has no leader, so nothing can be stored or read".to_owned());
    }
    let (current, wanted) = (stream.current().count(), stream.wanted);
    if current >= wanted {
        return None;
    }
    let silent = |node: &str| {
        let position = site.cluster.nodes.iter().position(|n| n.name.as_str() == node);
        position.is_some_and(|at| world.health[at].varz.is_none())
    };
    let mut reasons: Vec<String> = stream
        .followers
        .iter()
        .filter(|(_, current)| !current)
        .map(|(node, _)| {
            format!("{node} {}", if silent(node) { "is away" } else { "is not current" })
        })
        .collect();
    let members = stream.followers.len() + 1;
    if members < wanted {
        reasons.push(format!("{} fell off and nobody took the place", wanted - members));
    }
    Some(format!("{current} of {wanted} replicas current; {}", reasons.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::called;

    #[test]
    fn the_stream_of_a_bucket_is_called_as_people_call_the_bucket() {
        let account = "GAME".parse().unwrap();
        assert_eq!(called(&account, "KV_QUOTAS"), "bucket GAME/QUOTAS");
        assert_eq!(called(&account, "GAME_AI"), "stream GAME/GAME_AI");
    }
}
