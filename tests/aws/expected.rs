//! What an applied `prod` must be on AWS, written down by hand: the decision record, and what AWS makes of it.

use serde_json::{Map, Value, json};

/// Name, zone, address.
pub const NODES: [(&str, char, &str); 5] = [
    ("nats-1", 'a', "10.0.1.11"),
    ("nats-2", 'b', "10.0.2.12"),
    ("nats-3", 'c', "10.0.3.13"),
    ("nats-4", 'a', "10.0.1.14"),
    ("nats-5", 'b', "10.0.2.15"),
];

const SERVICES: [&str; 22] = [
    "asset-generator",
    "chat",
    "identity",
    "inventory",
    "knowledge-base",
    "llm-gateway",
    "matchmaking",
    "model-manager",
    "moderation",
    "notification",
    "npc-behavior",
    "npc-dialogue",
    "payment-webhook",
    "payments",
    "player-gateway",
    "profile",
    "quest-generator",
    "safety-filter",
    "state-manager",
    "store",
    "wallet",
    "world-simulator",
];

/// Services that use the cache, and the keys of each.
const CACHED: [(&str, &str); 4] = [
    ("llm-gateway", "~llm:*"),
    ("profile", "~profile:*"),
    ("state-manager", "~state:*"),
    ("store", "~store:*"),
];

const KEY: &str = "alias/natsops-prod";
pub const BUCKET: &str = "natsops-prod-123456789012-us-east-1";
const SUBNETS: [&str; 3] =
    ["game-platform-private-a", "game-platform-private-b", "game-platform-private-c"];

/// The tags of everything, and more.
fn tags(more: Value) -> Value {
    let mut tags = json!({
        "natsops:environment": "prod", "natsops:owner": "natsops", "natsops:protected": "true",
    });
    let Value::Object(more) = more else { panic!("tags are names and values") };
    tags.as_object_mut().unwrap().extend(more);
    tags
}

fn own() -> Value {
    tags(json!({}))
}

fn of_nodes(one: impl Fn(&str, char, &str) -> (String, Value)) -> Value {
    NODES
        .iter()
        .map(|(name, zone, address)| one(name, *zone, address))
        .collect::<Map<_, _>>()
        .into()
}

/// Everything, as the reader tells it. Whatever it finds beside this is a difference too.
pub fn resources(image: &str) -> Value {
    json!({
        "key": {KEY: key()},
        "bucket": {BUCKET: bucket()},
        "security_group": security_groups(),
        "role": roles(),
        "instance_profile": profiles(),
        "interface": interfaces(),
        "volume": volumes(),
        "instance": instances(image),
        "load_balancer": {"natsops-prod": load_balancer()},
        "target_group": target_groups(),
        "zone": {"prod.internal.": zone()},
        "cache_subnet_group": {"natsops-prod": {
            "description": "natsops prod", "vpc": "game-platform", "subnets": SUBNETS, "tags": own(),
        }},
        "cache_user": cache_users(),
        "cache_user_group": {"natsops-prod": {
            "engine": "redis", "status": "active", "tags": own(), "users": [
                "natsops-prod-default", "natsops-prod-llm-gateway", "natsops-prod-profile",
                "natsops-prod-state-manager", "natsops-prod-store",
            ],
        }},
        "replication_group": {"natsops-prod": cache()},
        "parameter": parameters(),
    })
}

fn key() -> Value {
    json!({
        "state": "Enabled", "rotation": true, "rotation_days": 365, "usage": "ENCRYPT_DECRYPT",
        "spec": "SYMMETRIC_DEFAULT", "multi_region": false, "tags": own(),
        "policy": {"Version": "2012-10-17", "Statement": [
            {
                "Sid": "Account", "Effect": "Allow", "Action": "kms:*", "Resource": "*",
                "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            },
            {
                "Sid": "VolumesAndCache", "Effect": "Allow", "Resource": "*", "Principal": {"AWS": "*"},
                "Action": [
                    "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*",
                    "kms:ReEncrypt*",
                ],
                "Condition": {"StringEquals": {
                    "kms:CallerAccount": "123456789012",
                    "kms:ViaService": ["ec2.us-east-1.amazonaws.com", "elasticache.us-east-1.amazonaws.com"],
                }},
            },
            {
                "Sid": "NodesThroughS3", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*",
                "Principal": {"AWS": "*"},
                "Condition": {
                    "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/natsops/prod/*"},
                    "StringEquals": {
                        "kms:CallerAccount": "123456789012", "kms:ViaService": "s3.us-east-1.amazonaws.com",
                    },
                },
            },
        ]},
    })
}

