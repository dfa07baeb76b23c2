//! The schema of the model's text types: how a value is written, and who checks it.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::model::{
    AccountName, Ack, BucketName, ByteRate, ByteSize, ClusterName, Compression, ConnectionKind,
    ConsumerName, Deliver, Discard, EnvironmentName, KeyPattern, LeafnodeName, Malformed, NodeName,
    Period, QueueName, Retention, ServiceName, StreamName, Subject, SubjectPattern, TagName,
    ZoneName,
};

/// Gives each type a schema with a format of its own, and the formats their checks.
macro_rules! formats {
    ($($type:ty, $format:literal, $kind:expr, $pattern:expr, $longest:expr;)+) => {
        $(impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format, "examples": [<$type>::EXAMPLE] })
            }
        })+

        /// Checks a text by its format; a format that is not ours accepts everything.
        pub fn check(format: &str, text: &str) -> Result<(), Malformed> {
            match format {
                $($format => text.parse::<$type>().map(drop),)+
                _ => Ok(()),
            }
        }

        /// What a format wants, for a value that is no text at all.
        pub fn wanted(format: &str) -> Option<String> {
            match format {
                $($format => Some(format!("{} such as `{}`", $kind, <$type>::EXAMPLE)),)+
                _ => None,
            }
        }

        /// A format as a regular expression and a greatest length, for editors. Only figures that are too large
        /// pass it and fail the check.
        pub fn pattern(format: &str) -> Option<(&'static str, Option<u32>)> {
            match format {
                $($format => Some(($pattern, $longest)),)+
                _ => None,
            }
        }

        /// All formats.
        #[cfg(test)]
        pub const ALL: &[&str] = &[$($format),+];
    };
}

const LOWER: &str = "^[a-z]([a-z0-9-]*[a-z0-9])?$";
const UPPER: &str = "^[A-Z]([A-Z0-9_]*[A-Z0-9])?$";
const QUEUE: &str = r"^(?!.*\.\.)[a-z]([a-z0-9.-]*[a-z0-9])?$";
const SIZE: &str = r"^\s*[0-9]+\s*(B|kB|KiB|MB|MiB|GB|GiB|TB|TiB)\s*$";
const RATE: &str = r"^\s*[0-9]+\s*(B|kB|KiB|MB|MiB|GB|GiB|TB|TiB)\s*/s\s*$";
const PERIOD: &str = r"^(?=\s*[0-9])\s*([0-9]+\s*d\s*)?([0-9]+\s*h\s*)?([0-9]+\s*m\s*)?([0-9]+\s*s\s*)?([0-9]+\s*ms\s*)?$";
const KEYS: &str = r"^[a-z][a-z0-9_.:-]*(:\*)?$";
/// A part of a subject: no version.
macro_rules! name {
    () => {
        r"(?!v[0-9]+(\.|$))[a-z0-9_-]+"
    };
}
/// The arrangements of `model::subject`: the version before the operation or behind it, with or without service and entity.
const SUBJECT: &str = concat!(
    r"^((svc|evt|audit)\.",
    name!(),
    r"\.(v[1-9][0-9]*\.",
    name!(),
    r"(\.(\*|",
    name!(),
    r"))?|",
    name!(),
    r"\.v[1-9][0-9]*(\.",
    name!(),
    r"\.(\*|",
    name!(),
    r"))?|",
    name!(),
    r"\.",
    name!(),
    r"\.v[1-9][0-9]*(\.(\*|",
    name!(),
    r"))?)|",
    r"svc\.",
    name!(),
    r"\.",
    name!(),
    r"\.v[1-9][0-9]*\.",
    name!(),
    r"|",
    r"(evt|audit)\.",
    name!(),
    r"\.",
    name!(),
    r"\.v[1-9][0-9]*\.(\*|",
    name!(),
    r"))$",
);
const SUBJECT_PATTERN: &str = r"^(svc|evt|audit)(\.([a-z0-9_-]+|\*))*(\.>)?$";

