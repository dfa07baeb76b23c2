//! NATS JWTs, version 2: claims, signatures and creds files.
//!
//! Maps are ordered and `iat` is passed in, so that the same claims give the same bytes.

mod claims;
mod creds;
mod crossing;
mod token;

pub use claims::{
    AccountBody, AccountLimitsClaim, Allow, Claims, JetStreamTier, OperatorBody, Responses,
    ScopedKey, SigningKey, Template, UserBody,
};
pub use creds::creds_file;
pub use crossing::{ActivationBody, Crossing, Export, Import};
pub use token::{Signer, Token, TokenError, decode, issued_after, sign};
