//! What crosses, and what does not.

use super::*;
use crate::model::samples::{consumer, service, stream};
use crate::model::{Share, samples};

fn account(name: &str, shares: &[(&str, &[&str])]) -> Account {
    let share = |(subject, with): &(&str, &[&str])| Share {
        subject: subject.parse().unwrap(),
        with: with.iter().map(|name| name.parse().unwrap()).collect(),
    };
    Account { shares: shares.iter().map(share).collect(), ..samples::account(name) }
}

fn between(accounts: Vec<Account>, services: Vec<Service>, streams: &[Stream]) -> Vec<String> {
    let accounts = accounts.into_iter().map(|one| (one.name.clone(), one)).collect();
    let services = services.into_iter().map(|one| (one.name.clone(), one)).collect();
    let found = passages(&accounts, &services, streams);
    let words = |p: &Passage| {
        format!("{} to {}: {:?} {} of {}", p.owner, p.user, p.kind, p.subject, p.exported)
    };
    found.iter().map(words).collect()
}

#[test]
fn what_is_shared_and_used_crosses_and_nothing_else_does() {
    let game = account(
        "GAME",
        &[("evt.a.b.v1.*", &["SHOP"]), ("svc.a.v1.do", &["SHOP"]), ("evt.c.d.v1", &["SHOP"])],
    );
    let mut till = service("till", "SHOP");
    till.subscribes = ["evt.a.b.v1.7", "evt.x.y.v1"].map(|s| (s.parse().unwrap(), None)).into();
    till.calls = vec!["svc.a.v1.do".parse().unwrap()];
    let mut other = service("other", "CHAT");
    other.calls = vec!["svc.a.v1.do".parse().unwrap()];
    let found = between(vec![game], vec![till, other], &[]);
    assert_eq!(
        found,
        [
            "GAME to SHOP: Events evt.a.b.v1.7 of evt.a.b.v1.*",
            "GAME to SHOP: Requests svc.a.v1.do of svc.a.v1.do"
        ]
    );
}

#[test]
fn an_account_imports_the_widest_once() {
    let game = account("GAME", &[("evt.a.b.v1.*", &["SHOP"])]);
    let mut till = service("till", "SHOP");
    till.subscribes = ["evt.a.b.v1.7", "evt.a.b.v1.*"].map(|s| (s.parse().unwrap(), None)).into();
    let mut shelf = service("shelf", "SHOP");
    shelf.subscribes = vec![("evt.a.b.v1.*".parse().unwrap(), None)];
    let found = between(vec![game], vec![till, shelf], &[]);
    assert_eq!(found, ["GAME to SHOP: Events evt.a.b.v1.* of evt.a.b.v1.*"]);
}

#[test]
fn audit_records_are_imported_by_those_who_publish_them() {
    let mut till = service("till", "SHOP");
    till.publishes = ["audit.sale.made.v1", "evt.sale.made.v1"].map(|s| s.parse().unwrap()).into();
    let mut clerk = service("clerk", "AUDIT");
    clerk.publishes = vec!["audit.case.closed.v1".parse().unwrap()];
    let found = between(vec![], vec![till, clerk], &[stream("TRAIL", "AUDIT", &["audit.>"])]);
    assert_eq!(found, ["AUDIT to SHOP: Audit audit.sale.made.v1 of audit.sale.made.v1"]);
}

#[test]
fn what_is_pulled_from_another_account_crosses_beside_what_is_heard() {
    let shares: [(&str, &[&str]); 2] = [("evt.a.b.v1.*", &["SHOP"]), ("evt.c.d.v1", &["SHOP"])];
    let mut till = service("till", "SHOP");
    till.subscribes = vec![("evt.a.b.v1.7".parse().unwrap(), None)];
    till.consumes = vec![consumer("GAME", "EVENTS", &["evt.a.b.v1.*"])];
    // Its own account's stream is no matter of another.
    till.consumes.push(consumer("SHOP", "OWN", &["evt.c.d.v1"]));
    let found = between(vec![account("GAME", &shares)], vec![till], &[]);
    assert_eq!(
        found,
        [
            "GAME to SHOP: Events evt.a.b.v1.7 of evt.a.b.v1.*",
            "GAME to SHOP: Stored evt.a.b.v1.* of evt.a.b.v1.*"
        ]
    );
}

#[test]
fn exporters_come_first_as_far_as_that_goes() {
    let passage = |owner: &str, user: &str| Passage {
        owner: owner.parse().unwrap(),
        user: user.parse().unwrap(),
        kind: PassageKind::Events,
        subject: "evt.a.b.v1".parse().unwrap(),
        exported: "evt.a.b.v1".parse().unwrap(),
    };
    let all = [passage("B", "A"), passage("C", "B"), passage("A", "C"), passage("D", "C")];
    let order: Vec<&str> = exporters_first(&all).into_iter().map(|name| name.as_str()).collect();
    assert_eq!(order, ["D", "C", "B", "A"], "C imports from A as well, which comes later");
}
