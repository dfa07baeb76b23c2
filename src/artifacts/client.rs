//! What a client needs: creds, certificate, key, authority and addresses; and the same for the cache, if it uses that.

use super::{BundleFile, Content, IssueError};
use crate::jwt::creds_file;
use crate::model::{Cluster, Service};
use crate::secrets::{Document, Index, KeyName, SecretStore};

/// The files of a service's client.
pub fn client_files(
    cluster: &Cluster,
    service: &Service,
    index: &Index,
    store: &dyn SecretStore,
) -> Result<Vec<BundleFile>, IssueError> {
    let document = |name: Document| {
        index.document(&name).ok_or_else(|| IssueError::Missing(name.as_str().to_owned()))
    };
    let creds = creds_file(
        document(Document::user(&service.name))?,
        &store.open(&KeyName::user(&service.name))?,
    );
    let file = |path: &str, content: Content| BundleFile { path: path.to_owned(), content };
    let mut files = vec![
        file("user.creds", Content::Secret(creds)),
        file("client.key", Content::Secret(store.open(&KeyName::client(&service.name))?)),
        file("client.pem", Content::Public(document(Document::client(&service.name))?.to_owned())),
        file("ca.pem", Content::Public(document(Document::authority())?.to_owned())),
        file("urls", Content::Public(cluster.client_urls().join(",") + "\n")),
    ];
    if let Some(redis) = cluster.cache_of(service) {
        let password = store.open(&KeyName::redis_user(service.name.as_str()))?;
        files.extend([
            file("redis.password", Content::Secret(password)),
            file("redis.username", Content::Public(format!("{}\n", service.name))),
            file("redis.urls", Content::Public(redis.client_urls().join(",") + "\n")),
        ]);
    }
    Ok(files)
}
