//! Messages through a leafnode, both ways: what may cross does, and what may not stays where it is.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use async_nats::{ConnectOptions, Subscriber};
use futures_util::{FutureExt as _, StreamExt as _};

use super::{Connection, ConnectionError};
use crate::secrets::Secret;

/// How long a leafnode may take to connect and to tell its subscriptions.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the first message may take one way; each further one may take twice as long as the one before it, up to `LONGEST`.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// Connects as a client of a leafnode server of this machine.
pub async fn edge_client(
    address: SocketAddr,
    user: &str,
    password: &Secret<String>,
) -> Result<Connection, ConnectionError> {
    ConnectOptions::with_user_and_password(user.to_owned(), password.expose().clone())
        .name("natsops")
        .connection_timeout(PATIENCE)
        .connect(format!("nats://{address}"))
        .await
        .map_err(|error| ConnectionError::Refused(error.to_string()))
}

/// Sends a message through a leafnode, has it answered from the other side, and gives the time of both ways.
///
/// Each message is preceded by one that nothing permits to cross; since the messages of a connection keep their order,
/// that one would arrive first.
pub async fn cross(hub: &Connection, edge: &Connection, lane: &str) -> Result<Duration, String> {
    let out = Way::open(hub, edge, "out", lane).await?;
    let into = Way::open(edge, hub, "into", lane).await?;
    pass(out, into).await
}

async fn pass(mut out: Way<'_>, mut into: Way<'_>) -> Result<Duration, String> {
    let begin = Instant::now();
    let (mut number, mut went_out) = (0_u32, false);
    while begin.elapsed() < PATIENCE {
        number += 1;
        let sent = Instant::now();
        if out.carries(number).await? {
            went_out = true;
            if into.carries(number).await? {
                return Ok(sent.elapsed());
            }
        }
    }
    let what = if went_out { "no message goes into" } else { "no message comes out of" };
    Err(format!("{what} the cluster within {} s", PATIENCE.as_secs()))
}

/// One direction: who speaks, what arrives, and what should not.
struct Way<'a> {
    speaker: &'a Connection,
    subject: String,
    arrives: Subscriber,
    forbidden: String,
    stays: Subscriber,
}

impl<'a> Way<'a> {
    async fn open(
        speaker: &'a Connection,
        listener: &Connection,
        direction: &str,
        lane: &str,
    ) -> Result<Self, String> {
        let subject = format!("natsops.probe.{direction}.{lane}");
        let forbidden = format!("natsops.probe.stays.{direction}.{lane}");
        let arrives = listener.subscribe(subject.clone()).await.map_err(|e| e.to_string())?;
        let stays = listener.subscribe(forbidden.clone()).await.map_err(|e| e.to_string())?;
        listener.flush().await.map_err(|error| error.to_string())?;
        Ok(Self { speaker, subject, arrives, forbidden, stays })
    }

    /// Whether a message of this number arrives in time. That one arrives which must not is an error.
    async fn carries(&mut self, number: u32) -> Result<bool, String> {
        let text = number.to_string();
        for subject in [&self.forbidden, &self.subject] {
            let sent = self.speaker.publish(subject.clone(), text.clone().into()).await;
            sent.map_err(|error| error.to_string())?;
        }
        self.speaker.flush().await.map_err(|error| error.to_string())?;
        let heard = async {
            while let Some(message) = self.arrives.next().await {
                if message.payload == text.as_bytes() {
                    return true;
                }
            }
            false
        };
        let limit = LONGEST.min(SHORTEST * (1 << (number - 1).min(10)));
        let heard = tokio::time::timeout(limit, heard).await.unwrap_or(false);
        if heard && self.stays.next().now_or_never().flatten().is_some() {
            return Err(format!("{} crosses, which nothing permits", self.forbidden));
        }
        Ok(heard)
    }
}
