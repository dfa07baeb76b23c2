//! How old keys may become.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::{Period, Rotation};

/// How old keys may become before they are due to be replaced.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RotationSpec {
    /// The operator's identity key.
    pub operator: Period,
    /// The operator's signing keys.
    pub operator_key: Period,
    /// The identity keys of accounts.
    pub account: Period,
    /// The scoped signing keys of services and leafnodes.
    pub signing_key: Period,
    /// The keys with which services and leafnodes sign in.
    pub user: Period,
    /// The certificate authority's key.
    pub authority: Period,
    /// The keys of node certificates.
    pub node: Period,
    /// The keys of client certificates.
    pub client: Period,
    /// The passwords of the cache.
    pub cache_user: Period,
}

/// What lies on a client's disk ages fastest; what never leaves the store may stay longest.
impl Default for RotationSpec {
    fn default() -> Self {
        Self {
            operator: Period::days(3650),
            operator_key: Period::days(730),
            account: Period::days(3650),
            signing_key: Period::days(730),
            user: Period::days(365),
            authority: Period::days(1825),
            node: Period::days(365),
            client: Period::days(365),
            cache_user: Period::days(365),
        }
    }
}

impl From<RotationSpec> for Rotation {
    fn from(spec: RotationSpec) -> Self {
        let RotationSpec {
            operator,
            operator_key,
            account,
            signing_key,
            user,
            authority,
            node,
            client,
            cache_user,
        } = spec;
        Self {
            operator,
            operator_key,
            account,
            signing_key,
            user,
            authority,
            node,
            client,
            cache_user,
        }
    }
}
