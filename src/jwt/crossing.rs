//! The content of JWTs about what crosses from one account into another: exports, imports, activations.

use serde::{Deserialize, Serialize};

/// What crosses, in the words of claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Crossing {
    /// Messages, from the exporter to whoever listens in the importer.
    Stream,
    /// Requests, from the importer to the exporter, and their answers.
    Service,
}

/// Something that an account gives to others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// A name for readers.
    pub name: String,
    /// The subject.
    pub subject: String,
    /// What crosses.
    #[serde(rename = "type")]
    pub kind: Crossing,
    /// Whether an importer must show an activation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub token_req: bool,
    /// How many answers a request has, of a service.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub response_type: String,
    /// How long an answer may take, in nanoseconds, of a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_threshold: Option<i64>,
}

/// Something that an account takes from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// A name for readers.
    pub name: String,
    /// The subject, as the exporter calls it.
    pub subject: String,
    /// The same, as the importer calls it; empty where it is the same.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub local_subject: String,
    /// The public key of the exporter.
    pub account: String,
    /// The exporter's activation.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// What crosses.
    #[serde(rename = "type")]
    pub kind: Crossing,
}

/// What an account says of another that may import something of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivationBody {
    /// What may be imported.
    pub subject: String,
    /// What crosses.
    #[serde(rename = "kind")]
    pub crossing: Crossing,
    /// Always `activation`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Always 2.
    pub version: u8,
}
