//! Issuing certificates, and reading what they say.

use std::net::IpAddr;

use data_encoding::{BASE64, HEXLOWER};
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer as _, GeneralName, ParsedExtension, X509Certificate};

use super::CertificateKey;
use crate::model::Period;

/// Clocks differ: a certificate is valid from a little before it was made.
const BACKDATE_SECONDS: i64 = 300;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The key is none.
    #[error("not a P-256 private key in PKCS#8 form")]
    Key,
    /// The text is none.
    #[error("not a certificate: {0}")]
    Malformed(String),
    /// The library refused.
    #[error("can't issue the certificate: {0}")]
    Issue(#[from] rcgen::Error),
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A node: it serves clients, and is a client of the other nodes' routes, so it needs both usages.
    Node,
    /// A client.
    Client,
}

/// When a certificate begins and for how long it lasts.
#[derive(Debug, Clone, Copy)]
pub struct Lifetime {
    /// When it is made.
    pub now: Timestamp,
    /// How long it lasts.
    pub validity: Period,
}

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The subject's common name.
    pub subject: String,
    /// The issuer's common name.
    pub issuer: String,
    /// DNS names and addresses, sorted.
    pub names: Vec<String>,
    /// Whether it may serve; one that names no usage may do everything.
    pub serves: bool,
    /// Whether it may be a client's.
    pub calls: bool,
    /// The public key: base64 of its SubjectPublicKeyInfo.
    pub public: String,
    /// The key identifier of its own key, in hex; authorities carry it.
    pub identifier: String,
    /// The key identifier of the key that signed it, in hex.
    pub authority: String,
    /// When it begins.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
    /// SHA-256 over the DER form, in hex.
    pub fingerprint: String,
}

/// Issues the authority's own certificate, as PEM.
pub fn issue_authority(
    name: &str,
    key: &CertificateKey,
    lifetime: Lifetime,
) -> Result<String, CertificateError> {
    let mut params = params(name, key, lifetime)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params.self_signed(key)?.pem())
}

/// Issues a certificate for `key` with the names, as PEM. `authority` is the signer's certificate and key.
pub fn issue(
    authority: (&str, &CertificateKey),
    purpose: Purpose,
    name: &str,
    names: &[String],
    key: &impl PublicKeyData,
    lifetime: Lifetime,
) -> Result<String, CertificateError> {
    let issuer = Issuer::from_ca_cert_pem(authority.0, authority.1)?;
    let mut params = params(name, key, lifetime)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = match purpose {
        Purpose::Node => {
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]
        }
        Purpose::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
    };
    params.use_authority_key_identifier_extension = true;
    params.subject_alt_names = names
        .iter()
        .map(|name| {
            Ok(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.as_str().try_into()?),
            })
        })
        .collect::<Result<_, rcgen::Error>>()?;
    Ok(params.signed_by(key, &issuer)?.pem())
}

fn params(
    name: &str,
    key: &impl PublicKeyData,
    lifetime: Lifetime,
) -> Result<CertificateParams, CertificateError> {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "natsops");
    // Each needs a name of its own: OpenSSL takes equal subject and issuer for a self-signed certificate.
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    let start = lifetime.now.as_second() - BACKDATE_SECONDS;
    let validity = i64::try_from(lifetime.validity.duration().as_secs()).unwrap_or(i64::MAX);
    let time = |seconds| {
        OffsetDateTime::from_unix_timestamp(seconds)
            .map_err(|error| CertificateError::Malformed(error.to_string()))
    };
    params.not_before = time(start)?;
    params.not_after = time(lifetime.now.as_second().saturating_add(validity))?;
    params.serial_number = Some(serial(name, key, start));
    Ok(params)
}

/// 16 bytes that differ whenever the key, the name or the time does; the top bit is clear, so it is positive.
fn serial(name: &str, key: &impl PublicKeyData, start: i64) -> SerialNumber {
    let mut hash = Sha256::new();
    hash.update(name);
    hash.update(start.to_be_bytes());
    hash.update(key.subject_public_key_info());
    let mut bytes = hash.finalize()[..16].to_vec();
    bytes[0] &= 0x7f;
    SerialNumber::from(bytes)
}

