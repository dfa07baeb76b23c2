//! Least privilege: what a service's grants come to, as a NATS server enforces them.

use super::matching::{admits, covers, has_wildcard};
use super::{Category, Service};

/// What the holder of a role may do. An empty direction means *nothing*, not everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Subjects or patterns that may be published.
    pub publish: Vec<String>,
    /// Subscriptions that may be made.
    pub subscribe: Vec<Subscription>,
    /// Whether it may answer a request, once, on the request's reply subject.
    pub replies: bool,
}

/// One permitted subscription.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subscription {
    /// The subject or pattern.
    pub subject: String,
    /// The queue group that it is bound to: a plain subscription is then refused.
    pub queue: Option<String>,
}

impl Subscription {
    /// The form that claims carry: `subject` or `subject queue`.
    pub fn claim(&self) -> String {
        match &self.queue {
            Some(queue) => format!("{} {queue}", self.subject),
            None => self.subject.clone(),
        }
    }

    /// Whether it is bound to a queue group that covers this one.
    fn is_for(&self, queue: &str) -> bool {
        self.queue
            .as_ref()
            .is_some_and(|bound| bound == queue || (has_wildcard(bound) && covers(bound, queue)))
    }
}

/// Why a subscription is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal<'a> {
    /// The subject is permitted, but only to members of the queue groups of these entries.
    Queue(Vec<&'a Subscription>),
    /// No entry admits the subject.
    Missing,
}

impl Permissions {
    /// The entry by which a server lets a publication through. A wildcard in the subject is a token as any other to it,
    /// and it delivers the message under just that name.
    pub fn may_publish(&self, subject: &str) -> Option<&str> {
        self.publish.iter().find(|entry| admits(entry, subject)).map(String::as_str)
    }

    /// The entry by which a server lets a publication to each subject of a pattern through.
    pub fn may_publish_all(&self, pattern: &str) -> Option<&str> {
        self.publish.iter().find(|entry| covers(entry, pattern)).map(String::as_str)
    }

    /// The entry by which a server lets a subscription through, plain or in a queue group.
    ///
    /// Where entries that are bound to a queue group admit the subject, they alone decide about members of groups,
    /// even beside an entry without a group.
    pub fn may_subscribe(
        &self,
        subject: &str,
        queue: Option<&str>,
    ) -> Result<&Subscription, Refusal<'_>> {
        let admitting = self.subscribe.iter().filter(|entry| admits(&entry.subject, subject));
        let (bound, plain): (Vec<_>, Vec<_>) = admitting.partition(|entry| entry.queue.is_some());
        let entry = match queue {
            Some(queue) if !bound.is_empty() => bound.iter().find(|entry| entry.is_for(queue)),
            _ => plain.first(),
        };
        match entry {
            Some(entry) => Ok(entry),
            None if bound.is_empty() => Err(Refusal::Missing),
            None => Err(Refusal::Queue(bound)),
        }
    }
}

impl Service {
    /// The permissions that the grants come to, sorted.
    ///
    /// 1. Requests are answered only as a member of the queue group that the catalog names.
    /// 2. Whoever calls or publishes needs an inbox (for replies and for acknowledgements of streams): its own, never everyone's.
    /// 3. Whoever pulls, reads or writes may ask JetStream about its own consumers and buckets, and nothing else.
    ///    What it is handed arrives in its inbox. Consumers of another account's stream it asks for under that
    ///    account's prefix.
    /// 4. Whoever publishes may also address its own inbox, so that a message can be traced to the sender
    ///    (`Nats-Trace-Dest`), which is how the checks prove a grant without delivering anything.
    pub fn permissions(&self) -> Permissions {
        let mut publish: Vec<String> = self
            .calls
            .iter()
            .chain(&self.publishes)
            .map(|subject| subject.as_str().to_owned())
            .chain(
                self.consumes.iter().flat_map(|consumer| consumer.publish_subjects(&self.account)),
            )
            .chain(self.reads.iter().flat_map(|bucket| bucket.read_subjects()))
            .chain(self.writes.iter().flat_map(|bucket| bucket.write_subjects()))
            .collect();
        let mut subscribe: Vec<Subscription> = self
            .serves
            .iter()
            .map(|(subject, queue)| (subject, Some(queue)))
            .chain(self.subscribes.iter().map(|(subject, queue)| (subject, queue.as_ref())))
            .map(|(subject, queue)| Subscription {
                subject: subject.as_str().to_owned(),
                queue: queue.map(|queue| queue.as_str().to_owned()),
            })
            .collect();
        if !publish.is_empty() {
            subscribe
                .push(Subscription { subject: format!("{}.>", self.inbox_prefix()), queue: None });
            publish.push(self.trace_subject());
        }
        publish.sort();
        publish.dedup();
        subscribe.sort();
        subscribe.dedup();
        Permissions { publish, subscribe, replies: !self.serves.is_empty() }
    }

