//! A node reads its own bundle, and lets itself be reached by Session Manager.

use super::{Policy, Scope, Statement};
use crate::model::NodeName;

/// The policy of one node's role.
pub fn node(scope: &Scope, node: &NodeName) -> Policy {
    Policy::new([
        Statement::new("OwnBundle", [scope.bucket(&format!("/nodes/{node}/*"))])
            .allow("s3", "GetObject"),
        Statement::new("Unseal", [scope.keys()])
            .allow("kms", "Decrypt")
            .when("ForAnyValue:StringEquals", "kms:ResourceAliases", [&scope.key_alias])
            .when("StringEquals", "kms:ViaService", [&scope.endpoint("s3")]),
        // What the agent of Systems Manager says (AmazonSSMManagedInstanceCore), without reading parameters.
        Statement::new("SessionManager", ["*".to_owned()])
            .allow("ssm", "UpdateInstanceInformation")
            .allow(
                "ssmmessages",
                "CreateControlChannel CreateDataChannel OpenControlChannel OpenDataChannel",
            ),
    ])
}