impl Certificate {
    /// Reads the first certificate of a PEM text.
    pub fn read(pem: &str) -> Result<Self, CertificateError> {
        let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes())
            .map_err(|error| CertificateError::Malformed(error.to_string()))?;
        Self::from_der(&pem.contents)
    }

    /// Reads every certificate of a PEM text, of which there must be one at least.
    pub fn read_all(pem: &str) -> Result<Vec<Self>, CertificateError> {
        let malformed = |reason: String| CertificateError::Malformed(reason);
        let certificates = x509_parser::pem::Pem::iter_from_buffer(pem.as_bytes())
            .map(|block| block.map_err(|error| malformed(error.to_string())))
            .map(|block| Self::from_der(&block?.contents))
            .collect::<Result<Vec<_>, _>>()?;
        if certificates.is_empty() {
            return Err(malformed("there is none".to_owned()));
        }
        Ok(certificates)
    }

    fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let malformed = |reason: String| CertificateError::Malformed(reason);
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|error| malformed(error.to_string()))?;
        let common_name = |name: &x509_parser::x509::X509Name<'_>| {
            name.iter_common_name()
                .next()
                .and_then(|attribute| attribute.as_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        let usages = certificate.extended_key_usage().ok().flatten();
        Ok(Self {
            subject: common_name(certificate.subject()),
            issuer: common_name(certificate.issuer()),
            names: names(&certificate),
            serves: usages
                .as_ref()
                .is_none_or(|usages| usages.value.any || usages.value.server_auth),
            calls: usages
                .as_ref()
                .is_none_or(|usages| usages.value.any || usages.value.client_auth),
            public: BASE64.encode(certificate.public_key().raw),
            identifier: identifiers(&certificate).0,
            authority: identifiers(&certificate).1,
            not_before: Timestamp::from_second(certificate.validity().not_before.timestamp())
                .map_err(|error| malformed(error.to_string()))?,
            not_after: Timestamp::from_second(certificate.validity().not_after.timestamp())
                .map_err(|error| malformed(error.to_string()))?,
            fingerprint: HEXLOWER.encode(&Sha256::digest(der)),
        })
    }

    /// When it was made, as far as its beginning tells.
    pub fn made(&self) -> Timestamp {
        let span = jiff::SignedDuration::from_secs(BACKDATE_SECONDS);
        self.not_before.saturating_add(span).unwrap_or(Timestamp::MAX)
    }

    /// How much of its life is left at `now`; zero when it is over.
    pub fn remaining(&self, now: Timestamp) -> Period {
        let seconds = self.not_after.as_second() - now.as_second();
        Period::seconds(u64::try_from(seconds).unwrap_or(0))
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let mut names: Vec<String> = extension
        .iter()
        .flat_map(|extension| &extension.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => match bytes.len() {
                4 => <[u8; 4]>::try_from(*bytes).ok().map(|b| IpAddr::from(b).to_string()),
                16 => <[u8; 16]>::try_from(*bytes).ok().map(|b| IpAddr::from(b).to_string()),
                _ => None,
            },
            _ => None,
        })
        .collect();
    names.sort();
    names
}

/// The key identifiers of the certificate's own key and of its signer's, in hex.
fn identifiers(certificate: &X509Certificate<'_>) -> (String, String) {
    let (mut own, mut signer) = (String::new(), String::new());
    for extension in certificate.iter_extensions() {
        match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => own = HEXLOWER.encode(id.0),
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                signer =
                    id.key_identifier.as_ref().map_or(String::new(), |id| HEXLOWER.encode(id.0));
            }
            _ => {}
        }
    }
    (own, signer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NodeName;
    use crate::secrets::{Entropy as _, KeyName, StandIn};

    fn key(name: &KeyName) -> CertificateKey {
        CertificateKey::from_bytes(&StandIn::new("test").bytes(name))
    }

    fn lifetime() -> Lifetime {
        Lifetime { now: Timestamp::from_second(1_767_225_600).unwrap(), validity: Period::days(10) }
    }

    fn node() -> String {
        let authority_key = key(&KeyName::authority());
        let authority = issue_authority("test authority", &authority_key, lifetime()).unwrap();
        let node: NodeName = "nats-1".parse().unwrap();
        issue(
            (&authority, &authority_key),
            Purpose::Node,
            "nats-1",
            &["nats-1".to_owned(), "127.0.1.1".to_owned()],
            &key(&KeyName::node(&node)),
            lifetime(),
        )
        .unwrap()
    }

    #[test]
    fn a_certificate_says_what_it_was_issued_for() {
        let read = Certificate::read(&node()).unwrap();
        assert_eq!(read.subject, "nats-1");
        assert_eq!(read.issuer, "test authority");
        assert_eq!(read.names, ["127.0.1.1", "nats-1"]);
        assert!(read.serves && read.calls);
        let node: NodeName = "nats-1".parse().unwrap();
        assert_eq!(read.public, key(&KeyName::node(&node)).public());
        assert_eq!(read.remaining(lifetime().now), Period::days(10));
    }

    #[test]
    fn a_bundle_gives_all_of_its_certificates() {
        assert_eq!(Certificate::read_all(&(node() + &node())).unwrap().len(), 2);
    }

    #[test]
    fn the_same_key_names_and_times_give_the_same_bytes() {
        assert_eq!(node(), node());
    }

    #[test]
    fn garbage_is_refused_without_a_panic() {
        for text in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(Certificate::read(text).is_err());
            assert!(Certificate::read_all(text).is_err());
        }
    }
}
