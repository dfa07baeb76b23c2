//! The lease on AWS: an object of the bucket that S3 lets only one writer make.
//!
//! Its holder renews it. One that has died stops renewing, and then anybody may take it over. Whether it is renewed is
//! seen by looking again, so that no clock has to be right. AWS knows no fencing, so an apply is safe without the lease as
//! well; it keeps two people from surprising each other.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::clients::Clients;
use super::error::{Answer as _, CloudClass, CloudError};
use super::wait::pause;

const OBJECT: &str = "lease.json";

/// How often a holder renews.
const RENEWAL: Duration = Duration::from_secs(10);

/// How often a candidate looks whether the holder renews, and how many times before it takes the lease over.
const LOOK: Duration = Duration::from_secs(3);
const LOOKS: u32 = 12;

/// The right to change an environment on AWS, for as long as it is held.
pub struct CloudLease {
    object: LeaseObject,
    tag: Arc<Mutex<String>>,
    /// It ends by itself only when the lease is lost.
    renewal: JoinHandle<()>,
}

/// The object, and who writes it.
#[derive(Clone)]
struct LeaseObject {
    clients: Clients,
    bucket: String,
    holder: String,
    /// What no other run has: machines of the same make may run the same command with the same number of a process.
    run: String,
}

impl CloudLease {
    /// Takes the lease for the command and the engineer that `holder` names. Whether another holder lives is not waited for
    /// beyond `stopped`.
    pub async fn take(
        clients: &Clients,
        bucket: String,
        holder: String,
        told: &(dyn Fn(&str) + Sync),
        stopped: impl Future<Output = ()>,
    ) -> Result<Self, CloudError> {
        let run = jiff::Timestamp::now().as_nanosecond().to_string();
        let object = LeaseObject { clients: clients.clone(), bucket, holder, run };
        let tag = match object.write(None).await {
            Err(error) if is_taken(&error) => object.take_over(told, stopped).await?,
            outcome => outcome?,
        };
        let tag = Arc::new(Mutex::new(tag));
        let renewal = tokio::spawn(object.clone().renew(Arc::clone(&tag)));
        Ok(Self { object, tag, renewal })
    }

    /// Whether somebody else has taken it over, which happens to a holder that was asleep.
    pub fn is_lost(&self) -> bool {
        self.renewal.is_finished()
    }

    /// Waits until somebody else has taken it over.
    pub async fn lost(&mut self) {
        (&mut self.renewal).await.ok();
    }

    /// Gives it back.
    pub async fn give_back(self) -> Result<(), CloudError> {
        // A renewal that is on its way ends first: its tag is the one that counts.
        let tag = self.tag.lock().await;
        self.renewal.abort();
        let LeaseObject { clients, bucket, .. } = &self.object;
        match clients
            .s3
            .delete_object()
            .bucket(bucket)
            .key(OBJECT)
            .if_match(tag.as_str())
            .send()
            .await
            .of("DeleteObject")
        {
            Err(error) if !is_taken(&error) && !error.is_missing() => Err(error),
            _ => Ok(()),
        }
    }
}

fn is_taken(error: &CloudError) -> bool {
    error.is("PreconditionFailed") || error.is("ConditionalRequestConflict")
}

impl LeaseObject {
    /// Writes the object, as a new one or on top of the one with this tag, and gives its own.
    async fn write(&self, on: Option<&str>) -> Result<String, CloudError> {
        // Each version differs, so that a tag names one renewal and no other.
        let renewed = jiff::Timestamp::now().to_string();
        let text = json!({"format": 1, "holder": self.holder, "run": self.run, "renewed": renewed});
        let call = self.clients.s3.put_object().bucket(&self.bucket).key(OBJECT);
        // Whoever may plan may know who holds it, without a right to decrypt.
        let call = call.server_side_encryption(ServerSideEncryption::Aes256);
        let call = call.body(ByteStream::from(text.to_string().into_bytes()));
        let call = match on {
            Some(tag) => call.if_match(tag),
            None => call.if_none_match("*"),
        };
        Ok(call.send().await.of("PutObject")?.e_tag.unwrap_or_default())
    }

