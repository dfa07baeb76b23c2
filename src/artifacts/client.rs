//! What a client needs: creds, certificate, key, authority and addresses; and the same for the cache, if it uses that.

use jiff::Timestamp;

use super::certificates::trusted;
use super::issue::{short_lived_client, short_lived_user};
use super::{BundleFile, Content, IssueError};
use crate::jwt::creds_file;
use crate::model::{Cluster, Service};
use crate::secrets::{Document, Entropy, Index, KeyName, SecretStore};

/// The files of every client.
const FILES: [&str; 5] = ["user.creds", "client.key", "client.pem", "ca.pem", "urls"];

/// Those of a client that uses the cache.
const CACHE_FILES: [&str; 3] = ["redis.password", "redis.username", "redis.urls"];

/// The files of a service's client.
pub fn client_files(
    cluster: &Cluster,
    service: &Service,
    index: &Index,
    store: &dyn SecretStore,
) -> Result<Vec<BundleFile>, IssueError> {
    let cache = cluster.cache_of(service).map(|_| CACHE_FILES);
    let names = FILES.into_iter().chain(cache.into_iter().flatten());
    names
        .map(|path| {
            let content = client_file(cluster, service, index, store, path)?;
            Ok(BundleFile { path: path.to_owned(), content })
        })
        .collect()
}

/// The files of natsops itself in an account, for the length of a run: its user and its certificate are in no store.
pub fn own_files(
    account: &str,
    index: &Index,
    store: &dyn SecretStore,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<Vec<BundleFile>, IssueError> {
    let user = short_lived_user(account, index, store, entropy, now)?;
    let certificate = short_lived_client(index, store, entropy, now)?;
    let missing = || IssueError::Missing("certificate authority".to_owned());
    let files = [
        ("user.creds", Content::Secret(creds_file(&user.public, &user.secret))),
        ("client.key", Content::Secret(certificate.secret)),
        ("client.pem", Content::Public(certificate.public)),
        ("ca.pem", Content::Public(trusted(index).ok_or_else(missing)?)),
    ];
    let file = |(path, content): (&str, Content)| BundleFile { path: path.to_owned(), content };
    Ok(files.into_iter().map(file).collect())
}

/// One of them, by its path; no other secret than its own is opened.
pub fn client_file(
    cluster: &Cluster,
    service: &Service,
    index: &Index,
    store: &dyn SecretStore,
    path: &str,
) -> Result<Content, IssueError> {
    let name = &service.name;
    let document = |name: Document| {
        index.document(&name).ok_or_else(|| IssueError::Missing(name.as_str().to_owned()))
    };
    let public = |name: Document| Ok(Content::Public(document(name)?.to_owned()));
    let line = |text: String| Ok(Content::Public(text + "\n"));
    let secret = |name: KeyName| Ok(Content::Secret(store.open(&name)?));
    match (path, cluster.cache_of(service)) {
        ("user.creds", _) => {
            let jwt = document(Document::user(name))?;
            Ok(Content::Secret(creds_file(jwt, &store.open(&KeyName::user(name))?)))
        }
        ("client.key", _) => secret(KeyName::client(name)),
        ("client.pem", _) => public(Document::client(name)),
        ("ca.pem", _) => {
            let missing = || IssueError::Missing("certificate authority".to_owned());
            Ok(Content::Public(trusted(index).ok_or_else(missing)?))
        }
        ("urls", _) => line(cluster.client_urls().join(",")),
        ("redis.password", Some(_)) => secret(KeyName::redis_user(name.as_str())),
        ("redis.username", Some(_)) => line(name.to_string()),
        ("redis.urls", Some(redis)) => line(redis.client_urls().join(",")),
        (other, _) => Err(IssueError::Missing(other.to_owned())),
    }
}
