//! The secret store on AWS: the environment's bucket, under the customer's key.
//!
//! `secrets/NAME.vN` holds a key, sealed by SSE-KMS. `index.json` is public to whoever may read the bucket and is sealed
//! without KMS, so that a plan needs no right to decrypt. A commit writes the keys first, then the index on top of the one
//! that its author has seen: S3 refuses it when somebody else was faster. Entries of the log lie beside it in `audit/`.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::runtime::Runtime;

use super::clients::{Clients, Counter};
use super::error::{Answer as _, CloudError};
use super::names::Names;
use crate::model::AwsSettings;
use crate::secrets::{
    Author, Change, Contents, Draft, Index, KeyName, Secret, SecretStore, StoreError,
};

const INDEX: &str = "index.json";

/// Where the entries of the log are.
const LOG: &str = "audit/";

/// Keys in the environment's bucket. The port is synchronous, the SDK is not: a runtime of its own stands between.
pub struct BucketStore {
    clients: Clients,
    bucket: String,
    key: String,
    author: Author,
    runtime: Runtime,
    /// The index as it was read last. A version of a key never changes, so opening one needs no second look.
    seen: Mutex<Option<Index>>,
}

/// What was read: the index, and the tag that the next one must replace.
struct Read {
    index: Index,
    tag: Option<String>,
}

impl BucketStore {
    /// The store in the bucket of `names`; nothing is read yet. Must not be called by asynchronous code.
    pub fn new(names: Names<'_>, settings: &AwsSettings, calls: Counter) -> std::io::Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let clients = runtime.block_on(Clients::connect(&settings.region, calls));
        let (bucket, key) = (names.bucket(), settings.volume.kms_key.clone());
        let author = Author::default();
        Ok(Self { clients, bucket, key, author, runtime, seen: Mutex::default() })
    }

    /// The same store; its log says that `author` made what is committed.
    #[must_use]
    pub fn signed_by(self, author: Author) -> Self {
        Self { author, ..self }
    }