    /// Where traces of this service's own messages may go.
    pub fn trace_subject(&self) -> String {
        format!("{}.trace", self.inbox_prefix())
    }

    /// Whether the service touches a stream's subjects, so that it waits for acknowledgements.
    pub fn publishes_to_streams(&self) -> bool {
        self.publishes.iter().any(|subject| subject.category() != Category::Service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Ack, Consumer, samples};

    fn service() -> Service {
        samples::service("llm", "GAME")
    }

    #[test]
    fn a_request_is_answered_only_in_its_queue_group() {
        let mut llm = service();
        llm.serves =
            vec![("svc.ai.llm.v1.infer".parse().unwrap(), "q.ai.llm.infer".parse().unwrap())];
        let permissions = llm.permissions();
        assert_eq!(permissions.subscribe[0].claim(), "svc.ai.llm.v1.infer q.ai.llm.infer");
        assert!(permissions.replies);
        assert!(permissions.publish.is_empty());
    }

    #[test]
    fn a_caller_has_its_own_inbox_and_nobody_elses() {
        let mut llm = service();
        llm.calls = vec!["svc.ai.model.v1.get".parse().unwrap()];
        let inboxes: Vec<_> = llm.permissions().subscribe;
        assert_eq!(inboxes.len(), 1);
        assert_eq!(inboxes[0].claim(), "_INBOX.llm.>");
    }

    #[test]
    fn a_consumer_opens_its_own_part_of_the_api_and_an_inbox() {
        let mut llm = service();
        llm.consumes = vec![Consumer {
            name: "llm".parse().unwrap(),
            ..samples::consumer("GAME", "GAME_AI", &[])
        }];
        let publish = [
            "$JS.ACK.GAME_AI.llm.>",
            "$JS.API.CONSUMER.INFO.GAME_AI.llm",
            "$JS.API.CONSUMER.MSG.NEXT.GAME_AI.llm",
            "$JS.API.STREAM.INFO.GAME_AI",
            "_INBOX.llm.trace",
        ];
        assert_eq!(llm.permissions().publish, publish);
        assert_eq!(llm.permissions().subscribe[0].claim(), "_INBOX.llm.>");
        llm.consumes[0].ack = Ack::None;
        assert_eq!(llm.permissions().publish, publish[1..]);
        // In another account only the consumer itself is open, under a prefix.
        llm.account = "SHOP".parse().unwrap();
        let abroad = [
            "$JS.GAME.API.CONSUMER.INFO.GAME_AI.llm",
            "$JS.GAME.API.CONSUMER.MSG.NEXT.GAME_AI.llm",
            "_INBOX.llm.trace",
        ];
        assert_eq!(llm.permissions().publish, abroad);
        llm.consumes[0].ack = Ack::Explicit;
        let acknowledges = "$JS.ACK.GAME_AI.llm.1.2.3.4.5";
        assert!(llm.permissions().may_publish(acknowledges).is_some());
    }

    #[test]
    fn a_writer_of_a_bucket_does_not_read_it() {
        let mut llm = service();
        llm.writes = vec!["QUOTAS".parse().unwrap()];
        let writes = ["$JS.API.STREAM.INFO.KV_QUOTAS", "$KV.QUOTAS.>", "_INBOX.llm.trace"];
        assert_eq!(llm.permissions().publish, writes);
        llm.reads = std::mem::take(&mut llm.writes);
        assert!(llm.permissions().may_publish("$KV.QUOTAS.a").is_none());
        assert!(
            llm.permissions().may_publish("$JS.API.DIRECT.GET.KV_QUOTAS.$KV.QUOTAS.a").is_some()
        );
    }

    #[test]
    fn a_service_that_only_listens_may_publish_nothing() {
        let mut listener = service();
        listener.subscribes = vec![("evt.quest.generated.v1".parse().unwrap(), None)];
        assert!(listener.permissions().publish.is_empty());
        assert!(!listener.permissions().replies);
    }
}
