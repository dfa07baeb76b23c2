//! Which rotations are due, told by the list of keys.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::rotate::What;
use crate::artifacts::{Credential, KeyState, ListedKey, Role};
use crate::cli::lookup::REPLICATION;
use crate::model::{Client, Cluster, OWN_ROLE, SYSTEM_ACCOUNT};

/// What is to be done, and what can't be.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The rotations, in the order in which they are best done: what a service holds first, the authority last.
    pub rotations: BTreeSet<Rotation>,
    /// Rotations that are due and must wait for another of the same users, each with that one.
    pub later: Vec<(Rotation, Rotation)>,
    /// Keys that are due and that no rotation replaces.
    pub left: Vec<String>,
}

/// A rotation: what, and of whom.
pub type Rotation = (What, Option<String>);

/// The rotations of what is due, and those that are under way.
pub fn due(cluster: &Cluster, keys: &[ListedKey], now: Timestamp) -> Due {
    let mut due = Due::default();
    let mut begun = BTreeSet::new();
    for key in keys {
        let under_way = matches!(key.state, KeyState::Retiring | KeyState::Revoked)
            || (key.kind == Credential::Authority && key.state == KeyState::Standby);
        let counts = under_way || (key.is_due(now) && key.state != KeyState::Standby);
        if !counts {
            continue;
        }
        match rotation(cluster, key) {
            Some(rotation) => {
                begun.extend(under_way.then(|| rotation.clone()));
                due.rotations.insert(rotation);
            }
            None => due.left.push(key.name.clone()),
        }
    }
    let clients = Client::all(cluster);
    clients.iter().for_each(|client| due.together(*client, &begun));
    clients.iter().for_each(|client| due.in_turn(*client, &begun));
    due
}

impl Due {
    /// Where all signing keys of an account are replaced, that of a role is not replaced once more. One that has begun by
    /// itself is ended first.
    fn together(&mut self, client: Client<'_>, begun: &BTreeSet<Rotation>) {
        let (role, account) = (of_role(client), of_account(client));
        if !self.rotations.contains(&account) {
            return;
        }
        if begun.contains(&role) && !begun.contains(&account) {
            self.rotations.remove(&account);
            self.later.push((account, role));
        } else {
            self.rotations.remove(&role);
        }
    }

    /// A user's key and what signs for it are not replaced at the same time: what has begun is ended first, and otherwise
    /// the user's key comes first.
    fn in_turn(&mut self, client: Client<'_>, begun: &BTreeSet<Rotation>) {
        let user = of_user(client);
        for signer in [of_role(client), of_account(client)] {
            if self.rotations.contains(&user) && self.rotations.contains(&signer) {
                let (first, second) = match begun.contains(&signer) {
                    true => (signer, user.clone()),
                    false => (user.clone(), signer),
                };
                self.rotations.remove(&second);
                self.later.push((second, first));
            }
        }
    }
}

fn of_user(client: Client<'_>) -> Rotation {
    (What::User, Some(client.name().to_owned()))
}

fn of_role(client: Client<'_>) -> Rotation {
    (What::SigningKey, Some(Role::of(client).name))
}

fn of_account(client: Client<'_>) -> Rotation {
    (What::SigningKey, Some(client.account().to_string()))
}

/// What replaces a key.
fn rotation(cluster: &Cluster, key: &ListedKey) -> Option<Rotation> {
    let steps: Vec<&str> = key.name.split('/').collect();
    let steps = match steps[..] {
        ["retiring" | "revoked" | "standby", ref rest @ ..] => rest,
        ref all => all,
    };
    let named = |what: What, name: &str| Some((what, Some(name.to_owned())));
    match steps {
        ["user", client] | ["user", "leafnode", client] => named(What::User, client),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::tests::cluster;
    use crate::model::samples::{account, service};

    fn key(name: &str, state: KeyState) -> ListedKey {
        ListedKey {
            name: name.to_owned(),
            kind: Credential::User,
            state,
            key: None,
            version: None,
            created: None,
            expires: None,
            issuer: None,
            due: (state == KeyState::Current).then_some(Timestamp::MIN),
        }
    }

    fn rotation(what: What, name: &str) -> Rotation {
        (what, Some(name.to_owned()))
    }

    /// What is due of the services `wallet` and `till` in `GAME`.
    fn of_game(keys: &[(&str, KeyState)]) -> Due {
        let game = account("GAME");
        let mut cluster = cluster(vec![service("till", "GAME"), service("wallet", "GAME")], vec![]);
        cluster.accounts.insert(game.name.clone(), game);
        let keys: Vec<ListedKey> = keys.iter().map(|(name, state)| key(name, *state)).collect();
        due(&cluster, &keys, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_user_key_comes_before_what_signs_for_it_unless_that_has_begun() {
        let (user, signer) = (rotation(What::User, "wallet"), rotation(What::SigningKey, "wallet"));
        let (current, retiring) = (KeyState::Current, KeyState::Retiring);
        let role = "account/GAME/role/wallet";
        let found = of_game(&[("user/wallet", current), (role, current)]);
        assert_eq!(found.rotations, [user.clone()].into());
        assert_eq!(found.later, [(signer.clone(), user.clone())]);
        let old = format!("retiring/{role}");
        let found = of_game(&[("user/wallet", current), (role, current), (&old, retiring)]);
        assert_eq!(found.rotations, [signer.clone()].into());
        assert_eq!(found.later, [(user.clone(), signer.clone())]);
        // All of the account together, which covers its roles and waits for each of its users.
        let whole = "account/GAME/role/natsops";
        let found = of_game(&[("user/till", current), (role, current), (whole, current)]);
        let (till, all) = (rotation(What::User, "till"), rotation(What::SigningKey, "GAME"));
        assert_eq!(found.rotations, [till.clone()].into());
        assert_eq!(found.later, [(all.clone(), till)]);
        // What has begun by itself is ended first.
        let found = of_game(&[(role, current), (&old, retiring), (whole, current)]);
        assert_eq!(found.rotations, [signer.clone()].into());
        assert_eq!(found.later, [(all, signer)]);
    }
}
