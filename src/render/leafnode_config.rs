//! `nats.conf` of a server at the edge, from `templates/leafnode.conf.j2`.

use minijinja::{Value, context};

use super::templates::{RenderError, render};
use crate::model::ByteSize;
use crate::secrets::Secret;

/// A leafnode server: whom it serves, and which connections it makes.
pub struct LeafnodeServer<'a> {
    /// The environment whose cluster it reaches.
    pub environment: &'a str,
    /// The server's name.
    pub name: &'a str,
    /// Where it listens for clients.
    pub listen: &'a str,
    /// The largest message, which is the cluster's.
    pub max_payload: ByteSize,
    /// The folder in which it tells the port that it has found free.
    pub ports_folder: Option<&'a str>,
    /// Its log; none for what it is started with.
    pub log: Option<&'a str>,
    /// The user that a client is who signs in as nobody; none when nobody may.
    pub anybody: Option<&'a str>,
    /// Its connections.
    pub links: Vec<Link>,
    /// The paths of its papers, relative to its folder.
    pub papers: Papers<'a>,
}

/// A connection: the clients of one local account reach the cluster at these addresses.
pub struct Link {
    /// The local account.
    pub account: String,
    /// The user of its clients.
    pub user: String,
    /// Their password; none when being here is enough.
    pub password: Option<Secret<String>>,
    /// The addresses.
    pub urls: Vec<String>,
}

/// The paths of what proves who the leafnode is.
pub struct Papers<'a> {
    /// The creds file.
    pub credentials: &'a str,
    /// The client certificate.
    pub certificate: &'a str,
    /// Its private key.
    pub key: &'a str,
    /// The trusted authorities.
    pub authority: &'a str,
}

/// Renders it. The text is a secret when a link has a password.
pub fn leafnode_config(server: &LeafnodeServer<'_>) -> Result<String, RenderError> {
    let links: Vec<Value> = server.links.iter().map(link).collect();
    let context = context! {
        environment => server.environment,
        name => server.name,
        listen => server.listen,
        max_payload => server.max_payload.bytes(),
        ports_folder => server.ports_folder,
        log => server.log,
        anybody => server.anybody,
        links,
        credentials => server.papers.credentials,
        certificate => server.papers.certificate,
        key => server.papers.key,
        authority => server.papers.authority,
    };
    render("leafnode.conf", context)
}

fn link(link: &Link) -> Value {
    context! {
        account => &link.account,
        user => &link.user,
        password => link.password.as_ref().map(Secret::expose),
        urls => &link.urls,
    }
}
