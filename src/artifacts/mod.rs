//! The only issuer: keys, claims, certificates and node folders, from model and keys.
//!
//! 1. [`key_names`] says which keys must exist.
//! 2. [`review`] compares what the index holds with what the model asks, as records: no secret is opened.
//! 3. [`issue`] makes what is missing and signs what has changed, once each.
//! 4. [`bundle`] and [`redis_bundle`] put a node's folder together; [`client_files`] a client's;
//!    [`leafnode_files`] that of a server at the edge.

mod ahead;
mod archive;
mod authority;
mod bundle;
mod certificates;
mod claims;
mod client;
mod cores;
mod handover;
mod inventory;
mod issue;
mod leafnode;
mod leafnode_claims;
mod lint;
mod nsc_store;
mod paper;
mod passing;
mod promotion;
mod redis_bundle;
mod review;
mod sharing;
mod succession;
mod turnover;

pub use archive::{archive, archive_print};
pub use authority::{AuthorityStage, authority_stage};
pub use bundle::{Bundle, BundleError, BundleFile, Content, PreparedNode, bundle, prepare_node};
pub use certificates::trusted;
pub use client::{client_file, client_files, own_files};
pub use cores::on_all_cores;
pub use handover::{Handover, Role, handover};
pub use inventory::{Credential, KeyState, ListedKey, inventory};
pub use issue::{
    IssueError, issue, issued_at, short_lived_client, short_lived_client_of, short_lived_user,
    short_lived_user_by, user_issued_at,
};
pub use leafnode::{
    ProbingEdge, ProbingError, ProbingLink, leafnode_files, probing_edge, short_lived_leafnode,
};
pub use lint::lint_bundle;
pub use nsc_store::{NscError, NscStore, from_nsc, nsc_files};
pub use paper::key_names;
pub use promotion::{Promotion, promotion};
pub use redis_bundle::{
    PreparedRedis, REPLICATION_USER, RedisSecrets, prepare_redis, redis_bundle,
};
pub use review::{Newer, review, review_within};
pub use sharing::exports_first;
pub use succession::{Scribe, Stage, retiring_user, stage};
