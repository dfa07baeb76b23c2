//! Lists of JetStream's API, page by page, asked for again where nobody answers.

use std::time::Duration;

use async_nats::{Request, RequestErrorKind};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Connection;

/// How long an answer may take, each time that a page is asked for.
///
/// Only the leader of the meta group answers, and a question that meets an election is never answered, however long one
/// waits. Where the leader of a stream has just died, the answer takes 4 s (`jsClusteredStreamListRequest` of nats-server).
const ANSWER: [Duration; 3] =
    [Duration::from_secs(5), Duration::from_secs(5), Duration::from_secs(10)];

/// What a list holds.
pub(super) struct Listed<T> {
    /// What could be told of.
    pub(super) found: Vec<T>,
    /// The names of what exists and whose leader did not answer, most often because it has just died.
    pub(super) missing: Vec<String>,
}

/// One page of the answer to `$JS.API.STREAM.LIST` or `$JS.API.CONSUMER.LIST.STREAM`.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Page<T> {
    #[serde(default)]
    total: usize,
    #[serde(
        default = "Vec::new",
        alias = "streams",
        alias = "consumers",
        deserialize_with = "nothing_is_empty"
    )]
    found: Vec<T>,
    #[serde(default, deserialize_with = "nothing_is_empty")]
    missing: Vec<String>,
    error: Option<Refusal>,
}

/// The error of an answer of the API.
#[derive(Deserialize)]
struct Refusal {
    description: String,
}

/// Go writes an empty list as null.
fn nothing_is_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Everything that a list holds. Fails with the server's words, or with what kept them away.
pub(super) async fn list<T: DeserializeOwned>(
    connection: &Connection,
    subject: &str,
) -> Result<Listed<T>, String> {
    let mut listed = Listed { found: Vec::new(), missing: Vec::new() };
    loop {
        let before = listed.found.len() + listed.missing.len();
        let page: Page<T> = page(connection, subject, before).await?;
        if let Some(refusal) = page.error {
            return Err(refusal.description);
        }
        listed.found.extend(page.found);
        listed.missing.extend(page.missing);
        let after = listed.found.len() + listed.missing.len();
        if after >= page.total || after == before {
            return Ok(listed);
        }
    }
}

/// The page that begins at `offset`.
async fn page<T: DeserializeOwned>(
    connection: &Connection,
    subject: &str,
    offset: usize,
) -> Result<Page<T>, String> {
    let question = serde_json::json!({ "offset": offset }).to_string();
    let mut answer = None;
    for limit in ANSWER {
        let request = Request::new().payload(question.clone().into()).timeout(Some(limit));
        match connection.send_request(subject.to_owned(), request).await {
            Err(error) if error.kind() == RequestErrorKind::TimedOut => {}
            outcome => {
                answer = Some(outcome.map_err(|error| error.to_string())?);
                break;
            }
        }
    }
    let all: Duration = ANSWER.iter().sum();
    let answer = answer.ok_or_else(|| format!("nobody answered within {} s", all.as_secs()))?;
    serde_json::from_slice(&answer.payload).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_anything_is_empty() {
        let page: Page<String> = serde_json::from_str(r#"{"total":0,"streams":null}"#).unwrap();
        assert!(page.found.is_empty() && page.missing.is_empty());
    }

    #[test]
    fn what_nobody_could_tell_of_is_part_of_the_list() {
        let answer = r#"{"total":2,"consumers":["a"],"missing":["b"]}"#;
        let page: Page<String> = serde_json::from_str(answer).unwrap();
        assert_eq!((page.found, page.missing), (vec!["a".to_owned()], vec!["b".to_owned()]));
    }
}
