//! The decision record's cluster, to the cent, and what happens beside it.

use super::*;
use crate::plan::{OnChange, RecordId};

fn thing(kind: Kind, name: &str, fields: &[(&str, &str)]) -> Record {
    let record = Record::new(RecordId::new(kind, name));
    fields
        .iter()
        .fold(record, |record, (field, value)| record.field(field, value, OnChange::InPlace))
}

fn instance(name: &str, kind: &str) -> Record {
    thing(Kind::Instance, name, &[("type", kind), ("root_size", "20 GiB")])
}

fn volume(name: &str, size: &str, iops: &str, throughput: &str) -> Record {
    let fields = [("type", "gp3"), ("size", size), ("iops", iops), ("throughput", throughput)];
    thing(Kind::Volume, name, &fields)
}

fn cache(engine: &str, kind: &str) -> Record {
    let fields =
        [("engine", engine), ("node_type", kind), ("shards", "3"), ("replicas_per_shard", "1")];
    thing(Kind::ReplicationGroup, "prod", &fields)
}

/// The shape of the decision record: five nodes, the cache, a load balancer, a key and a zone.
fn decided() -> Vec<Record> {
    let nodes = (1..=5).map(|n| format!("nats-{n}"));
    let mut records: Vec<Record> = nodes
        .flat_map(|name| {
            [instance(&name, "m6i.large"), volume(&name, "500 GiB", "3000", "125 MiB/s")]
        })
        .collect();
    records.extend([
        cache("redis", "cache.r6g.large"),
        thing(Kind::LoadBalancer, "prod", &[]),
        thing(Kind::EncryptionKey, "prod", &[]),
        thing(Kind::Zone, "prod.internal", &[]),
        thing(Kind::SecurityGroup, "nodes", &[]),
        thing(Kind::Parameter, "wallet/creds", &[]),
    ]);
    records
}

#[track_caller]
fn priced(before: &[Record], after: &[Record]) -> Cost {
    match monthly_cost("us-east-1", before, after, &[]) {
        MonthlyCost::Priced(cost) => cost,
        MonthlyCost::NoPrices(region) => panic!("no prices for {region}"),
    }
}

fn amount(cost: &Cost, item: &str) -> String {
    let line = cost.lines.iter().find(|line| line.item == item).unwrap();
    line.after.amount.to_string()
}

#[test]
fn the_decided_cluster_costs_what_its_lines_cost() {
    let cost = priced(&[], &decided());
    assert_eq!(cost.after.to_string(), "$1,478.61");
    assert_eq!((cost.before, cost.change), (Money::default(), cost.after));
    assert_eq!(amount(&cost, "cache.r6g.large of redis"), "$902.28");
    assert_eq!(amount(&cost, "instance m6i.large"), "$350.40");
    assert_eq!(amount(&cost, "GiB of data volumes, gp3"), "$200.00");
    assert_eq!(amount(&cost, "GiB of root volumes, gp3"), "$8.00");
    assert_eq!(amount(&cost, "network load balancer"), "$16.43");
    assert_eq!(amount(&cost, "customer-managed key"), "$1.00");
    assert_eq!(amount(&cost, "private zone"), "$0.50");
    assert_eq!(cost.lines.len(), 7);
    assert_eq!(cost.unpriced, Vec::<String>::new());
}

#[test]
fn valkey_costs_a_fifth_less() {
    let cost = priced(&[cache("redis", "cache.r6g.large")], &[cache("valkey", "cache.r6g.large")]);
    assert_eq!(cost.after.to_string(), "$721.82");
    assert_eq!(cost.change.signed(), "-$180.46");
}

#[test]
fn another_instance_type_changes_two_lines() {
    let mut after = decided();
    after[0] = instance("nats-1", "m6i.xlarge");
    let cost = priced(&decided(), &after);
    assert_eq!(cost.before.to_string(), "$1,478.61");
    assert_eq!(cost.change.signed(), "+$70.08");
    let changed: Vec<&CostLine> =
        cost.lines.iter().filter(|line| line.before != line.after).collect();
    let quantities = |line: &CostLine| (line.before.quantity, line.after.quantity);
    assert_eq!(changed.len(), 2);
    assert_eq!((changed[0].item.as_str(), quantities(changed[0])), ("instance m6i.large", (5, 4)));
    assert_eq!((changed[1].item.as_str(), quantities(changed[1])), ("instance m6i.xlarge", (0, 1)));
}

#[test]
fn a_volume_pays_for_what_is_above_its_base() {
    let cost = priced(&[], &[volume("a", "100 GiB", "4000", "225 MiB/s")]);
    let amounts: Vec<String> =
        cost.lines.iter().map(|line| line.after.amount.to_string()).collect();
    // 100 × 0.08, 100 × 0.04, 1000 × 0.005.
    assert_eq!(amounts, ["$8.00", "$4.00", "$5.00"]);
}

#[test]
fn a_size_is_charged_in_whole_gibibytes() {
    let cost = priced(&[], &[volume("a", "500 GB", "3000", "125 MiB/s")]);
    assert_eq!(cost.lines[0].after.quantity, 466);
}

#[test]
fn nothing_is_guessed() {
    let nowhere = monthly_cost("eu-north-1", &[], &decided(), &[]);
    assert_eq!(nowhere, MonthlyCost::NoPrices("eu-north-1".to_owned()));
    let cost = priced(&[], &[instance("a", "x9.huge"), cache("redis", "cache.x9.huge")]);
    assert_eq!(cost.unpriced, ["instance a (x9.huge)", "replication group prod (cache.x9.huge)"]);
    assert_eq!(cost.after, Money::default());
    let unknown = thing(Kind::Volume, "a", &[("type", "io2"), ("size", "1 GiB")]);
    assert_eq!(priced(&[], &[unknown]).unpriced, ["volume a (io2)"]);
}

#[test]
fn what_was_not_looked_at_is_named() {
    let MonthlyCost::Priced(cost) =
        monthly_cost("us-east-1", &[], &[], &[Kind::Volume, Kind::Stream])
    else {
        panic!("there are prices");
    };
    assert_eq!(cost.without.last().unwrap(), "each volume, which was not looked at");
}

#[test]
fn what_is_removed_is_saved() {
    let cost = priced(&decided(), &[]);
    assert_eq!(cost.change.signed(), "-$1,478.61");
    assert_eq!(cost.after, Money::default());
}
