//! What crosses between accounts is what the catalog says, on every server that has to do with an account.
//!
//! A server leaves an import out when its owner does not consent, and says so nowhere but here. `grants` tries the
//! same from the outside: where each publication really goes.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::{Finding, Scene};
use crate::model::{Account, Node};
use crate::nats::AccountInForce;
use crate::ops::borders::{Imports, look};
use crate::provider::Provider;

/// Compares every account on every server that answers; a silent one fails a check of its own.
pub async fn borders<P: Provider>(scene: &Scene<'_, '_, P>) -> Finding {
    let cluster = scene.site.cluster;
    let answering = cluster.nodes.iter().zip(&scene.nodes);
    let answering: Vec<&Node> =
        answering.filter(|(_, health)| health.varz.is_some()).map(|(node, _)| node).collect();
    let looks = answering.iter().map(|node| look(scene.site, scene.index, node));
    let mut problems = BTreeSet::new();
    for (node, found) in answering.iter().zip(join_all(looks).await) {
        match found {
            Ok(accounts) => {
                for (account, in_force) in &accounts {
                    problems.extend(compare(scene, account, in_force));
                }
            }
            Err(reason) => {
                problems.insert(format!("{} does not tell: {reason}", node.name));
            }
        }
    }
    let Some(first) = problems.first() else {
        let (imports, accounts) = (cluster.lanes().count(), cluster.accounts.len());
        return Ok(format!("{imports} imports of {accounts} accounts in force, and no other"));
    };
    let more = match problems.len() {
        1 => String::new(),
        count => format!(", and {} more", count - 1),
    };
    let look = format!("natsops apply {}: it signs such claims anew", cluster.environment);
    Err((format!("{first}{more}"), look))
}

fn compare<P: Provider>(
    scene: &Scene<'_, '_, P>,
    account: &Account,
    in_force: &AccountInForce,
) -> Vec<String> {
    let imports = Imports::of(scene.site, scene.index, account, in_force);
    let mut problems = imports.missing();
    problems.extend(imports.stray());
    problems.extend(exports(scene, account, in_force));
    problems
}

fn exports<P: Provider>(
    scene: &Scene<'_, '_, P>,
    account: &Account,
    in_force: &AccountInForce,
) -> Vec<String> {
    let name = &account.name;
    let wanted: BTreeSet<String> =
        scene.site.cluster.exports_of(name).map(|lane| lane.exported).collect();
    let exports = in_force.exports.iter();
    let problem = |subject: &str, open: bool| match (wanted.contains(subject), open) {
        (false, _) => Some(format!("{name} exports `{subject}`, which the catalog does not say")),
        (true, true) => Some(format!("{name} exports `{subject}` to every account")),
        (true, false) => None,
    };
    exports.filter_map(|export| problem(&export.subject, !export.token_req)).collect()
}
