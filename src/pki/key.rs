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

/// The public side of a P-256 key: enough to issue a certificate for it.
pub struct CertificatePublicKey {
    point: Vec<u8>,
}

/// The length of an uncompressed point of P-256.
const POINT: usize = 65;

impl CertificatePublicKey {
    /// Reads what [`CertificateKey::public`] writes.
    pub fn from_text(text: &str) -> Result<Self, CertificateError> {
        let information = BASE64.decode(text.as_bytes()).map_err(|_| CertificateError::Key)?;
        let start = information.len().checked_sub(POINT).ok_or(CertificateError::Key)?;
        let key = Self { point: information[start..].to_vec() };
        // What stands before the point says which curve it is on, and is the same for all of them.
        if key.subject_public_key_info() == information {
            Ok(key)
        } else {
            Err(CertificateError::Key)
        }
    }
}

impl rcgen::PublicKeyData for CertificatePublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_read_back_and_anything_else_is_refused() {
        let public = CertificateKey::from_bytes(&Zeroizing::new([7; 32])).public();
        let read = CertificatePublicKey::from_text(&public).unwrap();
        assert_eq!(BASE64.encode(&read.subject_public_key_info()), public);
        for text in ["", "?", "AAAA", &public[4..], &BASE64.encode(&[4; 91])] {
            assert!(CertificatePublicKey::from_text(text).is_err(), "{text}");
        }
    }
}
