//! Rows: who tries what, and whether it must work. Those of eight services are written by hand, in `rows/SERVICE.txt`.

use std::path::PathBuf;

use super::catalog::{Catalog, Service};
use super::deed::Deed;
use super::grants::{Direction, concrete};
use super::tries::tries;
use crate::support::package;

/// One row of the matrix.
pub struct Row {
    /// Where it is written, or that it follows from the catalog.
    pub place: String,
    pub service: String,
    pub deed: Deed,
    pub expected: bool,
}

/// The services whose rows are written by hand: those that have a file.
pub fn services_by_hand() -> Vec<String> {
    let files = std::fs::read_dir(package().join("tests/matrix/rows")).unwrap();
    let names = files.map(|file| file.unwrap().path().file_stem().unwrap().to_owned());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    assert!(names.len() >= 8, "{names:?} are too few");
    names
}

/// The word of an answer.
pub fn word(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// The rows of a service that are written by hand.
pub fn by_hand(service: &str) -> Vec<Row> {
    let inside = PathBuf::from(format!("tests/matrix/rows/{service}.txt"));
    let text = std::fs::read_to_string(package().join(&inside)).unwrap();
    let rows = text.lines().enumerate().filter_map(|(number, line)| {
        let place = format!("{}:{}", inside.display(), number + 1);
        let words: Vec<&str> = line.split('#').next().unwrap().split_whitespace().collect();
        let (answer, deed) = words.split_first()?;
        let deed = Deed::parse(deed).unwrap_or_else(|| panic!("{place}: {line} is no row"));
        let expected = match *answer {
            "yes" => true,
            "no" => false,
            other => panic!("{place}: {other} is no answer"),
        };
        Some(Row { place, service: service.to_owned(), deed, expected })
    });
    rows.collect()
}

/// The rows of a service that follow from the catalog.
pub fn derived(catalog: &Catalog, service: &Service) -> Vec<Row> {
    let replies = service.grants.iter().filter(|grant| grant.direction == Direction::Listens);
    let replies = replies.map(|grant| concrete(&grant.subject));
    let heard = replies.filter(|subject| sender(catalog, service, subject).is_some());
    let deeds = tries(catalog, service).into_iter();
    deeds
        .chain(heard.map(|subject| Deed::Reply { subject }))
        .map(|deed| Row {
            place: "catalog".to_owned(),
            service: service.name.clone(),
            expected: service.may(&deed),
            deed,
        })
        .collect()
}

/// Somebody else who may send this service a message on a subject.
pub fn sender<'a>(
    catalog: &'a Catalog,
    service: &'a Service,
    subject: &str,
) -> Option<&'a Service> {
    let publish = Deed::publish(subject);
    catalog.others(service).find(|other| other.account == service.account && other.may(&publish))
}

/// The rows that are not what the catalog says, each with its place.
pub fn contradictions(catalog: &Catalog, rows: &[Row]) -> Vec<String> {
    let says = |row: &Row| catalog.services.get(&row.service).is_some_and(|s| s.may(&row.deed));
    let wrong = rows.iter().filter(|row| says(row) != row.expected);
    wrong
        .map(|Row { place, service, deed, expected }| {
            let (row, catalog) = (word(*expected), word(!expected));
            format!("{place}: {service} {deed}: the row says {row}, the catalog says {catalog}")
        })
        .collect()
}

/// The grants of the services by hand that no row tries.
pub fn untried(catalog: &Catalog, rows: &[Row]) -> Vec<String> {
    let mut missing = Vec::new();
    for service in services_by_hand().iter().filter_map(|name| catalog.services.get(name)) {
        for grant in &service.grants {
            let tried = rows.iter().any(|row| {
                row.expected && row.service == service.name && grant.is_tried_by(&row.deed)
            });
            if !tried {
                let (name, deed) = (&service.name, grant.deed());
                missing.push(format!("tests/matrix/rows/{name}.txt: no row has `yes {deed}`"));
            }
        }
    }
    missing
}
