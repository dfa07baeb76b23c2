//! What GitHub is given: whole, harmless and not too long.

use std::collections::BTreeSet;

use super::*;
use crate::forecast::forecast;
use crate::plan::{Kind, Observed, OnChange, Plan, Record, RecordId, plan};

fn thing(kind: Kind, name: &str, value: &str) -> Record {
    Record::new(RecordId::new(kind, name)).field("value", value, OnChange::InPlace)
}

fn planned(desired: &[Record], found: &[Record]) -> Plan {
    plan(desired.to_vec(), Observed { records: found.to_vec(), not_observed: vec![] })
}

fn shown(desired: &[Record], found: &[Record], by_hand: &[RecordId]) -> String {
    let plan = planned(desired, found);
    let forecast = forecast("us-east-1", &plan, desired, found).unwrap().with_calls(46);
    let by_hand: BTreeSet<RecordId> = by_hand.iter().cloned().collect();
    let shown =
        Shown { environment: "prod", plan: &plan, by_hand: &by_hand, forecast: Some(&forecast) };
    markdown(&shown)
}

/// The cells of the table's rows about things, as GitHub divides them.
fn cells(text: &str) -> Vec<usize> {
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |"));
    rows.map(|row| row.replace("\\|", "").matches('|').count()).collect()
}

#[test]
fn totals_are_read_and_the_rest_is_opened() {
    let desired = [
        thing(Kind::LoadBalancer, "prod", "1"),
        thing(Kind::SecurityGroup, "nodes", "new"),
        thing(Kind::Role, "nats-1", "1"),
    ];
    let found = [thing(Kind::SecurityGroup, "nodes", "old"), thing(Kind::Role, "nats-1", "2")];
    let text = shown(&desired, &found, &[RecordId::new(Kind::Role, "nats-1")]);
    let begin = "\
### natsops plan prod

**Plan: 1 to create, 2 to change.**

- Takes about 3 min, all of it for load balancer prod.
- Costs <span>$</span>16.43 a month (+<span>$</span>16.43), by the prices of 2026-02-09 in us-east-1.
  without NAT gateways, endpoints, load balancer capacity units, traffic, requests and backups.

<details open><summary><b>Changed by hand since the last apply</b>: 1 change</summary>

| | what | why | effect |
|---|---|---|---|
| \\~ | role nats-1 | value differs<br>`value`: `2 → 1` |  |

</details>

<details><summary><b>network</b>: 1 change</summary>

| | what | why | effect |
|---|---|---|---|
| \\~ | security group nodes | value differs<br>`value`: `old → new` |  |
";
    assert!(text.starts_with(begin), "{text}");
    assert!(
        text.contains(
            "| network load balancer | 0 → 1 | <span>$</span>0.00 | <span>$</span>16.43 |"
        ),
        "{text}"
    );
    assert!(text.contains("| **sum** | | **<span>$</span>0.00** | **<span>$</span>16.43** |"));
    assert!(text.ends_with("<sub>AWS was asked 46 times.</sub>\n"), "{text}");
    assert!(!text.contains('\u{1b}'), "a comment has no colours");
}

#[test]
fn no_value_breaks_a_table_or_calls_anybody() {
    let wild = "a|b `c` ``d`` <img src=x>\n| e | @octocat\\";
    let desired = [thing(Kind::Role, "a|b <b>@octocat", wild)];
    let found = [thing(Kind::Role, "a|b <b>@octocat", "1")];
    let text = shown(&desired, &found, &[]);
    let row = text.lines().find(|line| line.starts_with("| ") && line.contains("octocat")).unwrap();
    assert_eq!(row.replace("\\|", "").matches('|').count(), 5, "{row}");
    assert!(row.contains("role a\\|b &lt;b&gt;@\u{200b}octocat"), "{row}");
    assert!(row.contains("```1 → a\\|b `c` ``d`` <img src=x> \\| e \\| @octocat"), "{row}");
}

#[test]
fn a_comment_is_never_too_long_and_says_what_is_not_in_it() {
    let value = "x|`@".repeat(100);
    let kinds = [Kind::SecurityRule, Kind::Parameter, Kind::DnsRecord, Kind::Listener];
    let things = |value: &str| -> Vec<Record> {
        let names = (0..1000).map(|n| format!("thing-{n}"));
        names.flat_map(|name| kinds.map(|kind| thing(kind, &name, value))).collect()
    };
    let text = shown(&things(&value), &things("old"), &[]);
    assert!(text.len() <= LIMIT, "{}", text.len());
    assert!(text.len() > LIMIT - 2 * RESERVE, "there is room for more: {}", text.len());
    assert_eq!(text.matches("<details").count(), text.matches("</details>").count());
    let shown = text.lines().filter(|line| line.starts_with("| \\~")).count();
    // The private records of names cost nothing, so that the bill has no rows.
    let omitted = format!("{} more lines would not fit here: `natsops plan prod`", 4000 - shown);
    assert!(shown > 50 && text.contains(&omitted), "{shown}");
    assert!(cells(&text).iter().all(|cells| *cells == 5));
}

#[test]
fn many_new_things_are_counted() {
    let rules: Vec<Record> =
        (0..500).map(|n| thing(Kind::SecurityRule, &n.to_string(), "1")).collect();
    let text = shown(&rules, &[], &[]);
    assert!(text.contains("<b>network</b>: 500 changes"), "{text}");
    assert!(text.contains("| + | 500 rules | it does not exist |  |"), "{text}");
}

#[test]
fn what_is_blocked_says_so() {
    let id = RecordId::new(Kind::ReplicationGroup, "prod");
    let desired = [Record::new(id).field("port", "1", OnChange::Forbidden("it can't change"))];
    let found = [thing(Kind::ReplicationGroup, "prod", "1").field("port", "2", OnChange::InPlace)];
    let text = shown(&desired, &found, &[]);
    assert!(text.contains("| blocked | replication group prod |"), "{text}");
    assert!(text.contains("**blocked**: it can't change"), "{text}");
    assert!(text.contains("**Plan: 1 blocked.**"), "{text}");
}
