//! Account claims on the servers: what each holds, and how they come to hold a newer version.
//!
//! A full resolver stores whatever is well formed, an older token or one of a foreign operator included
//! (measured on 2.15.1). So every push is checked here before it is sent, and looked up on every server after.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde::Deserialize;

use super::connection::REQUEST;
use super::{Control, Varz};
use crate::jwt::{AccountBody, Claims, OperatorBody, TokenError, decode};
use crate::plan::{Kind, OnChange, Record, RecordId};

/// How long to wait for a further server's answer. Those of a healthy cluster arrive within milliseconds, and all that are
/// asked have just been seen to answer.
const PATIENCE: Duration = REQUEST;

const UPDATE: &str = "$SYS.REQ.CLAIMS.UPDATE";

/// What the servers hold of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The token of each server that answered.
    pub tokens: Vec<String>,
}

/// Why claims were not pushed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimsError {
    /// The token itself.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A server trusts another operator.
    #[error("{server} does not trust the issuer of these claims; it runs with another operator")]
    Foreign {
        /// The server.
        server: String,
    },
    /// A server holds a newer version, or another of the same second.
    #[error("a server holds other claims that are as new (ours were issued {ours}); plan again")]
    Newer {
        /// When ours were.
        ours: i64,
    },
    /// A server refused.
    #[error("{server} refuses the claims: {reason}")]
    Refused {
        /// The server.
        server: String,
        /// Its words.
        reason: String,
    },
    /// Fewer servers answered than there are.
    #[error("{answered} of {servers} servers took the claims")]
    Incomplete {
        /// How many answered.
        answered: usize,
        /// How many there are.
        servers: usize,
    },
    /// The connection.
    #[error("the connection to the cluster failed: {0}")]
    Connection(String),
}

impl Held {
    /// The newest time of issue among them, as far as a version `own` must care: of two of the same second nobody can tell
    /// which one a server keeps, so others of that second count as newer.
    pub fn newest(&self, own: Option<&str>) -> Option<i64> {
        let issued = |token: &String| {
            let claims = decode::<serde_json::Value>(token).ok()?.claims;
            Some(claims.iat + i64::from(own != Some(token)))
        };
        self.tokens.iter().filter_map(issued).max()
    }

    /// How many servers hold a token that this key has signed.
    pub fn signed_by(&self, issuer: &str) -> usize {
        let tokens = self.tokens.iter().filter_map(|token| decode::<serde_json::Value>(token).ok());
        tokens.filter(|token| token.claims.iss == issuer).count()
    }
}

/// Asks every server for its version of an account's claims.
pub async fn lookup(control: &Control, account: &str) -> Result<Held, ClaimsError> {
    let subject = format!("$SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP");
    let tokens = ask_all(control, subject, String::new()).await?;
    let tokens = tokens.into_iter().filter(|token| !token.is_empty()).collect();
    Ok(Held { tokens })
}

/// The desired and the observed record of an account's claims. `wanted` is its token, or what stands for it.
pub fn claims_records(
    name: &str,
    wanted: &str,
    held: &Held,
    servers: usize,
) -> (Record, Option<Record>) {
    let id = RecordId::new(Kind::Claims, name);
    let record = |version: String, count: usize| {
        Record::new(id.clone()).field("version", version, OnChange::InPlace).field(
            "servers",
            format!("{count} of {servers}"),
            OnChange::InPlace,
        )
    };
    let versions: BTreeSet<String> = held.tokens.iter().map(|token| version(token)).collect();
    let found = match versions.len() {
        0 => None,
        1 => Some(record(version(&held.tokens[0]), held.tokens.len())),
        _ => Some(record("differs between servers".to_owned(), held.tokens.len())),
    };
    (record(version(wanted), servers), found)
}

/// A short form of a token that tells versions apart.
fn version(token: &str) -> String {
    match decode::<serde_json::Value>(token) {
        Ok(token) => {
            let issued = jiff::Timestamp::from_second(token.claims.iat).unwrap_or_default();
            let id = token.claims.jti.get(..8).unwrap_or_default().to_owned();
            format!("{id} of {issued}")
        }
        Err(_) => token.to_owned(),
    }
}