    fn wait<T: Send>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        elsewhere(&self.runtime, work)
    }

    fn sealed(name: &KeyName, version: u32) -> String {
        format!("secrets/{}.v{version}", name.file_stem())
    }

    fn damaged(&self, what: &str, reason: impl std::fmt::Display) -> StoreError {
        StoreError::Damaged {
            path: PathBuf::from(format!("s3://{}/{what}", self.bucket)),
            reason: reason.to_string(),
        }
    }

    async fn get(&self, object: &str) -> Result<Option<(Vec<u8>, Option<String>)>, StoreError> {
        let call = self.clients.s3.get_object().bucket(&self.bucket).key(object);
        let answer = match call.send().await.of("GetObject") {
            Err(error) if error.is_missing() => return Ok(None),
            answer => answer.map_err(cloud)?,
        };
        let tag = answer.e_tag().map(str::to_owned);
        let body = answer.body.collect().await.map_err(|error| self.damaged(object, error))?;
        Ok(Some((body.into_bytes().to_vec(), tag)))
    }

    async fn read(&self) -> Result<Read, StoreError> {
        let Some((body, tag)) = self.get(INDEX).await? else {
            return Ok(Read { index: Index::default(), tag: None });
        };
        let index = Index::read(&body).map_err(|reason| self.damaged(INDEX, reason))?;
        self.keep(&index);
        Ok(Read { index, tag })
    }

    fn keep(&self, index: &Index) {
        // A panic elsewhere leaves a whole index.
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(index.clone());
    }

    /// The version of a key, by the index that was read last, or else by a first look.
    async fn version(&self, name: &KeyName) -> Result<u32, StoreError> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let index = match seen {
            Some(index) => index,
            None => self.read().await?.index,
        };
        let entry = index.keys.get(name).ok_or_else(|| StoreError::Missing(name.clone()))?;
        if entry.offline {
            return Err(StoreError::Offline(name.clone()));
        }
        Ok(entry.version)
    }

    async fn seal(&self, object: String, secret: &Secret<String>) -> Result<(), StoreError> {
        let call = self.clients.s3.put_object().bucket(&self.bucket).key(object);
        let call =
            call.server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id(&self.key);
        let body = ByteStream::from(secret.expose().clone().into_bytes());
        call.body(body).send().await.of("PutObject").map(drop).map_err(cloud)
    }

    async fn replace(
        &self,
        index: &Index,
        tag: Option<String>,
        seen: u64,
    ) -> Result<(), StoreError> {
        let text = serde_json::to_vec_pretty(index).map_err(|error| self.damaged(INDEX, error))?;
        let call = self
            .clients
            .s3
            .put_object()
            .bucket(&self.bucket)
            .key(INDEX)
            .body(ByteStream::from(text));
        let call = call.server_side_encryption(ServerSideEncryption::Aes256);
        let call = match tag {
            Some(tag) => call.if_match(tag),
            None => call.if_none_match("*"),
        };
        match call.send().await.of("PutObject") {
            Ok(_) => Ok(()),
            // Another commit came first: 412 when it is done, 409 while it is under way.
            Err(error)
                if error.is("PreconditionFailed") || error.is("ConditionalRequestConflict") =>
            {
                let found = self.read().await?.index.generation;
                // An answer of ours may have been lost.
                if found == index.generation && self.read().await?.index == *index {
                    return Ok(());
                }
                Err(StoreError::Moved { seen, found })
            }
            Err(error) => Err(cloud(error)),
        }
    }

    async fn write(&self, seen: u64, change: Change) -> Result<Index, StoreError> {
        let Read { index, tag } = self.read().await?;
        if index.generation != seen {
            return Err(StoreError::Moved { seen, found: index.generation });
        }
        let draft = change.draft(index, &self.author, jiff::Timestamp::now());
        let Draft { index, secrets, entry, needless } = draft;
        let mut sealing = Vec::new();
        for (name, version, secret) in &secrets {
            sealing.push((Self::sealed(name, *version), secret));
        }
        self.seal_all(sealing).await?;
        let (name, text) = entry;
        self.log(&name, text).await?;
        self.replace(&index, tag, seen).await?;
        self.keep(&index);
        for (name, _) in needless {
            self.wipe(&name).await?;
        }
        Ok(index)
    }

    /// Seals several keys at a time: a hundred, one after the other, would take seconds.
    async fn seal_all(&self, secrets: Vec<(String, &Secret<String>)>) -> Result<(), StoreError> {
        let mut sealing = FuturesUnordered::new();
        let mut left = secrets.into_iter();
        loop {
            while sealing.len() < 16 {
                let Some((object, secret)) = left.next() else {
                    break;
                };
                sealing.push(self.seal(object, secret));
            }
            match sealing.next().await {
                Some(outcome) => outcome?,
                None => return Ok(()),
            }
        }
    }

    async fn log(&self, name: &str, text: Vec<u8>) -> Result<(), StoreError> {
        let call = self.clients.s3.put_object().bucket(&self.bucket).key(format!("{LOG}{name}"));
        let call = call.server_side_encryption(ServerSideEncryption::Aes256);
        call.body(ByteStream::from(text)).send().await.of("PutObject").map(drop).map_err(cloud)
    }

    /// Deletes every version of a key: in a bucket with versions, an ordinary deletion hides it only.
    async fn wipe(&self, name: &KeyName) -> Result<(), StoreError> {
        let s3 = &self.clients.s3;
        let prefix = format!("secrets/{}.v", name.file_stem());
        let call = s3.list_object_versions().bucket(&self.bucket).prefix(prefix);
        let page = call.send().await.of("ListObjectVersions").map_err(cloud)?;
        let markers = page.delete_markers().iter().map(|m| (m.key(), m.version_id()));
        for (key, version) in
            page.versions().iter().map(|v| (v.key(), v.version_id())).chain(markers)
        {
            let call = s3.delete_object().bucket(&self.bucket).set_key(key.map(str::to_owned));
            let call = call.set_version_id(version.map(str::to_owned));
            call.send().await.of("DeleteObject").map_err(cloud)?;
        }
        Ok(())
    }

    async fn fill(&self, contents: &Contents) -> Result<(), StoreError> {
        let Contents { index, secrets, entries } = contents;
        let Read { index: found, tag } = self.read().await?;
        if !found.is_empty() {
            return Err(StoreError::Filled(found.generation));
        }
        let mut sealing = Vec::new();
        for (name, secret) in secrets {
            let version = index.keys.get(name).map_or(1, |entry| entry.version);
            sealing.push((Self::sealed(name, version), secret));
        }
        self.seal_all(sealing).await?;
        for (name, text) in entries {
            self.log(name, text.clone()).await?;
        }
        self.replace(index, tag, found.generation).await?;
        self.keep(index);
        Ok(())
    }

    async fn remove(&self) -> Result<(), StoreError> {
        for prefix in [INDEX, "secrets/", LOG] {
            let call = self.clients.s3.list_objects_v2().bucket(&self.bucket).prefix(prefix);
            let pages = call.into_paginator().send().collect::<Result<Vec<_>, _>>().await;
            for object in
                pages.of("ListObjectsV2").map_err(cloud)?.iter().flat_map(|page| page.contents())
            {
                let call = self.clients.s3.delete_object().bucket(&self.bucket);
                let call = call.key(object.key().unwrap_or_default());
                call.send().await.of("DeleteObject").map_err(cloud)?;
            }
        }
        self.keep(&Index::default());
        Ok(())
    }
}

