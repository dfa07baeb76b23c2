//! While a signing key is replaced: which of the two signs, and which are accepted.

use super::paper::{operator_signing_keys, public};
use crate::secrets::{Index, KeyName, Passing};

/// The key that signs the users of a role: the old one, until the new one has been distributed.
pub fn role_signer(index: &Index, account: &str, role: &str) -> KeyName {
    let retiring = KeyName::retiring_role(account, role);
    match index.passing.get(&retiring) {
        Some(Passing { issued: None, .. }) => retiring,
        _ => KeyName::role(account, role),
    }
}

/// The signing keys of a role that the account's claims list, the current one first.
pub fn role_keys(index: &Index, account: &str, role: &str) -> Vec<KeyName> {
    let retiring = KeyName::retiring_role(account, role);
    let accepted = index.passing.get(&retiring).is_some_and(|passing| !passing.dropped);
    let current = KeyName::role(account, role);
    if accepted { vec![current, retiring] } else { vec![current] }
}

/// The public keys that the operator's claims list, the current one first.
///
/// Servers read them only at their start. So while one is replaced the list stays as they know it, and changes once.
pub fn operator_keys(index: &Index) -> Vec<String> {
    let retiring = KeyName::retiring_operator_signing();
    let names = operator_signing_keys();
    let listed = match index.passing.get(&retiring) {
        Some(passing) if !passing.dropped => {
            let count = names.clone().count();
            std::iter::once(retiring).chain(names).take(count).collect::<Vec<_>>()
        }
        _ => names.collect(),
    };
    listed.iter().map(|name| public(index, name)).collect()
}

/// The key that signs the system account, whose claims stand in every node's configuration: they change with it.
pub fn system_signer(index: &Index) -> KeyName {
    let retiring = KeyName::retiring_operator_signing();
    match index.passing.get(&retiring) {
        Some(passing) if !passing.dropped => retiring,
        _ => KeyName::operator_signing(1),
    }
}
