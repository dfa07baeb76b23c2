//! From spec to model: every default taken, every name resolved. Runs only on specs that the rules accept.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use semver::Version;

use super::load::Addresses;
use super::spec::{
    AccountSpec, AwsSpec, CatalogSpec, EnvironmentSpec, NatsSpec, ProviderSpec, ServiceSpec,
    StreamSpec, VolumeKind,
};
use crate::model::{
    Account, AccountLimits, AccountName, AwsSettings, ByteSize, Cluster, JetStream,
    JetStreamLimits, LameDuck, Node, Placement, Ports, Redis, ServerLimits, Service, ServiceLimits,
    ServiceName, Stream, StreamName, Validity, Volume, ZoneName,
};

/// Decides the cluster; `addresses` gives the nodes theirs.
pub fn decide(
    environment: EnvironmentSpec,
    catalog: Vec<CatalogSpec>,
    version: Version,
    addresses: &Addresses,
) -> Cluster {
    let EnvironmentSpec { name, catalog: _, provider, nats, redis, identity } = environment;
    let nodes = nodes(&nats, &provider, addresses);
    let NatsSpec { cluster, version: _, nodes: _, ports, jetstream, limits, lame_duck } = nats;
    let cap = jetstream.max_stream;
    let (accounts, services, streams) = decide_catalog(catalog, cap);
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
        service_names: identity.names,
        recipients: identity.recipients,
        placement: placement(provider),
        redis: redis.map(|redis| Redis {
            shards: redis.shards,
            replicas_per_shard: redis.replicas_per_shard,
            node_type: redis.node_type,
        }),
        accounts,
        services,
        streams,
    }
}

fn nodes(nats: &NatsSpec, provider: &ProviderSpec, addresses: &Addresses) -> Vec<Node> {
    let mut zones: Vec<&ZoneName> = Vec::new();
    (1..)
        .zip(&nats.nodes)
        .map(|(number, node)| {
            let zone = zones.iter().position(|zone| **zone == node.zone).unwrap_or_else(|| {
                zones.push(&node.zone);
                zones.len() - 1
            });
            let address = match provider {
                ProviderSpec::Local(_) => {
                    let [a, b, c] = addresses.local_network;
                    Ipv4Addr::new(a, b, c, number)
                }
                // One stand-in network per zone, until the real one is read from the account.
                ProviderSpec::Aws(_) => {
                    let zone = u8::try_from(zone + 1).unwrap_or(u8::MAX);
                    Ipv4Addr::new(10, 0, zone, 10_u8.saturating_add(number))
                }
            };
            Node { name: node.name.clone(), zone: node.zone.clone(), address }
        })
        .collect()
}

fn placement(provider: ProviderSpec) -> Placement {
    match provider {
        ProviderSpec::Local(local) => Placement::Local { volume: local.volume },
        ProviderSpec::Aws(aws) => {
            let AwsSpec { region, instance_type, vpc, volume, load_balancer, monitoring } = aws;
            Placement::Aws(AwsSettings {
                region,
                instance_type,
                vpc,
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
            })
        }
    }
}

type DecidedCatalog = (BTreeMap<AccountName, Account>, BTreeMap<ServiceName, Service>, Vec<Stream>);

fn decide_catalog(catalog: Vec<CatalogSpec>, cap: Option<ByteSize>) -> DecidedCatalog {
    let mut decided: DecidedCatalog = Default::default();
    for spec in catalog {
        let CatalogSpec { accounts, services, streams } = spec;
        for (name, spec) in accounts {
            decided.0.insert(name.clone(), account(name, spec));
        }
        for (name, spec) in services {
            decided.1.insert(name.clone(), service(name, spec));
        }
        decided.2.extend(streams.into_iter().map(|(name, spec)| stream(name, spec, cap)));
    }
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
    }
}

pub(super) fn service(name: ServiceName, spec: ServiceSpec) -> Service {
    let ServiceSpec { account, description, serves, calls, publishes, subscribes, limits } = spec;
    Service {
        name,
        account,
        description,
        serves: serves.into_iter().map(|s| (s.subject, s.queue)).collect(),
        calls,
        publishes,
        subscribes: subscribes.into_iter().map(|s| (s.subject, s.queue)).collect(),
        limits: ServiceLimits { subscriptions: limits.subscriptions, payload: limits.payload },
    }
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
        max_message_size,
        replicas,
        duplicate_window,
        compression,
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
        max_message_size,
        replicas,
        duplicate_window,
        compression,
        deny_delete,
        deny_purge,
    }
}
