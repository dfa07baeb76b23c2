//! Signing and reading tokens.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use nkeys::KeyPair;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha512_256};

use super::Claims;
use crate::secrets::Secret;

const HEADER: &str = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;

/// Why a token is none, or could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It has no three parts of base64, or no claims inside.
    #[error("not a NATS JWT: {0}")]
    Malformed(String),
    /// The signature is not the issuer's.
    #[error("the signature is not of the issuer {0}")]
    Forged(String),
    /// The seed does not belong to the issuer that the claims name.
    #[error("the seed is not of the issuer {0}")]
    WrongSeed(String),
}

/// A token that has been read, and whose signature is its issuer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<B> {
    /// Its claims.
    pub claims: Claims<B>,
}

/// A key that signs. Reading its seed costs as much as a signature, so it is read once.
pub struct Signer(KeyPair);

impl Signer {
    /// The key of a seed, if it is one.
    pub fn new(seed: &Secret<String>) -> Option<Self> {
        KeyPair::from_seed(seed.expose()).ok().map(Self)
    }

    /// Signs claims whose issuer it is.
    ///
    /// `jti` is base32 of SHA-512/256 over the standard claims without it, as the reference computes it.
    pub fn sign<B: Serialize>(&self, mut claims: Claims<B>) -> Result<String, TokenError> {
        if self.0.public_key() != claims.iss {
            return Err(TokenError::WrongSeed(claims.iss));
        }
        claims.jti = fingerprint(&claims);
        let payload =
            serde_json::to_vec(&claims).map_err(|e| TokenError::Malformed(e.to_string()))?;
        let mut token = BASE64URL_NOPAD.encode(HEADER.as_bytes());
        token.push('.');
        BASE64URL_NOPAD.encode_append(&payload, &mut token);
        let signature =
            self.0.sign(token.as_bytes()).map_err(|_| TokenError::WrongSeed(claims.iss))?;
        token.push('.');
        BASE64URL_NOPAD.encode_append(&signature, &mut token);
        Ok(token)
    }
}

/// Signs claims with the seed of their issuer.
pub fn sign<B: Serialize>(claims: Claims<B>, seed: &Secret<String>) -> Result<String, TokenError> {
    match Signer::new(seed) {
        Some(signer) => signer.sign(claims),
        None => Err(TokenError::WrongSeed(claims.iss)),
    }
}

/// The standard claims in the reference's order (nats-io/jwt v2, claims.go).
#[derive(Serialize)]
struct Standard<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    iat: i64,
    iss: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    sub: &'a str,
}

fn fingerprint<B>(claims: &Claims<B>) -> String {
    let standard = Standard {
        exp: claims.exp,
        iat: claims.iat,
        iss: &claims.iss,
        name: &claims.name,
        sub: &claims.sub,
    };
    let json = serde_json::to_vec(&standard).expect("text and numbers always have a JSON form");
    BASE32_NOPAD.encode(&Sha512_256::digest(json))
}

/// Reads a token and checks that its issuer signed it. Whether that issuer may is for the caller to say.
pub fn decode<B: DeserializeOwned>(token: &str) -> Result<Token<B>, TokenError> {
    let malformed = |reason: &str| TokenError::Malformed(reason.to_owned());
    let (signed, signature) =
        token.trim().rsplit_once('.').ok_or_else(|| malformed("it has no signature"))?;
    let (_, payload) = signed.split_once('.').ok_or_else(|| malformed("it has no payload"))?;
    let bytes = |part: &str| {
        BASE64URL_NOPAD
            .decode(part.as_bytes())
            .map_err(|error| TokenError::Malformed(error.to_string()))
    };
    let claims: Claims<B> = serde_json::from_slice(&bytes(payload)?)
        .map_err(|error| TokenError::Malformed(error.to_string()))?;
    let forged = || TokenError::Forged(claims.iss.clone());
    KeyPair::from_public_key(&claims.iss)
        .map_err(|_| forged())?
        .verify(signed.as_bytes(), &bytes(signature)?)
        .map_err(|_| forged())?;
    Ok(Token { claims })
}

/// The `iat` of the next token: now, but strictly after the previous one.
///
/// Servers skip a token whose `iat` is not newer, and two within a second would share their `jti`:
/// one that was down during the second push would never take it (server/dirstore.go).
pub fn issued_after(now: i64, previous: Option<i64>) -> i64 {
    previous.map_or(now, |previous| now.max(previous + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::{OperatorBody, UserBody};
    use crate::secrets::{Entropy as _, KeyName, StandIn};

    fn signed() -> (Claims<UserBody>, String) {
        let key = StandIn::new("test").make(&KeyName::account("A"), jiff::Timestamp::UNIX_EPOCH);
        let claims = Claims {
            exp: None,
            jti: String::new(),
            iat: 1_700_000_000,
            iss: key.entry.public,
            name: "llm".to_owned(),
            sub: "UA".to_owned(),
            nats: UserBody::scoped("AB".to_owned()),
        };
        let token = sign(claims.clone(), &key.secret).unwrap();
        (claims, token)
    }

    #[test]
    fn what_is_signed_is_read_again() {
        let (claims, token) = signed();
        let read = decode::<UserBody>(&token).unwrap().claims;
        assert!(read.same_meaning(&claims));
        assert_eq!(read.jti.len(), 52);
    }

    #[test]
    fn the_same_claims_give_the_same_bytes() {
        assert_eq!(signed().1, signed().1);
    }

    #[test]
    fn a_changed_payload_is_noticed() {
        let (_, token) = signed();
        let mut parts: Vec<&str> = token.split('.').collect();
        let payload = BASE64URL_NOPAD.decode(parts[1].as_bytes()).unwrap();
        let changed = String::from_utf8(payload).unwrap().replace("llm", "LLM");
        let changed = BASE64URL_NOPAD.encode(changed.as_bytes());
        parts[1] = &changed;
        let error = decode::<UserBody>(&parts.join(".")).unwrap_err();
        assert!(matches!(error, TokenError::Forged(_)));
    }

    #[test]
    fn anothers_seed_does_not_sign() {
        let key = StandIn::new("test").make(&KeyName::operator(), jiff::Timestamp::UNIX_EPOCH);
        let claims = Claims {
            exp: None,
            jti: String::new(),
            iat: 1,
            iss: "OSOMEBODYELSE".to_owned(),
            name: String::new(),
            sub: String::new(),
            nats: OperatorBody::new(vec![], String::new()),
        };
        assert!(matches!(sign(claims, &key.secret), Err(TokenError::WrongSeed(_))));
    }

    #[test]
    fn two_tokens_of_a_second_have_different_times() {
        assert_eq!(issued_after(100, None), 100);
        assert_eq!(issued_after(100, Some(100)), 101);
        assert_eq!(issued_after(100, Some(200)), 201);
        assert_eq!(issued_after(300, Some(200)), 300);
    }

    #[test]
    fn garbage_is_refused_without_a_panic() {
        for text in ["", ".", "..", "a.b.c", "é.é.é", "eyJ9.e30.AA"] {
            assert!(decode::<UserBody>(text).is_err(), "{text}");
        }
    }
}
