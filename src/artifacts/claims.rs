//! Claims from the model: what each token must say, whoever will sign it.

use std::collections::{BTreeMap, BTreeSet};

use super::leafnode_claims;
use super::paper::public;
use super::passing::{operator_keys, role_keys, role_signer, system_signer};
use super::sharing;
use crate::jwt::{
    AccountBody, AccountLimitsClaim, Allow, Claims, Export, Import, JetStreamTier, OperatorBody,
    Responses, ScopedKey, SigningKey, Template, UserBody,
};
use crate::model::matching::has_wildcard;
use crate::model::{
    Account, Cluster, ConnectionKind, OWN_ROLE, OwnRights, Placement, SYSTEM_ACCOUNT, Service,
    own_rights,
};
use crate::secrets::{Index, KeyName};

/// -1 is how claims write "no limit".
pub(super) const NO_LIMIT: i64 = -1;

/// A request may be answered once, within two minutes: the server's own defaults, said aloud.
const RESPONSES: Responses = Responses { max: 1, ttl: 120_000_000_000 };

pub(super) fn unsigned<B>(issuer: String, name: &str, subject: String, nats: B) -> Claims<B> {
    Claims {
        exp: None,
        jti: String::new(),
        iat: 0,
        iss: issuer,
        name: name.to_owned(),
        sub: subject,
        nats,
    }
}

/// The operator's claims, signed by its identity key.
pub fn operator(cluster: &Cluster, index: &Index) -> Claims<OperatorBody> {
    let identity = public(index, &KeyName::operator());
    let system = public(index, &KeyName::account(SYSTEM_ACCOUNT));
    unsigned(
        identity.clone(),
        cluster.name.as_str(),
        identity,
        OperatorBody::new(operator_keys(index), system),
    )
}

/// The system account's claims: natsops itself is the only role in it.
pub fn system(index: &Index) -> Claims<AccountBody> {
    let limits = AccountLimitsClaim {
        subs: NO_LIMIT,
        data: NO_LIMIT,
        payload: NO_LIMIT,
        // Nothing is imported or exported. This token stands in every node's configuration, so a limit that says so
        // would restart them all for nothing.
        imports: NO_LIMIT,
        exports: NO_LIMIT,
        wildcards: true,
        disallow_bearer: true,
        conn: NO_LIMIT,
        leaf: NO_LIMIT,
        tiered_limits: BTreeMap::new(),
    };
    let own = own_template(SYSTEM_ACCOUNT);
    let body = AccountBody {
        imports: Vec::new(),
        exports: Vec::new(),
        limits,
        signing_keys: scoped(
            index,
            SYSTEM_ACCOUNT,
            OWN_ROLE,
            own,
            "The tool that operates this cluster.",
        ),
        revocations: BTreeMap::new(),
        description: "The servers themselves.".to_owned(),
        kind: "account".to_owned(),
        version: 2,
    };
    unsigned(
        public(index, &system_signer(index)),
        SYSTEM_ACCOUNT,
        public(index, &KeyName::account(SYSTEM_ACCOUNT)),
        body,
    )
}

/// An account's claims: one scoped key per service and per leafnode, and one for natsops to manage its streams.
pub fn account(cluster: &Cluster, account: &Account, index: &Index) -> Claims<AccountBody> {
    let name = account.name.as_str();
    let own = own_template(name);
    let mut signing_keys =
        scoped(index, name, OWN_ROLE, own, "The tool that operates this cluster.");
    signing_keys.extend(cluster.services_of(&account.name).flat_map(|service| {
        scoped(index, name, service.name.as_str(), template(cluster, service), &service.description)
    }));
    signing_keys.extend(leafnode_claims::roles(cluster, account, index));
    let imports = sharing::imports(cluster, &account.name, index);
    let exports = sharing::exports(cluster, &account.name);
    let body = AccountBody {
        limits: limits(cluster, account, &imports, &exports),
        imports,
        exports,
        signing_keys,
        revocations: index.revocations.get(name).cloned().unwrap_or_default(),
        description: account.description.clone(),
        kind: "account".to_owned(),
        version: 2,
    };
    unsigned(
        public(index, &KeyName::operator_signing(1)),
        name,
        public(index, &KeyName::of_account(&account.name)),
        body,
    )
}

/// A service's user, who carries no permission of their own.
pub fn user(service: &Service, index: &Index) -> Claims<UserBody> {
    unsigned(
        public(index, &role_signer(index, service.account.as_str(), service.name.as_str())),
        service.name.as_str(),
        public(index, &KeyName::user(&service.name)),
        UserBody::scoped(public(index, &KeyName::of_account(&service.account))),
    )
}

/// What natsops itself may do in an account.
pub(super) fn own_template(account: &str) -> Template {
    let OwnRights { publish, subscribe } = own_rights(account);
    Template {
        publish: Allow::only(publish),
        subscribe: Allow::only(subscribe),
        ..closed_template()
    }
}

