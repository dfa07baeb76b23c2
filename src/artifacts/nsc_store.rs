//! Keys and tokens as nsc, the reference tool, keeps them: into its folders, and out of them.
//!
//! The layout is that of nsc 2.11 with `--all-dirs`: `OPERATOR/OPERATOR.jwt`, `OPERATOR/accounts/A/A.jwt`,
//! `OPERATOR/accounts/A/users/U.jwt`, `keys/O/AB/OAB….nk` and `creds/OPERATOR/A/U.creds`. It knows neither certificates nor
//! passwords; an apply makes those.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::paper::{Paper, key_names};
use super::{BundleFile, Content, IssueError};
use crate::jwt::{AccountBody, Claims, OperatorBody, SigningKey, creds_file, decode};
use crate::model::{Cluster, OWN_ACCOUNT, SYSTEM_ACCOUNT};
use crate::secrets::{
    Change, Document, Index, KeyEntry, KeyKind, KeyName, NewKey, Secret, SecretStore,
};

/// What was found in the folders of nsc.
#[derive(Default)]
pub struct NscStore {
    /// Every token.
    pub tokens: Vec<String>,
    /// Every seed, by its public key.
    pub seeds: BTreeMap<String, Secret<String>>,
}

/// Why the folders of nsc can't be taken over.
#[derive(Debug, thiserror::Error)]
pub enum NscError {
    /// There is no operator.
    #[error("no operator's token is there")]
    NoOperator,
    /// There are several.
    #[error("there are several operators: {0}; natsops takes over a folder with one")]
    Several(String),
    /// A key that can't be done without.
    #[error("the seed of {name}, {public}, is not there")]
    Seedless {
        /// Which key it is.
        name: KeyName,
        /// Its public key.
        public: String,
    },
}

/// The files of nsc's folders. Keys that are offline are left out.
pub fn nsc_files(
    cluster: &Cluster,
    index: &Index,
    store: &dyn SecretStore,
) -> Result<Vec<BundleFile>, IssueError> {
    let operator = cluster.name.as_str();
    let public = |path: String, text: String| BundleFile { path, content: Content::Public(text) };
    let marker =
        serde_json::json!({"managed": false, "name": operator, "kind": "operator", "version": "1"});
    let mut files = vec![public(format!("{operator}/.nsc"), marker.to_string())];
    for paper in Paper::all(cluster) {
        let Some(token) = index.document(&paper.document()) else {
            continue;
        };
        let (path, user) = match &paper {
            Paper::Operator => (format!("{operator}/{operator}.jwt"), None),
            Paper::System | Paper::Own | Paper::Account(_) => {
                let document = paper.document();
                let name = document.name().trim_start_matches("account/");
                (format!("{operator}/accounts/{name}/{name}.jwt"), None)
            }
            Paper::User(service) => {
                let account = cluster.services[service].account.as_str();
                (
                    format!("{operator}/accounts/{account}/users/{service}.jwt"),
                    Some((account, service.as_str())),
                )
            }
            Paper::LeafnodeUser(leafnode) => {
                let account = cluster.leafnodes[leafnode].account.as_str();
                (
                    format!("{operator}/accounts/{account}/users/{leafnode}.jwt"),
                    Some((account, leafnode.as_str())),
                )
            }
            _ => continue,
        };
        files.push(public(path, token.to_owned()));
        if let Some((account, name)) = user {
            let creds = creds_file(token, &store.open(&paper.subject())?);
            let path = format!("creds/{operator}/{account}/{name}.creds");
            files.push(BundleFile { path, content: Content::Secret(creds) });
        }
    }
    for (name, entry) in nkeys(index) {
        let path =
            format!("keys/{}/{}/{}.nk", &entry.public[..1], &entry.public[1..3], entry.public);
        files.push(BundleFile { path, content: Content::Secret(store.open(name)?) });
    }
    Ok(files)
}

/// The keys that nsc knows what to do with, and whose secrets are in the store.
fn nkeys(index: &Index) -> impl Iterator<Item = (&KeyName, &KeyEntry)> {
    let keys = index.keys.iter().filter(|(_, entry)| !entry.offline);
    keys.filter(|(_, entry)| {
        matches!(entry.kind, KeyKind::Operator | KeyKind::Account | KeyKind::User)
    })
}

