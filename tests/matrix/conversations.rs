//! Ordinary clients with exported files: every call of the catalog is answered, and every event is kept by its stream.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::{Client, jetstream};
use futures_util::StreamExt as _;
use tokio::task::JoinSet;

use super::catalog::{Catalog, Service};
use super::grants::concrete;
use crate::cluster::client;
use crate::support::Project;

/// How often something is tried that a server may not have heard of yet, at [`PAUSE`].
const TRIES: usize = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// What should have worked and did not.
pub async fn all(project: &Project, catalog: &Catalog) -> Vec<String> {
    let (mut clients, mut answering) = (BTreeMap::new(), JoinSet::new());
    for (name, service) in &catalog.services {
        let client = client(project, name).await;
        serve(&client, service, &mut answering).await;
        clients.insert(name.as_str(), client);
    }
    let mut wrong = Vec::new();
    let (mut answered, mut kept) = (0, 0);
    for (name, service) in &catalog.services {
        for subject in service.spoken() {
            let deed = format!("{name} to {subject}");
            if subject.starts_with("svc.") {
                match answer(&clients[name.as_str()], &subject).await {
                    Ok(from) if from != *name => answered += 1,
                    other => wrong.push(format!("{deed}: {other:?}")),
                }
            } else {
                let Some(expected) = catalog.keeper(&service.account, &subject) else { continue };
                match keep(&clients[name.as_str()], &subject).await {
                    Ok(stream) if stream == expected => kept += 1,
                    other => wrong.push(format!("{deed}: {other:?}, not {expected}")),
                }
            }
        }
    }
    println!("{answered} calls answered, {kept} events kept");
    assert!(answered > 20 && kept > 20, "{answered} and {kept} are too few");
    wrong
}

/// Has a client answer the requests that its service serves, with the name of the service.
async fn serve(client: &Client, service: &Service, answering: &mut JoinSet<()>) {
    for grant in service.grants.iter().filter(|grant| grant.subject.starts_with("svc.")) {
        let Some(queue) = grant.queue.clone() else { continue };
        let mut requests = client.queue_subscribe(grant.subject.clone(), queue).await.unwrap();
        let (client, name) = (client.clone(), service.name.clone());
        answering.spawn(async move {
            while let Some(request) = requests.next().await {
                let Some(reply) = request.reply else { continue };
                if client.publish(reply, name.clone().into()).await.is_err() {
                    return;
                }
            }
        });
    }
    client.flush().await.unwrap();
}

/// Calls, and tells who has answered.
async fn answer(client: &Client, subject: &str) -> Result<String, String> {
    let mut last = String::new();
    for _ in 0..TRIES {
        match client.request(subject.to_owned(), "x".into()).await {
            Ok(message) => return Ok(String::from_utf8_lossy(&message.payload).into_owned()),
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(last)
}

/// Publishes, and tells which stream has acknowledged it.
async fn keep(client: &Client, subject: &str) -> Result<String, String> {
    let stored = jetstream::new(client.clone()).publish(subject.to_owned(), "x".into()).await;
    let stored = stored.map_err(|error| error.to_string())?.await;
    stored.map(|stored| stored.stream.to_string()).map_err(|error| error.to_string())
}

impl Service {
    /// What it calls and publishes.
    fn spoken(&self) -> impl Iterator<Item = String> {
        let own = self.grants.iter().filter(|grant| grant.is_contract() && grant.speaks());
        own.map(|grant| concrete(&grant.subject))
    }
}
