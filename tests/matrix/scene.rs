//! The running cluster with a connection for every service, and what it answers to a row.

use std::collections::BTreeMap;

use natsops::contract::{Ask, can};
use natsops::environment::{Addresses, load};
use natsops::model::Cluster as Model;

use super::catalog::Catalog;
use super::deed::Deed;
use super::rows::{Row, sender, word};
use super::wire::Wire;
use crate::support::Project;

/// The subject of answers to a sender. Nobody listens there.
const ANSWERS: &str = "matrix.answers";

/// The number of the subscription that waits for a request.
const WAITING: usize = 7;

/// Connections and what they are held against.
pub struct Scene<'a> {
    project: &'a Project,
    catalog: Catalog,
    model: Model,
    wires: BTreeMap<(String, usize), Wire>,
}

impl<'a> Scene<'a> {
    /// Exports the files of every service.
    pub fn new(project: &'a Project) -> Self {
        let catalog = Catalog::read(project.path());
        for service in catalog.services.keys() {
            let out = format!("matrix/{service}");
            project.run(&["creds", "export", "local", service, "--out", &out]).expect(0);
        }
        Self { project, catalog, model: model(project), wires: BTreeMap::new() }
    }

    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Takes a connection to one of the nodes; it is to be given back.
    fn take(&mut self, service: &str, node: usize) -> Wire {
        let key = (service.to_owned(), node);
        let folder = self.project.path().join("matrix").join(service);
        self.wires.remove(&key).unwrap_or_else(|| Wire::connect(&folder, node))
    }

    fn give_back(&mut self, service: &str, node: usize, wire: Wire) {
        self.wires.insert((service.to_owned(), node), wire);
    }

    /// Tries every row, and tells of those that the server or `subjects can` answers otherwise.
    pub fn wrong(&mut self, rows: &[Row]) -> Vec<String> {
        rows.iter().filter_map(|row| self.try_row(row)).collect()
    }

    fn try_row(&mut self, row: &Row) -> Option<String> {
        let Row { place, service, deed, expected } = row;
        let refusal = match deed {
            Deed::Reply { subject } => self.reply(service, subject),
            _ => self.attempt(service, deed),
        };
        let told = self.told(service, deed);
        let right = refusal.is_none() == *expected && told.is_none_or(|told| told == *expected);
        (!right).then(|| {
            let server = refusal.map_or_else(|| "yes".to_owned(), |why| format!("no ({why})"));
            let told = told.map_or("nothing", word);
            format!(
                "{place}: {service} {deed}: {} is expected, the server says {server}, `subjects can` says {told}",
                word(*expected)
            )
        })
    }

    /// Each service knocks at another node, so that all nodes are seen to know all claims.
    fn attempt(&mut self, service: &str, deed: &Deed) -> Option<String> {
        let number = self.catalog.services.keys().position(|name| name == service).unwrap();
        let mut wire = self.take(service, number % 5);
        let refusal = wire.attempt(deed);
        self.give_back(service, number % 5, wire);
        refusal
    }

    /// Sends the service a message, and has it answer: never before the message, and never twice.
    fn reply(&mut self, name: &str, subject: &str) -> Option<String> {
        let service = &self.catalog.services[name];
        let from = sender(&self.catalog, service, subject);
        let from = from.unwrap_or_else(|| panic!("{name}: nobody sends {subject}")).name.clone();
        let grant = service.listens_to(subject);
        let queue = grant.unwrap_or_else(|| panic!("{name} does not hear {subject}")).queue.clone();
        let answer = format!("_INBOX.{from}.{ANSWERS}");
        let (mut wire, mut other) = (self.take(name, 0), self.take(&from, 0));
        let publish = Deed::publish(&answer);
        assert!(wire.attempt(&publish).is_some(), "{name} answers what nobody has asked");
        wire.subscribe(subject, queue.as_deref(), WAITING);
        other.ask(subject, &answer);
        wire.await_message(&answer);
        let refusal = wire.attempt(&publish);
        assert!(wire.attempt(&publish).is_some(), "{name} answers twice");
        wire.unsubscribe(WAITING);
        self.give_back(name, 0, wire);
        self.give_back(&from, 0, other);
        refusal
    }

    /// What `subjects can` says, which knows nothing of sizes.
    fn told(&self, service: &str, deed: &Deed) -> Option<bool> {
        let service = self.model.services.values().find(|own| own.name.as_str() == service)?;
        let ask = match deed {
            Deed::Publish { subject, bytes: 0 } => Ask::Publish { subject, reply: false },
            Deed::Publish { .. } => return None,
            Deed::Subscribe { subject, queue } => {
                Ask::Subscribe { subject, queue: queue.as_deref() }
            }
            Deed::Reply { .. } => Ask::Publish { subject: ANSWERS, reply: true },
        };
        Some(can(service, ask).allowed)
    }
}

fn model(project: &Project) -> Model {
    let addresses = Addresses { local_network: [127, 64, 0] };
    load(project.path(), "local", &addresses).unwrap().cluster.unwrap()
}
