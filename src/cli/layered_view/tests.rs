//! What a reader of a plan sees, without colours.

use std::collections::BTreeSet;

use super::*;
use crate::forecast::forecast;
use crate::plan::{Kind, NotObserved, Observed, OnChange, Plan, Record, RecordId, plan};

fn id(kind: Kind, name: &str) -> RecordId {
    RecordId::new(kind, name)
}

fn thing(kind: Kind, name: &str, fields: &[(&str, &str)]) -> Record {
    let record = Record::new(id(kind, name));
    fields
        .iter()
        .fold(record, |record, (field, value)| record.field(field, value, OnChange::InPlace))
}

fn instance(name: &str, kind: &str) -> Record {
    thing(Kind::Instance, name, &[("type", kind), ("root_size", "20 GiB")])
}

/// The view as a file would have it.
fn seen(
    desired: Vec<Record>,
    found: Vec<Record>,
    not_observed: Vec<NotObserved>,
    by_hand: &[RecordId],
) -> String {
    let plan = plan(desired.clone(), Observed { records: found.clone(), not_observed });
    let forecast = forecast("us-east-1", &plan, &desired, &found).unwrap().with_calls(46);
    let by_hand: BTreeSet<RecordId> = by_hand.iter().cloned().collect();
    show(&plan, &by_hand, &forecast, false)
}

fn show(plan: &Plan, by_hand: &BTreeSet<RecordId>, forecast: &Forecast, all: bool) -> String {
    let shown = Shown { environment: "prod", plan, by_hand, forecast: Some(forecast) };
    anstream::adapter::strip_str(&layered_view(&shown, all)).to_string()
}

#[test]
fn a_plan_is_read_layer_by_layer_then_its_price() {
    let desired = vec![
        instance("nats-1", "m6i.xlarge"),
        thing(Kind::S3Bucket, "bundles", &[("versioning", "on")]),
    ];
    let text = seen(desired, vec![instance("nats-1", "m6i.large")], vec![], &[]);
    let expected = "\
storage and keys
  + S3 bucket bundles: it does not exist

nodes
  ~ instance nats-1: type differs
      type: m6i.large → m6i.xlarge

Plan: 1 to create, 1 to change.
 takes: about 100 s, all of it for instance nats-1
 costs: $141.76 a month (+$70.08), by the prices of 2026-02-09 in us-east-1
             $0.00  1 → 0 instance m6i.large
           $140.16  0 → 1 instance m6i.xlarge
        without NAT gateways, endpoints, load balancer capacity units, traffic, requests and backups
 asked: AWS 46 times
";
    assert_eq!(text, expected);
}

#[test]
fn what_was_changed_by_hand_comes_first_and_only_there() {
    let groups = |ports: &str| {
        let names = ["nodes", "cache"].into_iter();
        names.map(|name| thing(Kind::SecurityGroup, name, &[("ports", ports)])).collect()
    };
    let text = seen(groups("1"), groups("2"), vec![], &[id(Kind::SecurityGroup, "cache")]);
    let (drift, rest) = text.split_once("network\n").unwrap();
    assert!(drift.starts_with("Changed by hand since the last apply\n  ~ security group cache"));
    assert!(rest.contains("security group nodes") && !rest.contains("security group cache"));
}

#[test]
fn a_change_by_hand_that_the_files_want_as_well_is_no_drift() {
    let same = || vec![thing(Kind::Role, "nats-1", &[("policy", "1")])];
    let text = seen(same(), same(), vec![], &[id(Kind::Role, "nats-1")]);
    assert!(text.starts_with("Nothing to do: 1 thing as they should be."), "{text}");
    assert!(!text.contains("takes:"));
}

#[test]
fn many_new_things_are_counted_unless_all_are_asked_for() {
    let rules = (1..=12).map(|n| thing(Kind::SecurityRule, &format!("rule-{n}"), &[("port", "1")]));
    let desired: Vec<Record> = rules.collect();
    let text = seen(desired.clone(), vec![], vec![], &[]);
    assert!(text.contains("network\n  + 12 rules\n"), "{text}");
    let plan = plan(desired.clone(), Observed::default());
    let forecast = forecast("us-east-1", &plan, &desired, &[]).unwrap();
    let text = show(&plan, &BTreeSet::new(), &forecast, true);
    assert_eq!(text.matches("  + rule rule-").count(), 12);
}

#[test]
fn what_could_not_be_looked_at_says_its_reason_once() {
    let unseen = [Kind::Node, Kind::Claims, Kind::Stream]
        .map(|kind| NotObserved { kind, reason: "private subnets".to_owned() });
    let text = seen(vec![], vec![], unseen.into(), &[]);
    assert!(text.contains("NATS\n  ? node, claims, stream: not observed: private subnets\n"));
}

#[test]
fn without_prices_nothing_is_guessed_and_the_plan_goes_on() {
    let desired = [instance("nats-1", "m6i.large")];
    let plan = plan(desired.to_vec(), Observed::default());
    let forecast = forecast("eu-north-1", &plan, &desired, &[]).unwrap();
    let text = show(&plan, &BTreeSet::new(), &forecast, false);
    assert!(text.contains(" costs: no prices for eu-north-1\n"), "{text}");
    assert!(text.contains("  + instance nats-1"));
    assert!(!text.contains('$'));
}

#[test]
fn a_long_chain_is_shortened_in_its_middle() {
    let name = |n: usize| id(Kind::Instance, &format!("nats-{n}"));
    let records = (1..=20).map(|n| Record::new(name(n)).needs((n > 1).then(|| name(n - 1))));
    let text = seen(records.collect(), vec![], vec![], &[]);
    assert!(text.contains("instance nats-3 → 14 more → instance nats-18"), "{text}");
    assert!(text.contains("takes: about 23 min, of which instance nats-1 takes 70 s"), "{text}");
}