/// Waits for work on another runtime, on a thread of its own.
///
/// Two runtimes that wait on one thread share what wakes it: the inner one would take the calls that were meant for the
/// outer one, and that would then sleep for ever.
fn elsewhere<T: Send>(runtime: &Runtime, work: impl Future<Output = T> + Send) -> T {
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| runtime.block_on(work));
            waiting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}

fn cloud(error: CloudError) -> StoreError {
    StoreError::Remote(Box::new(error))
}

impl SecretStore for BucketStore {
    fn index(&self) -> Result<Index, StoreError> {
        self.wait(async { Ok(self.read().await?.index) })
    }

    fn open(&self, name: &KeyName) -> Result<Secret<String>, StoreError> {
        self.wait(async {
            let object = Self::sealed(name, self.version(name).await?);
            let (body, _) =
                self.get(&object).await?.ok_or_else(|| StoreError::Missing(name.clone()))?;
            String::from_utf8(body)
                .map(Secret::new)
                .map_err(|_| self.damaged(&object, "it does not hold text"))
        })
    }

    fn commit(&self, seen: u64, change: Change) -> Result<Index, StoreError> {
        self.wait(self.write(seen, change))
    }

    fn entry(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.wait(async { Ok(self.get(&format!("{LOG}{name}")).await?.map(|(text, _)| text)) })
    }

    fn restore(&self, contents: &Contents) -> Result<(), StoreError> {
        self.wait(self.fill(contents))
    }

    fn delete_everything(&self) -> Result<(), StoreError> {
        self.wait(self.remove())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn runtime() -> Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    }

    #[test]
    fn a_call_for_who_waits_outside_is_not_lost_while_the_store_works() {
        let (done, ended) = mpsc::channel();
        std::thread::spawn(move || {
            let inner = runtime();
            let (call, called) = tokio::sync::oneshot::channel();
            let store = async {
                // The outer one is called while this thread waits for the store.
                elsewhere(&inner, async {
                    call.send(()).unwrap();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                });
            };
            runtime().block_on(async { tokio::join!(called, store) }).0.unwrap();
            done.send(()).unwrap();
        });
        assert!(ended.recv_timeout(Duration::from_secs(20)).is_ok(), "it sleeps for ever");
    }
}