fn bucket() -> Value {
    json!({
        "versioning": "Enabled", "encryption": "aws:kms", "key": KEY, "bucket_key": true, "tags": own(),
        "public_access_block": {
            "BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true,
            "RestrictPublicBuckets": true,
        },
        "policy": {"Version": "2012-10-17", "Statement": [{
            "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [format!("arn:aws:s3:::{BUCKET}"), format!("arn:aws:s3:::{BUCKET}/*")],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }]},
        "objects": {
            "index.json": {"encryption": "AES256", "key": null},
            "applied.json": {"encryption": "AES256", "key": null},
            "secrets/operator.identity.v1": {"encryption": "aws:kms", "key": KEY},
            "secrets/authority.v1": {"encryption": "aws:kms", "key": KEY},
            "secrets/user.wallet.v1": {"encryption": "aws:kms", "key": KEY},
        },
    })
}

/// Each peer by its group: addresses of tasks and of the load balancer change.
fn security_groups() -> Value {
    let group = |word: &str, ingress: &[&str], egress: &[&str]| {
        let name = format!("natsops-prod-{word}");
        let about = json!({"vpc": "game-platform", "tags": tags(json!({"Name": name})), "ingress": ingress, "egress": egress});
        (name, about)
    };
    [
        group(
            "clients",
            &[],
            &[
                "tcp 4222 natsops-prod-load-balancer",
                "tcp 6379 natsops-prod-redis",
                "tcp 7422 natsops-prod-load-balancer",
            ],
        ),
        group(
            "load-balancer",
            &["tcp 4222 natsops-prod-clients", "tcp 7422 natsops-prod-clients"],
            &[
                "tcp 4222 natsops-prod-nodes",
                "tcp 7422 natsops-prod-nodes",
                "tcp 8222 natsops-prod-nodes",
            ],
        ),
        group(
            "nodes",
            &[
                "tcp 4222 natsops-prod-load-balancer",
                "tcp 6222 natsops-prod-nodes",
                "tcp 7422 natsops-prod-load-balancer",
                "tcp 8222 natsops-prod-load-balancer",
            ],
            &["tcp 443 0.0.0.0/0", "tcp 6222 natsops-prod-nodes"],
        ),
        group("redis", &["tcp 6379 natsops-prod-clients"], &[]),
    ]
    .into_iter()
    .collect::<Map<_, _>>()
    .into()
}

fn roles() -> Value {
    of_nodes(|name, _, _| {
        let statements = json!([
            {
                "Sid": "OwnBundle", "Effect": "Allow", "Action": "s3:GetObject",
                "Resource": format!("arn:aws:s3:::{BUCKET}/nodes/{name}/*"),
            },
            {
                "Sid": "Unseal", "Effect": "Allow", "Action": "kms:Decrypt",
                "Resource": "arn:aws:kms:us-east-1:123456789012:key/*",
                "Condition": {
                    "ForAnyValue:StringEquals": {"kms:ResourceAliases": KEY},
                    "StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"},
                },
            },
            {
                "Sid": "SessionManager", "Effect": "Allow", "Resource": "*", "Action": [
                    "ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel",
                    "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel",
                    "ssmmessages:OpenDataChannel",
                ],
            },
        ]);
        let trust = json!([{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"},
        }]);
        let role = json!({
            "path": "/natsops/prod/", "attached": [], "tags": own(),
            "policies": {"node": {"Version": "2012-10-17", "Statement": statements}},
            "trust": {"Version": "2012-10-17", "Statement": trust},
        });
        (format!("natsops-prod-us-east-1-{name}"), role)
    })
}

fn profiles() -> Value {
    of_nodes(|name, _, _| {
        let name = format!("natsops-prod-us-east-1-{name}");
        (name.clone(), json!({"roles": [name], "tags": own()}))
    })
}

fn interfaces() -> Value {
    of_nodes(|node, zone, address| {
        let name = format!("natsops-prod-{node}");
        let tags = tags(json!({"Name": name, "natsops:node": node, "natsops:generation": "1"}));
        let interface = json!({
            "address": address, "subnet": format!("game-platform-private-{zone}"), "zone": format!("us-east-1{zone}"),
            "security_groups": ["natsops-prod-nodes"], "status": "in-use", "public_address": null, "tags": tags,
        });
        (name, interface)
    })
}

fn volumes() -> Value {
    of_nodes(|node, zone, _| {
        let name = format!("natsops-prod-{node}-data");
        let tags = tags(json!({"Name": name, "natsops:node": node, "natsops:role": "data"}));
        let volume = json!({
            "type": "gp3", "size": 500, "iops": 3000, "throughput": 125, "encrypted": true, "key": KEY,
            "zone": format!("us-east-1{zone}"), "state": "in-use", "device": "/dev/sdf",
            "deleted_with_instance": [false], "tags": tags,
        });
        (name, volume)
    })
}

fn instances(image: &str) -> Value {
    of_nodes(|node, zone, address| {
        let name = format!("natsops-prod-{node}");
        let tags = tags(json!({"Name": name, "natsops:node": node, "natsops:generation": "1"}));
        let instance = json!({
            "type": "m6i.large", "image": image, "zone": format!("us-east-1{zone}"), "state": "running",
            "subnet": format!("game-platform-private-{zone}"), "address": address, "public_address": null,
            "key_pair": null, "interface": name, "interface_kept": true, "security_groups": ["natsops-prod-nodes"],
            "profile": format!("natsops-prod-us-east-1-{node}"), "metadata_tokens": "required", "metadata_hops": 1,
            "metadata_endpoint": "enabled", "termination_protection": true, "tags": tags,
            "root": {
                "type": "gp3", "size": 20, "iops": 3000, "throughput": 125, "encrypted": true, "key": KEY,
                "deleted_with_instance": [true],
            },
        });
        (name, instance)
    })
}

fn load_balancer() -> Value {
    let listener = |word: &str| json!({"protocol": "TCP", "target_group": format!("natsops-prod-{word}"), "tags": own()});
    json!({
        "type": "network", "scheme": "internal", "state": "active", "vpc": "game-platform", "subnets": SUBNETS,
        "security_groups": ["natsops-prod-load-balancer"], "cross_zone": true, "deletion_protection": true,
        "address_type": "ipv4", "tags": own(), "listeners": {
            "4222": listener("client"), "7422": listener("leafnode"), "8222": listener("monitor"),
        },
    })
}

/// Nodes by address, which outlives their machines; two minutes of lame duck mode, and as long to drain.
fn target_groups() -> Value {
    let group = |word: &str, port: u16, path: &str| {
        let mut targets: Vec<String> =
            NODES.iter().map(|(_, _, address)| format!("{address}:{port}")).collect();
        targets.sort();
        let group = json!({
            "protocol": "TCP", "port": port, "target_type": "ip", "vpc": "game-platform", "deregistration_delay": 120,
            "preserve_client_ip": false, "balancers": ["natsops-prod"], "targets": targets, "tags": own(),
            "check": {
                "protocol": "HTTP", "port": "8222", "path": path, "interval": 10, "healthy": 2, "unhealthy": 2,
                "codes": "200",
            },
        });
        (format!("natsops-prod-{word}"), group)
    };
    [
        group("client", 4222, "/healthz?js-enabled-only=true"),
        group("leafnode", 7422, "/healthz?js-server-only=true"),
        group("monitor", 8222, "/healthz?js-server-only=true"),
    ]
    .into_iter()
    .collect::<Map<_, _>>()
    .into()
}

fn zone() -> Value {
    json!({
        "private": true, "vpcs": ["game-platform"], "tags": own(), "comment": "natsops prod",
        "records": {"nats.prod.internal. A": {
            "alias": "natsops-prod", "evaluates_health": false, "ttl": null, "values": [],
        }},
    })
}

fn cache_users() -> Value {
    let user = |login: &str, access: Value, authentication: &str, passwords: Value| {
        let user = json!({
            "login": login, "engine": "redis", "authentication": authentication, "passwords": passwords,
            "groups": ["natsops-prod"], "status": "active", "tags": own(), "access": access,
        });
        (format!("natsops-prod-{login}"), user)
    };
    let mut users =
        Map::from_iter([user("default", json!("off -@all"), "no-password", json!(null))]);
    users.extend(CACHED.iter().map(|(name, keys)| {
        let access = format!(
            "on {keys} resetchannels -@all +@string +@hash +del +unlink +exists +type +touch +expire +pexpire +expireat \
             +pexpireat +expiretime +pexpiretime +ttl +pttl +persist +auth +hello +ping +echo +quit +reset +select \
             +command +readonly +readwrite +asking +client|id +client|getname +client|setname +cluster|slots \
             +cluster|shards +cluster|nodes +cluster|info +cluster|myid +cluster|keyslot"
        );
        user(name, json!(access), "password", json!(1))
    }));
    users.into()
}

fn cache() -> Value {
    json!({
        "description": "natsops prod", "status": "available", "node_type": "cache.r6g.large", "shards": 3,
        "replicas_per_shard": [1], "zones_per_shard": [2], "cluster_mode": true, "multi_az": "enabled",
        "automatic_failover": "enabled", "in_transit": true, "transit_mode": "required", "at_rest": true, "key": KEY,
        "user_groups": ["natsops-prod"], "security_groups": ["natsops-prod-redis"], "subnet_group": ["natsops-prod"],
        "engine": ["redis"], "version": ["7.1.0"], "parameter_group": ["default.redis7.cluster.on"], "port": 6379,
        "snapshots_kept": 7, "minor_upgrades": false, "tags": own(),
    })
}

fn parameters() -> Value {
    let parameter = || {
        json!({
            "type": "SecureString", "tier": "Standard", "key": KEY, "data_type": "text", "version": 1, "tags": own(),
        })
    };
    let mut all = Map::new();
    for service in SERVICES {
        for piece in ["creds", "cert", "key", "ca", "urls"] {
            all.insert(format!("/natsops/prod/{service}/{piece}"), parameter());
        }
    }
    for (service, _) in CACHED {
        all.insert(format!("/natsops/prod/{service}/redis"), parameter());
    }
    all.into()
}