formats! {
    ByteSize, "byte-size", "a size with its unit", SIZE, None;
    ByteRate, "byte-rate", "a rate with its unit", RATE, None;
    Period, "period", "a period with its unit", PERIOD, None;
    Subject, "subject", "a subject", SUBJECT, Some(200);
    SubjectPattern, "subject-pattern", "a subject pattern", SUBJECT_PATTERN, None;
    KeyPattern, "key-pattern", "a key pattern", KEYS, Some(64);
    EnvironmentName, "environment-name", EnvironmentName::KIND, LOWER, Some(16);
    ClusterName, "cluster-name", ClusterName::KIND, LOWER, Some(32);
    NodeName, "node-name", NodeName::KIND, LOWER, Some(16);
    ZoneName, "zone-name", ZoneName::KIND, LOWER, Some(32);
    ServiceName, "service-name", ServiceName::KIND, LOWER, Some(32);
    LeafnodeName, "leafnode-name", LeafnodeName::KIND, LOWER, Some(32);
    AccountName, "account-name", AccountName::KIND, UPPER, Some(32);
    StreamName, "stream-name", StreamName::KIND, UPPER, Some(32);
    QueueName, "queue-group", QueueName::KIND, QUEUE, Some(64);
    ConsumerName, "consumer-name", ConsumerName::KIND, LOWER, Some(32);
    BucketName, "bucket-name", BucketName::KIND, UPPER, Some(32);
    TagName, "tag", TagName::KIND, LOWER, Some(32);
}

/// Gives a word type of the model its schema.
macro_rules! words {
    ($($type:ty, $words:expr;)+) => {
        $(impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "enum": $words })
            }
        })+
    };
}

words! {
    Retention, ["limits", "interest", "workqueue"];
    Discard, ["old", "new"];
    Compression, ["none", "s2"];
    Deliver, ["all", "new", "last", "last-per-subject"];
    Ack, ["explicit", "all", "none"];
    ConnectionKind, ["standard", "websocket", "mqtt", "leafnode"];
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts that are right for some format, from which nearly right ones are made.
    const RIGHT: [&str; 17] = [
        "500 GB",
        " 1KiB",
        "125 MiB/s",
        "1h 30m",
        "2m",
        "1d2h3m4s5ms",
        "svc.ai.llm.v1.infer",
        "evt.state.player.updated.v1.*",
        "audit.a.b.c.v12",
        "evt.a.b.c.d.v1.e",
        "evt.quest.>",
        "evt.*.x",
        "us-east-1a",
        "GAME_EVENTS",
        "q.ai.llm",
        "a2345678901234567890123456789012",
        "b234567890123456",
    ];

    /// What is put in between: a piece of everything that some format knows.
    const PIECES: [&str; 18] = [
        "a", "Z", "0", "-", "_", ".", "*", ">", " ", "/s", "B", "m", "s", "v", ".v1", "GB", "..",
        "",
    ];

    /// Every text that is one slip away from a right one.
    fn slips() -> impl Iterator<Item = String> {
        RIGHT.into_iter().flat_map(|right| {
            (0..=right.len()).flat_map(move |at| {
                PIECES.into_iter().flat_map(move |piece| {
                    let (front, back) = right.split_at(at);
                    let rest = back.get(1..).unwrap_or_default();
                    [format!("{front}{piece}{back}"), format!("{front}{piece}{rest}")]
                })
            })
        })
    }

    #[test]
    fn patterns_accept_exactly_what_the_checks_accept() {
        for format in ALL {
            let (pattern, longest) = pattern(format).unwrap();
            let mut schema = serde_json::json!({ "type": "string", "pattern": pattern });
            if let Some(longest) = longest {
                schema["maxLength"] = longest.into();
            }
            let validator = jsonschema::validator_for(&schema).unwrap();
            let mut accepted = 0;
            for text in slips() {
                let right = check(format, &text).is_ok();
                accepted += usize::from(right);
                let matches = validator.is_valid(&serde_json::json!(text));
                assert_eq!(matches, right, "{format}: `{text}`");
            }
            assert!(accepted > 3, "{format} accepts nothing here");
        }
    }
}
