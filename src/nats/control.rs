//! What servers are told through the system account: reload, and who shall lead.

use serde::Deserialize;

use super::Connection;

/// A connection with the rights of the system account.
pub struct Control {
    /// The connection.
    pub connection: Connection,
    /// How many servers are there to answer.
    pub servers: usize,
}

/// Why a server did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It refused.
    #[error("the server refuses: {0}")]
    Refused(String),
    /// It did not answer.
    #[error("the server did not answer: {0}")]
    Silent(String),
}

/// The part of an answer that tells a refusal; the rest differs from request to request.
#[derive(Deserialize)]
struct Answer {
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    description: String,
}

impl Control {
    /// Tells one server, by its id, to read its configuration again. It takes all of it or nothing.
    pub async fn reload(&self, server: &str) -> Result<(), ControlError> {
        self.ask(format!("$SYS.REQ.SERVER.{server}.RELOAD")).await
    }

    /// Tells the leader of the meta group to hand over.
    pub async fn step_down_meta(&self) -> Result<(), ControlError> {
        self.ask("$JS.API.META.LEADER.STEPDOWN".to_owned()).await
    }

    async fn ask(&self, subject: String) -> Result<(), ControlError> {
        let silent = |reason: String| ControlError::Silent(reason);
        let answer = self.connection.request(subject, "".into()).await;
        let answer = answer.map_err(|error| silent(error.to_string()))?;
        let answer: Answer =
            serde_json::from_slice(&answer.payload).map_err(|error| silent(error.to_string()))?;
        match answer.error {
            Some(refusal) => Err(ControlError::Refused(refusal.description)),
            None => Ok(()),
        }
    }
}
