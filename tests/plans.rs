//! Edits of the YAML, and the plan that each gives for keys and papers: without a cluster, without a secret.

use std::path::Path;

use jiff::Timestamp;
use natsops::artifacts::{Newer, issue, review};
use natsops::environment::{Addresses, load};
use natsops::model::Cluster;
use natsops::plan::{Effect, Plan};
use natsops::secrets::{Index, OsEntropy, SealedDirectory, SecretStore as _, ensure_identity};

use crate::support::Project;

const ADDRESSES: Addresses = Addresses { local_network: [127, 64, 0] };

pub fn cluster(project: &Path) -> Cluster {
    let loaded = load(project, "local", &ADDRESSES).unwrap();
    loaded.cluster.unwrap_or_else(|| panic!("{}", loaded.diagnostics.text()))
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// A project whose keys exist and whose papers are signed.
pub struct Issued {
    pub project: Project,
    pub store: SealedDirectory,
    pub index: Index,
}

pub fn issued() -> Issued {
    let project = Project::new();
    let identity = project.path().join("identity");
    ensure_identity(&identity).unwrap();
    let store = SealedDirectory::new(project.path().join("secrets"), identity, &[]);
    let cluster = cluster(project.path());
    let change =
        issue(&cluster, &Index::default(), &store, &OsEntropy, now(), &Newer::new()).unwrap();
    let index = store.commit(0, change).unwrap();
    Issued { project, store, index }
}

impl Issued {
    fn plan(&self, now: Timestamp) -> Plan {
        review(&cluster(self.project.path()), &self.index, now, &Newer::new())
    }

    fn changes(&self) -> Vec<String> {
        self.plan(now())
            .changes()
            .map(|action| format!("{:?} {}", action.action, action.id))
            .collect()
    }

    /// Does what the plan says; the next plan must be empty.
    fn settle(&mut self) -> usize {
        let cluster = cluster(self.project.path());
        let change =
            issue(&cluster, &self.index, &self.store, &OsEntropy, now(), &Newer::new()).unwrap();
        let signed = change.documents.len();
        self.index = self.store.commit(self.index.generation, change).unwrap();
        assert_eq!(self.changes(), Vec::<String>::new());
        signed
    }
}

#[test]
fn nothing_to_do_straight_after() {
    assert_eq!(issued().changes(), Vec::<String>::new());
}

#[test]
fn a_changed_permission_changes_one_account_and_no_creds() {
    let mut issued = issued();
    issued.project.edit("catalog/game.yaml", "      - svc.ai.safety.v1.check\n", "");
    assert_eq!(issued.changes(), ["Update JWT account/GAME"]);
    let plan = issued.plan(now());
    let action = plan.changes().next().unwrap();
    assert_eq!(action.effect, Effect::Reconnect(vec!["llm-gateway".to_owned()]));
    assert_eq!(issued.settle(), 1);
}

#[test]
fn a_new_service_gets_its_keys_and_papers_and_disturbs_nobody() {
    let mut issued = issued();
    issued.project.edit(
        "catalog/game.yaml",
        "services:\n",
        "services:\n  replay:\n    account: GAME\n    description: Records matches.\n    subscribes:\n      - {subject: evt.quest.generated.v1}\n",
    );
    let changes = issued.changes();
    assert_eq!(
        changes,
        [
            "Create key account/GAME/role/replay",
            "Create key user/replay",
            "Create key client/replay",
            "Update JWT account/GAME",
            "Create JWT user/replay",
            "Create certificate client/replay",
        ]
    );
    issued.settle();
}

#[test]
fn a_removed_service_loses_its_role() {
    let issued = issued();
    let path = issued.project.path().join("environments/catalog/commerce.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    // The webhook only speaks, so that nobody misses it but those who listen.
    let start = text.find("  payment-webhook:").unwrap();
    let end = text[start..].find("\nstreams:").unwrap() + start;
    std::fs::write(&path, format!("{}{}", &text[..start], &text[end + 1..])).unwrap();
    // Its audit records crossed into another account, and nobody else sends them.
    assert_eq!(issued.changes(), ["Update JWT account/AUDIT", "Update JWT account/COMMERCE"]);
}

#[test]
fn a_new_name_of_the_cluster_needs_new_node_certificates_only() {
    let issued = issued();
    issued.project.edit(
        "local.yaml",
        "provider:\n",
        "identity:\n  names: [nats.example]\nprovider:\n",
    );
    let nodes: Vec<String> = (1..=5).map(|n| format!("Update certificate node/nats-{n}")).collect();
    assert_eq!(issued.changes(), nodes);
}

#[test]
fn certificates_are_replaced_a_month_before_they_end() {
    let issued = issued();
    let day = jiff::SignedDuration::from_hours(24);
    let kept = issued.plan(now() + day * 366);
    assert!(kept.is_empty());
    let due = issued.plan(now() + day * 368);
    assert_eq!(due.changes().count(), 34);
}

#[test]
fn a_token_that_somebody_else_signed_is_replaced() {
    let mut issued = issued();
    let other = self::issued();
    for (name, text) in &other.index.documents {
        if name.as_str() == "jwt/account/GAME" {
            issued.index.documents.insert(name.clone(), text.clone());
        }
    }
    assert_eq!(issued.changes(), ["Update JWT account/GAME"]);
}

#[test]
fn claims_that_the_servers_hold_in_a_newer_version_are_signed_anew() {
    let issued = issued();
    let cluster = cluster(issued.project.path());
    let newer = Newer::from([("GAME".to_owned(), now().as_second() + 50)]);
    let plan = review(&cluster, &issued.index, now(), &newer);
    assert_eq!(plan.changes().count(), 1);
    let change = issue(&cluster, &issued.index, &issued.store, &OsEntropy, now(), &newer).unwrap();
    let token = natsops::jwt::decode::<natsops::jwt::AccountBody>(&change.documents[0].1).unwrap();
    // A second of room for the version that goes out first.
    assert_eq!(token.claims.iat, now().as_second() + 52);
}

#[test]
fn no_plan_needs_an_identity() {
    let issued = issued();
    std::fs::remove_file(issued.project.path().join("identity")).unwrap();
    issued.project.edit("catalog/game.yaml", "      - svc.ai.safety.v1.check\n", "");
    assert_eq!(issued.changes().len(), 1);
}
