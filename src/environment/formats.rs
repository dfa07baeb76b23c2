//! The schema of the model's text types: how a value is written, and who checks it.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::model::{
    AccountName, ByteRate, ByteSize, ClusterName, Compression, Discard, EnvironmentName,
    KeyPattern, Malformed, NodeName, Period, QueueName, Retention, ServiceName, StreamName,
    Subject, SubjectPattern, ZoneName,
};

/// Gives each type a schema with a format of its own, and the formats their checks.
macro_rules! formats {
    ($($type:ty, $format:literal, $kind:expr;)+) => {
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
    };
}

formats! {
    ByteSize, "byte-size", "a size with its unit";
    ByteRate, "byte-rate", "a rate with its unit";
    Period, "period", "a period with its unit";
    Subject, "subject", "a subject";
    SubjectPattern, "subject-pattern", "a subject pattern";
    KeyPattern, "key-pattern", "a key pattern";
    EnvironmentName, "environment-name", EnvironmentName::KIND;
    ClusterName, "cluster-name", ClusterName::KIND;
    NodeName, "node-name", NodeName::KIND;
    ZoneName, "zone-name", ZoneName::KIND;
    ServiceName, "service-name", ServiceName::KIND;
    AccountName, "account-name", AccountName::KIND;
    StreamName, "stream-name", StreamName::KIND;
    QueueName, "queue-group", QueueName::KIND;
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
}
