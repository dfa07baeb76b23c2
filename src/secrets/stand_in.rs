//! Where new keys come from: the operating system, or a name when only the shape of the outcome matters.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{KeyEntry, KeyKind, KeyName, NewKey, Secret};
use crate::pki::CertificateKey;

/// A source of keys.
pub trait Entropy {
    /// 32 bytes for the key of this name.
    fn bytes(&self, name: &KeyName) -> Zeroizing<[u8; 32]>;

    /// Makes the key of this name.
    fn make(&self, name: &KeyName, now: Timestamp) -> NewKey {
        let nkey = |kind| {
            let pair = nkeys::KeyPair::new_from_raw(kind, *self.bytes(name))
                .expect("32 bytes always make an Ed25519 key");
            let seed = pair.seed().expect("a pair made from its seed has it");
            (pair.public_key(), Secret::new(seed))
        };
        let (public, secret) = match name.kind() {
            KeyKind::Operator => nkey(nkeys::KeyPairType::Operator),
            KeyKind::Account => nkey(nkeys::KeyPairType::Account),
            KeyKind::User => nkey(nkeys::KeyPairType::User),
            KeyKind::Certificate => {
                let key = CertificateKey::from_bytes(&self.bytes(name));
                (key.public(), key.to_pem())
            }
            KeyKind::Password => password(&*self.bytes(name)),
        };
        NewKey { entry: KeyEntry::new(name.kind(), public, now), secret }
    }
}

/// Passwords begin with this, so that a scanner recognises one that has gone astray.
const PASSWORD_MARK: &str = "natsops_";

fn password(bytes: &[u8]) -> (String, Secret<String>) {
    let text = format!("{PASSWORD_MARK}{}", BASE64URL_NOPAD.encode(bytes));
    (HEXLOWER.encode(&Sha256::digest(&text)), Secret::new(text))
}

/// The operating system's random source.
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn bytes(&self, _: &KeyName) -> Zeroizing<[u8; 32]> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut()).expect("Linux always has a random source");
        bytes
    }
}

/// Keys that everybody can compute, for trees that are only looked at: same name, same key.
pub struct StandIn {
    label: String,
}

impl StandIn {
    /// Stand-in keys of an environment.
    pub fn new(environment: &str) -> Self {
        Self { label: environment.to_owned() }
    }
}

impl Entropy for StandIn {
    fn bytes(&self, name: &KeyName) -> Zeroizing<[u8; 32]> {
        let text = format!("natsops stand-in key\0{}\0{name}", self.label);
        Zeroizing::new(Sha256::digest(text).into())
    }
}
