//! Small clusters to ask.

use std::collections::BTreeMap;

use super::*;
use crate::model::*;

pub use crate::model::samples::{service, stream};

/// A consumer in GAME that hands out what these patterns say.
pub fn consumer(stream: &str, name: &str, filter: &[&str]) -> Consumer {
    Consumer { name: name.parse().unwrap(), ..samples::consumer("GAME", stream, filter) }
}

/// A bucket of a day.
pub fn bucket(name: &str, account: &str) -> Bucket {
    Bucket {
        name: name.parse().unwrap(),
        account: account.parse().unwrap(),
        description: String::new(),
        history: 1,
        ttl: Some(Period::days(1)),
        max_bytes: ByteSize::new(1 << 20),
        max_value_size: None,
        replicas: 3,
        compression: Compression::S2,
        placement: vec![],
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
        rotation: Rotation {
            operator: period,
            operator_key: period,
            account: period,
            signing_key: period,
            user: period,
            authority: period,
            node: period,
            client: period,
            cache_user: period,
        },
        service_names: vec![],
        recipients: vec![],
        leafnodes: BTreeMap::new(),
        passages: vec![],
        placement: Placement::Local { volume: size },
        redis: None,
        accounts: BTreeMap::new(),
        services: services.into_iter().map(|service| (service.name.clone(), service)).collect(),
        streams,
        buckets: vec![],
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
    assert_eq!(publish("svc.y.v1.*", false), (false, RuleName::NotGranted));
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
fn a_wildcard_in_a_publication_is_a_word_as_any_other() {
    let mut speaker = service("speaker", "GAME");
    speaker.publishes = vec!["evt.y.done.v1.*".parse().unwrap()];
    let publish = |subject| rule(&speaker, Ask::Publish { subject, reply: false });
    assert_eq!(publish("evt.y.done.v1.*"), (true, RuleName::Grant));
    assert_eq!(publish("evt.y.done.v1.>"), (true, RuleName::Grant));
    assert_eq!(publish("evt.y.*.v1.7"), (false, RuleName::NotGranted));
    assert_eq!(publish("evt.y.done.>"), (false, RuleName::NotGranted));
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

#[test]
fn what_is_pulled_read_and_written_has_rules_of_its_own() {
    let mut gateway = gateway();
    gateway.consumes = vec![consumer("EVENTS", "gateway", &["evt.x.>"])];
    gateway.reads = vec!["QUOTAS".parse().unwrap()];
    gateway.writes = vec!["SEEN".parse().unwrap()];
    let publish = |subject| rule(&gateway, Ask::Publish { subject, reply: false });
    assert_eq!(publish("$JS.API.CONSUMER.MSG.NEXT.EVENTS.gateway"), (true, RuleName::Consumer));
    assert_eq!(publish("$JS.API.CONSUMER.MSG.NEXT.EVENTS.other"), (false, RuleName::NotGranted));
    assert_eq!(publish("$JS.ACK.EVENTS.gateway.1.2.3"), (true, RuleName::Consumer));
    assert_eq!(publish("$JS.API.STREAM.DELETE.EVENTS"), (false, RuleName::NotGranted));
    assert_eq!(publish("$JS.API.DIRECT.GET.KV_QUOTAS.$KV.QUOTAS.a"), (true, RuleName::Bucket));
    assert_eq!(publish("$KV.QUOTAS.a"), (false, RuleName::NotGranted));
    assert_eq!(publish("$KV.SEEN.a.b"), (true, RuleName::Bucket));
    let answer = can(&gateway, Ask::Publish { subject: "$KV.SEEN.a", reply: false });
    let Rule::Entry { basis, .. } = answer.rule else {
        panic!("{answer:?}");
    };
    assert_eq!(basis.path(&gateway).unwrap(), "services.gateway.writes[0]");
}

/// A pattern may be wider than what ever comes to its account.
#[test]
fn what_does_not_cross_is_neither_stored_nor_pulled_elsewhere() {
    let mut one = service("one", "GAME");
    one.publishes = vec!["evt.a.done.v1".parse().unwrap()];
    let mut other = service("other", "SHOP");
    other.publishes = vec!["evt.b.done.v1".parse().unwrap()];
    let pulled = samples::consumer("SHOP", "ALL", &["evt.>"]);
    other.consumes = vec![Consumer { account: "SHOP".parse().unwrap(), ..pulled }];
    let streams = vec![stream("OWN", "GAME", &["evt.a.>"]), stream("ALL", "SHOP", &["evt.>"])];
    let mut cluster = cluster(vec![one, other], streams);
    let stored = |cluster: &Cluster, subject: &str| {
        let who = who(cluster, subject);
        let streams: Vec<String> = who.stored.iter().map(|store| store.stream.clone()).collect();
        (streams.join(" "), who.consumes.len())
    };
    assert_eq!(stored(&cluster, "evt.a.done.v1"), ("OWN".to_owned(), 0));
    assert_eq!(stored(&cluster, "evt.b.done.v1"), ("ALL".to_owned(), 1));
    // Nobody publishes it yet.
    assert_eq!(stored(&cluster, "evt.c.done.v1"), ("ALL".to_owned(), 1));
    cluster.passages = vec![Passage {
        owner: "GAME".parse().unwrap(),
        user: "SHOP".parse().unwrap(),
        kind: PassageKind::Events,
        subject: "evt.a.done.v1".parse().unwrap(),
        exported: "evt.a.done.v1".parse().unwrap(),
    }];
    assert_eq!(stored(&cluster, "evt.a.done.v1"), ("OWN ALL".to_owned(), 1));
    // Who pulls it over there has it in no stream of its own.
    cluster.passages[0].kind = PassageKind::Stored;
    assert_eq!(stored(&cluster, "evt.a.done.v1"), ("OWN".to_owned(), 0));
}

#[test]
fn who_pulls_a_subject_is_told_with_its_consumer() {
    let mut publisher = service("publisher", "GAME");
    publisher.publishes = vec!["evt.x.done.v1".parse().unwrap(), "evt.y.done.v1".parse().unwrap()];
    let mut puller = service("puller", "GAME");
    puller.consumes = vec![consumer("EVENTS", "puller", &["evt.x.>"])];
    let mut all = service("all", "GAME");
    all.consumes = vec![consumer("EVENTS", "all", &[])];
    let streams = vec![stream("EVENTS", "GAME", &["evt.>"])];
    let cluster = cluster(vec![publisher, puller, all], streams);
    let pulls = |subject: &str| {
        let who = who(&cluster, subject);
        who.consumes.iter().map(|puller| puller.consumer.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(pulls("evt.x.done.v1"), ["all", "puller"]);
    assert_eq!(pulls("evt.y.done.v1"), ["all"]);
    let known = subjects(&cluster);
    let subject: Subject = "evt.y.done.v1".parse().unwrap();
    let account: AccountName = "GAME".parse().unwrap();
    let users: Vec<Verb> = known[&(&subject, &account)].iter().map(|grant| grant.verb).collect();
    assert_eq!(users, [Verb::Publishes, Verb::Consumes]);
}
