//! Who plans only reads, opens nothing that is sealed, and reads no object but the public index and the lease.

use super::{Policy, Scope, Statement};

/// The policy of who plans.
pub fn plan(scope: &Scope) -> Policy {
    Policy::new([
        look(scope),
        cache(scope),
        everywhere(),
        zones(scope),
        roles(scope),
        key(scope),
        bucket(scope),
        objects(scope),
    ])
}

/// Lists of a region, which can't be limited to single things.
fn look(scope: &Scope) -> Statement {
    Statement::new("Look", ["*".to_owned()])
        .allow(
            "ec2",
            "DescribeIamInstanceProfileAssociations DescribeImages DescribeInstanceAttribute DescribeInstanceTypeOfferings \
             DescribeInstances DescribeNetworkInterfaces DescribeRouteTables DescribeSecurityGroupRules \
             DescribeSecurityGroups DescribeSubnets DescribeVolumes DescribeVolumesModifications DescribeVpcAttribute \
             DescribeVpcEndpoints DescribeVpcs",
        )
        .allow(
            "elasticloadbalancing",
            "DescribeListeners DescribeLoadBalancerAttributes DescribeLoadBalancers DescribeTags \
             DescribeTargetGroupAttributes DescribeTargetGroups DescribeTargetHealth",
        )
        .allow("elasticache", "DescribeEvents")
        .allow("ssm", "DescribeParameters")
        .when("StringEquals", "aws:RequestedRegion", [&scope.region])
}

fn cache(scope: &Scope) -> Statement {
    // Lists are asked for with `*` in the place of a name.
    Statement::new("LookAtCache", [scope.arn("elasticache", "*")]).allow(
        "elasticache",
        "DescribeCacheClusters DescribeCacheSubnetGroups DescribeReplicationGroups DescribeUserGroups DescribeUsers \
         ListTagsForResource",
    )
}

/// Lists of services that know no regions.
fn everywhere() -> Statement {
    Statement::new("LookEverywhere", ["*".to_owned()])
        .allow("iam", "ListInstanceProfiles ListRoles")
        .allow("route53", "ListHostedZonesByName")
}

fn zones(scope: &Scope) -> Statement {
    // Zones have ids that nobody knows beforehand, and no tags that a policy could ask for.
    Statement::new("LookAtZones", [scope.global_arn("route53", "", "hostedzone/*")])
        .allow("route53", "GetHostedZone ListResourceRecordSets")
}

fn roles(scope: &Scope) -> Statement {
    Statement::new("LookAtRoles", [scope.roles()])
        .allow("iam", "GetRolePolicy ListAttachedRolePolicies ListRolePolicies ListRoleTags")
}

fn key(scope: &Scope) -> Statement {
    Statement::new("LookAtKey", [scope.keys()])
        .allow(
            "kms",
            "DescribeKey GetKeyPolicy GetKeyRotationStatus ListKeyRotations ListResourceTags",
        )
        .when("ForAnyValue:StringEquals", "kms:ResourceAliases", [&scope.key_alias])
}

fn bucket(scope: &Scope) -> Statement {
    Statement::new("LookAtBucket", [scope.bucket("")]).allow(
        "s3",
        "GetBucketPolicy GetBucketPublicAccessBlock GetBucketTagging GetBucketVersioning GetEncryptionConfiguration \
         ListBucket",
    )
}

/// None of these is sealed by the key: who may not decrypt reads them all the same.
fn objects(scope: &Scope) -> Statement {
    let names = ["/index.json", "/applied.json", "/lease.json"];
    Statement::new("ReadIndexAndLease", names.map(|name| scope.bucket(name)))
        .allow("s3", "GetObject")
}
