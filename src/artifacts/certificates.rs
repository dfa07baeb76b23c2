//! Certificates from the model: who needs one, and under which names.

use super::paper::{Paper, public};
use crate::model::{Cluster, Period};
use crate::pki::{Certificate, Purpose};
use crate::plan::PENDING;
use crate::secrets::{Beside, Document, Index, KeyName};

/// What a certificate must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The subject's common name.
    pub subject: String,
    /// DNS names and addresses, sorted.
    pub names: Vec<String>,
    /// What it is for; none for the authority itself.
    pub purpose: Option<Purpose>,
    /// How long it lasts when it is issued.
    pub validity: Period,
    /// The public key that it is about.
    pub public: String,
}

/// What the certificate of a paper must say; none for a paper that is no certificate.
pub fn wanted(cluster: &Cluster, paper: &Paper, index: &Index) -> Option<Wanted> {
    let public = public(index, &paper.subject());
    let wanted = match paper {
        Paper::Authority => Wanted {
            subject: format!("natsops {} authority", cluster.environment),
            names: Vec::new(),
            purpose: None,
            validity: cluster.validity.authority,
            public,
        },
        Paper::Node(name) => {
            let node = cluster.node(name)?;
            let mut names =
                vec![name.to_string(), node.address.to_string(), "localhost".to_owned()];
            for service_name in &cluster.service_names {
                names.push(format!("{name}.{service_name}"));
                names.push(service_name.clone());
            }
            names.sort();
            Wanted {
                subject: name.to_string(),
                names,
                purpose: Some(Purpose::Node),
                validity: cluster.validity.node,
                public,
            }
        }
        Paper::RedisNode(name) => {
            let node = cluster.redis_nodes().iter().find(|node| &node.name == name)?;
            let mut names =
                vec![name.to_string(), node.address.to_string(), "localhost".to_owned()];
            names.sort();
            Wanted {
                subject: name.to_string(),
                names,
                purpose: Some(Purpose::Node),
                validity: cluster.validity.node,
                public,
            }
        }
        Paper::Client(service) => Wanted {
            subject: service.to_string(),
            names: vec![service.to_string()],
            purpose: Some(Purpose::Client),
            validity: cluster.validity.client,
            public,
        },
        Paper::LeafnodeClient(leafnode) => Wanted {
            subject: leafnode.to_string(),
            names: vec![leafnode.to_string()],
            purpose: Some(Purpose::Client),
            validity: cluster.validity.client,
            public,
        },
        Paper::Operator
        | Paper::System
        | Paper::Own
        | Paper::Activation(_)
        | Paper::Account(_)
        | Paper::User(_)
        | Paper::LeafnodeUser(_) => return None,
    };
    Some(wanted)
}

/// The authority's certificate, where there is one.
pub fn authority(index: &Index) -> Option<&str> {
    index.document(&Document::authority())
}

/// Whether a paper is a certificate.
pub fn is_certificate(paper: &Paper) -> bool {
    match paper {
        Paper::Authority
        | Paper::Node(_)
        | Paper::RedisNode(_)
        | Paper::Client(_)
        | Paper::LeafnodeClient(_) => true,
        Paper::Operator
        | Paper::System
        | Paper::Own
        | Paper::Activation(_)
        | Paper::Account(_)
        | Paper::User(_)
        | Paper::LeafnodeUser(_) => false,
    }
}

/// The certificates of all authorities that are trusted, the one that signs first; none where there is none yet.
pub fn trusted(index: &Index) -> Option<String> {
    let others = [Beside::Standby, Beside::Retiring].into_iter().filter_map(|beside| {
        index.document(&Document::certificate(&KeyName::authority().beside(beside)))
    });
    let all = std::iter::once(authority(index)?).chain(others);
    Some(all.collect())
}

/// The file of the trusted authorities: its name follows from what it holds.
pub fn trusted_file(index: &Index) -> String {
    let all = trusted(index).and_then(|text| Certificate::read_all(&text).ok());
    let prints = all.map(|all| all.iter().map(|one| one.fingerprint[..12].to_owned()).collect());
    let prints = prints.unwrap_or_else(|| vec![PENDING.to_owned()]);
    format!("tls/ca-{}.pem", prints.join("-"))
}
