//! What each kind of change means, on the smallest contract that has it.

use super::*;
use crate::contract::tests::{bucket, cluster, consumer, service, stream};
use crate::model::{
    Account, Ack, ByteSize, Deliver, JetStreamLimits, Leafnode, Share, passages, samples,
};

/// The code and the effect of every change, the affected behind them.
fn told(before: &Cluster, after: &Cluster) -> Vec<String> {
    let shown = |change: Change| {
        let affects = change.affects.join(" ");
        format!("{:?} {} {} {affects}", change.effect, change.code, change.thing).trim().to_owned()
    };
    diff(before, after).into_iter().map(shown).collect()
}

fn base() -> Cluster {
    let mut server = service("server", "GAME");
    server.serves = vec![("svc.x.v1.do".parse().unwrap(), "q.x".parse().unwrap())];
    server.publishes = vec!["evt.x.done.v1".parse().unwrap()];
    let mut client = service("client", "GAME");
    client.calls = vec!["svc.x.v1.do".parse().unwrap()];
    client.subscribes = vec![("evt.x.done.v1".parse().unwrap(), Some("q.client".parse().unwrap()))];
    cluster(vec![server, client], vec![stream("EVENTS", "GAME", &["evt.x.>"])])
}

fn changed(change: impl FnOnce(&mut Cluster)) -> Vec<String> {
    let (before, mut after) = (base(), base());
    change(&mut after);
    told(&before, &after)
}

#[test]
fn the_same_contract_has_no_differences() {
    assert!(changed(|_| {}).is_empty());
}

#[test]
fn a_subject_that_nobody_serves_any_more_breaks_its_callers() {
    let told = changed(|after| after.services.get_mut("server").unwrap().serves.clear());
    assert_eq!(told, ["Breaking subject-unserved server client"]);
}

#[test]
fn a_new_version_beside_the_old_one_breaks_nobody() {
    let told = changed(|after| {
        let serves = &mut after.services.get_mut("server").unwrap().serves;
        serves.push(("svc.x.v2.do".parse().unwrap(), "q.x".parse().unwrap()));
    });
    assert_eq!(told, ["Addition subject-new server"]);
}

#[test]
fn another_queue_group_breaks_and_another_server_of_the_group_does_not() {
    let told = changed(|after| {
        after.services.get_mut("server").unwrap().serves[0].1 = "q.other".parse().unwrap();
    });
    assert_eq!(told, ["Breaking queue-group-moved server client"]);
    let told = changed(|after| {
        let serves = std::mem::take(&mut after.services.get_mut("server").unwrap().serves);
        let mut heir = service("heir", "GAME");
        heir.serves = serves;
        after.services.insert(heir.name.clone(), heir);
    });
    assert_eq!(told, ["Notable server-changed server client", "Addition service-new heir"]);
}

#[test]
fn a_publisher_that_falls_silent_is_felt_by_its_listeners() {
    let told = changed(|after| after.services.get_mut("server").unwrap().publishes.clear());
    assert_eq!(told, ["Breaking publish-gone server client"]);
}

#[test]
fn grants_that_go_and_come_are_told() {
    let told = changed(|after| {
        let client = after.services.get_mut("client").unwrap();
        client.calls = vec!["svc.x.v1.other".parse().unwrap()];
        client.subscribes.clear();
    });
    let expected =
        ["Breaking call-gone client", "Breaking subscribe-gone client", "Addition call-new client"];
    assert_eq!(told, expected);
}

#[test]
fn a_grant_that_a_wider_one_covers_is_not_missed() {
    let (mut before, mut after) = (base(), base());
    let publishes = |subject: &str| vec![subject.parse().unwrap()];
    before.services.get_mut("server").unwrap().publishes = publishes("evt.x.done.v1.42");
    after.services.get_mut("server").unwrap().publishes = publishes("evt.x.done.v1.*");
    assert_eq!(told(&before, &after), ["Addition publish-new server"]);
    assert_eq!(told(&after, &before), ["Breaking publish-gone server"]);
}

#[test]
fn a_subscription_may_leave_its_group_but_not_enter_another() {
    let regroup = |queue: Option<&str>| {
        changed(|after| {
            let queue = queue.map(|queue| queue.parse().unwrap());
            after.services.get_mut("client").unwrap().subscribes[0].1 = queue;
        })
    };
    assert_eq!(regroup(None), ["Notable subscription-regrouped client"]);
    assert_eq!(regroup(Some("q.other")), ["Breaking subscription-regrouped client"]);
}

