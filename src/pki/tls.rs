//! The TLS side of a client: whom it trusts, and what it shows.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};

use crate::secrets::Secret;

/// A certificate or a key that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

/// A TLS client with the authorities and, perhaps, a certificate.
pub fn client_config(
    authority: &str,
    certificate: Option<(&str, &Secret<String>)>,
) -> Result<ClientConfig, TlsError> {
    let wrong = |reason: &dyn std::fmt::Display| TlsError(reason.to_string());
    let read = |pem: &str| -> Result<Vec<CertificateDer<'static>>, TlsError> {
        CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| wrong(&error))
    };
    let mut roots = RootCertStore::empty();
    for certificate in read(authority)? {
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?
        .with_root_certificates(roots);
    let Some((certificate, key)) = certificate else {
        return Ok(builder.with_no_client_auth());
    };
    let key =
        PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|error| wrong(&error))?;
    builder.with_client_auth_cert(read(certificate)?, key).map_err(|error| wrong(&error))
}
