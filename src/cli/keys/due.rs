//! Which rotations are due, told by the list of keys.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::rotate::What;
use crate::artifacts::{Credential, KeyState, ListedKey};
use crate::cli::lookup::REPLICATION;
use crate::model::{Cluster, OWN_ROLE, SYSTEM_ACCOUNT};

/// What is to be done, and what can't be.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The rotations, in the order in which they are best done: what a service holds first, the authority last.
    pub rotations: BTreeSet<(What, Option<String>)>,
    /// Keys that are due and that no rotation replaces.
    pub left: Vec<String>,
}

/// The rotations of what is due, and those that are under way.
pub fn due(cluster: &Cluster, keys: &[ListedKey], now: Timestamp) -> Due {
    let mut due = Due::default();
    for key in keys {
        let under_way = matches!(key.state, KeyState::Retiring | KeyState::Revoked)
            || (key.kind == Credential::Authority && key.state == KeyState::Standby);
        let counts = under_way || (key.is_due(now) && key.state != KeyState::Standby);
        if !counts {
            continue;
        }
        match rotation(cluster, key) {
            Some(rotation) => drop(due.rotations.insert(rotation)),
            None => due.left.push(key.name.clone()),
        }
    }
    // Where all of an account is replaced, its roles are not replaced once more.
    let accounts: Vec<String> = cluster.accounts.keys().map(ToString::to_string).collect();
    let whole =
        |account: &str| due.rotations.contains(&(What::SigningKey, Some(account.to_owned())));
    let whole: Vec<&String> = accounts.iter().filter(|account| whole(account)).collect();
    let covered = |name: &str| {
        let service = cluster.services.get(name).map(|service| service.account.to_string());
        let mut leafnodes = cluster.leafnodes.values();
        let leafnode = leafnodes.find(|leafnode| leafnode.role() == name);
        let account = service.or(leafnode.map(|leafnode| leafnode.account.to_string()));
        account.is_some_and(|account| whole.contains(&&account))
    };
    let keep = |(what, name): &(What, Option<String>)| {
        *what != What::SigningKey || !name.as_deref().is_some_and(covered)
    };
    due.rotations = due.rotations.iter().filter(|rotation| keep(rotation)).cloned().collect();
    due
}

/// What replaces a key.
fn rotation(cluster: &Cluster, key: &ListedKey) -> Option<(What, Option<String>)> {
    let steps: Vec<&str> = key.name.split('/').collect();
    let steps = match steps[..] {
        ["retiring" | "revoked" | "standby", ref rest @ ..] => rest,
        ref all => all,
    };
    let named = |what: What, name: &str| Some((what, Some(name.to_owned())));
    match steps {
        ["user", service] => named(What::User, service),
        ["account", account, "role", OWN_ROLE]
            if *account == SYSTEM_ACCOUNT || cluster.accounts.contains_key(*account) =>
        {
            named(What::SigningKey, account)
        }
        ["account", account, "role", role @ ..] if cluster.accounts.contains_key(*account) => {
            named(What::SigningKey, &role.join("/"))
        }
        ["client", service] => named(What::ClientCertificates, service),
        ["client", "leafnode", leafnode] => named(What::ClientCertificates, leafnode),
        ["node", node] | ["redis", "node", node] => named(What::NodeCertificates, node),
        ["redis", "user", user] if *user == OWN_ROLE || cluster.services.contains_key(*user) => {
            named(What::Redis, user)
        }
        ["redis", "replication"] => named(What::Redis, REPLICATION),
        ["operator", name] if *name != "identity" => Some((What::OperatorKey, None)),
        ["authority"] => Some((What::Ca, None)),
        _ => None,
    }
}
