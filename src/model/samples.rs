//! Small things to test with.

use super::{
    Ack, ByteSize, Compression, ConnectionKind, Consumer, Deliver, Discard, Period, Retention,
    Service, ServiceLimits, Stream,
};

/// A service without grants.
pub fn service(name: &str, account: &str) -> Service {
    Service {
        name: name.parse().unwrap(),
        account: account.parse().unwrap(),
        description: String::new(),
        serves: vec![],
        calls: vec![],
        publishes: vec![],
        subscribes: vec![],
        consumes: vec![],
        reads: vec![],
        writes: vec![],
        caches: vec![],
        limits: ServiceLimits::default(),
        networks: vec![],
        connections: vec![ConnectionKind::Standard],
    }
}

/// A consumer `puller` that hands out what these patterns say.
pub fn consumer(account: &str, stream: &str, filter: &[&str]) -> Consumer {
    Consumer {
        account: account.parse().unwrap(),
        stream: stream.parse().unwrap(),
        name: "puller".parse().unwrap(),
        description: String::new(),
        filter: filter.iter().map(|pattern| pattern.parse().unwrap()).collect(),
        deliver: Deliver::All,
        ack: Ack::Explicit,
        redelivery: None,
        max_waiting: 512,
        replicas: None,
    }
}

/// A stream of a week.
pub fn stream(name: &str, account: &str, subjects: &[&str]) -> Stream {
    Stream {
        name: name.parse().unwrap(),
        account: account.parse().unwrap(),
        description: String::new(),
        subjects: subjects.iter().map(|subject| subject.parse().unwrap()).collect(),
        retention: Retention::Limits,
        discard: Discard::Old,
        max_age: Some(Period::days(7)),
        max_bytes: ByteSize::new(1 << 20),
        max_messages: None,
        max_messages_per_subject: None,
        discard_per_subject: false,
        max_message_size: None,
        replicas: 3,
        duplicate_window: Period::seconds(120),
        compression: Compression::S2,
        placement: vec![],
        deny_delete: false,
        deny_purge: false,
    }
}
