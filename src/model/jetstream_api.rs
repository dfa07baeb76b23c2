//! The subjects of the JetStream API that unmodified clients use, for one consumer and for one bucket.
//!
//! What stands here was found by watching clients, and `tests/stores/` tries it. Whoever lists streams, makes
//! or changes them is natsops alone, so none of those subjects is here.
//!
//! A consumer of another account's stream is asked for under a prefix of that account, since `$JS.API` is the service's
//! own account; a client is told the prefix once. Acknowledgements have no prefix: a message brings the subject along
//! to which its own goes.

use super::{AccountName, Ack, BucketName, Consumer, Flow, Lane};

const API: &str = "$JS.API";

impl Consumer {
    /// What the subjects of another account's API begin with.
    pub fn prefix_of(owner: &AccountName) -> String {
        format!("$JS.{owner}.API")
    }

    /// Whether it reads a stream of another account than that of its service.
    pub fn is_abroad(&self, own: &AccountName) -> bool {
        self.account != *own
    }

    /// What its service, of the account `own`, publishes: it looks the stream and the consumer up, asks for messages,
    /// and acknowledges them. A stream of another account it can't look up, as that would show all of its subjects.
    pub fn publish_subjects(&self, own: &AccountName) -> Vec<String> {
        let stream = &self.stream;
        if self.is_abroad(own) {
            return self.lanes(own).into_iter().map(|lane| lane.local).collect();
        }
        let mut subjects = vec![format!("{API}.STREAM.INFO.{stream}")];
        subjects.extend(self.requests().map(|(subject, _)| format!("{API}.{subject}")));
        subjects.extend(self.acknowledgements());
        subjects
    }

    /// What must cross from the account of its service into that of its stream, where these are two.
    pub fn lanes(&self, own: &AccountName) -> Vec<Lane> {
        if !self.is_abroad(own) {
            return Vec::new();
        }
        let lane = |subject: String, local: String, flow| Lane {
            owner: self.account.clone(),
            user: own.clone(),
            exported: subject.clone(),
            subject,
            local,
            flow,
        };
        let prefix = Self::prefix_of(&self.account);
        let requests = self.requests().map(|(subject, flow)| {
            lane(format!("{API}.{subject}"), format!("{prefix}.{subject}"), flow)
        });
        let acknowledgements = self.acknowledgements();
        let acknowledgements = acknowledgements.map(|own| lane(own.clone(), own, Flow::Requests));
        requests.chain(acknowledgements).collect()
    }

    /// What is asked about it, without the prefix, and how it is answered.
    fn requests(&self) -> impl Iterator<Item = (String, Flow)> {
        let (stream, name) = (&self.stream, &self.name);
        let info = (format!("CONSUMER.INFO.{stream}.{name}"), Flow::Requests);
        // Each message that is handed out is an answer of its own.
        let next = (format!("CONSUMER.MSG.NEXT.{stream}.{name}"), Flow::Pulls);
        [info, next].into_iter()
    }

    fn acknowledgements(&self) -> impl Iterator<Item = String> {
        let all = format!("$JS.ACK.{}.{}.>", self.stream, self.name);
        (self.ack != Ack::None).then_some(all).into_iter()
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
