//! Small clusters to ask.

use std::collections::BTreeMap;

use super::*;
use crate::model::*;

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
        caches: vec![],
        limits: ServiceLimits::default(),
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
        max_message_size: None,
        replicas: 3,
        duplicate_window: Period::seconds(120),
        compression: Compression::S2,
        deny_delete: false,
        deny_purge: false,
    }
}

/// A cluster of these, without nodes.
pub fn cluster(services: Vec<Service>, streams: Vec<Stream>) -> Cluster {
    let size = ByteSize::new(1 << 20);
    let period = Period::seconds(60);
    Cluster {
        environment: "test".parse().unwrap(),
        name: "test".parse().unwrap(),
        version: semver::Version::new(2, 15, 1),
        nodes: vec![],
        ports: Ports { client: 4222, cluster: 6222, leafnode: 7422, monitor: 8222 },
        jetstream: JetStream { domain: "hub".to_owned(), max_file: size, max_memory: size },
        limits: ServerLimits {
            max_connections: 100,
            max_payload: size,
            max_pending: size,
            ping_interval: period,
            write_deadline: period,
        },
        lame_duck: LameDuck { duration: period, grace: period },
        validity: Validity { authority: period, node: period, client: period },
        service_names: vec![],
        recipients: vec![],
        leafnodes: BTreeMap::new(),
        passages: vec![],
        placement: Placement::Local { volume: size },
        redis: None,
        accounts: BTreeMap::new(),
        services: services.into_iter().map(|service| (service.name.clone(), service)).collect(),
        streams,
    }
}

fn gateway() -> Service {
    let mut gateway = service("gateway", "GAME");
    gateway.serves = vec![("svc.x.v1.do".parse().unwrap(), "q.x".parse().unwrap())];
    gateway.calls = vec!["svc.y.v1.do".parse().unwrap(), "svc.y.v1.undo".parse().unwrap()];
    gateway.subscribes = vec![("evt.y.done.v1.*".parse().unwrap(), None)];
    gateway
}

fn rule(service: &Service, ask: Ask<'_>) -> (bool, RuleName) {
    let answer = can(service, ask);
    (answer.allowed, answer.rule.name())
}

#[test]
fn an_answer_names_its_rule() {
    let gateway = gateway();
    let publish = |subject, reply| rule(&gateway, Ask::Publish { subject, reply });
    let subscribe = |subject, queue| rule(&gateway, Ask::Subscribe { subject, queue });
    assert_eq!(publish("svc.y.v1.do", false), (true, RuleName::Grant));
    assert_eq!(publish("svc.y.v2.do", false), (false, RuleName::NotGranted));
    assert_eq!(publish("svc.y.v1.*", false), (false, RuleName::Wildcard));
    assert_eq!(publish("_INBOX.other.1", false), (false, RuleName::NotGranted));
    assert_eq!(publish("_INBOX.other.1", true), (true, RuleName::Reply));
    assert_eq!(publish("_INBOX.gateway.trace", false), (true, RuleName::Inbox));
    assert_eq!(subscribe("svc.x.v1.do", Some("q.x")), (true, RuleName::Grant));
    assert_eq!(subscribe("svc.x.v1.do", None), (false, RuleName::QueueBound));
    assert_eq!(subscribe("svc.x.v1.do", Some("q.y")), (false, RuleName::QueueBound));
    assert_eq!(subscribe("_INBOX.gateway.1", None), (true, RuleName::Inbox));
    assert_eq!(subscribe("_INBOX.>", None), (false, RuleName::NotGranted));
    assert_eq!(subscribe("evt.y.done.v1.7", None), (true, RuleName::Grant));
    assert_eq!(subscribe(">", None), (false, RuleName::NotGranted));
}

#[test]
fn a_service_that_only_listens_may_say_nothing() {
    let mut listener = service("listener", "GAME");
    listener.subscribes = vec![("evt.y.done.v1".parse().unwrap(), None)];
    let ask = Ask::Publish { subject: "evt.y.done.v1", reply: true };
    assert_eq!(rule(&listener, ask), (false, RuleName::NoGrants));
    let speaker = {
        let mut s = service("s", "GAME");
        s.serves = gateway().serves;
        s
    };
    assert_eq!(rule(&speaker, ask), (true, RuleName::Reply));
}

#[test]
fn the_nearest_grant_is_of_the_same_direction() {
    let gateway = gateway();
    let answer = can(&gateway, Ask::Publish { subject: "svc.y.v1.undoo", reply: false });
    let Rule::Missing { nearest: Some(grant) } = answer.rule else {
        panic!("{answer:?}");
    };
    assert_eq!(grant.path(), "services.gateway.calls[1]");
    let answer = can(&gateway, Ask::Subscribe { subject: "$SYS.>", queue: None });
    assert_eq!(answer.rule, Rule::Missing { nearest: None });
}

#[test]
fn a_pattern_finds_everybody_who_shares_a_message_with_it() {
    let cluster = cluster(vec![gateway()], vec![stream("EVENTS", "GAME", &["evt.y.>", "evt.z.>"])]);
    let who = who(&cluster, "evt.*.done.>");
    assert_eq!(who.subscribes[0].subject, "evt.y.done.v1.*");
    assert_eq!(who.stored.len(), 2);
    assert!(who.serves.is_empty() && who.calls.is_empty());
    assert_eq!(super::who(&cluster, "_INBOX.gateway.7").subscribes[0].subject, "_INBOX.gateway.>");
    assert!(super::who(&cluster, "evt.nobody.did.v1").is_empty());
}
