//! Claims about what crosses between accounts: exports, imports, and the activations by which an owner consents.
//!
//! Every export demands an activation, signed by the owner's identity key for one importer. So an account that the
//! catalog does not name can't import, even where its claims say that it does.

use std::collections::BTreeMap;

use super::claims::{counted, unsigned};
use super::issue::IssueError;
use super::paper::{Paper, public};
use crate::jwt::{AccountBody, ActivationBody, Claims, Crossing, Export, Import, decode, sign};
use crate::model::{AccountName, Cluster, Flow, Lane};
use crate::plan::PENDING;
use crate::secrets::{Index, KeyName, SecretStore};

/// How long an answer may take: what a service may take to answer, in nanoseconds.
///
/// Of several answers, each may take as long after the one before. A client that pulls is told within that time that
/// there is nothing, or that its request still waits.
const RESPONSE_THRESHOLD: i64 = 120_000_000_000;

/// What an owner lets one other account import.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Activation {
    /// The account that exports, and signs.
    pub owner: AccountName,
    /// The account that may import.
    pub user: AccountName,
    /// What may be imported.
    pub subject: String,
    /// Whether it is a service.
    pub service: bool,
}

impl Activation {
    /// The activation that a lane needs.
    fn of(lane: &Lane) -> Self {
        Self {
            owner: lane.owner.clone(),
            user: lane.user.clone(),
            subject: lane.exported.clone(),
            service: lane.flow.is_service(),
        }
    }

    fn crossing(&self) -> Crossing {
        if self.service { Crossing::Service } else { Crossing::Stream }
    }
}

/// Every activation that the cluster needs, once.
pub fn activations(cluster: &Cluster) -> impl Iterator<Item = Activation> {
    let all = cluster.lanes().map(|lane| (Activation::of(&lane), ()));
    all.collect::<BTreeMap<_, _>>().into_keys()
}

/// An activation's claims, signed by the owner.
pub fn activation(activation: &Activation, index: &Index) -> Claims<ActivationBody> {
    let body = ActivationBody {
        subject: activation.subject.clone(),
        crossing: activation.crossing(),
        kind: "activation".to_owned(),
        version: 2,
    };
    unsigned(
        public(index, &KeyName::of_account(&activation.owner)),
        &activation.subject,
        public(index, &KeyName::of_account(&activation.user)),
        body,
    )
}

/// What an account gives to others: each subject once, whoever takes it.
pub fn exports(cluster: &Cluster, account: &AccountName) -> Vec<Export> {
    let exported: BTreeMap<String, Lane> =
        cluster.exports_of(account).map(|lane| (lane.exported.clone(), lane)).collect();
    let export = |lane: Lane| Export {
        name: lane.exported.clone(),
        kind: Activation::of(&lane).crossing(),
        token_req: true,
        response_type: answers(lane.flow).to_owned(),
        response_threshold: lane.flow.is_service().then_some(RESPONSE_THRESHOLD),
        subject: lane.exported,
    };
    exported.into_values().map(export).collect()
}

/// How many answers a request has, in the words of claims. After the first, a server would drop the others.
fn answers(flow: Flow) -> &'static str {
    match flow {
        Flow::Messages => "",
        Flow::Requests => "Singleton",
        Flow::Pulls => "Stream",
    }
}

/// What an account takes from others.
pub fn imports(cluster: &Cluster, account: &AccountName, index: &Index) -> Vec<Import> {
    let import = |lane: Lane| {
        let activation = Activation::of(&lane);
        let kind = activation.crossing();
        let token = index.document(&Paper::Activation(activation).document());
        let renamed = lane.local != lane.subject;
        Import {
            name: lane.subject.clone(),
            subject: lane.subject,
            local_subject: if renamed { lane.local } else { String::new() },
            account: public(index, &KeyName::of_account(&lane.owner)),
            token: token.unwrap_or(PENDING).to_owned(),
            kind,
        }
    };
    cluster.imports_of(account).map(import).collect()
}

/// The claims that go out before `token`: its exports, and of its imports only those that the servers know.
///
/// Accounts may import from each other, so no order has every export there before it is imported. A server that meets
/// an import without its export looks again when the export comes, and sometimes misses that moment (seen on 2.15.1).
/// None where the servers, which hold `held`, know every export already.
pub fn exports_first(
    token: &str,
    held: Option<&str>,
    store: &dyn SecretStore,
) -> Result<Option<String>, IssueError> {
    let mut claims = decode::<AccountBody>(token)?.claims;
    let known = held.and_then(|held| decode::<AccountBody>(held).ok());
    let (exports, imports) = known
        .map(|known| (known.claims.nats.exports, known.claims.nats.imports))
        .unwrap_or_default();
    let body = &mut claims.nats;
    let gains = body.exports.iter().any(|export| !exports.contains(export));
    if !gains || body.imports.iter().all(|import| imports.contains(import)) {
        return Ok(None);
    }
    body.imports.retain(|import| imports.contains(import));
    body.limits.imports = counted(body.imports.len());
    // The real ones are newer, whatever else happens.
    claims.iat -= 1;
    let signer = store.open(&KeyName::operator_signing(1))?;
    Ok(Some(sign(claims, &signer)?))
}