/// A role, with its key; with both keys while one takes the place of the other.
pub(super) fn scoped(
    index: &Index,
    account: &str,
    role: &str,
    template: Template,
    description: &str,
) -> Vec<SigningKey> {
    let scope = |key: KeyName| {
        SigningKey::Scoped(Box::new(ScopedKey {
            kind: "user_scope".to_owned(),
            key: public(index, &key),
            role: role.to_owned(),
            template: template.clone(),
            description: description.to_owned(),
        }))
    };
    role_keys(index, account, role).into_iter().map(scope).collect()
}

/// A role that may do nothing, over ordinary connections only.
pub(super) fn closed_template() -> Template {
    Template {
        publish: Allow::only(Vec::new()),
        subscribe: Allow::only(Vec::new()),
        responses: None,
        networks: Vec::new(),
        subs: NO_LIMIT,
        data: NO_LIMIT,
        payload: NO_LIMIT,
        allowed_connection_types: vec!["STANDARD".to_owned()],
    }
}

fn template(cluster: &Cluster, service: &Service) -> Template {
    let permissions = service.permissions();
    // To a server, `resp` alone closes publishing; a denial of everything would close the answers as well.
    let publish = if permissions.replies && permissions.publish.is_empty() {
        Allow::default()
    } else {
        Allow::only(permissions.publish)
    };
    Template {
        publish,
        subscribe: Allow::only(permissions.subscribe.iter().map(|s| s.claim()).collect()),
        responses: permissions.replies.then_some(RESPONSES),
        subs: service.limits.subscriptions.map_or(NO_LIMIT, i64::from),
        payload: service.limits.payload.map_or(NO_LIMIT, |size| signed(size.bytes())),
        networks: networks(cluster, service),
        allowed_connection_types: kinds(&service.connections),
        ..closed_template()
    }
}

/// Where a service may connect from. On one machine every client is at a loopback address, wherever it will be later.
fn networks(cluster: &Cluster, service: &Service) -> Vec<String> {
    let mut networks = service.networks.clone();
    if !networks.is_empty() && matches!(cluster.placement, Placement::Local { .. }) {
        networks.push("127.0.0.0/8".to_owned());
    }
    networks.sort();
    networks.dedup();
    networks
}

/// Kinds of connections, as claims name them.
fn kinds(connections: &[ConnectionKind]) -> Vec<String> {
    let mut kinds: Vec<&ConnectionKind> = connections.iter().collect();
    kinds.sort();
    kinds.dedup();
    let word = |kind: &&ConnectionKind| match kind {
        ConnectionKind::Standard => "STANDARD".to_owned(),
        ConnectionKind::Websocket => "WEBSOCKET".to_owned(),
        ConnectionKind::Mqtt => "MQTT".to_owned(),
        ConnectionKind::Leafnode => "LEAFNODE".to_owned(),
    };
    kinds.iter().map(word).collect()
}

/// The limits of an account. Of imports and exports it may have those that it has.
fn limits(
    cluster: &Cluster,
    account: &Account,
    imports: &[Import],
    exports: &[Export],
) -> AccountLimitsClaim {
    let limits = &account.limits;
    AccountLimitsClaim {
        subs: i64::from(limits.subscriptions),
        data: NO_LIMIT,
        payload: signed(limits.payload.bytes()),
        imports: counted(imports.len()),
        exports: counted(exports.len()),
        wildcards: exports.iter().any(|export| has_wildcard(&export.subject)),
        disallow_bearer: true,
        conn: i64::from(limits.connections),
        leaf: leafnode_claims::limit(cluster, account),
        tiered_limits: tiers(cluster, account),
    }
}

/// What may be stored, by number of replicas. The server refuses what has no tier.
///
/// A consumer counts in the tier of its own replicas, and who watches a bucket makes one with a single replica:
/// where no stream has as many, the tier lets nothing be stored.
fn tiers(cluster: &Cluster, account: &Account) -> BTreeMap<String, JetStreamTier> {
    let Some(limits) = &account.limits.jetstream else {
        return BTreeMap::new();
    };
    let name = &account.name;
    let streams = cluster.streams_of(name).map(|stream| stream.replicas);
    let stored: BTreeSet<u8> =
        streams.chain(cluster.buckets_of(name).map(|bucket| bucket.replicas)).collect();
    let watched = cluster.buckets_of(name).next().map(|_| 1);
    let consumed = cluster.consumers_of(name).filter_map(|(_, consumer)| consumer.replicas);
    let full = JetStreamTier {
        mem_storage: 0,
        disk_storage: signed(limits.disk.bytes()),
        streams: i64::from(limits.streams),
        consumer: i64::from(limits.consumers),
        max_bytes_required: true,
    };
    let consumers = JetStreamTier { disk_storage: 0, streams: 0, ..full.clone() };
    let mut tiers: BTreeMap<String, JetStreamTier> =
        watched.into_iter().chain(consumed).map(|r| (format!("R{r}"), consumers.clone())).collect();
    tiers.extend(stored.iter().map(|replicas| (format!("R{replicas}"), full.clone())));
    tiers
}

/// Counts of things that a file lists are small.
pub(super) fn counted(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Sizes are parsed to fit into the servers' signed integers.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
