//! Signing in on every node: the proof that a key opens, or does not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::run::Run;
use crate::model::{Client, Node};
use crate::nats::{Probe, ProbeError, Tls};
use crate::ops::OpsError;
use crate::provider::Provider;
use crate::secrets::Ticket;

/// How long a server may take to close the connections of a key that is void; it takes milliseconds (measured on 2.15.1).
const EVICTION: Duration = Duration::from_secs(5);

/// How often is looked whether they are closed.
const PAUSE: Duration = Duration::from_millis(50);

/// So many sign in at a time, each on every node.
const AT_A_TIME: usize = 8;

/// Somebody who tries to sign in.
pub(super) struct Guest {
    /// What it is called.
    pub whose: String,
    /// Its creds.
    pub user: Ticket,
    /// Where it knocks.
    pub door: Door,
}

/// A port of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// That of clients.
    Client,
    /// That of leafnodes.
    Leafnode,
}

impl From<Client<'_>> for Door {
    fn from(client: Client<'_>) -> Self {
        match client {
            Client::Service(_) => Self::Client,
            Client::Leafnode(_) => Self::Leafnode,
        }
    }
}

impl<P: Provider> Run<'_, '_, P> {
    /// Proves that every node lets each of the guests in.
    pub async fn let_in(&self, guests: &[Guest]) -> Result<(), OpsError> {
        let tls = self.tls()?;
        let begin = Instant::now();
        let mut left: Vec<&Guest> = guests.iter().collect();
        loop {
            let mut refused = Vec::new();
            for (guest, node, answer) in self.knock(&left, &tls).await {
                match answer {
                    Ok(()) | Err(ProbeError::Full(_)) => {}
                    // A server that meets an account refuses whoever else comes while it reads the claims.
                    Err(_) if begin.elapsed() < EVICTION => refused.push(guest),
                    Err(error) => {
                        let whose = &guest.whose;
                        let what =
                            format!("{node} does not let the new key of {whose} in: {error}");
                        return Err(OpsError::Unproven(what));
                    }
                }
            }
            refused.dedup_by(|a, b| std::ptr::eq(*a, *b));
            if refused.is_empty() {
                return Ok(());
            }
            left = refused;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Proves that every node refuses each of the guests, and that `left` finds no connection of theirs, in words.
    pub async fn refused(
        &self,
        guests: &[Guest],
        left: impl AsyncFn() -> Result<Option<String>, OpsError>,
    ) -> Result<(), OpsError> {
        let tls = self.tls()?;
        let begin = Instant::now();
        let guests: Vec<&Guest> = guests.iter().collect();
        loop {
            let open = match self.still_open(&guests, &tls).await {
                Some(open) => Some(open),
                None => left().await?,
            };
            match open {
                None => return Ok(()),
                Some(open) if begin.elapsed() > EVICTION => return Err(OpsError::Unproven(open)),
                Some(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// natsops' own certificate: only the user is in question.
    fn tls(&self) -> Result<Tls, OpsError> {
        Ok(Tls::With(Arc::new(self.site.access(&self.index)?.tls()?)))
    }

    /// What a node still does that lets a guest in, or that can't be told; none when every node refuses them all.
    async fn still_open(&self, guests: &[&Guest], tls: &Tls) -> Option<String> {
        let answers = self.knock(guests, tls).await;
        answers.into_iter().find_map(|(guest, node, answer)| match answer {
            Err(ProbeError::Refused(_)) => None,
            // To a leafnode, a refusal and the end of the connection come as one.
            Err(ProbeError::Closed(_)) if guest.door == Door::Leafnode => None,
            Ok(()) | Err(ProbeError::Full(_)) => {
                Some(format!("{node} still lets the old key of {} in", guest.whose))
            }
            Err(error) => Some(format!("{node} can't be tried: {error}")),
        })
    }

    /// Has each of the guests sign in on every node.
    async fn knock<'g>(
        &self,
        guests: &[&'g Guest],
        tls: &Tls,
    ) -> Vec<(&'g Guest, String, Result<(), ProbeError>)> {
        let nodes = &self.site.cluster.nodes;
        let mut answers = Vec::new();
        for some in guests.chunks(AT_A_TIME) {
            let all = some.iter().flat_map(|guest| nodes.iter().map(move |node| (*guest, node)));
            let tried = all.map(async |(guest, node)| {
                (guest, node.name.to_string(), self.sign_in(guest, node, tls).await)
            });
            answers.extend(join_all(tried).await);
        }
        answers
    }

    async fn sign_in(&self, guest: &Guest, node: &Node, tls: &Tls) -> Result<(), ProbeError> {
        let ports = &self.site.cluster.ports;
        let port = match guest.door {
            Door::Client => ports.client,
            Door::Leafnode => ports.leafnode,
        };
        let mut probe = Probe::open(SocketAddr::from((node.address, port)), tls).await?;
        match guest.door {
            Door::Client => probe.sign_in(Some(&guest.user)).await,
            Door::Leafnode => probe.sign_in_as_leafnode(Some(&guest.user)).await,
        }
    }
}