#[test]
fn a_service_that_moves_to_another_account_leaves_its_callers_behind() {
    let told = changed(|after| {
        after.services.get_mut("server").unwrap().account = "PLAYERS".parse().unwrap();
    });
    let expected = [
        "Breaking service-moved server client",
        "Breaking subject-moved server client",
        "Addition subject-new server",
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_a_stream_no_longer_stores_is_told_with_who_loses_it() {
    let told = changed(|after| after.streams[0].subjects = vec!["evt.y.>".parse().unwrap()]);
    assert_eq!(told[0], "Breaking subject-unstored EVENTS server");
    assert_eq!(told[1], "Addition subject-stored EVENTS");
    let told = changed(|after| after.streams.clear());
    assert_eq!(told, ["Breaking stream-gone EVENTS server"]);
    // A pattern may become narrower as long as everything that is published still fits.
    let told = changed(|after| after.streams[0].subjects = vec!["evt.x.done.v1".parse().unwrap()]);
    assert_eq!(told, ["Notable subject-unstored EVENTS"]);
}

#[test]
fn shorter_retention_is_worth_naming_and_longer_adds() {
    let age = |age: &str| changed(|after| after.streams[0].max_age = Some(age.parse().unwrap()));
    assert_eq!(age("1d"), ["Notable retention-shorter EVENTS"]);
    assert_eq!(age("30d"), ["Addition retention-longer EVENTS"]);
    assert_eq!(
        changed(|after| after.streams[0].max_age = None),
        ["Addition retention-longer EVENTS"]
    );
}

#[test]
fn smaller_messages_break_their_publishers() {
    let told = changed(|after| after.streams[0].max_message_size = Some("1 KiB".parse().unwrap()));
    assert_eq!(told, ["Breaking limit-smaller EVENTS server"]);
    let told = changed(|after| {
        after.services.get_mut("client").unwrap().limits.payload = Some("1 KiB".parse().unwrap());
    });
    assert_eq!(told, ["Breaking limit-smaller client"]);
}

/// The contract with a till in another account, which hears and calls what GAME shares with it.
fn shared(shares: &[&str]) -> Cluster {
    let mut till = service("till", "SHOP");
    till.calls = vec!["svc.x.v1.do".parse().unwrap()];
    till.subscribes = vec![("evt.x.done.v1".parse().unwrap(), None)];
    let mut base = base();
    base.services.insert(till.name.clone(), till);
    let share = |subject: &&str| Share {
        subject: subject.parse().unwrap(),
        with: vec!["SHOP".parse().unwrap()],
    };
    let account = |name: &str, shares| Account { shares, ..samples::account(name) };
    let accounts = [account("GAME", shares.iter().map(share).collect()), account("SHOP", vec![])];
    base.accounts = accounts.into_iter().map(|one| (one.name.clone(), one)).collect();
    base.passages = passages(&base.accounts, &base.services, &base.streams);
    base
}

#[test]
fn an_account_that_loses_a_share_loses_what_its_services_had() {
    let (wide, narrow) = (shared(&["evt.x.done.v1", "svc.x.v1.do"]), shared(&["evt.x.done.v1"]));
    assert_eq!(told(&wide, &narrow), ["Breaking share-gone GAME till"]);
    assert_eq!(told(&narrow, &wide), ["Addition share-new GAME"]);
}

#[test]
fn a_consumer_of_another_account_feels_what_happens_to_its_stream() {
    let before = || {
        let mut cluster = shared(&["evt.x.done.v1", "svc.x.v1.do"]);
        let till = cluster.services.get_mut("till").unwrap();
        till.subscribes.clear();
        till.consumes = vec![consumer("EVENTS", "till", &["evt.x.done.v1"])];
        cluster.passages = passages(&cluster.accounts, &cluster.services, &cluster.streams);
        cluster
    };
    let change = |change: fn(&mut Cluster)| {
        let mut after = before();
        change(&mut after);
        told(&before(), &after)
    };
    let gone = change(|after| {
        after.streams.clear();
        after.services.get_mut("till").unwrap().consumes.clear();
    });
    assert_eq!(gone, ["Breaking stream-gone EVENTS server till", "Breaking consumer-gone till"]);
    let silent = change(|after| after.services.get_mut("server").unwrap().publishes.clear());
    assert_eq!(silent, ["Breaking publish-gone server client till"]);
    let unshared = change(|after| {
        after.accounts.get_mut("GAME").unwrap().shares.remove(0);
        after.services.get_mut("till").unwrap().consumes.clear();
    });
    assert_eq!(unshared, ["Breaking share-gone GAME till", "Breaking consumer-gone till"]);
    let narrower =
        change(|after| after.streams[0].subjects = vec!["evt.x.done.v1".parse().unwrap()]);
    assert_eq!(narrower, ["Notable subject-unstored EVENTS"]);
    let moved = change(|after| after.streams[0].account = "SHOP".parse().unwrap());
    assert_eq!(moved, ["Breaking stream-moved EVENTS till"]);
}

/// Publishers of audit records live in other accounts than the streams that keep them.
#[test]
fn an_audit_trail_that_is_lost_breaks_whoever_writes_it() {
    let before = || {
        let mut clerk = service("clerk", "GAME");
        clerk.publishes = vec!["audit.x.paid.v1.*".parse().unwrap()];
        let mut cluster =
            cluster(vec![clerk], vec![stream("TRAIL", "AUDIT", &["audit.x.>", "audit.y.>"])]);
        cluster.passages = passages(&cluster.accounts, &cluster.services, &cluster.streams);
        cluster
    };
    let change = |change: fn(&mut Cluster)| {
        let mut after = before();
        change(&mut after);
        after.passages = passages(&after.accounts, &after.services, &after.streams);
        told(&before(), &after)
    };
    let lost = change(|after| drop(after.streams[0].subjects.remove(0)));
    assert_eq!(lost, ["Breaking subject-unstored TRAIL clerk"]);
    let unused = change(|after| drop(after.streams[0].subjects.remove(1)));
    assert_eq!(unused, ["Notable subject-unstored TRAIL"]);
    let gone = change(|after| after.streams.clear());
    assert_eq!(gone, ["Breaking stream-gone TRAIL clerk"]);
    let guarded = |deny| {
        let mut cluster = before();
        cluster.streams[0].deny_purge = deny;
        cluster
    };
    let open = told(&guarded(true), &guarded(false));
    assert_eq!(open, ["Breaking guard-weaker TRAIL clerk"]);
}

#[test]
fn what_a_stream_keeps_for_less_long_is_felt_by_whoever_pulls() {
    let told = with_stores(|after| after.streams[0].max_age = Some(crate::model::Period::days(1)));
    assert_eq!(told, ["Notable retention-shorter EVENTS client"]);
    let told = with_stores(|after| after.streams[0].retention = crate::model::Retention::WorkQueue);
    assert_eq!(told, ["Breaking retention-changed EVENTS client"]);
}

#[test]
fn a_stream_that_moves_without_consumers_breaks_nobody() {
    let told = changed(|after| after.streams[0].account = "AUDIT".parse().unwrap());
    assert_eq!(told, ["Notable stream-moved EVENTS"]);
}

#[test]
fn who_is_served_or_told_in_another_account_feels_a_change_too() {
    let before = shared(&["evt.x.done.v1", "svc.x.v1.do"]);
    let mut after = before.clone();
    let server = after.services.get_mut("server").unwrap();
    server.serves.clear();
    server.publishes.clear();
    let told = told(&before, &after);
    assert!(told.contains(&"Breaking subject-unserved server client till".to_owned()), "{told:?}");
    assert!(told.contains(&"Breaking publish-gone server client till".to_owned()), "{told:?}");
}

/// The base, whose client also pulls and reads.
fn with_stores(change: impl FnOnce(&mut Cluster)) -> Vec<String> {
    let stores = || {
        let mut cluster = base();
        cluster.buckets = vec![bucket("QUOTAS", "GAME")];
        let client = cluster.services.get_mut("client").unwrap();
        client.consumes = vec![consumer("EVENTS", "client", &["evt.x.>"])];
        client.reads = vec!["QUOTAS".parse().unwrap()];
        cluster
    };
    let (before, mut after) = (stores(), stores());
    change(&mut after);
    told(&before, &after)
}

fn pulled(change: impl FnOnce(&mut crate::model::Consumer)) -> Vec<String> {
    with_stores(|after| change(&mut after.services.get_mut("client").unwrap().consumes[0]))
}

#[test]
fn a_consumer_that_goes_or_hands_out_less_breaks_its_service() {
    let gone = with_stores(|after| after.services.get_mut("client").unwrap().consumes.clear());
    assert_eq!(gone, ["Breaking consumer-gone client"]);
    let narrower = pulled(|c| c.filter = vec!["evt.x.done.v1".parse().unwrap()]);
    assert_eq!(narrower, ["Breaking filter-narrower client"]);
    assert_eq!(pulled(|c| c.filter.clear()), Vec::<String>::new(), "the stream stores no more");
    assert_eq!(pulled(|c| c.ack = Ack::None), ["Breaking consumer-remade client"]);
    assert_eq!(pulled(|c| c.deliver = Deliver::New), ["Notable consumer-remade client"]);
    assert_eq!(pulled(|c| c.replicas = Some(1)), ["Notable guard-weaker client"]);
    assert_eq!(pulled(|c| c.replicas = Some(3)), Vec::<String>::new(), "the stream has three");
}

#[test]
fn a_bucket_that_goes_or_keeps_less_is_told_with_those_who_use_it() {
    let gone = with_stores(|after| {
        after.buckets.clear();
        after.services.get_mut("client").unwrap().reads.clear();
    });
    assert_eq!(gone, ["Breaking bucket-gone QUOTAS client", "Breaking read-gone client"]);
    let shorter = with_stores(|after| after.buckets[0].ttl = Some("1h".parse().unwrap()));
    assert_eq!(shorter, ["Notable retention-shorter QUOTAS client"]);
    let written = with_stores(|after| {
        after.services.get_mut("server").unwrap().writes = vec!["QUOTAS".parse().unwrap()];
    });
    assert_eq!(written, ["Addition write-new server"]);
}

#[test]
fn a_stream_that_goes_is_felt_by_those_who_pull_and_a_silent_publisher_too() {
    let told = with_stores(|after| {
        after.streams.clear();
        after.services.get_mut("client").unwrap().consumes.clear();
    });
    assert!(told.contains(&"Breaking stream-gone EVENTS client server".to_owned()), "{told:?}");
    let told = with_stores(|after| after.services.get_mut("server").unwrap().publishes.clear());
    assert_eq!(told, ["Breaking publish-gone server client"]);
}

#[test]
fn fewer_ways_to_connect_break() {
    let networks = |list: &[&str]| list.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let told = changed(|after| {
        after.services.get_mut("client").unwrap().networks = networks(&["10.0.0.0/8"]);
    });
    assert_eq!(told, ["Breaking connection-refused client"]);
    let told = changed(|after| after.services.get_mut("client").unwrap().connections.clear());
    assert_eq!(told, ["Breaking connection-refused client"]);
}

/// The base with an edge that calls and hears.
fn with_edge(change: impl FnOnce(&mut Cluster)) -> Vec<String> {
    let edge = || Leafnode {
        name: "edge".parse().unwrap(),
        account: "GAME".parse().unwrap(),
        description: String::new(),
        calls: vec!["svc.x.v1.do".parse().unwrap()],
        publishes: vec![],
        subscribes: vec!["evt.x.done.v1".parse().unwrap()],
    };
    let cluster = || {
        let mut cluster = base();
        cluster.leafnodes.insert(edge().name, edge());
        cluster
    };
    let (before, mut after) = (cluster(), cluster());
    change(&mut after);
    told(&before, &after)
}

#[test]
fn a_leafnode_that_goes_moves_or_may_do_less_is_told() {
    let edge = |change: fn(&mut Leafnode)| {
        with_edge(|after| change(after.leafnodes.get_mut("edge").unwrap()))
    };
    assert_eq!(edge(|edge| edge.calls.clear()), ["Breaking call-gone leafnode/edge"]);
    assert_eq!(edge(|edge| edge.subscribes.clear()), ["Breaking subscribe-gone leafnode/edge"]);
    let moved = edge(|edge| edge.account = "SHOP".parse().unwrap());
    assert_eq!(moved, ["Breaking leafnode-moved leafnode/edge"]);
    let more = edge(|edge| edge.calls.push("svc.y.v1.do".parse().unwrap()));
    assert_eq!(more, ["Addition call-new leafnode/edge"]);
    let gone = with_edge(|after| after.leafnodes.clear());
    assert_eq!(gone, ["Breaking leafnode-gone leafnode/edge"]);
}

#[test]
fn a_leafnode_feels_what_its_account_loses() {
    let told = with_edge(|after| after.services.get_mut("server").unwrap().serves.clear());
    assert_eq!(told, ["Breaking subject-unserved server client leafnode/edge"]);
    let told = with_edge(|after| after.services.get_mut("server").unwrap().publishes.clear());
    assert_eq!(told, ["Breaking publish-gone server client leafnode/edge"]);
}

#[test]
fn keys_of_the_cache_that_go_and_come_are_told() {
    let caches = |before: &[&str], after: &[&str]| {
        let with = |keys: &[&str]| {
            let mut cluster = base();
            let keys = keys.iter().map(|key| key.parse().unwrap()).collect();
            cluster.services.get_mut("client").unwrap().caches = keys;
            cluster
        };
        told(&with(before), &with(after))
    };
    assert_eq!(caches(&["a:*"], &[]), ["Breaking cache-gone client"]);
    assert_eq!(caches(&["a:*"], &["a:b:*"]), ["Breaking cache-gone client"]);
    assert_eq!(caches(&["a:b:*"], &["a:*"]), ["Addition cache-new client"]);
}

#[test]
fn less_and_more_storage_of_an_account_is_told() {
    let limited = |jetstream: Option<JetStreamLimits>| {
        let mut cluster = shared(&["evt.x.done.v1", "svc.x.v1.do"]);
        cluster.accounts.get_mut("GAME").unwrap().limits.jetstream = jetstream;
        cluster
    };
    let limits = |disk, streams, consumers| {
        Some(JetStreamLimits { disk: ByteSize::new(disk), streams, consumers })
    };
    let told = |after| told(&limited(limits(9, 9, 9)), &limited(after));
    let smaller = "Notable limit-smaller GAME client server";
    assert_eq!(told(limits(8, 9, 9)), [smaller]);
    assert_eq!(told(limits(9, 8, 9)), [smaller]);
    assert_eq!(told(limits(9, 9, 8)), [smaller]);
    assert_eq!(told(None), ["Breaking limit-smaller GAME client server"]);
    let larger = "Addition limit-larger GAME";
    assert_eq!(told(limits(10, 10, 10)), [larger; 3]);
}

#[test]
fn a_network_that_holds_the_former_one_takes_nothing_away() {
    let from = |before: &[&str], after: &[&str]| {
        let with = |networks: &[&str]| {
            let mut cluster = base();
            let networks = networks.iter().map(|network| (*network).to_owned()).collect();
            cluster.services.get_mut("client").unwrap().networks = networks;
            cluster
        };
        told(&with(before), &with(after))
    };
    let (narrow, wide) = ("10.0.1.0/24", "10.0.0.0/16");
    assert_eq!(from(&[narrow], &[wide]), ["Addition connection-allowed client"]);
    assert_eq!(from(&[wide], &[narrow]), ["Breaking connection-refused client"]);
    assert_eq!(from(&[narrow], &[]), ["Addition connection-allowed client"]);
    assert_eq!(from(&[], &[narrow]), ["Breaking connection-refused client"]);
}

#[test]
fn a_publisher_that_goes_is_missed_by_whoever_heard_it() {
    let told = changed(|after| drop(after.services.remove("server")));
    assert!(told.contains(&"Breaking service-gone server client".to_owned()), "{told:?}");
    let told = with_stores(|after| after.streams[0].subjects = vec!["evt.y.>".parse().unwrap()]);
    let lost = "Breaking subject-unstored EVENTS client server".to_owned();
    assert!(told.contains(&lost), "{told:?}");
}

#[test]
fn only_those_feel_a_narrower_grant_who_needed_the_rest_of_it() {
    let narrowed = |served: &str, published: &str| {
        let mut cluster = base();
        let server = cluster.services.get_mut("server").unwrap();
        server.serves = vec![(served.parse().unwrap(), "q.x".parse().unwrap())];
        server.publishes = vec![published.parse().unwrap()];
        for (name, entity) in [("seven", "7"), ("other", "42")] {
            let mut service = service(name, "GAME");
            service.calls = vec![format!("svc.x.v1.get.{entity}").parse().unwrap()];
            service.subscribes = vec![(format!("evt.x.done.v1.{entity}").parse().unwrap(), None)];
            cluster.services.insert(service.name.clone(), service);
        }
        cluster
    };
    let before = narrowed("svc.x.v1.get.*", "evt.x.done.v1.*");
    let served = told(&before, &narrowed("svc.x.v1.get.42", "evt.x.done.v1.*"));
    assert_eq!(served[0], "Breaking subject-unserved server seven");
    let published = told(&before, &narrowed("svc.x.v1.get.*", "evt.x.done.v1.7"));
    assert_eq!(published[0], "Breaking publish-gone server other");
}
