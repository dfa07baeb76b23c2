//! P-256 keys of certificates.

use data_encoding::BASE64;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use rcgen::PublicKeyData as _;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::CertificateError;
use crate::secrets::Secret;

/// A P-256 key pair; the library wipes it when it goes.
pub struct CertificateKey {
    key: SigningKey,
    point: Vec<u8>,
}

impl CertificateKey {
    /// A key from 32 random bytes.
    ///
    /// Nearly all of them are a scalar of the curve; the few that are not are hashed until they are.
    pub fn from_bytes(bytes: &Zeroizing<[u8; 32]>) -> Self {
        let mut bytes = bytes.clone();
        loop {
            if let Ok(key) = SigningKey::from_slice(bytes.as_slice()) {
                return Self::new(key);
            }
            *bytes = Sha256::digest(bytes.as_slice()).into();
        }
    }

    /// Reads a PKCS#8 private key.
    pub fn from_pem(pem: &Secret<String>) -> Result<Self, CertificateError> {
        SigningKey::from_pkcs8_pem(pem.expose()).map(Self::new).map_err(|_| CertificateError::Key)
    }

    fn new(key: SigningKey) -> Self {
        let point = key.verifying_key().to_encoded_point(false).as_bytes().to_vec();
        Self { key, point }
    }

    /// The private key as PKCS#8 PEM.
    pub fn to_pem(&self) -> Secret<String> {
        let pem =
            self.key.to_pkcs8_pem(LineEnding::LF).expect("a P-256 key always has a PKCS#8 form");
        Secret::new(pem.to_string())
    }

    /// The public key: base64 of its SubjectPublicKeyInfo.
    pub fn public(&self) -> String {
        BASE64.encode(&self.subject_public_key_info())
    }
}

impl rcgen::PublicKeyData for CertificateKey {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for CertificateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature: DerSignature = self.key.sign(message);
        Ok(signature.as_bytes().to_vec())
    }
}