    /// Who holds it, and the last renewal; none where nobody does.
    async fn read(&self) -> Result<Option<Held>, CloudError> {
        let answer = self
            .clients
            .s3
            .get_object()
            .bucket(&self.bucket)
            .key(OBJECT)
            .send()
            .await
            .of("GetObject");
        let answer = match answer {
            Err(error) if error.is_missing() => return Ok(None),
            answer => answer?,
        };
        let tag = answer.e_tag().unwrap_or_default().to_owned();
        let body = answer.body.collect().await.map(|body| body.into_bytes()).unwrap_or_default();
        let found: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let holder = found["holder"].as_str().unwrap_or("somebody").to_owned();
        Ok(Some(Held {
            ours: holder == self.holder && found["run"] == self.run.as_str(),
            holder,
            tag,
        }))
    }

    /// Takes a lease whose holder does not renew it; refused when it does, or when that is not waited for.
    async fn take_over(
        &self,
        told: &(dyn Fn(&str) + Sync),
        stopped: impl Future<Output = ()>,
    ) -> Result<String, CloudError> {
        let Some(Held { holder, tag, ours }) = self.read().await? else {
            return self.write(None).await;
        };
        // The answer of our own first write was lost.
        if ours {
            return Ok(tag);
        }
        let held = || {
            CloudError::found(
                "lease",
                CloudClass::Held,
                format!("{holder} is changing this environment"),
            )
        };
        let mut stopped = pin!(stopped);
        let mut watch = Watch { tag, looks: 0, renewed: false };
        while !watch.is_over() {
            told(&format!("{holder} has the lease; looking whether it lives"));
            tokio::select! {
                () = pause(LOOK) => {}
                () = &mut stopped => return Err(held()),
            }
            match self.read().await? {
                None => return self.write(None).await,
                Some(now) if watch.lives(&now.tag) => return Err(held()),
                Some(_) => {}
            }
        }
        let taken = self.write(Some(&watch.tag)).await;
        taken.map_err(|error| if is_taken(&error) { held() } else { error })
    }

    async fn renew(self, tag: Arc<Mutex<String>>) {
        loop {
            pause(RENEWAL).await;
            let mut tag = tag.lock().await;
            match self.write(Some(&tag)).await {
                Ok(new) => *tag = new,
                Err(error) if is_taken(&error) || error.is_missing() => match self.read().await {
                    // The answer of our own last write was lost, and it was repeated.
                    Ok(Some(now)) if now.ours => *tag = now.tag,
                    _ => return,
                },
                // No answer: the next renewal tells.
                Err(_) => {}
            }
        }
    }
}

/// A lease that is held.
struct Held {
    holder: String,
    /// The last renewal.
    tag: String,
    /// Whether this run holds it.
    ours: bool,
}

/// What a candidate has seen of a holder.
struct Watch {
    /// The last renewal.
    tag: String,
    /// How many times it was looked at in vain since.
    looks: u32,
    renewed: bool,
}

impl Watch {
    /// Whether another look shows that the holder lives. One renewal may have been on its way when it died.
    fn lives(&mut self, now: &str) -> bool {
        if now == self.tag {
            self.looks += 1;
            return false;
        }
        let lives = self.renewed;
        *self = Self { tag: now.to_owned(), looks: 0, renewed: true };
        lives
    }

    /// Whether the holder would have renewed it, if it lived.
    fn is_over(&self) -> bool {
        self.looks >= LOOKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many looks the holder lives; none when it is dead.
    fn lives_after(tags: impl IntoIterator<Item = &'static str>) -> Option<usize> {
        let mut watch = Watch { tag: "a".to_owned(), looks: 0, renewed: false };
        for (number, tag) in tags.into_iter().enumerate() {
            if watch.lives(tag) {
                return Some(number + 1);
            }
            if watch.is_over() {
                return None;
            }
        }
        panic!("nothing came of it")
    }

    #[test]
    fn a_holder_lives_that_renews_twice() {
        assert_eq!(lives_after(["a", "b", "b", "c"]), Some(4));
    }

    #[test]
    fn a_renewal_that_was_on_its_way_is_no_sign_of_life() {
        let tags = ["a", "b"].into_iter().chain(std::iter::repeat("b"));
        assert_eq!(lives_after(tags), None);
        assert_eq!(lives_after(std::iter::repeat("a")), None);
    }
}
