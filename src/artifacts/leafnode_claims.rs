//! Claims about leafnodes: their roles in the accounts of the catalog, and the account in which natsops tries its own.

use std::collections::BTreeMap;

use super::claims::{NO_LIMIT, closed_template, counted, own_template, scoped, unsigned};
use super::paper::public;
use super::passing::role_signer;
use crate::jwt::{AccountBody, AccountLimitsClaim, Allow, Claims, SigningKey, Template, UserBody};
use crate::model::{Account, Cluster, Leafnode, OWN_ACCOUNT, OWN_ROLE};
use crate::secrets::{Index, KeyName};

/// The role of the leafnode server that a check starts.
pub const OWN_LEAFNODE_ROLE: &str = "leafnode";

/// How many connections each leafnode may have. A server may not have noticed yet that one is dead when the leafnode
/// comes back at another server.
const CONNECTIONS: usize = 2;

/// How many runs of the checks may try every node at once, each with two connections to it.
const RUNS: usize = 2;

/// The largest message in natsops' own account: its messages are numbers.
const OWN_PAYLOAD: i64 = 1024;

/// The roles of an account's leafnodes.
pub fn roles(cluster: &Cluster, account: &Account, index: &Index) -> Vec<SigningKey> {
    let role = |leafnode: &Leafnode| {
        let crossing = leafnode.crossing();
        let template = leafnode_template(crossing.into, crossing.out);
        scoped(index, account.name.as_str(), &leafnode.role(), template, &leafnode.description)
    };
    cluster.leafnodes_of(&account.name).flat_map(role).collect()
}

/// How many leafnode connections an account may have.
pub fn limit(cluster: &Cluster, account: &Account) -> i64 {
    counted(cluster.leafnodes_of(&account.name).count() * CONNECTIONS)
}

/// A leafnode's user, who carries no permission of their own.
pub fn user(leafnode: &Leafnode, index: &Index) -> Claims<UserBody> {
    unsigned(
        public(index, &role_signer(index, leafnode.account.as_str(), &leafnode.role())),
        leafnode.name.as_str(),
        public(index, &KeyName::leafnode_user(&leafnode.name)),
        UserBody::scoped(public(index, &KeyName::of_account(&leafnode.account))),
    )
}

/// The claims of natsops' own account. What crosses a leafnode there is what a check sends, and nothing else.
pub fn own(cluster: &Cluster, index: &Index) -> Claims<AccountBody> {
    let hub = own_template(OWN_ACCOUNT);
    let edge = leafnode_template(
        vec!["natsops.probe.into.>".to_owned()],
        vec!["natsops.probe.out.>".to_owned()],
    );
    let role =
        |name, template, description| scoped(index, OWN_ACCOUNT, name, template, description);
    let body = AccountBody {
        imports: Vec::new(),
        exports: Vec::new(),
        limits: own_limits(cluster),
        signing_keys: [
            role(OWN_ROLE, hub, "The tool that operates this cluster."),
            role(OWN_LEAFNODE_ROLE, edge, "The leafnode that a check starts."),
        ]
        .concat(),
        revocations: BTreeMap::new(),
        description: "The checks of the tool that operates this cluster.".to_owned(),
        kind: "account".to_owned(),
        version: 2,
    };
    unsigned(
        public(index, &KeyName::operator_signing(1)),
        OWN_ACCOUNT,
        public(index, &KeyName::account(OWN_ACCOUNT)),
        body,
    )
}

fn own_limits(cluster: &Cluster) -> AccountLimitsClaim {
    let connections = counted(cluster.nodes.len() * CONNECTIONS * RUNS);
    AccountLimitsClaim {
        subs: 1000,
        data: NO_LIMIT,
        payload: OWN_PAYLOAD,
        imports: 0,
        exports: 0,
        wildcards: false,
        disallow_bearer: true,
        conn: connections,
        leaf: connections,
        tiered_limits: BTreeMap::new(),
    }
}

/// A role over leafnode connections only.
fn leafnode_template(into: Vec<String>, out: Vec<String>) -> Template {
    Template {
        publish: Allow::only(into),
        subscribe: Allow::only(out),
        allowed_connection_types: vec!["LEAFNODE".to_owned()],
        ..closed_template()
    }
}