/// Pushes a token to every server, and sees that each took it.
///
/// 1. Every server must trust the token's issuer.
/// 2. No server may hold a newer version, or another of the same second.
/// 3. Every server must say that it took it.
/// 4. Every server must hold it afterwards.
pub async fn push(control: &Control, token: &str, servers: &[Varz]) -> Result<(), ClaimsError> {
    let claims = decode::<AccountBody>(token)?.claims;
    for server in servers {
        if !trusts(server, &claims.iss) {
            return Err(ClaimsError::Foreign { server: server.server_name.clone() });
        }
    }
    let held = lookup(control, &claims.sub).await?;
    if held.newest(Some(token)).is_some_and(|newest| newest > claims.iat) {
        return Err(ClaimsError::Newer { ours: claims.iat });
    }
    let answers = ask_all(control, UPDATE.to_owned(), token.to_owned()).await?;
    let took = answers.iter().map(|answer| took(answer)).collect::<Result<BTreeSet<_>, _>>()?;
    let held = lookup(control, &claims.sub).await?;
    let holding = held.tokens.iter().filter(|held| *held == token).count();
    let answered = took.len().min(holding);
    if answered < control.servers {
        return Err(ClaimsError::Incomplete { answered, servers: control.servers });
    }
    Ok(())
}

/// Whether a server runs with an operator that has this signing key.
fn trusts(server: &Varz, issuer: &str) -> bool {
    operators(server).any(|operator| operator.nats.signing_keys.iter().any(|key| key == issuer))
}

/// The public keys of the operators that a server runs with: their identities, and what signs in their names.
pub fn trusted_keys(server: &Varz) -> BTreeSet<String> {
    operators(server)
        .flat_map(|operator| operator.nats.signing_keys.into_iter().chain([operator.sub]))
        .collect()
}

fn operators(server: &Varz) -> impl Iterator<Item = Claims<OperatorBody>> {
    let tokens = server.trusted_operators_jwt.iter();
    tokens.filter_map(|token| Some(decode::<OperatorBody>(token).ok()?.claims))
}

/// A server's answer to a push.
#[derive(Deserialize)]
struct PushAnswer {
    server: PushServer,
    data: Option<PushData>,
    error: Option<PushRefusal>,
}

#[derive(Deserialize)]
struct PushServer {
    name: String,
}

#[derive(Deserialize)]
struct PushData {
    code: i64,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct PushRefusal {
    #[serde(default)]
    description: String,
}

/// The name of a server that took the claims.
fn took(answer: &str) -> Result<String, ClaimsError> {
    let parsed: PushAnswer = serde_json::from_str(answer)
        .map_err(|error| ClaimsError::Connection(format!("a strange answer: {error}")))?;
    let refused =
        |reason: String| ClaimsError::Refused { server: parsed.server.name.clone(), reason };
    match (&parsed.data, &parsed.error) {
        (Some(data), None) if data.code == 200 => Ok(parsed.server.name),
        (Some(data), None) => Err(refused(data.message.clone())),
        (_, Some(error)) => Err(refused(error.description.clone())),
        (None, None) => Err(refused("it gave no reason".to_owned())),
    }
}

/// Sends a request that every server answers, and collects the answers.
///
/// The number of servers is known, so that nobody waits for a timeout that all have beaten.
async fn ask_all(
    control: &Control,
    subject: String,
    payload: String,
) -> Result<Vec<String>, ClaimsError> {
    let failed = |error: &dyn std::fmt::Display| ClaimsError::Connection(error.to_string());
    let connection = &control.connection;
    let inbox = connection.new_inbox();
    let mut answers = connection.subscribe(inbox.clone()).await.map_err(|error| failed(&error))?;
    connection
        .publish_with_reply(subject, inbox, payload.into())
        .await
        .map_err(|error| failed(&error))?;
    let mut texts = Vec::new();
    while texts.len() < control.servers {
        match tokio::time::timeout(PATIENCE, answers.next()).await {
            Ok(Some(message)) => texts.push(String::from_utf8_lossy(&message.payload).into_owned()),
            Ok(None) | Err(_) => break,
        }
    }
    Ok(texts)
}
