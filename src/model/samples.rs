//! Small things to test with.

use super::{
    Account, AccountLimits, Ack, AwsSettings, ByteRate, ByteSize, Compression, ConnectionKind,
    Consumer, Deliver, Discard, Period, Retention, Service, ServiceLimits, Stream, Volume,
};

/// An account without JetStream that shares nothing.
pub fn account(name: &str) -> Account {
    let payload = ByteSize::new(1);
    Account {
        name: name.parse().unwrap(),
        description: String::new(),
        limits: AccountLimits { connections: 1, subscriptions: 1, payload, jetstream: None },
        shares: vec![],
    }
}

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

/// What is meant of AWS.
pub fn aws_settings() -> AwsSettings {
    AwsSettings {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        image: "ami-0a1b2c3d4e5f60718".to_owned(),
        instance_type: "m6i.large".to_owned(),
        volume: Volume {
            kind: "gp3".to_owned(),
            size: ByteSize::new(500 << 30),
            iops: 3000,
            throughput: "125 MiB/s".parse::<ByteRate>().unwrap(),
            kms_key: "alias/natsops-prod".to_owned(),
        },
        vpc: "game-platform".to_owned(),
        subnets: vec![],
        dns_zone: "prod.internal".to_owned(),
        protected: false,
        internal_load_balancer: true,
        monitoring_allow: vec![],
    }
}
