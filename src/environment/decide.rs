//! From spec to model: every default taken, every name resolved. Runs only on specs that the rules accept.

mod stores;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use semver::Version;

use super::load::Addresses;
use super::spec::{
    AccountSpec, AwsSpec, CatalogSpec, EnvironmentSpec, LeafnodeSpec, NatsSpec, ProviderSpec,
    RedisSpec, ServiceSpec, StreamSpec, VolumeKind,
};
use crate::model::{
    Account, AccountLimits, AccountName, AwsSettings, Bucket, ByteSize, Cluster, JetStream,
    JetStreamLimits, LameDuck, Leafnode, LeafnodeName, Node, Placement, Ports, Redis, RedisNode,
    ServerLimits, Service, ServiceLimits, ServiceName, Share, Stream, StreamName, Validity, Volume,
    ZoneName, passages,
};

/// Where the addresses of the cache's nodes begin.
const FIRST_CACHE_ADDRESS: u8 = 101;

/// The largest number of members of a shard: a primary and five replicas.
const CACHE_MEMBERS: u8 = 6;

/// How many shards have addresses on one machine.
pub const LOCAL_SHARDS: u8 = 25;

/// Decides the cluster; `addresses` gives the nodes theirs.
pub fn decide(
    environment: EnvironmentSpec,
    catalog: Vec<CatalogSpec>,
    version: Version,
    addresses: &Addresses,
) -> Cluster {
    let EnvironmentSpec { name, catalog: _, provider, nats, redis, identity, leafnodes, accept: _ } =
        environment;
    let nodes = nodes(&nats, &provider, addresses);
    let redis = redis.map(|redis| decide_redis(redis, &provider, &zones(&nats), addresses));
    let NatsSpec { cluster, version: _, nodes: _, ports, jetstream, limits, lame_duck } = nats;
    let cap = jetstream.max_stream;
    let (accounts, services, streams, buckets) = decide_catalog(catalog, cap);
    let passages = passages(&accounts, &services, &streams);
    Cluster {
        environment: name,
        name: cluster,
        version,
        nodes,
        ports: Ports {
            client: ports.client,
            cluster: ports.cluster,
            leafnode: ports.leafnode,
            monitor: ports.monitor,
        },
        jetstream: JetStream {
            domain: jetstream.domain,
            max_file: jetstream.max_file,
            max_memory: jetstream.max_memory,
        },
        limits: ServerLimits {
            max_connections: limits.max_connections,
            max_payload: limits.max_payload,
            max_pending: limits.max_pending,
            ping_interval: limits.ping_interval,
            write_deadline: limits.write_deadline,
        },
        lame_duck: LameDuck { duration: lame_duck.duration, grace: lame_duck.grace },
        validity: Validity {
            authority: identity.validity.authority,
            node: identity.validity.node,
            client: identity.validity.client,
        },
        rotation: identity.rotation.into(),
        service_names: identity.names,
        recipients: identity.recipients,
        placement: placement(provider),
        redis,
        accounts,
        services,
        streams,
        buckets,
        leafnodes: leafnodes
            .into_iter()
            .map(|(name, spec)| (name.clone(), leafnode(name, spec)))
            .collect(),
        passages,
    }
}

fn nodes(nats: &NatsSpec, provider: &ProviderSpec, addresses: &Addresses) -> Vec<Node> {
    (1..)
        .zip(&nats.nodes)
        .map(|(number, node)| {
            let address = match provider {
                ProviderSpec::Local(_) => {
                    let [a, b, c] = addresses.local_network;
                    Ipv4Addr::new(a, b, c, number)
                }
                ProviderSpec::Aws(_) => {
                    let written = node.address.as_ref().and_then(|text| text.parse().ok());
                    written.expect("the rules want an address of every node")
                }
            };
            let (name, zone, mut tags) = (node.name.clone(), node.zone.clone(), node.tags.clone());
            tags.sort();
            Node { name, zone, tags, address }
        })
        .collect()
}

/// The zones, in the order in which the nodes name them.
fn zones(nats: &NatsSpec) -> Vec<ZoneName> {
    let mut zones = Vec::new();
    for node in &nats.nodes {
        if !zones.contains(&node.zone) {
            zones.push(node.zone.clone());
        }
    }
    zones
}

fn decide_redis(
    spec: RedisSpec,
    provider: &ProviderSpec,
    zones: &[ZoneName],
    addresses: &Addresses,
) -> Redis {
    let RedisSpec { shards, replicas_per_shard, max_memory, node_type } = spec;
    let member = |shard: u8, member: u8| {
        let name = format!("redis-{shard}-{}", char::from(b'a' + member));
        let [a, b, c] = addresses.local_network;
        // Room for every replica that there may ever be, so that no address moves when one is added.
        let number = FIRST_CACHE_ADDRESS + (shard - 1) * CACHE_MEMBERS + member;
        RedisNode {
            name: name.parse().expect("it has the form of a node name"),
            shard,
            // A replica lives in the zone after its primary's, and the next one after that.
            zone: zones[(usize::from(shard - 1) + usize::from(member)) % zones.len()].clone(),
            address: Ipv4Addr::new(a, b, c, number),
        }
    };
    let nodes = match provider {
        ProviderSpec::Local(_) => (1..=shards)
            .flat_map(|shard| (0..=replicas_per_shard).map(move |index| member(shard, index)))
            .collect(),
        // ElastiCache makes its own.
        ProviderSpec::Aws(_) => Vec::new(),
    };
    Redis { shards, replicas_per_shard, max_memory, node_type, nodes, endpoint: None }
}

