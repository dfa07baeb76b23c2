//! Everything that should be on AWS, as records. Pure: the same files give the same records.

use super::names::Names;
use super::{
    access, bucket, bundle, cache_subnets, cache_users, dns, instance, interface, key, listener,
    load_balancer, parameter, replication_group, security, target_group, volume,
};
use crate::model::{Cluster, Placement};
use crate::plan::{Kind, Record};
use crate::secrets::Index;

/// What a cluster needs of AWS; nothing where it lives elsewhere. `cache` is where the cache is reached; none while nobody
/// knows.
///
/// The cache comes first: it takes longest, and what is begun first is done first.
pub fn desired(cluster: &Cluster, index: &Index, cache: Option<&str>) -> Vec<Record> {
    let (Placement::Aws(settings), Some(names)) = (&cluster.placement, Names::of(cluster)) else {
        return Vec::new();
    };
    let mut records = vec![bucket::desired(names, settings), key::desired(names, settings)];
    records.extend(cache_subnets::desired(names, cluster));
    records.extend(cache_users::desired(names, cluster, index));
    records.extend(security::desired(names, cluster, settings));
    records.extend(replication_group::desired(names, cluster, settings));
    records.push(load_balancer::desired(names, cluster, settings));
    records.extend(access::desired(names, cluster));
    records.extend(interface::desired(names, cluster));
    records.extend(volume::desired(names, cluster, settings));
    records.extend(bundle::desired(names, cluster, settings, index));
    records.extend(instance::desired(names, cluster, settings));
    records.extend(target_group::desired(names, cluster));
    records.extend(listener::desired(names, cluster));
    records.extend(dns::desired(names, cluster, settings));
    records.extend(parameter::desired(names, cluster, settings, index, cache));
    records
}

/// The kinds of things that are deleted by `destroy` only when that is asked for by name.
pub const KEPT: [Kind; 3] = [Kind::Volume, Kind::S3Bucket, Kind::EncryptionKey];