/// The keys and tokens of nsc's folders that the model has a name for, and the public keys of those that it has none for.
pub fn from_nsc(cluster: &Cluster, mut found: NscStore) -> Result<(Change, Vec<String>), NscError> {
    let named = named(cluster, &found)?;
    let mut change = Change::default();
    for name in key_names(cluster) {
        let Some((public, created)) = named.keys.get(&name) else {
            continue;
        };
        let seed = found.seeds.remove(public);
        let secret =
            seed.ok_or(NscError::Seedless { name: name.clone(), public: public.clone() })?;
        let entry = KeyEntry::new(name.kind(), public.clone(), *created);
        change.keys.push((name, NewKey { entry, secret }));
    }
    change.documents = named.documents;
    Ok((change, found.seeds.into_keys().collect()))
}

/// What the tokens of a folder are called here.
#[derive(Default)]
struct Named {
    keys: BTreeMap<KeyName, (String, Timestamp)>,
    documents: Vec<(Document, String)>,
}

impl Named {
    /// A key that is at least as old as a token about it.
    fn key(&mut self, name: KeyName, public: &str, issued: i64) {
        let created = Timestamp::from_second(issued).unwrap_or(Timestamp::UNIX_EPOCH);
        self.keys.insert(name, (public.to_owned(), created));
    }
}

fn named(cluster: &Cluster, found: &NscStore) -> Result<Named, NscError> {
    let mut named = Named::default();
    let operators = found.tokens.iter().filter_map(|token| {
        let claims = decode::<OperatorBody>(token).ok()?.claims;
        (claims.nats.kind == "operator").then_some((token, claims))
    });
    let operators: Vec<(&String, Claims<OperatorBody>)> = operators.collect();
    let [(token, operator)] = &operators[..] else {
        let names: Vec<&str> = operators.iter().map(|(_, claims)| claims.name.as_str()).collect();
        return Err(match names.is_empty() {
            true => NscError::NoOperator,
            false => NscError::Several(names.join(", ")),
        });
    };
    named.key(KeyName::operator(), &operator.sub, operator.iat);
    for (number, key) in (1..).zip(&operator.nats.signing_keys) {
        named.key(KeyName::operator_signing(number), key, operator.iat);
    }
    named.documents.push((Document::operator(), (*token).clone()));
    for token in &found.tokens {
        account(cluster, token, &mut named);
        user(cluster, token, &mut named);
    }
    Ok(named)
}

fn account(cluster: &Cluster, token: &str, named: &mut Named) {
    let Ok(claims) = decode::<AccountBody>(token).map(|token| token.claims) else {
        return;
    };
    let name = claims.name.as_str();
    let known =
        [SYSTEM_ACCOUNT, OWN_ACCOUNT].contains(&name) || cluster.accounts.contains_key(name);
    if claims.nats.kind != "account" || !known {
        return;
    }
    named.key(KeyName::account(name), &claims.sub, claims.iat);
    for key in &claims.nats.signing_keys {
        if let SigningKey::Scoped(scoped) = key {
            named.key(KeyName::role(name, &scoped.role), &scoped.key, claims.iat);
        }
    }
    named.documents.push((Document::account(name), token.to_owned()));
}

fn user(cluster: &Cluster, token: &str, named: &mut Named) {
    let Ok(claims) = decode::<serde_json::Value>(token).map(|token| token.claims) else {
        return;
    };
    if claims.nats["type"] != "user" {
        return;
    }
    let name = claims.name.as_str();
    let (key, document) = if let Some(service) = cluster.services.get(name) {
        (KeyName::user(&service.name), Document::user(&service.name))
    } else if let Some(leafnode) = cluster.leafnodes.get(name) {
        (KeyName::leafnode_user(&leafnode.name), Document::leafnode_user(&leafnode.name))
    } else {
        return;
    };
    named.key(key, &claims.sub, claims.iat);
    named.documents.push((document, token.to_owned()));
}
