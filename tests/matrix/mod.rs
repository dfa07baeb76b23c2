//! The whole matrix of the shipped catalog on the running cluster: for every service, with the files that its clients
//! get, every grant and what lies near it. No answer may be wrong, and each must be that of `subjects can`.
//!
//! 1. `catalog` and `grants` read the catalog, without any code of the product's. New kinds of grants go into `grants`.
//! 2. `tries` says what is tried; `rows` holds it against the catalog, and reads the rows that are written by hand.
//! 3. `wire` speaks to the servers; `scene` tries rows; `conversations` has ordinary clients talk to each other.

mod catalog;
mod conversations;
mod deed;
mod grants;
mod rows;
mod scene;
mod tries;
mod wire;

use std::collections::BTreeSet;

use catalog::Catalog;
use deed::Deed;
use rows::{Row, by_hand, contradictions, derived, services_by_hand, untried};
use scene::Scene;

use crate::support::{Cluster, Project};

/// Fewer rows than these would mean that something is no longer tried.
const ROWS: usize = 20_000;

fn all_by_hand() -> Vec<Row> {
    services_by_hand().iter().flat_map(|service| by_hand(service)).collect()
}

#[test]
fn rows_written_by_hand_say_what_the_catalog_says() {
    let catalog = Catalog::read(Project::new().path());
    let rows = all_by_hand();
    assert_eq!(contradictions(&catalog, &rows), Vec::<String>::new());
    assert_eq!(untried(&catalog, &rows), Vec::<String>::new());
    for service in services_by_hand() {
        let refused = rows.iter().filter(|row| row.service == service && !row.expected);
        assert!(refused.count() >= 10, "{service} has too few rows that say no");
    }
}

#[test]
fn rows_written_by_hand_cover_every_kind_of_service() {
    let catalog = Catalog::read(Project::new().path());
    let services = services_by_hand();
    let services: Vec<_> = services.iter().map(|name| &catalog.services[name]).collect();
    let used = catalog.services.values().flat_map(|service| &service.kinds);
    for kind in used.collect::<BTreeSet<_>>() {
        assert!(services.iter().any(|service| service.kinds.contains(kind)), "none has {kind}");
    }
    let kinds: Vec<Vec<&str>> =
        services.iter().map(|service| service.kinds.iter().map(String::as_str).collect()).collect();
    assert!(kinds.contains(&vec!["subscribes"]), "none only listens");
    assert!(kinds.contains(&vec!["publishes"]), "none only speaks");
    for key in ["caches", "limits"] {
        assert!(services.iter().any(|service| service.others.contains(key)), "none has {key}");
    }
    let subscribed = |bound: bool| {
        let mut all = services.iter().flat_map(|service| &service.grants);
        all.any(|grant| grant.subject.starts_with("evt.") && grant.queue.is_some() == bound)
    };
    assert!(subscribed(true) && subscribed(false));
}

#[test]
fn a_row_that_became_false_is_named_by_file_and_line() {
    let project = Project::new();
    project.edit("catalog/game.yaml", "      - svc.ai.model.v1.select\n", "");
    project.edit("catalog/commerce.yaml", "payload: 32 KiB", "payload: 16 KiB");
    let catalog = Catalog::read(project.path());
    let rows = all_by_hand();
    let line = |service: &str, row: &str| {
        let place = rows.iter().find(|own| own.service == service && own.deed.to_string() == row);
        place.unwrap_or_else(|| panic!("{service} has no row {row}")).place.clone()
    };
    let select = "publish svc.ai.model.v1.select";
    let large = "publish audit.wallet.entry.posted.v1 bytes 32768";
    let expected: BTreeSet<String> = [("llm-gateway", select), ("wallet", large)]
        .map(|(service, row)| {
            let place = line(service, row);
            format!("{place}: {service} {row}: the row says yes, the catalog says no")
        })
        .into();
    assert_eq!(contradictions(&catalog, &rows).into_iter().collect::<BTreeSet<_>>(), expected);

    project.edit(
        "catalog/players.yaml",
        "evt.session.opened.v1, queue",
        "evt.session.new.v1, queue",
    );
    let catalog = Catalog::read(project.path());
    let missing = "tests/matrix/rows/notification.txt: no row has `yes subscribe evt.session.new.v1 queue q.notification`";
    assert_eq!(untried(&catalog, &rows), [missing]);
}

#[test]
fn the_program_answers_the_rows_with_its_exit_codes() {
    let project = Project::new();
    let mut wrong = Vec::new();
    for Row { place, service, deed, expected } in &all_by_hand() {
        let mut arguments = vec!["subjects", "can", "local", service];
        match deed {
            Deed::Publish { subject, bytes: 0 } => arguments.extend(["publish", subject]),
            // It knows nothing of sizes.
            Deed::Publish { .. } => continue,
            Deed::Subscribe { subject, queue } => {
                arguments.extend(["subscribe", subject]);
                arguments.extend(queue.iter().flat_map(|queue| ["--queue", queue]));
            }
            Deed::Reply { .. } => arguments.extend(["publish", "_INBOX.asks.1", "--reply"]),
        }
        let code = project.run(&arguments).code;
        if code != if *expected { 0 } else { 5 } {
            wrong.push(format!("{place}: {service} {deed}: exit code {code}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_may_do_what_it_is_granted_and_nothing_near_it() {
    let cluster = Cluster::applied();
    let mut scene = Scene::new(&cluster.project);
    let mut rows = all_by_hand();
    let catalog = scene.catalog();
    rows.extend(catalog.services.values().flat_map(|service| derived(catalog, service)));
    let (yes, all) = (rows.iter().filter(|row| row.expected).count(), rows.len());
    assert!(all > ROWS && yes > all / 50, "{yes} of {all} rows say yes");
    let wrong = scene.wrong(&rows);
    assert!(wrong.is_empty(), "{} of {all} are wrong:\n{}", wrong.len(), few(&wrong));
    println!("{all} rows, {yes} of them yes");

    shows_what_differs(&cluster.project);
    let wrong = conversations::all(&cluster.project, scene.catalog()).await;
    assert!(wrong.is_empty(), "{}", few(&wrong));
}

/// With a catalog that is not what runs, the matrix fails: in both directions, and nowhere else.
fn shows_what_differs(project: &Project) {
    let (granted, other) = ("- svc.ai.safety.v1.check\n", "- svc.quest.v1.generate\n");
    project.edit("catalog/game.yaml", granted, other);
    let mut scene = Scene::new(project);
    let catalog = scene.catalog();
    let rows = derived(catalog, &catalog.services["llm-gateway"]);
    let wrong = scene.wrong(&rows);
    let named = |deed: &str| wrong.iter().filter(|row| row.contains(deed)).count();
    let ways = ["publish svc.ai.safety.v1.check: no is", "publish svc.quest.v1.generate: yes is"];
    assert_eq!((ways.map(named), wrong.len()), ([1, 1], 2), "{}", few(&wrong));
    project.edit("catalog/game.yaml", other, granted);
}

/// Enough of a long list to see what is wrong.
fn few(all: &[String]) -> String {
    all.iter().take(40).map(String::as_str).collect::<Vec<_>>().join("\n")
}
