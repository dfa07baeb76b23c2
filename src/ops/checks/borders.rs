//! What crosses between accounts is what the catalog says, as every server that has to do with an account has it.
//!
//! A server leaves an import out when its owner does not consent, and says so nowhere but here. `grants` tries the
//! same from the outside: where each publication really goes.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::{Finding, Scene};
use crate::model::{Account, Category, Node};
use crate::nats::{AccountInForce, MonitorError};
use crate::provider::Provider;
use crate::secrets::KeyName;

/// Compares every account on every server.
pub async fn borders<P: Provider>(scene: &Scene<'_, '_, P>) -> Finding {
    let cluster = scene.site.cluster;
    // A silent node fails a check of its own.
    let answering = cluster.nodes.iter().zip(&scene.nodes);
    let answering: Vec<&Node> =
        answering.filter(|(_, health)| health.varz.is_some()).map(|(node, _)| node).collect();
    let looks = answering.iter().map(|node| look(scene, node));
    let mut problems = BTreeSet::new();
    let mut seen = 0;
    for (node, found) in answering.iter().zip(join_all(looks).await) {
        match found {
            Ok(accounts) => {
                seen += accounts.len();
                for (account, in_force) in accounts {
                    problems.extend(compare(scene, account, &in_force));
                }
            }
            Err(reason) => {
                problems.insert(format!("{} does not tell: {reason}", node.name));
            }
        }
    }
    let Some(first) = problems.first() else {
        let imports = cluster.passages.len();
        return Ok(format!(
            "{imports} imports in force and no other, wherever {} accounts are known ({seen} looks)",
            cluster.accounts.len()
        ));
    };
    let more = match problems.len() {
        1 => String::new(),
        count => format!(", and {} more", count - 1),
    };
    Err((
        format!("{first}{more}"),
        format!("natsops plan {}: are the accounts' claims current?", cluster.environment),
    ))
}

type Seen<'a> = Vec<(&'a Account, AccountInForce)>;

/// The accounts that a server has had to do with. It reads the claims of others when somebody signs in to them.
async fn look<'a, P: Provider>(
    scene: &Scene<'_, 'a, P>,
    node: &Node,
) -> Result<Seen<'a>, MonitorError> {
    let monitor = scene.site.monitor(node);
    let known = monitor.accounts().await?;
    let mut seen = Seen::new();
    for account in scene.site.cluster.accounts.values() {
        let key = scene.index.public(&KeyName::of_account(&account.name)).unwrap_or_default();
        if known.iter().any(|known| known == key) {
            seen.push((account, monitor.account(key).await?));
        }
    }
    Ok(seen)
}

fn compare<P: Provider>(
    scene: &Scene<'_, '_, P>,
    account: &Account,
    in_force: &AccountInForce,
) -> Vec<String> {
    let (cluster, name) = (scene.site.cluster, &account.name);
    let key = |name| scene.index.public(&KeyName::of_account(name)).unwrap_or_default();
    let wanted: BTreeMap<(&str, &str), &str> = cluster
        .imports_of(name)
        .map(|passage| ((passage.subject.as_str(), key(&passage.owner)), passage.owner.as_str()))
        .collect();
    let contract = |subject: &str| Category::of_subject(subject).is_some();
    let valid: BTreeSet<(&str, &str)> = in_force
        .imports
        .iter()
        .filter(|import| contract(&import.subject) && !import.invalid)
        .map(|import| (import.subject.as_str(), import.account.as_str()))
        .collect();
    let mut problems = Vec::new();
    for ((subject, owner_key), owner) in &wanted {
        if !valid.contains(&(*subject, *owner_key)) {
            problems.push(format!("{name} does not get `{subject}` from {owner}"));
        }
    }
    for (subject, _) in valid.iter().filter(|found| !wanted.contains_key(*found)) {
        problems.push(format!("{name} imports `{subject}`, which the catalog does not say"));
    }
    problems.extend(exports(scene, account, in_force));
    problems
}

fn exports<P: Provider>(
    scene: &Scene<'_, '_, P>,
    account: &Account,
    in_force: &AccountInForce,
) -> Vec<String> {
    let name = &account.name;
    let wanted: BTreeSet<&str> =
        scene.site.cluster.exports_of(name).map(|passage| passage.exported.as_str()).collect();
    let mut problems = Vec::new();
    for export in &in_force.exports {
        let subject = export.subject.as_str();
        if Category::of_subject(subject).is_none() {
            continue;
        }
        if !wanted.contains(subject) {
            problems.push(format!("{name} exports `{subject}`, which the catalog does not say"));
        } else if !export.token_req {
            problems.push(format!("{name} exports `{subject}` to every account"));
        }
    }
    problems
}
