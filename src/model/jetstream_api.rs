//! The subjects of the JetStream API that unmodified clients use, for one consumer and for one bucket.
//!
//! What stands here was found by watching clients, and `tests/stores.rs` tries it. Whoever lists streams, makes
//! or changes them is natsops alone, so none of those subjects is here.

use super::{Ack, BucketName, Consumer};

const API: &str = "$JS.API";

impl Consumer {
    /// What its service publishes: it looks the stream and the consumer up, asks for messages, and acknowledges them.
    pub fn publish_subjects(&self) -> Vec<String> {
        let (stream, name) = (&self.stream, &self.name);
        let mut subjects = vec![
            format!("{API}.STREAM.INFO.{stream}"),
            format!("{API}.CONSUMER.INFO.{stream}.{name}"),
            format!("{API}.CONSUMER.MSG.NEXT.{stream}.{name}"),
        ];
        if self.ack != Ack::None {
            subjects.push(format!("$JS.ACK.{stream}.{name}.>"));
        }
        subjects
    }
}

impl BucketName {
    /// What a reader publishes: it looks the bucket up, asks for values, and watches through consumers of its own,
    /// which live as long as it does.
    pub fn read_subjects(&self) -> Vec<String> {
        let stream = self.stream();
        vec![
            format!("{API}.STREAM.INFO.{stream}"),
            // By revision, and by key.
            format!("{API}.DIRECT.GET.{stream}"),
            format!("{API}.DIRECT.GET.{stream}.{}", self.subjects()),
            // Some clients name a watching consumer and its filter in the subject, some in the request.
            format!("{API}.CONSUMER.CREATE.{stream}"),
            format!("{API}.CONSUMER.CREATE.{stream}.>"),
            format!("{API}.CONSUMER.INFO.{stream}.*"),
            format!("{API}.CONSUMER.DELETE.{stream}.*"),
            // A watcher that keeps up says so, or is sent nothing more.
            format!("$JS.FC.{stream}.>"),
        ]
    }

    /// What a writer publishes: it looks the bucket up, and puts, deletes and purges keys.
    pub fn write_subjects(&self) -> Vec<String> {
        vec![format!("{API}.STREAM.INFO.{}", self.stream()), self.subjects()]
    }
}