fn placement(provider: ProviderSpec) -> Placement {
    match provider {
        ProviderSpec::Local(local) => Placement::Local { volume: local.volume },
        ProviderSpec::Aws(aws) => {
            let AwsSpec {
                account,
                region,
                image,
                instance_type,
                vpc,
                subnets,
                dns_zone,
                protected,
                volume,
                load_balancer,
                monitoring,
            } = *aws;
            Placement::Aws(Box::new(AwsSettings {
                account,
                region,
                image,
                instance_type,
                vpc,
                subnets,
                dns_zone,
                protected,
                volume: Volume {
                    kind: match volume.kind {
                        VolumeKind::Gp3 => "gp3".to_owned(),
                    },
                    size: volume.size,
                    iops: volume.iops,
                    throughput: volume.throughput,
                    kms_key: volume.kms_key,
                },
                internal_load_balancer: load_balancer.internal,
                monitoring_allow: monitoring.allow,
            }))
        }
    }
}

type DecidedCatalog =
    (BTreeMap<AccountName, Account>, BTreeMap<ServiceName, Service>, Vec<Stream>, Vec<Bucket>);

fn decide_catalog(catalog: Vec<CatalogSpec>, cap: Option<ByteSize>) -> DecidedCatalog {
    let mut decided: DecidedCatalog = Default::default();
    for spec in catalog {
        let CatalogSpec { accounts, services, streams, buckets, accept: _ } = spec;
        for (name, spec) in accounts {
            decided.0.insert(name.clone(), account(name, spec));
        }
        for (name, spec) in services {
            decided.1.insert(name.clone(), service(name, spec));
        }
        decided.2.extend(streams.into_iter().map(|(name, spec)| stream(name, spec, cap)));
        decided.3.extend(buckets.into_iter().map(|(name, spec)| stores::bucket(name, spec, cap)));
    }
    decided.3.sort_by(|a, b| (&a.account, &a.name).cmp(&(&b.account, &b.name)));
    decided.2.sort_by(|a, b| (&a.account, &a.name).cmp(&(&b.account, &b.name)));
    decided
}

fn account(name: AccountName, spec: AccountSpec) -> Account {
    Account {
        name,
        description: spec.description,
        limits: AccountLimits {
            connections: spec.limits.connections,
            subscriptions: spec.limits.subscriptions,
            payload: spec.limits.payload,
            jetstream: spec.limits.jetstream.map(|limits| JetStreamLimits {
                disk: limits.disk,
                streams: limits.streams,
                consumers: limits.consumers,
            }),
        },
        shares: spec
            .shares
            .into_iter()
            .map(|share| Share { subject: share.subject, with: share.with })
            .collect(),
    }
}

pub(super) fn service(name: ServiceName, spec: ServiceSpec) -> Service {
    let ServiceSpec {
        account,
        description,
        serves,
        calls,
        publishes,
        subscribes,
        consumes,
        reads,
        writes,
        caches,
        limits,
        networks,
        connections,
    } = spec;
    Service {
        consumes: consumes
            .into_iter()
            .map(|spec| stores::consumer(&name, &account, spec))
            .collect(),
        reads,
        writes,
        name,
        account,
        description,
        serves: serves.into_iter().map(|s| (s.subject, s.queue)).collect(),
        calls,
        publishes,
        subscribes: subscribes.into_iter().map(|s| (s.subject, s.queue)).collect(),
        caches,
        limits: ServiceLimits { subscriptions: limits.subscriptions, payload: limits.payload },
        networks,
        connections,
    }
}

pub(super) fn leafnode(name: LeafnodeName, spec: LeafnodeSpec) -> Leafnode {
    let LeafnodeSpec { account, description, calls, publishes, subscribes } = spec;
    Leafnode { name, account, description, calls, publishes, subscribes }
}

fn stream(name: StreamName, spec: StreamSpec, cap: Option<ByteSize>) -> Stream {
    let StreamSpec {
        account,
        description,
        subjects,
        retention,
        discard,
        max_age,
        max_bytes,
        max_messages,
        max_messages_per_subject,
        discard_per_subject,
        max_message_size,
        replicas,
        duplicate_window,
        compression,
        placement,
        deny_delete,
        deny_purge,
    } = spec;
    Stream {
        name,
        account,
        description,
        subjects,
        retention,
        discard,
        max_age,
        max_bytes: cap.map_or(max_bytes, |cap| max_bytes.min(cap)),
        max_messages,
        max_messages_per_subject,
        discard_per_subject,
        max_message_size,
        replicas,
        duplicate_window,
        compression,
        placement,
        deny_delete,
        deny_purge,
    }
}
