//! The certificate authority: P-256 keys, one certificate per node, one client certificate per service.
//!
//! Signatures follow RFC 6979, so that the same key, names and times give the same bytes.

mod certificate;
mod key;
mod tls;

pub use certificate::{Certificate, CertificateError, Lifetime, Purpose, issue, issue_authority};
pub use key::{CertificateKey, CertificatePublicKey};
pub use tls::{TlsError, client_config};
